"""
One call of Slack: retried where that is harmless, counted, its result or its error translated.

Something else may answer in Slack's place: a proxy's page, JSON of another shape, nothing.

Which calls are retried decides whether a message is posted twice. slack_sdk's own handlers retry a post whose
connection was dropped after Slack accepted it, and fail on a Retry-After that is no whole number.

`BlockSupport` learns which of the newer blocks a workspace supports from its first refusal, and sends again without.
"""

import asyncio
import datetime
import email.utils
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import aiohttp
import structlog
import tenacity
from slack_sdk import errors as slack_errors
from slack_sdk.http_retry import async_handler, request, response, state
from slack_sdk.http_retry.builtin_async_handlers import AsyncServerErrorRetryHandler

from bot import errors, metrics
from bot.slack.client import errors as client_errors

log = structlog.get_logger()
Result = TypeVar("Result")
Message = TypeVar("Message", bound="Rendered")

MAX_RETRY_AFTER_SECONDS = 30.0
"""Slack asks for up to half a minute; nobody waits longer for a response."""
_MAX_RETRIES = 5
_HINT = "Check the network, and POSBOT_SLACK_API_URL where it is set."


async def call(name: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
    """
    Return the result of *attempt*; *name* is Slack's for the method.

    Raises:
        client_errors.NotAccepted: Slack did not accept it, or could not be reached; nothing was done.
        client_errors.SlackRefused: Slack answered no.
        errors.Unavailable: there was no response, or none that can be read, so nobody knows.
    """
    started = time.monotonic()
    outcome = "ok"
    try:
        return await _connected(attempt)
    except slack_errors.SlackApiError as error:
        outcome = _code(error)
        raise _translated(name, outcome, error) from error
    except aiohttp.ClientConnectorError as error:
        outcome = "unreachable"
        raise client_errors.NotConnected(
            f"Slack could not be reached for {name} ({errors.network_reason(error)}).", hint=_HINT
        ) from error
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        outcome = "unreachable"
        raise errors.Unavailable(f"Slack did not answer {name} ({type(error).__name__}).", hint=_HINT) from error
    except errors.BotError:
        outcome = "refused"
        raise
    except (slack_errors.SlackClientError, ValueError, TypeError, KeyError, AttributeError) as error:
        outcome = client_errors.MALFORMED
        raise errors.Unavailable(f"Slack’s answer to {name} could not be read.") from error
    finally:
        metrics.CALLS.labels(f"slack {name}", outcome).inc()
        metrics.CALL_SECONDS.labels("slack").observe(time.monotonic() - started)


async def data(answer: Awaitable[Any]) -> Mapping[str, Any]:
    """Return the body of a response of slack_sdk."""
    body: Mapping[str, Any] = (await answer).data
    return body


# A connection that was never made accepted nothing: the one failure after which any call may be retried.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(aiohttp.ClientConnectorError),
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential_jitter(multiplier=0.2, max=3),
    reraise=True,
)
async def _connected(attempt: Callable[[], Awaitable[Result]]) -> Result:
    return await attempt()


def _code(error: slack_errors.SlackApiError) -> str:
    body = getattr(error.response, "data", error.response)
    code = body.get("error") if isinstance(body, dict) else None
    return str(code) if client_errors.is_code(code) else client_errors.MALFORMED


def _translated(name: str, code: str, error: slack_errors.SlackApiError) -> errors.BotError:
    status = getattr(error.response, "status_code", None) or getattr(error.response, "status", None)
    status = status if isinstance(status, int) else 0
    if status >= 500 or status == 429 or client_errors.meaning_of(code).kind is client_errors.Kind.RATE_LIMITED:
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        retry_after = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
        pause = retry_after_seconds(retry_after) if status == 429 else None
        return client_errors.RateLimited(f"Slack did not accept {name} ({code}).", pause_seconds=pause)
    if client_errors.meaning_of(code).kind is client_errors.Kind.INTERNAL:
        return errors.Unavailable(f"Slack could not complete {name} ({code}).")
    if code == client_errors.MALFORMED:
        return errors.Unavailable(f"Slack’s answer to {name} could not be read.")
    return client_errors.SlackRefused(name, code)


class RetryAfterHandler(async_handler.AsyncRetryHandler):
    """Retries what Slack answered with 429, which means that it was not done, after the pause it asks for."""

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
        """Wait as long as Retry-After says, within bounds."""
        headers = response.headers if response is not None else {}
        values = next((value for name, value in headers.items() if name.lower() == "retry-after"), [])
        await asyncio.sleep(retry_after_seconds(values[0] if values else ""))
        state.next_attempt_requested = True


def write_retries() -> list[async_handler.AsyncRetryHandler]:
    """Return the retries of a call that changes something: only of what Slack surely did not accept."""
    return [RetryAfterHandler(max_retry_count=_MAX_RETRIES)]


def read_retries() -> list[async_handler.AsyncRetryHandler]:
    """Return the retries of a call that only reads."""
    return [RetryAfterHandler(max_retry_count=_MAX_RETRIES), AsyncServerErrorRetryHandler(max_retry_count=3)]


def retry_after_seconds(value: str) -> float:
    """Return the seconds of a Retry-After: a number, or a date as RFC 9110 allows; one second for anything else."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(value).astimezone(datetime.UTC)
        except ValueError:
            return 1.0
        seconds = (at - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if seconds == seconds else 1.0  # noqa: PLR0124 - NaN


class Rendered(Protocol):
    """A message that may hold a block for a plan."""

    @property
    def has_plan(self) -> bool:
        """Whether it has one."""


class BlockSupport:
    """What the workspace supports, as far as this process knows."""

    def __init__(self) -> None:
        self.has_plans = True

    async def send_with_fallback(
        self, render: Callable[[bool], Message], send: Callable[[Message], Awaitable[Result]]
    ) -> Result:
        """
        Return what *send* returns for the message of *render*, with plans or, where those are refused, without.

        Raises:
            what *send* raises.
        """
        message = render(self.has_plans)
        try:
            return await send(message)
        except client_errors.SlackRefused as error:
            if error.kind is not client_errors.Kind.BLOCKS_REFUSED or not message.has_plan:
                raise
        result = await send(render(False))
        if self.has_plans:
            log.warning("workspace refuses plan blocks, using lists")
        self.has_plans = False
        return result
