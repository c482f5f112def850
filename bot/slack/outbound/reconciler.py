"""
The reconciler: brings the live messages of one subject to its newest state.

Each message goes through the states drawn in `bot/durable/live_messages.py`. What is new is posted at once, the main
message first, because the others are in its thread; what is old is edited within the edit rate limit. Before a post the
attempt is written; after a crash or a lost response, an attempt without a result is looked up in Slack's history before
the message is posted again.
"""

import dataclasses
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from bot import errors, metrics
from bot.durable import claims, live_messages, membership
from bot.model import invocations
from bot.slack.blocks import message as blocks_message
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import history
from bot.slack.outbound import rate_limit, rendering, targets

log = structlog.get_logger()
Result = TypeVar("Result")


class ClaimLost(Exception):
    """Another worker has the claim on the subject now."""


class RetryLater(Exception):
    """An edit is not due yet, or Slack asks for a pause."""

    def __init__(self, seconds: float, *, is_requested: bool = False) -> None:
        super().__init__(f"in {seconds:.1f} s")
        self.seconds = seconds
        self.is_requested = is_requested
        """Slack asks for the pause."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What the reconciler uses."""

    store: live_messages.LiveMessageStore
    registry: live_messages.Registry
    api: slack_api.SlackApi
    history: history.SlackHistory
    renderer: rendering.Renderer
    member: membership.Membership
    now: Callable[[], datetime.datetime]
    accepted: dict[tuple[str, str], slack_api.MessageRef] = dataclasses.field(default_factory=dict)
    """Claimed subject and purpose → the post that Slack accepted and that could not be written."""


async def reconcile(
    dependencies: Dependencies, limiter: rate_limit.EditLimiter, worker: str, claim: claims.Claim
) -> bool:
    """
    Bring the messages of a subject that *worker* has claimed to its newest state; return whether the claim was kept.

    Raises:
        ClaimLost: another worker has the subject now.
        RetryLater: an edit is not due yet, or Slack asks for a pause; what could be posted was.
        errors.Unavailable: Slack or the database is unavailable.
        errors.Unreadable: the subject cannot be read by this version.
    """
    messages = await dependencies.store.open_messages(worker, claim)
    if messages is None:
        raise ClaimLost
    kind, subject_id = live_messages.split_subject(claim.subject)
    subject = await dependencies.registry[kind](subject_id)
    if subject is None or not messages or not messages[0].is_main:
        await dependencies.store.mark_shown(worker, claim, (), keeps_claim=False)
        return False
    await _Reconciliation(dependencies, limiter, worker=worker, claim=claim, subject=subject, messages=messages).run()
    await dependencies.store.mark_shown(worker, claim, messages, keeps_claim=subject.is_active)
    return subject.is_active


