"""Bringing payloads to the bot, by HTTP or Socket Mode, and again where Slack would."""

import asyncio
import collections.abc
import dataclasses
import typing
import uuid

from sandbox.slack.blocks import shapes
from sandbox.slack.server import faults, sockets
from sandbox.slack.server import requests as server_requests
from sandbox.slack.state import records, tasks, workspace_state

ResponseHandler = collections.abc.Callable[[typing.Any], str]
"""Does what an acknowledgement's body says and names the problem, or gives an empty string."""

_REASONS = {
    records.Outcome.TIMED_OUT: "http_timeout",
    records.Outcome.UNREACHABLE: "connection_failed",
    records.Outcome.REFUSED: "http_error",
}
# Only these may be answered with a payload inside the acknowledgement.
_ANSWERABLE = ("view_submission", "block_suggestion")


def _take_nothing(body: typing.Any) -> str:
    return ""


class Deliveries:
    """Hands payloads over and keeps their records."""

    def __init__(
        self,
        state: workspace_state.State,
        planned: faults.Faults,
        requests: server_requests.Requests,
        held_sockets: sockets.Sockets,
        background: tasks.BackgroundTasks,
    ) -> None:
        self._state = state
        self._faults = planned
        self._requests = requests
        self._sockets = held_sockets
        self._background = background

    async def deliver(
        self,
        kind: records.Kind,
        payload: shapes.Json,
        *,
        what: str,
        take_answer: ResponseHandler = _take_nothing,
    ) -> records.Delivery:
        """
        Hand *payload* over and wait until it is acknowledged or has failed.

        An event that failed is tried again in the background, with the delays of the settings.
        """
        delivery = self.note(kind, payload, what)
        times = 2 if self._faults.take_for_delivery(faults.Kind.DUPLICATE, what) else 1
        envelope_id = str(uuid.uuid4())
        await asyncio.gather(*(self._attempt(delivery, envelope_id, 0, take_answer) for _ in range(times)))
        if kind is records.Kind.EVENT and self._is_due_again(delivery):
            self._background.start(self._repeat(delivery))
        return delivery

    def note(self, kind: records.Kind, payload: shapes.Json, what: str) -> records.Delivery:
        """Keep the record of a new delivery."""
        delivery = records.Delivery(kind, payload, revision=self._state.changes.announce(), what=what)
        self._state.deliveries.append(delivery)
        return delivery

    async def _attempt(
        self, delivery: records.Delivery, envelope_id: str, number: int, take_answer: ResponseHandler
    ) -> None:
        reason = _REASONS.get(delivery.outcome, "")
        attempt = await self._hand_over(delivery, envelope_id, number, reason)
        is_taken = attempt.outcome is records.Outcome.ACKNOWLEDGED
        if is_taken and self._faults.take_for_delivery(faults.Kind.LOST_ACK, delivery.what):
            attempt = dataclasses.replace(
                attempt, outcome=records.Outcome.TIMED_OUT, problem="the acknowledgement was lost"
            )
        elif is_taken and not delivery.is_acknowledged:
            problem = take_answer(attempt.body)
            if problem:
                attempt = dataclasses.replace(attempt, outcome=records.Outcome.REFUSED, problem=problem)
        delivery.add(attempt)
        self._state.changes.announce()

    async def _hand_over(
        self, delivery: records.Delivery, envelope_id: str, number: int, reason: str
    ) -> records.Attempt:
        if self._requests.url is not None:
            return await self._requests.hand_over(self._state, delivery.kind, delivery.payload, number, reason)
        envelope = _envelope(delivery, envelope_id, number, reason)
        return await self._sockets.hand_over(envelope, number)

    def _is_due_again(self, delivery: records.Delivery) -> bool:
        return not delivery.is_acknowledged and not delivery.attempts[-1].forbids_retry

    async def _repeat(self, delivery: records.Delivery) -> None:
        patience = self._state.settings.timings
        for number, delay_seconds in enumerate(patience.retry_delays_seconds, start=1):
            await asyncio.sleep(delay_seconds * patience.retry_factor)
            await self._attempt(delivery, str(uuid.uuid4()), number, _take_nothing)
            if not self._is_due_again(delivery):
                return


def _envelope(delivery: records.Delivery, envelope_id: str, number: int, reason: str) -> shapes.Json:
    is_command = delivery.kind is records.Kind.COMMAND
    envelope: shapes.Json = {
        "envelope_id": envelope_id,
        "type": delivery.kind.value,
        "payload": delivery.payload,
        "accepts_response_payload": is_command or delivery.payload.get("type") in _ANSWERABLE,
    }
    if delivery.kind is records.Kind.EVENT:
        envelope |= {"retry_attempt": number, "retry_reason": reason.removeprefix("http_")}
    return envelope
