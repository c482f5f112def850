"""The worker of live messages: claims subjects that are behind, within the edit rate limit."""

import asyncio
import contextlib
import functools
import time

import structlog

from bot import errors
from bot.durable import claims, live_messages
from bot.slack.outbound import rate_limit, reconciler

log = structlog.get_logger()

MAX_CONCURRENT = 30
_MIN_POLL_SECONDS = 0.05
"""Between two polls for work, however much changes."""
_RETRY_SECONDS = 15.0


class LiveMessageWorker:
    """Claims subjects whose live messages are behind, and has them reconciled; a `membership.Listener`."""

    def __init__(
        self, dependencies: reconciler.Dependencies, limiter: rate_limit.EditLimiter, *, poll_seconds: float = 1.0
    ) -> None:
        self._dependencies = dependencies
        self._limiter = limiter
        self._poll_seconds = poll_seconds
        """How soon changes by other workers are seen."""
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._shown: dict[str, int] = {}
        """Subject of a kept claim → its signal when its messages were last reconciled."""
        self._not_before: dict[str, float] = {}
        self._unreadable: set[str] = set()
        self._first_pause = limiter.edit_seconds
        self._outage = rate_limit.Backoff(self._first_pause)
        """While Slack is unavailable."""
        self._unavailable_until = 0.0
        dependencies.member.subscribe(self)

    @property
    def kind(self) -> str:
        """Return the kind of claims that it works on."""
        return live_messages.KIND

    def wake(self) -> None:
        """Poll for work now."""
        self._wake.set()

    async def watch(self) -> None:
        """Reconcile what is behind; forever."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._start_tasks()
                except errors.Unavailable as error:
                    log.warning("live messages not updated", reason=str(error))
                await asyncio.sleep(_MIN_POLL_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
        finally:
            await self.drop_all()

    async def on_heartbeat(self, own: tuple[claims.Claim, ...]) -> None:
        """Do nothing: it polls by itself."""

    async def drop_all(self) -> None:
        """Cancel all tasks and wait for them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._shown.clear()

    def _pause(self) -> float:
        now = time.monotonic()
        times = [until - now for until in self._not_before.values()]
        return max(min([self._poll_seconds, *times]), 0.0)

    async def _start_tasks(self) -> None:
        member, now = self._dependencies.member, time.monotonic()
        self._not_before = {subject: until for subject, until in self._not_before.items() if until > now}
        room = MAX_CONCURRENT - len(self._tasks)
        if member.id is None or room < 1 or now < self._unavailable_until:
            return
        busy = {*self._tasks, *self._not_before, *self._unreadable}
        own = await member.owned(live_messages.KIND)
        kept = [claim for claim in own if claim.subject not in busy and self._shown.get(claim.subject) != claim.signal]
        claimed = await member.claim(live_messages.KIND, room, without=tuple(busy))
        for claim in [*kept, *claimed][:MAX_CONCURRENT]:
            task = asyncio.create_task(self._reconcile(member.id, claim), name=f"live messages of {claim.subject}")
            self._tasks[claim.subject] = task
            task.add_done_callback(functools.partial(self._forget, claim.subject))

    def _forget(self, subject: str, task: "asyncio.Task[None]") -> None:
        del self._tasks[subject]
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("live messages not updated", subject=subject, exc_info=error)
            self._postpone(subject, _RETRY_SECONDS)

    async def _reconcile(self, worker: str, claim: claims.Claim) -> None:
        self._shown.pop(claim.subject, None)
        try:
            is_kept = await reconciler.reconcile(self._dependencies, self._limiter, worker, claim)
        except reconciler.ClaimLost:
            log.info("claim on live messages lost", subject=claim.subject)
        except reconciler.RetryLater as later:
            seconds = self._limiter.slow_down(later.seconds) if later.is_requested else later.seconds
            self._postpone(claim.subject, seconds)
        except errors.Unavailable as error:
            await self._wait_for_slack(claim.subject, error)
        except errors.Unreadable as error:
            log.warning("live messages not updated", subject=claim.subject, reason=str(error))
            self._unreadable.add(claim.subject)
            await self._release(claim.subject)
        else:
            if is_kept:
                self._shown[claim.subject] = claim.signal
            self._limiter.recover()
            self._outage = rate_limit.Backoff(self._first_pause)

    def _postpone(self, subject: str, seconds: float) -> None:
        self._not_before[subject] = time.monotonic() + seconds

    async def _wait_for_slack(self, subject: str, error: errors.Unavailable) -> None:
        """Pause all work, and release the claim: another replica may reach Slack."""
        if time.monotonic() >= self._unavailable_until:
            self._unavailable_until = time.monotonic() + self._outage.slow_down(None)
            log.warning("live messages not updated", subject=subject, reason=str(error))
        await self._release(subject)

    async def _release(self, subject: str) -> None:
        with contextlib.suppress(errors.Unavailable):
            await self._dependencies.member.release(live_messages.KIND, (subject,))
