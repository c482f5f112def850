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
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot import errors, metrics
from bot.clients import slack_retries

Result = TypeVar("Result")
Blocks = list[dict[str, Any]]

CALL_SECONDS = 20
LOOKUP_SECONDS = 2.0
"""For the names of people and channels, which an answer can do without."""
REMEMBERED_SECONDS = 300.0
"""How long names and user groups are remembered: Slack allows some twenty such questions a minute."""
FORGOTTEN_SECONDS = 60.0
"""How long it is remembered that Slack would not say."""

_UNREADABLE = "unreadable"
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in Slack."""

    name: str
    team_id: str | None
    """The workspace the person belongs to, which in a shared channel may be another company's."""


class NotTaken(errors.Unavailable):
    """Slack answered, but surely has not taken it; saying it another way does not say it twice."""


class SlackApi:
    """Calls Slack as the bot; *url* is the Web API's root."""

    def __init__(self, token: str, url: str) -> None:
        self.token = token
        self.reader = AsyncWebClient(
            token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=slack_retries.patient()
        )
        self.writer = AsyncWebClient(
            token=token, base_url=url, timeout=CALL_SECONDS, retry_handlers=slack_retries.careful()
        )
        self._known: dict[str, tuple[float, Any]] = {}

    async def identify(self) -> Identity:
        """
        Give who the bot is.

        Raises:
            errors.Refused: the token is not accepted.
            errors.Unavailable: Slack does not answer.
        """
        return await _call("auth.test", lambda: _identity(self.reader.auth_test()))

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

    async def respond(self, response_url: str, body: dict[str, Any], *, is_patient: bool = True) -> None:
        """
        Answer where a command or a click came from; works where the bot is no member.

        Raises:
            errors.Refused: the URL is used up (five times) or too old (thirty minutes).
            NotTaken: Slack answered, but has not taken it.
            errors.Unavailable: Slack does not answer, so nobody knows.
        """
        retries = slack_retries.careful() if is_patient else []

        async def send() -> None:
            client = AsyncWebhookClient(response_url, timeout=CALL_SECONDS, retry_handlers=retries)
            answer = await client.send_dict(body)
            if answer.status_code >= 500 or answer.status_code == 429:
                raise NotTaken(f"Slack answered {answer.status_code} to a response.")
            if answer.status_code != 200:
                raise errors.Refused(f"Slack did not take the response ({errors.shorten(answer.body, 80)}).")

        await _call("response_url", send)

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


async def _looked_up(name: str, call: Callable[[], Awaitable[Result]]) -> tuple[Result | errors.BotError, float]:
    """Give what was found or why not, and for how many seconds that counts."""
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            return await _call(name, call), REMEMBERED_SECONDS
    except TimeoutError:
        return errors.Unavailable(f"Slack did not answer {name} in time."), FORGOTTEN_SECONDS
    except errors.BotError as error:
        return error, FORGOTTEN_SECONDS


async def _identity(call: Awaitable[Any]) -> Identity:
    answer = await _data(call)
    return Identity(
        team_id=str(answer["team_id"]),
        team=str(answer.get("team", "")),
        user_id=str(answer["user_id"]),
        bot_id=answer.get("bot_id"),
        enterprise_id=answer.get("enterprise_id"),
    )


async def _person(call: Awaitable[Any]) -> Person:
    user = (await _data(call))["user"]
    return Person(name=str(user.get("name") or user["id"]), team_id=user.get("team_id"))


async def _channel_name(call: Awaitable[Any]) -> str:
    return str((await _data(call))["channel"].get("name", ""))


async def _members(call: Awaitable[Any]) -> frozenset[str]:
    return frozenset(str(user) for user in (await _data(call))["users"])


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
        outcome = _code(error)
        if outcome == "ratelimited" or _status(error) >= 500 or _status(error) == 429:
            raise NotTaken(f"Slack did not take {name} ({outcome}).") from error
        if outcome == _UNREADABLE:
            raise errors.Unavailable(f"Slack’s answer to {name} could not be read.") from error
        raise errors.Refused(f"Slack refused {name} ({outcome}).", hint=_REMEDIES.get(outcome)) from error
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        outcome = "unreachable"
        raise errors.Unavailable(
            f"Slack did not answer {name} ({type(error).__name__}).",
            hint="Check the network, and POSBOT_SLACK_API_URL where it is set.",
        ) from error
    except errors.BotError:
        outcome = "refused"
        raise
    except (slack_errors.SlackClientError, ValueError, TypeError, KeyError, AttributeError) as error:
        # What stands in between may answer in Slack's place: a proxy's page, JSON of another shape.
        outcome = _UNREADABLE
        raise errors.Unavailable(f"Slack’s answer to {name} could not be read.") from error
    finally:
        metrics.CALLS.labels(f"slack {name}", outcome).inc()
        metrics.CALL_SECONDS.labels("slack").observe(time.monotonic() - started)


def _code(error: slack_errors.SlackApiError) -> str:
    data = getattr(error.response, "data", error.response)
    code = data.get("error") if isinstance(data, dict) else None
    return code if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < 60 else _UNREADABLE


def _status(error: slack_errors.SlackApiError) -> int:
    status = getattr(error.response, "status_code", None) or getattr(error.response, "status", None)
    return status if isinstance(status, int) else 0
