"""
Slack's Web API and response URLs, the outgoing half.

Reads are repeated on every kind of failure. Writes are repeated only where Slack surely has not taken them: it said
429, or no connection came about. slack_sdk's own default would also repeat a post whose connection was dropped after
Slack took it, and so say things twice.
"""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import tenacity
from slack_sdk import errors as slack_errors
from slack_sdk.http_retry import async_handler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler, AsyncServerErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot import errors, metrics

Result = TypeVar("Result")
Blocks = list[dict[str, Any]]

CALL_SECONDS = 20
GROUP_SECONDS = 300.0
"""How long the members of a user group are remembered: Slack allows about twenty such questions a minute."""

_REMEDIES = {
    "invalid_auth": "SLACK_BOT_TOKEN is not valid any more; take the current one from the app's settings.",
    "account_inactive": "The app was removed from the workspace; install it again.",
    "token_revoked": "The token was revoked; install the app again.",
    "missing_scope": "The app lacks a scope; apply the output of `posbot manifest` and install the app again.",
    "not_in_channel": "Invite the bot to the channel.",
    "channel_not_found": "Invite the bot to the channel.",
    "is_archived": "The channel is archived.",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the bot is in Slack."""

    team_id: str
    team: str
    user_id: str
    bot_id: str | None
    enterprise_id: str | None


class SlackApi:
    """Calls Slack as the bot; *url* is the Web API's root."""

    def __init__(self, token: str, url: str) -> None:
        self.token = token
        patient = [AsyncRateLimitErrorRetryHandler(max_retry_count=5), AsyncServerErrorRetryHandler(max_retry_count=3)]
        self.reader = AsyncWebClient(token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=[*patient])
        self.writer = AsyncWebClient(token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=_careful())
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._channel_names: dict[str, str] = {}
        self._user_names: dict[str, str] = {}

    async def identify(self) -> Identity:
        """
        Give who the bot is.

        Raises:
            errors.Refused: the token is not accepted.
            errors.Unavailable: Slack does not answer.
        """
        answer = await _call("auth.test", lambda: _data(self.reader.auth_test()))
        return Identity(
            team_id=str(answer["team_id"]),
            team=str(answer.get("team", "")),
            user_id=str(answer["user_id"]),
            bot_id=answer.get("bot_id"),
            enterprise_id=answer.get("enterprise_id"),
        )

    async def post(self, channel: str, *, thread: str | None, text: str, blocks: Blocks) -> str:
        """
        Post a message and give its timestamp.

        Raises:
            errors.Refused, errors.Unavailable
        """
        answer = await _call(
            "chat.postMessage",
            lambda: _data(
                self.writer.chat_postMessage(
                    channel=channel,
                    thread_ts=thread,
                    text=text,
                    blocks=blocks,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            ),
        )
        return str(answer["ts"])

    async def update(self, channel: str, timestamp: str, *, text: str, blocks: Blocks) -> None:
        """
        Change a message of the bot.

        Raises:
            errors.Refused, errors.Unavailable
        """
        await _call(
            "chat.update",
            lambda: _data(self.writer.chat_update(channel=channel, ts=timestamp, text=text, blocks=blocks)),
        )

    async def whisper(self, channel: str, user: str, *, thread: str | None, text: str, blocks: Blocks) -> None:
        """
        Post a message that only *user* sees.

        Raises:
            errors.Refused, errors.Unavailable
        """
        await _call(
            "chat.postEphemeral",
            lambda: _data(
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
        await _call("views.publish", lambda: _data(self.reader.views_publish(user_id=user, view=view)))

    async def respond(self, response_url: str, body: dict[str, Any]) -> None:
        """
        Answer where a command or a click came from; works where the bot is no member.

        Raises:
            errors.Refused: the URL is used up (five times) or too old (thirty minutes).
            errors.Unavailable: Slack does not answer.
        """

        async def send() -> Mapping[str, Any]:
            client = AsyncWebhookClient(response_url, timeout=CALL_SECONDS, retry_handlers=_careful())
            answer = await client.send_dict(body)
            if answer.status_code >= 500 or answer.status_code == 429:
                raise errors.Unavailable(f"Slack answered {answer.status_code} to a response.")
            if answer.status_code != 200:
                raise errors.Refused(f"Slack did not take the response ({errors.shorten(answer.body, 80)}).")
            return {}

        await _call("response_url", send)

    async def channel_name(self, channel: str) -> str:
        """
        Give the name of a channel, as it was when it was first asked for.

        Raises:
            errors.Refused: it is private and the bot is no member.
            errors.Unavailable
        """
        if channel not in self._channel_names:
            answer = await _call("conversations.info", lambda: _data(self.reader.conversations_info(channel=channel)))
            self._channel_names[channel] = str(answer["channel"].get("name", ""))
        return self._channel_names[channel]

    async def user_name(self, user: str) -> str:
        """
        Give the name of a person, as it was when it was first asked for.

        Raises:
            errors.Refused, errors.Unavailable
        """
        if user not in self._user_names:
            answer = await _call("users.info", lambda: _data(self.reader.users_info(user=user)))
            self._user_names[user] = str(answer["user"].get("name") or user)
        return self._user_names[user]

    async def members_of(self, group_id: str) -> frozenset[str]:
        """
        Give the ids of the people in a user group, as of at most five minutes ago.

        Raises:
            errors.Refused, errors.Unavailable
        """
        known = self._groups.get(group_id)
        if known is not None and time.monotonic() - known[0] < GROUP_SECONDS:
            return known[1]
        answer = await _call(
            "usergroups.users.list", lambda: _data(self.reader.usergroups_users_list(usergroup=group_id))
        )
        members = frozenset(str(user) for user in answer.get("users", ()))
        self._groups[group_id] = (time.monotonic(), members)
        return members


def _careful() -> list[async_handler.AsyncRetryHandler]:
    return [AsyncRateLimitErrorRetryHandler(max_retry_count=5)]


async def _data(call: Awaitable[Any]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = (await call).data
    return answer


# A connection that never came about took nothing with it: the one failure after which any call may be repeated.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(aiohttp.ClientConnectorError),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=3),
    reraise=True,
)
async def _attempt(call: Callable[[], Awaitable[Result]]) -> Result:
    return await call()


async def _call(name: str, call: Callable[[], Awaitable[Result]]) -> Result:
    started = time.monotonic()
    outcome = "ok"
    try:
        return await _attempt(call)
    except slack_errors.SlackApiError as error:
        code = str(error.response.get("error", "unknown"))
        outcome = code
        if code == "ratelimited" or error.response.status_code >= 500:
            raise errors.Unavailable(f"Slack did not take {name} ({code}).") from error
        raise errors.Refused(f"Slack refused {name} ({code}).", hint=_REMEDIES.get(code)) from error
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        outcome = "unreachable"
        raise errors.Unavailable(f"Slack did not answer {name} ({type(error).__name__}).") from error
    except errors.BotError:
        outcome = "refused"
        raise
    finally:
        metrics.CALLS.labels(f"slack {name}", outcome).inc()
        metrics.CALL_SECONDS.labels("slack").observe(time.monotonic() - started)
