"""The service of runs: start them, find them, answer their questions, cancel and retry them."""

import asyncio
import contextlib
import dataclasses
import datetime
import secrets
from collections.abc import Awaitable, Callable

from bot import errors
from bot.durable import locks, membership
from bot.model import invocations
from bot.procedures import runs, schema
from bot.procedures.engine import access, planner, transitions
from bot.procedures.engine import store as run_store
from bot.procedures.engine import worker as run_worker
from bot.store import database

_POLL_SECONDS = 0.5
_MAX_ATTEMPTS = 20
"""All attempts of a run are kept in one row."""
_MIN_PAGE, _MAX_LOOKED_AT = 25, 2_000
"""Runs that are read to list those that an actor may see: at once, and in all."""


class RunService:
    """The engine, as commands see it."""

    def __init__(
        self,
        *,
        store: run_store.RunStore,
        worker: run_worker.RunWorker,
        member: membership.Membership,
        authorizer: access.Authorizer,
        now: Callable[[], datetime.datetime],
        redact: Callable[[str], str] = str,
    ) -> None:
        self._store = store
        self._worker = worker
        self._member = member
        self._access = access.RunAccess(authorizer)
        self._now = now
        self._redact = redact
        """For notes, which are kept as long as the run."""

    async def start(self, order: runs.RunRequest) -> runs.Run:
        """
        Start a run, or return the one that the same invocation has started before.

        Raises:
            errors.UsageError: the name of its lock is too long.
            errors.Refused: its lock is held; says by which run.
            errors.Unavailable: it cannot be stored.
        """
        procedure = order.procedure
        now = self._now()
        run = runs.Run(
            id=f"r{now:%m%d}-{secrets.token_hex(4)}",
            procedure=procedure,
            digest=schema.digest(procedure),
            params=order.params,
            requester=order.invocation.actor,
            conversation=order.invocation.conversation,
            created_at=now,
            steps=tuple(runs.StepRecord(id=step.id) for step in procedure.all_steps()),
            lock=_validate_lock(order.lock),
            is_step_by_step=order.is_step_by_step,
        )
        has_room = self._worker.has_room
        started = await self._store.begin(run, order.invocation.id, self._member.id if has_room else None)
        if has_room and started is run:
            self._worker.execute(run)
        elif not has_room:
            self._worker.wake()
        return started

    def plan(self, order: runs.RunRequest) -> tuple[runs.PlannedStep, ...]:
        """Return what a run of *order* would do."""
        return planner.plan(order, self._worker.validate)

    async def find(self, run_id: str) -> runs.Run:
        """
        Return a run.

        Raises:
            errors.UsageError: there is none with this id.
        """
        run = await self._store.find(run_id)
        if run is None:
            raise errors.UsageError(f"There is no run {run_id}.", hint="List the runs.", commands=("run list",))
        return run

    async def find_visible(self, run_id: str, *, by: invocations.Invocation) -> runs.Run:
        """
        Return a run that this person may see.

        Raises:
            errors.UsageError: there is none with this id.
            errors.PermissionDenied: they may not see it.
        """
        run = await self.find(run_id)
        await self._access.ensure_may_see(run, by)
        return run

    async def list(self, wanted: runs.RunFilter) -> tuple[runs.Run, ...]:
        """Return runs, the newest first."""
        return (await self._store.latest(wanted)).runs

    async def list_visible(self, wanted: runs.RunFilter, *, by: invocations.Invocation) -> tuple[runs.Run, ...]:
        """Return runs that this person may see, the newest first."""
        found: list[runs.Run] = []
        size = max(wanted.limit, _MIN_PAGE)
        for offset in range(0, _MAX_LOOKED_AT, size):
            page = await self._store.latest(dataclasses.replace(wanted, limit=size, offset=offset))
            found += [run for run in page.runs if await self._access.may_see(run, by)]
            is_last = len(page.runs) + len(page.unreadable) < size
            if is_last or len(found) >= wanted.limit:
                break
        return tuple(found[: wanted.limit])

    async def answer(
        self,
        run: runs.Run,
        answer: str,
        *,
        by: invocations.Invocation,
        comment: str = "",
        question_id: str | None = None,
    ) -> runs.Question:
        """
        Answer the question of *run*, or the one *question_id*; return it with the answer that counts, the first one.

        Raises:
            errors.PermissionDenied: this person may not answer it.
            errors.UsageError: the run waits for nothing, or the answer is not one of its options.
        """
        question = await self._question(run, question_id)
        if question.answer is not None:
            return question
        if answer not in question.options:
            raise errors.NotFound("answer", answer, question.options, hint=f"Expected {' or '.join(question.options)}.")
        if question.note == "required" and not comment:
            is_click = by.source is invocations.Source.BUTTON
            raise errors.UsageError(
                "A note is required with the answer.",
                hint="Fill in the Note field, then press the button again." if is_click else 'Add --note "…".',
            )
        await self._access.ensure_may_answer(run, question, by)
        given = dataclasses.replace(
            question,
            answer=answer,
            answered_by=by.actor.name,
            answered_by_id=by.actor.id,
            answered_at=self._now(),
            comment=self._redact(comment),
        )
        if await self._store.answer(question.id, given):
            self._worker.wake()
            return given
        return await self._store.find_question(run.id, question.id) or given

    async def may_answer(self, run: runs.Run, question: runs.Question, *, by: invocations.Invocation) -> bool:
        """Return whether this person may answer *question* of *run*."""
        try:
            await self._access.ensure_may_answer(run, question, by)
        except errors.PermissionDenied:
            return False
        return True

    async def cancel(self, run_id: str, *, by: invocations.Invocation) -> runs.Run:
        """
        Request that a run is cancelled; return it.

        Raises:
            errors.PermissionDenied, errors.UsageError
        """
        run = await self.find(run_id)
        await self._access.ensure_may_run(run, by)
        if not run.state.is_final:
            request = invocations.CancelRequest(by=by.actor.name, at=self._now(), by_id=by.actor.id)
            await self._store.request_cancel(run_id, request)
            self._worker.wake()
            return await self.find(run_id)
        return run

    async def retry(self, run_id: str, *, by: invocations.Invocation) -> runs.Run:
        """
        Retry a run that has ended from the step that failed; return it.

        Raises:
            errors.PermissionDenied: this person may not run it.
            errors.Refused: its lock is held by another run.
            errors.UsageError: it has not ended, reached its end, or was retried too often.
        """
        run = await self.find(run_id)
        await self._access.ensure_may_run(run, by)
        if not run.state.is_final:
            raise errors.UsageError(f"The run {run.id} is not over.", commands=(f"run show {run.id}",))
        if not run.can_be_retried:
            raise errors.UsageError(
                f"The run {run.id} reached its end: there is nothing to retry.",
                hint="Start a new run.",
                commands=(run.line, f"run log {run.id}"),
            )
        if run.attempt >= _MAX_ATTEMPTS:
            raise errors.UsageError(
                f"The run {run.id} has {run.attempt} attempts, which is the limit.",
                hint="Start a new run.",
                commands=(run.line,),
            )
        again = transitions.retry_run(run, by.actor, self._now())
        if await self._store.reopen(again):
            self._worker.wake()
        return await self.find(run_id)

    async def answers(self, run: runs.Run) -> tuple[runs.Question, ...]:
        """
        Return the answered questions of all attempts of *run*, the oldest first.

        Raises:
            errors.Unreadable, errors.Unavailable
        """
        asked = (await self._store.questions(run.id)).values()
        return tuple(sorted((one for one in asked if one.answer is not None), key=lambda one: one.asked_at))

    async def unlock(self, lock: str) -> runs.Run:
        """
        Release a lock; return the run that held it.

        Raises:
            errors.NotFound: nobody holds it.
            errors.Unreadable: it is free, but the run that held it cannot be read.
        """
        holder = await self._store.unlock(lock)
        if holder is None:
            raise errors.NotFound("lock", lock, await self._store.held_locks())
        try:
            return await self.find(holder)
        except errors.Unreadable as error:
            raise errors.Unreadable(f"“{lock}” is free now. {error}", hint=error.hint) from error

    async def execute_or_follow(self, run: runs.Run, show: Callable[[runs.Run], Awaitable[None]]) -> runs.Run:
        """Execute *run* here, or follow who does, until it ends or waits for a person; return it."""
        async with contextlib.AsyncExitStack() as stack:
            if self._member.id is None:
                self._worker.claims_new_runs = False
                await stack.enter_async_context(self._member.registered())
                watch = asyncio.create_task(self._member.watch(), name="membership")
                stack.push_async_callback(asyncio.wait, {watch})
                stack.callback(watch.cancel)
            shown, run_id = 0, run.id
            while True:
                claimed = await database.retry_until_available(lambda: self._worker.claim(run_id))
                task = claimed or self._worker.task_of(run.id)
                work = {task} if task is not None else set()
                while True:
                    run = await database.retry_until_available(lambda: self.find(run_id))
                    if run.version != shown:
                        shown = run.version
                        await show(run)
                    if run.state is not runs.RunState.RUNNING:
                        return run
                    if not work:
                        await asyncio.sleep(_POLL_SECONDS)
                        break
                    _, work = await asyncio.wait(work, timeout=_POLL_SECONDS)

    async def _question(self, run: runs.Run, question_id: str | None) -> runs.Question:
        question = run.question
        if question_id is not None and (question is None or question.id != question_id):
            question = await self._store.find_question(run.id, question_id)
        if question is None:
            raise errors.UsageError(f"The run {run.id} has not asked that.", commands=(f"run show {run.id}",))
        return question


def _validate_lock(lock: str | None) -> str | None:
    """Return *lock* as every database can hold it: its name contains what a person typed."""
    if lock is None:
        return None
    if len(lock) > locks.MAX_NAME_LENGTH:
        raise errors.UsageError(
            f"Lock name too long: “{errors.shorten(lock, 60)}” has {len(lock)} characters, the limit is"
            f" {locks.MAX_NAME_LENGTH}.",
            hint="Give shorter values.",
        )
    return database.strip_unsupported(lock)
