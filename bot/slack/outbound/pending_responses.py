"""
Pending responses: a command that was acknowledged gets its response, or its requester reads that it was interrupted.

A delivery is held (`bot/durable/deliveries.py`) for each invocation from Slack, from the transaction that records it
until its response is shown. It is made

    if Slack surely did not accept the response     here, again and again until it does
    if this process ends before                     by another, or by the next one

The response is the recorded one; an invocation without an end was interrupted.
"""

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from bot import errors, metrics
from bot.config import roles
from bot.dispatch import permissions
from bot.durable import deliveries, membership
from bot.model import invocations, reports
from bot.slack.blocks import message as blocks_message
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.outbound import rate_limit, replies
from bot.store import audit, database

if TYPE_CHECKING:
    import sqlalchemy

log = structlog.get_logger()

KIND = "response"
"""Of the deliveries."""
MAX_AGE = datetime.timedelta(hours=24)
"""Of a request whose response is still shown; a response URL is good for 30 minutes, then there is the fallback."""
_PROGRESS, _FOLLOWED = "progress", "followed"
"""Messages in the payload of a delivery."""
_FIRST_RETRY_SECONDS = 2.0
_MAX_RETRY_SECONDS = 30.0


class PendingResponses:
    """Holds a delivery for each invocation from Slack, and makes those that are released or left by others."""

    def __init__(
        self,
        api: slack_api.SlackApi,
        audit_log: audit.AuditLog,
        db: database.Database,
        member: membership.Membership,
        *,
        channels: roles.Channels,
        limiter: rate_limit.EditLimiter,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._api = api
        self._audit = audit_log
        self._channels = channels
        self._limiter = limiter
        self._now = now
        self._replies: dict[str, invocations.Reply] = {}
        """Of responses that were released here: the record does not say who sees a response."""
        handler = deliveries.Handler(send=self._send, find=self._send_again)
        self._deliveries = deliveries.DeliveryWorker(db, member, {KIND: handler})
        audit_log.also_begin = self._hold

    async def note_messages(
        self,
        invocation: invocations.Invocation,
        *,
        progress: slack_api.MessageRef | None,
        followed: slack_api.MessageRef | None = None,
    ) -> None:
        """Note which messages show *progress* and a *followed* log, so that a later process makes them the response."""
        if self._deliveries.is_held(KIND, invocation.id):
            shown = {_PROGRESS: progress, _FOLLOWED: followed}
            noted = {name: dataclasses.asdict(message) for name, message in shown.items() if message is not None}
            payload = {**self._payload(invocation), **noted}
            with contextlib.suppress(errors.Unavailable):
                await self._deliveries.replace_payload(KIND, invocation.id, payload)

    async def settle(self, invocation_id: str) -> None:
        """Forget an invocation whose response was shown, or refused."""
        await self._deliveries.drop(KIND, invocation_id)

    def postpone(self, response: invocations.Response, error: client_errors.NotAccepted) -> bool:
        """Show *response* later, because Slack surely did not accept it; return False where it is not on record."""
        if not self._deliveries.is_held(KIND, response.invocation_id):
            # The database was away when it began, or nothing was recorded.
            metrics.UNDELIVERED.labels("unavailable").inc()
            log.error("response not delivered", reason=str(error))
            return False
        log.warning("response postponed", reason=str(error))
        self._replies[response.invocation_id] = response.reply
        self._deliveries.release(KIND, response.invocation_id)
        return True

    def _hold(self, connection: "sqlalchemy.Connection", beginning: Sequence[invocations.Invocation]) -> None:
        held = {one.id: self._payload(one) for one in beginning if one.reply_to is not None}
        self._deliveries.hold(connection, KIND, held, self._now())

    def _payload(self, invocation: invocations.Invocation) -> dict[str, object]:
        return {
            "target": dict(invocation.reply_to or {}),
            "received_at": invocation.received_at.isoformat(),
            "is_public": permissions.are_public(self._channels, invocation.conversation),
        }

    async def _send(self, delivery: deliveries.Delivery) -> deliveries.Result:
        payload: Mapping[str, Any] = delivery.payload
        age = self._now() - datetime.datetime.fromisoformat(payload["received_at"])
        if age > MAX_AGE:
            return _given_up(f"Slack did not accept it for {MAX_AGE.total_seconds() / 3600:g} hours.")
        try:
            response = await self._response(delivery.subject, age)
            if response is None:
                return _given_up("It is not on record any more.")
            target = replies.ReplyTarget.from_document(payload["target"])
            is_shown = await self._end_followed(_message(payload, _FOLLOWED), target, response)
            if not is_shown:
                progress = _message(payload, _PROGRESS)
                reply = replies.reply_to(
                    self._api, target, self._limiter, is_public=payload["is_public"], progress=progress
                )
                is_shown = await reply.finish(response)
        except client_errors.NotAccepted as error:
            pause = getattr(error, "pause_seconds", None) or 0.0
            backoff = _FIRST_RETRY_SECONDS * 2.0 ** min(delivery.attempts, 10)
            return deliveries.NotTaken(retry_after_seconds=max(min(backoff, _MAX_RETRY_SECONDS), pause))
        self._replies.pop(delivery.subject, None)
        return deliveries.Sent() if is_shown else deliveries.Refused(reason="Slack accepted it nowhere")

    async def _end_followed(
        self, message: slack_api.MessageRef | None, target: replies.ReplyTarget, response: invocations.Response
    ) -> bool:
        """
        Make the message of a followed log the response; return whether nothing else has to show it.

        Raises:
            client_errors.NotAccepted: Slack surely did not accept it.
        """
        if message is None:
            return False
        last = blocks_message.message(response)
        try:
            await self._api.update(message, text=last.text, blocks=list(last.blocks))
        except client_errors.NotAccepted:
            raise
        except errors.BotError as error:
            log.info("followed log not ended", reason=str(error))
            return False
        # In a DM it is elsewhere than the request, and files come with the response itself.
        return message.channel == target.channel and not last.files

    async def _send_again(self, delivery: deliveries.Delivery) -> deliveries.Result:
        """
        Send what a process was sending when it ended.

        Slack cannot be asked whether it accepted a response; read twice it does less harm than never.
        """
        return await self._send(delivery)

    async def _response(self, invocation_id: str, age: datetime.timedelta) -> invocations.Response | None:
        """Return the recorded response; of an invocation that has none, that it was interrupted, which is recorded."""
        recorded = await self._audit.find(invocation_id)
        if recorded is None:
            return None
        if recorded.status is None or recorded.status is invocations.Status.CANCELLED or recorded.report is None:
            response = interrupted(invocation_id, recorded.text)
            if recorded.status is None:
                await self._audit.end(response, command=None, duration_seconds=age.total_seconds())
            return response
        reply = self._replies.get(invocation_id, invocations.Reply.PRIVATE)
        return invocations.Response(
            invocation_id=invocation_id, status=recorded.status, report=recorded.report, reply=reply
        )


def _message(payload: Mapping[str, Any], name: str) -> slack_api.MessageRef | None:
    return slack_api.MessageRef(**payload[name]) if name in payload else None


def _given_up(reason: str) -> deliveries.Refused:
    metrics.UNDELIVERED.labels("unavailable").inc()
    log.error("response not delivered", reason=reason)
    return deliveries.Refused(reason=reason)


def interrupted(invocation_id: str, text: str) -> invocations.Response:
    """Return the response to an invocation that ended with its process."""
    report = reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline="Interrupted: posbot was restarted before the command completed. Run it again.",
        sections=(reports.Text(text="If it changes something, check what it changed before you run it again."),),
        next_actions=(reports.NextAction(label="Run again", command=text),) if text else (),
    )
    return invocations.Response(invocation_id=invocation_id, status=invocations.Status.CANCELLED, report=report)
