"""
One call of Slack: repeated where that is harmless, counted, and whatever comes back turned into a value or an error.

What stands between may answer in Slack's place: a proxy's page, JSON of another shape, silence.

When a call of Slack is repeated, which decides whether things are said twice.

slack_sdk's own handlers repeat a post whose connection was dropped after Slack took it, and fail on a Retry-After that
is no whole number.
"""

import asyncio
import datetime
import email.utils
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import tenacity
from slack_sdk import errors as slack_errors
from slack_sdk.http_retry import async_handler, request, response, state
from slack_sdk.http_retry.builtin_async_handlers import AsyncServerErrorRetryHandler

from bot import errors, metrics

Result = TypeVar("Result")

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


class RateLimited(errors.Unavailable):
    """Slack answered, but surely has not taken it; saying it another way does not say it twice."""

    def __init__(self, message: str, *, pause_seconds: float | None = None) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds
        """How long Slack asks to be left alone, where it does."""


class SlackRefused(errors.Refused):
    """Slack answered no; *code* is its name for the reason."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refused {method} ({code}).", hint=_REMEDIES.get(code))
        self.code = code


async def call(name: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """
    Give what *attempt* gives; *name* is Slack's for the method.

    Raises:
        NotTaken: Slack has too much to do; nothing was done.
        SlackRefused: Slack said no.
        errors.Unavailable: there was no answer, or none that can be read, so nobody knows.
    """
    started = time.monotonic()
    outcome = "ok"
    try:
        return await _connected(attempt)
    except slack_errors.SlackApiError as error:
        outcome = _code(error)
        raise _translated(name, outcome, error) from error
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
        outcome = _UNREADABLE
        raise errors.Unavailable(f"Slack’s answer to {name} could not be read.") from error
    finally:
        metrics.CALLS.labels(f"slack {name}", outcome).inc()
        metrics.CALL_SECONDS.labels("slack").observe(time.monotonic() - started)


async def data(answer: Awaitable[Any]) -> Mapping[str, Any]:
    """Give the body of an answer of slack_sdk."""
    body: Mapping[str, Any] = (await answer).data
    return body


# A connection that never came about took nothing with it: the one failure after which any call may be repeated.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(aiohttp.ClientConnectorError),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=3),
    reraise=True,
)
async def _connected(attempt: Callable[[], Awaitable[Result]]) -> Result:
    return await attempt()


def _translated(name: str, code: str, error: slack_errors.SlackApiError) -> errors.BotError:
    if code == "ratelimited" or _status(error) >= 500 or _status(error) == 429:
        pause = pause_seconds_of(_retry_after(error)) if _status(error) == 429 else None
        return RateLimited(f"Slack did not take {name} ({code}).", pause_seconds=pause)
    if code == _UNREADABLE:
        return errors.Unavailable(f"Slack’s answer to {name} could not be read.")
    return SlackRefused(name, code)


def _code(error: slack_errors.SlackApiError) -> str:
    body = getattr(error.response, "data", error.response)
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < 60 else _UNREADABLE


def _status(error: slack_errors.SlackApiError) -> int:
    status = getattr(error.response, "status_code", None) or getattr(error.response, "status", None)
    return status if isinstance(status, int) else 0


def _retry_after(error: slack_errors.SlackApiError) -> str:
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    return next((value for name, value in headers.items() if name.lower() == "retry-after"), "")


LONGEST_WAIT_SECONDS = 30.0
"""Slack asks for up to half a minute; who waits longer for an answer has gone."""


class RetryAfterHandler(async_handler.AsyncRetryHandler):
    """Repeats what Slack answered with 429, which means that it was not done, after the pause it asked for."""

    async def _can_retry_async(
        self,
        *,
        state: state.RetryState,  # noqa: ARG002
        request: request.HttpRequest,  # noqa: ARG002
        response: response.HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> bool:
        return response is not None and response.status_code == 429

    async def prepare_for_next_attempt_async(
        self,
        *,
        state: state.RetryState,
        request: request.HttpRequest,  # noqa: ARG002
        response: response.HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> None:
        """Wait as long as the header says, within reason."""
        headers = response.headers if response is not None else {}
        values = next((value for name, value in headers.items() if name.lower() == "retry-after"), [])
        await asyncio.sleep(pause_seconds_of(values[0] if values else ""))
        state.next_attempt_requested = True


def write_retries() -> list[async_handler.AsyncRetryHandler]:
    """Give what may repeat a call that changes something: only what Slack surely has not taken."""
    return [RetryAfterHandler(max_retry_count=5)]


def read_retries() -> list[async_handler.AsyncRetryHandler]:
    """Give what may repeat a call that only reads."""
    return [RetryAfterHandler(max_retry_count=5), AsyncServerErrorRetryHandler(max_retry_count=3)]


def pause_seconds_of(value: str) -> float:
    """Give the seconds that a Retry-After asks for: a number, or a date as RFC 9110 allows; one second for nonsense."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value)
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if seconds == seconds else 1.0  # noqa: PLR0124 - NaN


def _seconds_until(value: str) -> float:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 1.0
    return (moment.astimezone(datetime.UTC) - datetime.datetime.now(datetime.UTC)).total_seconds()
