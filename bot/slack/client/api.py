"""
Slack's Web API and response URLs, the outgoing half.

Reads are repeated on every kind of failure. Writes are repeated only where Slack surely has not taken them: it said
429, or no connection came about. slack_sdk's own default would also repeat a post whose connection was dropped after
Slack took it, and so say things twice.
"""

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot import errors
from bot.slack.client import block_support
from bot.slack.client import errors as client_errors
from bot.slack.client import retries as client_retries

Result = TypeVar("Result")
Blocks = list[dict[str, Any]]

CALL_SECONDS = 20
LOOKUP_SECONDS = 2.0
"""For the names of people and channels, which an answer can do without."""
REMEMBERED_SECONDS = 300.0
"""How long names and user groups are remembered: Slack allows some twenty such questions a minute."""
FORGOTTEN_SECONDS = 60.0
"""How long it is remembered that Slack would not say."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the bot is in Slack."""

    team_id: str
    team: str
    user_id: str
    bot_id: str | None
    enterprise_id: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in Slack."""

    name: str
    team_id: str | None
    """The workspace the person belongs to, which in a shared channel may be another company's."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """Where a message stands."""

    channel: str
    timestamp: str


class SlackApi:
    """Calls Slack as the bot; *url* is the Web API's root."""

    def __init__(self, token: str, url: str) -> None:
        self.token = token
        self.reader = AsyncWebClient(
            token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=client_retries.read_retries()
        )
        self.writer = AsyncWebClient(
            token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=client_retries.write_retries()
        )
        self._hasty = AsyncWebClient(token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=[])
        self._known: dict[str, tuple[float, Any]] = {}
        self.looks = block_support.BlockSupport()

    async def identify(self) -> Identity:
        """
        Give who the bot is.

        Raises:
            errors.Refused: the token is not accepted.
            errors.Unavailable: Slack does not answer.
        """
        return await client_retries.call("auth.test", lambda: _identity(self.reader.auth_test()))

    async def post(
        self,
        channel: str,
        *,
        thread: str | None,
        text: str,
        blocks: Blocks,
        metadata: dict[str, Any] | None = None,
        is_patient: bool = True,
    ) -> MessageRef:
        """
        Post a message and give where it stands; a person's id posts in the bot's direct messages with them.

        Not *is_patient* where the caller has its own way to wait and to try again.

        Raises:
            slack_calls.NotTaken: Slack has too much to do.
            errors.Refused, errors.Unavailable
        """
        client = self.writer if is_patient else self._hasty
        answer = await client_retries.call(
            "chat.postMessage",
            lambda: client_retries.data(
                client.chat_postMessage(
                    channel=channel,
                    thread_ts=thread,
                    text=text,
                    blocks=blocks,
                    metadata=metadata,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            ),
        )
        return MessageRef(channel=str(answer["channel"]), timestamp=str(answer["ts"]))

    async def update(self, spot: MessageRef, *, text: str, blocks: Blocks, is_patient: bool = True) -> None:
        """
        Change a message of the bot; not *is_patient* where a newer change will follow.

        Raises:
            slack_calls.NotTaken: Slack has too much to do.
            errors.Refused, errors.Unavailable
        """
        # The same change twice is the same as once, so the patient client may do it.
        client = self.reader if is_patient else self._hasty
        await client_retries.call(
            "chat.update",
            lambda: client_retries.data(
                client.chat_update(channel=spot.channel, ts=spot.timestamp, text=text, blocks=blocks)
            ),
        )

    async def delete(self, spot: MessageRef) -> None:
        """
        Take a message of the bot away.

        Raises:
            errors.Refused, errors.Unavailable
        """
        await client_retries.call(
            "chat.delete", lambda: client_retries.data(self.reader.chat_delete(channel=spot.channel, ts=spot.timestamp))
        )

    async def open_dm(self, user: str) -> str:
        """
        Give the id of the bot's direct messages with *user*.

        Raises:
            errors.Refused, errors.Unavailable
        """
        answer = await client_retries.call(
            "conversations.open", lambda: client_retries.data(self.reader.conversations_open(users=user))
        )
        return str(answer["channel"]["id"])

    async def post_ephemeral(self, channel: str, user: str, *, thread: str | None, text: str, blocks: Blocks) -> None:
        """
        Post a message that only *user* sees.

        Raises:
            errors.Refused, errors.Unavailable
        """
        await client_retries.call(
            "chat.postEphemeral",
            lambda: client_retries.data(
                self.writer.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, text=text, blocks=blocks)
            ),
        )

    async def publish_home(self, user: str, view: dict[str, Any]) -> None:
        """
        Show *view* as the bot's App Home to *user*.

        Raises:
            errors.Refused, errors.Unavailable
        """
        # Publishing the same view twice is the same as once, so the patient client may do it.
        await client_retries.call(
            "views.publish", lambda: client_retries.data(self.reader.views_publish(user_id=user, view=view))
        )

    async def respond(self, response_url: str, body: dict[str, Any], *, is_patient: bool = True) -> None:
        """
        Answer where a command or a click came from; works where the bot is no member.

        Raises:
            errors.Refused: the URL is used up (five times) or too old (thirty minutes).
            slack_calls.NotTaken: Slack answered, but has not taken it.
            errors.Unavailable: Slack does not answer, so nobody knows.
        """
        retries = client_retries.write_retries() if is_patient else []

        async def send() -> None:
            client = AsyncWebhookClient(response_url, timeout=CALL_SECONDS, retry_handlers=retries)
            answer = await client.send_dict(body)
            if answer.status_code >= 500 or answer.status_code == 429:
                raise client_errors.RateLimited(f"Slack answered {answer.status_code} to a response.")
            if answer.status_code != 200:
                raise client_errors.SlackRefused("a response", _reason(answer.body))

        await client_retries.call("response_url", send)

    async def person(self, user: str) -> Person:
        """
        Give who a user is, as of some minutes ago.

        Raises:
            errors.Refused, errors.Unavailable
        """
        return await self._remembered(user, "users.info", lambda: _person(self.reader.users_info(user=user)))

    async def channel_name(self, channel: str) -> str:
        """
        Give the name of a channel, as of some minutes ago.

        Raises:
            errors.Refused: it is private and the bot is no member.
            errors.Unavailable
        """
        return await self._remembered(
            channel, "conversations.info", lambda: _channel_name(self.reader.conversations_info(channel=channel))
        )

    async def members_of(self, group_id: str) -> frozenset[str]:
        """
        Give the ids of the people in a user group, as of some minutes ago.

        Raises:
            errors.Refused, errors.Unavailable
        """
        return await self._remembered(
            group_id, "usergroups.users.list", lambda: _members(self.reader.usergroups_users_list(usergroup=group_id))
        )

    async def _remembered(self, key: str, name: str, call: Callable[[], Awaitable[Result]]) -> Result:
        """Give what is known, or ask; a failure is remembered too, so that an outage of Slack is waited for once."""
        until, known = self._known.get(key, (0.0, None))
        if time.monotonic() >= until:
            known, seconds = await _looked_up(name, call)
            self._known[key] = (time.monotonic() + seconds, known)
        if isinstance(known, errors.BotError):
            raise known
        found: Result = known
        return found