class _Reconciliation:
    def __init__(
        self,
        dependencies: Dependencies,
        limiter: rate_limit.EditLimiter,
        *,
        worker: str,
        claim: claims.Claim,
        subject: live_messages.Subject,
        messages: tuple[live_messages.Message, ...],
    ) -> None:
        self._dependencies = dependencies
        self._limiter = limiter
        self._worker = worker
        self._claim = claim
        self._subject = subject
        self._main, *self._others = messages

    async def run(self) -> None:
        if self._main.state in {live_messages.State.REQUESTED, live_messages.State.ATTEMPTED}:
            self._main = await self._post(self._main)
        others = [await self._post_if_needed(message) for message in self._others]
        await self._edit(*others, self._main)

    async def _post_if_needed(self, message: live_messages.Message) -> live_messages.Message:
        """Return a message of the thread once it is posted, or done where it need not be."""
        if message.state is live_messages.State.POSTED:
            return message
        content = self._subject.content(message.purpose)
        if content.is_needed and not self._main.is_done:
            return await self._post(message)
        # An answered question need not be posted; where it was, it has to show the answer.
        found = await self._find_attempted(message) if message.state is live_messages.State.ATTEMPTED else None
        done = dataclasses.replace(message, attempted_in=None, attempted_at=None, is_done=found is None)
        if found is not None:
            done = dataclasses.replace(done, channel=found.channel, timestamp=found.timestamp)
        await self._write(done)
        return done

    async def _edit(self, *messages: live_messages.Message) -> None:
        posted = (message for message in messages if message.state is live_messages.State.POSTED)
        stale = [message for message in posted if self._digest(message) != message.digest]
        if stale and (seconds := self._limiter.reserve(self._claim.subject)) > 0:
            raise RetryLater(seconds)
        for message in stale:
            await self._update(message)

    async def _update(self, message: live_messages.Message) -> None:
        at = slack_api.MessageRef(channel=message.channel or "", timestamp=message.timestamp or "")

        async def send(rendered: blocks_message.Message) -> str:
            await self._dependencies.api.update(at, text=rendered.text, blocks=list(rendered.blocks), is_patient=False)
            return rendering.digest(rendered)

        try:
            shown = await self._send(message, at.channel, send)
        except client_errors.SlackRefused as error:
            if error.is_gone:
                await self._replace(message, error)
                return
            self._log("edit refused", message, reason=str(error))
            shown = self._digest(message)
        is_final = self._subject.content(message.purpose).is_final
        await self._write(dataclasses.replace(message, digest=shown, is_done=is_final))

    async def _replace(self, message: live_messages.Message, error: client_errors.SlackRefused) -> None:
        """Post a message again that is gone, unless it is final."""
        self._log("live message is gone", message, reason=str(error))
        if self._subject.content(message.purpose).is_final:
            await self._write(dataclasses.replace(message, is_done=True))
        else:
            await self._post(dataclasses.replace(message, timestamp=None, digest=None))

    async def _post(self, message: live_messages.Message) -> live_messages.Message:
        """Post a message where it belongs, else in a DM with the owner, else abandon it."""
        reason = ""
        async for target in self._targets(message):
            try:
                return await self._post_to(target, message)
            except client_errors.SlackRefused as error:
                reason = str(error)
                self._log("live message refused", message, channel=target.channel, reason=reason)
                if error.kind is client_errors.Kind.NO_THREAD and not message.is_main:
                    await self._write(dataclasses.replace(self._main, timestamp=None, digest=None))
                    raise RetryLater(0) from error
        kind, _ = live_messages.split_subject(self._claim.subject)
        metrics.UNDELIVERED.labels(kind).inc()
        log.error("live message not shown", subject=self._claim.subject, purpose=message.purpose, reason=reason)
        abandoned = dataclasses.replace(message, attempted_in=None, attempted_at=None, is_done=True)
        await self._write(abandoned)
        return abandoned

    def _targets(self, message: live_messages.Message) -> AsyncIterator[targets.PostTarget]:
        """Return where a message may be posted, the best target first."""
        conversation = self._subject.conversation
        is_app_home = conversation.kind is invocations.ConversationKind.APP_HOME
        own = self._main.channel or (None if is_app_home else conversation.id)
        thread = conversation.thread if own == conversation.id else None
        if not message.is_main:
            thread = thread or self._main.timestamp
        return targets.fallbacks(
            self._dependencies.api,
            user=self._subject.owner,
            channel=own,
            thread=thread,
            stays_in_thread=not message.is_main,
        )

    async def _post_to(self, target: targets.PostTarget, message: live_messages.Message) -> live_messages.Message:
        shown, found = None, await self._find(target, message)
        if found is None:
            await self._write(
                dataclasses.replace(message, attempted_in=target.channel, attempted_at=self._dependencies.now())
            )
            # The process may have been suspended since the write.
            await self._dependencies.member.ensure_lease()
            if self._dependencies.member.id != self._worker:
                raise ClaimLost
            found, shown = await self._send_post(target, message)
            self._dependencies.accepted[self._claim.subject, message.purpose] = found
            if message.is_main:
                self._limiter.record_edit(self._claim.subject)
        posted = dataclasses.replace(
            message,
            channel=found.channel,
            timestamp=found.timestamp,
            digest=shown,
            attempted_in=None,
            attempted_at=None,
            is_done=shown is not None and self._subject.content(message.purpose).is_final,
        )
        await self._write(posted)
        self._dependencies.accepted.pop((self._claim.subject, message.purpose), None)
        return posted

    async def _find_attempted(self, message: live_messages.Message) -> slack_api.MessageRef | None:
        async for target in self._targets(message):
            if target.channel == message.attempted_in:
                return await self._find(target, message)
        return None

    async def _find(self, target: targets.PostTarget, message: live_messages.Message) -> slack_api.MessageRef | None:
        """Return the message that was posted already, as far as that can be known."""
        known = self._dependencies.accepted.get((self._claim.subject, message.purpose))
        if known is not None and known.channel == target.channel:
            return known
        if message.attempted_in != target.channel or message.attempted_at is None:
            return None
        try:
            return await self._dependencies.history.find(
                target.channel, target.thread, self._payload(message), message.attempted_at
            )
        except client_errors.SlackRefused as error:
            # A duplicate message does less harm than a missing one.
            self._log("live message not found in history", message, reason=str(error))
            return None

    async def _send_post(
        self, target: targets.PostTarget, message: live_messages.Message
    ) -> tuple[slack_api.MessageRef, str]:
        async def send(rendered: blocks_message.Message) -> tuple[slack_api.MessageRef, str]:
            posted = await self._dependencies.api.post(
                target.channel,
                thread=target.thread,
                text=rendered.text,
                blocks=list(rendered.blocks),
                metadata=history.metadata(self._payload(message)),
                is_patient=False,
            )
            return posted, rendering.digest(rendered)

        return await self._send(message, target.channel, send)

    async def _send(
        self,
        message: live_messages.Message,
        channel: str,
        send: Callable[[blocks_message.Message], Awaitable[Result]],
    ) -> Result:
        try:
            return await self._dependencies.api.block_support.send_with_fallback(
                lambda has_plans: self._render(message, channel, has_plans=has_plans), send
            )
        except client_errors.RateLimited as error:
            if error.pause_seconds is None:
                raise
            raise RetryLater(error.pause_seconds, is_requested=True) from error
        except client_errors.SlackRefused as error:
            if error.kind is not client_errors.Kind.APP_AT_FAULT:
                raise
            raise errors.Unavailable(str(error), hint=error.hint) from error

    def _digest(self, message: live_messages.Message) -> str:
        return rendering.digest(
            self._render(message, message.channel, has_plans=self._dependencies.api.block_support.has_plans)
        )

    def _render(
        self, message: live_messages.Message, channel: str | None, *, has_plans: bool
    ) -> blocks_message.Message:
        conversation = self._subject.conversation
        is_elsewhere = conversation.kind is invocations.ConversationKind.CHANNEL and channel != conversation.id
        content = self._subject.content(message.purpose)
        return self._dependencies.renderer.render(content, is_elsewhere=is_elsewhere, has_plans=has_plans)

    def _payload(self, message: live_messages.Message) -> Mapping[str, str]:
        kind, subject = live_messages.split_subject(self._claim.subject)
        return {"kind": kind, "subject": subject, "purpose": message.purpose}

    def _log(self, event: str, message: live_messages.Message, **details: str) -> None:
        log.info(event, subject=self._claim.subject, purpose=message.purpose, **details)

    async def _write(self, message: live_messages.Message) -> None:
        if not await self._dependencies.store.write(self._worker, self._claim, message):
            raise ClaimLost
