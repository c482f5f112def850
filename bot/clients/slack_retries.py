"""
When a call of Slack is repeated, which decides whether things are said twice.

slack_sdk's own handlers repeat a post whose connection was dropped after Slack took it, and fail on a Retry-After that
is no whole number.
"""

import asyncio
import datetime
import email.utils

from slack_sdk.http_retry import async_handler, request, response, state
from slack_sdk.http_retry.builtin_async_handlers import AsyncServerErrorRetryHandler

LONGEST_WAIT_SECONDS = 30.0
"""Slack asks for up to half a minute; who waits longer for an answer has gone."""


class AsLongAsAsked(async_handler.AsyncRetryHandler):
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
        await asyncio.sleep(pause(values[0] if values else ""))
        state.next_attempt_requested = True


def careful() -> list[async_handler.AsyncRetryHandler]:
    """Give what may repeat a call that changes something: only what Slack surely has not taken."""
    return [AsLongAsAsked(max_retry_count=5)]


def patient() -> list[async_handler.AsyncRetryHandler]:
    """Give what may repeat a call that only reads."""
    return [AsLongAsAsked(max_retry_count=5), AsyncServerErrorRetryHandler(max_retry_count=3)]


def pause(value: str) -> float:
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