def _reason(body: str) -> str:
    """Give Slack's name for a refusal, or the beginning of whatever else it answered."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        return errors.shorten(body, 80)


async def _looked_up(name: str, call: Callable[[], Awaitable[Result]]) -> tuple[Result | errors.BotError, float]:
    """Give what was found or why not, and for how many seconds that counts."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            return await client_retries.call(name, call), REMEMBERED_SECONDS
    except TimeoutError:
        return errors.Unavailable(f"Slack did not answer {name} in time."), FORGOTTEN_SECONDS
    except errors.BotError as error:
        return error, FORGOTTEN_SECONDS


async def _identity(call: Awaitable[Any]) -> Identity:
    answer = await client_retries.data(call)
    return Identity(
        team_id=str(answer["team_id"]),
        team=str(answer.get("team", "")),
        user_id=str(answer["user_id"]),
        bot_id=answer.get("bot_id"),
        enterprise_id=answer.get("enterprise_id"),
    )


async def _person(call: Awaitable[Any]) -> Person:
    user = (await client_retries.data(call))["user"]
    return Person(name=str(user.get("name") or user["id"]), team_id=user.get("team_id"))


async def _channel_name(call: Awaitable[Any]) -> str:
    return str((await client_retries.data(call))["channel"].get("name", ""))


async def _members(call: Awaitable[Any]) -> frozenset[str]:
    return frozenset(str(user) for user in (await client_retries.data(call))["users"])
