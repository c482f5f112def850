"""Finding a message of the bot again by its metadata."""

import datetime
from collections.abc import Mapping
from typing import Any

from bot.slack.client import api as slack_api
from bot.slack.client import retries

EVENT_TYPE = "posbot_message"
_CLOCK_SKEW = datetime.timedelta(minutes=5)
"""By which the clocks of Slack and of this machine may differ."""
_MAX_PAGES = 10
_PAGE_SIZE = 200


class SlackHistory:
    """The history of channels and threads, as the bot sees it."""

    def __init__(self, api: slack_api.SlackApi, own_id: str) -> None:
        self._reader = api.reader
        self._own_id = own_id

    async def find(
        self, channel: str, thread: str | None, payload: Mapping[str, str], since: datetime.datetime
    ) -> slack_api.MessageRef | None:
        """
        Return the bot's message with *payload* that was posted *since* then; None where there is none.

        Raises:
            errors.Refused: a scope is missing, or the bot is no member.
            errors.Unavailable
        """
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            answer = await self._page(channel, thread, since, cursor)
            for message in answer["messages"]:
                if message.get("user") == self._own_id and _carries(message, payload):
                    return slack_api.MessageRef(channel=channel, timestamp=str(message["ts"]))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        return None

    async def _page(
        self, channel: str, thread: str | None, since: datetime.datetime, cursor: str | None
    ) -> Mapping[str, Any]:
        oldest = f"{(since - _CLOCK_SKEW).timestamp():.6f}"
        more: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": _PAGE_SIZE, "cursor": cursor}
        more["include_all_metadata"] = True
        if thread is None:
            return await retries.call(
                "conversations.history", lambda: retries.data(self._reader.conversations_history(**more))
            )
        return await retries.call(
            "conversations.replies", lambda: retries.data(self._reader.conversations_replies(ts=thread, **more))
        )


def metadata(payload: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata that lets a message be found again; everyone in the workspace can read it."""
    return {"event_type": EVENT_TYPE, "event_payload": dict(payload)}


def _carries(message: Mapping[str, Any], payload: Mapping[str, str]) -> bool:
    carried = message.get("metadata") or {}
    return carried.get("event_type") == EVENT_TYPE and carried.get("event_payload") == dict(payload)
