"""Sees to it that Slack shows the newest state of every run, whoever works on it."""

import asyncio
import contextlib
import dataclasses
import functools
import time

import structlog

from bot import errors
from bot.slack.outbound import rate_limit, reconciler

log = structlog.get_logger()

MAX_CONCURRENT = 30
_LEAST_SECONDS = 0.05
"""From one look for work to the next, however much changes."""
_AFTER_A_MISTAKE_SECONDS = 15.0
_FORGOTTEN_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerOptions:
    """How often."""

    budget: rate_limit.EditBudget = dataclasses.field(default_factory=rate_limit.EditBudget)
    edit_seconds: float = 1.0
    """From one edit of a run's messages to the next."""
    poll_seconds: float = 1.0
    """How soon is seen what others have changed."""


class EditLimiter:
    """Keeps the edits of each run apart, and those of all within what Slack allows."""

    def __init__(self, terms: ReconcilerOptions) -> None:
        self._terms = terms
        self._pace = rate_limit.Backoff(terms.edit_seconds)
        self._edited: dict[str, float] = {}
        self._reserved: dict[str, float] = {}

    def wait_for_edit(self, run_id: str) -> float:
        """Give the seconds until a run's messages may be edited; none where its turn has come, which is then over."""
        now = time.monotonic()
        if run_id not in self._reserved:
            after = self._edited.get(run_id, now - self._pace.seconds) + self._pace.seconds
            self._reserved[run_id] = max(now + self._terms.budget.reserve(now), after)
        if self._reserved[run_id] > now:
            return self._reserved[run_id] - now
        del self._reserved[run_id]
        self._edited = {one: at for one, at in self._edited.items() if now - at < _FORGOTTEN_SECONDS} | {run_id: now}
        return 0.0

    def note_post(self, run_id: str) -> None:
        """Take in that a message was posted, which counts as an edit of it."""
        self._edited[run_id] = time.monotonic()

    def slow_down(self, seconds: float) -> float:
        """Give how long to wait where Slack asks for a pause of some seconds."""
        return self._pace.slow_down(seconds)

    def recover(self) -> None:
        """Take in that Slack shows what it was to show."""
        self._pace.recover()


class LiveMessages:
    """Claims runs of which Slack does not show the newest state, and sees to them."""

    def __init__(self, means: reconciler.Dependencies, terms: ReconcilerOptions) -> None:
        self._means = means
        self._terms = terms
        self._turns = EditLimiter(terms)
        self._wake = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._unreadable: set[str] = set()
        self._outage = rate_limit.Backoff(terms.edit_seconds)
        self._away_until = 0.0

    def wake(self) -> None:
        """Look for work now and not at the next poll."""
        self._wake.set()

    async def watch(self) -> None:
        """Do so for ever."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self._take_up()
                except errors.Unavailable as error:
                    log.warning("posts are not looked after", reason=str(error))
                await asyncio.sleep(_LEAST_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
        finally:
            await self._drop_all()

    def _pause(self) -> float:
        now = time.monotonic()
        times = [until - now for until in self._not_before.values()]
        return max(min([self._terms.poll_seconds, *times]), 0.0)

    async def _take_up(self) -> None:
        worker, now = self._means.claimant.id, time.monotonic()
        self._not_before = {run_id: until for run_id, until in self._not_before.items() if until > now}
        room = MAX_CONCURRENT - len(self._tasks)
        if worker is None or room < 1 or now < self._away_until:
            return
        without = {*self._tasks, *self._not_before, *self._unreadable}
        for run_id in await self._means.store.claim(worker, room, without=tuple(without)):
            task = asyncio.create_task(self._see_to(worker, run_id), name=f"posts of {run_id}")
            self._tasks[run_id] = task
            task.add_done_callback(functools.partial(self._forget, run_id))

    def _forget(self, run_id: str, task: "asyncio.Task[None]") -> None:
        del self._tasks[run_id]
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("run not posted", run=run_id, exc_info=error)
            self._put_off(run_id, _AFTER_A_MISTAKE_SECONDS)

    async def _see_to(self, worker: str, run_id: str) -> None:
        try:
            await reconciler.reconcile(self._means, self._turns, worker, run_id)
        except reconciler.ClaimLost:
            log.info("posts of a run were taken over", run=run_id)
        except reconciler.RetryLater as later:
            seconds = self._turns.slow_down(later.seconds) if later.is_asked else later.seconds
            self._put_off(run_id, seconds)
        except errors.Unavailable as error:
            await self._wait_for_slack(worker, run_id, error)
        except errors.Unreadable as error:
            log.warning("run is not posted", run=run_id, reason=str(error))
            self._unreadable.add(run_id)
            await self._release(worker, run_id)
        else:
            self._turns.recover()
            self._outage = rate_limit.Backoff(self._terms.edit_seconds)

    def _put_off(self, run_id: str, seconds: float) -> None:
        self._not_before[run_id] = time.monotonic() + seconds

    async def _wait_for_slack(self, worker: str, run_id: str, error: errors.Unavailable) -> None:
        """Leave Slack alone for a while; meanwhile another replica may reach it."""
        if time.monotonic() >= self._away_until:
            self._away_until = time.monotonic() + self._outage.slow_down(None)
            log.warning("run not posted", run=run_id, reason=str(error))
        await self._release(worker, run_id)

    async def _release(self, worker: str, run_id: str) -> None:
        with contextlib.suppress(errors.Unavailable):
            await self._means.store.release(worker, run_id)

    async def _drop_all(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
