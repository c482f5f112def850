"""
Invocation → Answer. It always ends in an answer, and the answer never holds a secret.

The steps stand in `Dispatcher.dispatch` in the order in which they happen.
"""

import asyncio
import dataclasses
import datetime
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from bot import errors, metrics, toolkit
from bot.dispatch import parsing, permissions, redacting
from bot.model import displays, invocations, reports
from bot.store import invocations as invocation_store

log = structlog.get_logger()

_CHAT = frozenset({invocations.Door.SLASH, invocations.Door.MENTION})
"""Where a chat program stands between what was typed and what comes; lines of buttons are our own."""
ToolsFor = Callable[[invocations.Invocation, toolkit.MayRun, displays.Display], toolkit.Tools]


class NoDisplay:
    """Shows nothing before the end."""

    async def progress(self, report: reports.Report) -> None:
        """Show nothing."""

    async def append(self, log: reports.Log, status: str) -> None:
        """Show nothing."""

    async def until_stopped(self) -> str:
        """Give at once that nobody looks."""
        return "because nobody can see it here"

    async def ask(self, prompt: displays.Prompt) -> displays.Choice | None:
        """Ask nobody."""


class _Redacted:
    """A display that gets nothing with a secret in it."""

    def __init__(self, display: displays.Display, redactor: redacting.Redactor) -> None:
        self._display = display
        self._redactor = redactor

    async def progress(self, report: reports.Report) -> None:
        await self._display.progress(await asyncio.to_thread(self._redactor.report, report))

    async def append(self, log: reports.Log, status: str) -> None:
        await self._display.append(await asyncio.to_thread(self._redactor.log, log), self._redactor.text(status))

    async def until_stopped(self) -> str:
        return await self._display.until_stopped()

    async def ask(self, prompt: displays.Prompt) -> displays.Choice | None:
        text = self._redactor.text(prompt.text)
        return await self._display.ask(dataclasses.replace(prompt, text=text))


@dataclasses.dataclass(slots=True, kw_only=True)
class _Course:
    """What is known so far of one invocation, for the record and the log."""

    started: float
    word: str | None = None
    is_recorded: bool = True


class Dispatcher:
    """The one door between frontends and commands."""

    def __init__(
        self,
        *,
        parser: parsing.Parser,
        permissions: permissions.Permissions,
        redactor: redacting.Redactor,
        record: invocation_store.Invocations,
        tools_for: ToolsFor,
    ) -> None:
        self._parser = parser
        self._permissions = permissions
        self._redactor = redactor
        self._record = record
        self._tools_for = tools_for
        self._redacting = asyncio.Lock()

    async def dispatch(
        self, invocation: invocations.Invocation, display: displays.Display | None = None
    ) -> invocations.Answer:
        """
        Give the answer to *invocation*; what there is before it is complete goes to *display*.

        Never raises but for cancellation, which is recorded before it passes on.
        """
        course = _Course(started=time.monotonic())
        structlog.contextvars.bind_contextvars(invocation=invocation.id)
        if not await self._begin(invocation, course):
            return _answer(invocation, invocations.Ending.DUPLICATE, reports.Verdict.UNKNOWN, "This came twice.")
        is_chat = invocation.door in _CHAT
        try:
            answer = await self._attempt(
                invocation,
                display or NoDisplay(),
                course,
                lambda: self._parser.parse(invocation.text, from_chat=is_chat),
            )
            answer = await self._redacted(answer)
        except asyncio.CancelledError:
            cancelled = _answer(
                invocation, invocations.Ending.CANCELLED, reports.Verdict.UNKNOWN, "Cancelled before it was done."
            )
            await asyncio.shield(self._end(invocation, cancelled, course))
            raise
        await self._end(invocation, answer, course)
        return answer

    def validate(self, word: str, values: Mapping[str, object]) -> tuple[toolkit.Command[Any], toolkit.Parameters]:
        """
        Give the command called *word* and its parameters with *values*.

        Raises:
            errors.UsageError: naming what does not fit.
        """
        command = self._parser.find(word)
        return command, self._parser.validate(command, values)

    async def perform(
        self, invocation: invocations.Invocation, command: toolkit.Command[Any], parameters: toolkit.Parameters
    ) -> invocations.Answer:
        """
        Give the answer of *command* as a step of a run, which keeps the record itself.

        The person in whose name it runs is asked for permission each time: a role may have been taken away meanwhile.
        """
        course = _Course(started=time.monotonic(), word=command.word)
        answer = await self._attempt(
            invocation, NoDisplay(), course, lambda: parsing.Parsed(command=command, parameters=parameters)
        )
        self._log_end(invocation, answer, course)
        return await self._redacted(answer)

    async def _redacted(self, answer: invocations.Answer) -> invocations.Answer:
        """
        Give *answer* without secrets in it.

        A log of fifty thousand lines takes seconds, for which the loop must not stand still: Slack waits no longer than
        three. One after the other, because threads share one interpreter, and a second one would only slow the first.
        """
        async with self._redacting:
            report = await asyncio.to_thread(self._redactor.report, answer.report)
        return dataclasses.replace(answer, report=report)

    async def _attempt(
        self,
        invocation: invocations.Invocation,
        display: displays.Display,
        course: _Course,
        parse: Callable[[], parsing.Parsed],
    ) -> invocations.Answer:
        try:
            parsed = parse()
            course.word = parsed.command.word
            await self._permissions.check(parsed.command, invocation.actor, invocation.place)
            self._insist_on_record(parsed.command, course)
            report = await self._run(parsed, invocation, display)
        except errors.BotError as error:
            return _explained(invocation, error)
        except Exception:
            # One of two places that may: whatever a command does wrong, the person gets an answer.
            log.exception("command crashed", word=course.word)
            headline = "posbot made a mistake and could not finish this."
            hint = f"Try again; if it happens again, the log has the rest under {invocation.id}."
            return _answer(invocation, invocations.Ending.FAILED, reports.Verdict.UNKNOWN, headline, hint=hint)
        return invocations.Answer(
            invocation_id=invocation.id,
            ending=invocations.Ending.DONE,
            report=report,
            is_for_everyone=parsed.command.is_for_everyone,
        )

    async def _run(
        self, parsed: parsing.Parsed, invocation: invocations.Invocation, display: displays.Display
    ) -> reports.Report:
        async def may(command: toolkit.Command[Any]) -> bool:
            try:
                await self._permissions.check(command, invocation.actor, invocation.place)
            except errors.NotAllowed:
                return False
            return True

        seconds = parsed.command.deadline(parsed.parameters)
        tools = self._tools_for(invocation, may, _Redacted(display, self._redactor))
        timeout = asyncio.timeout(seconds)
        try:
            async with timeout:
                report: reports.Report = await parsed.command.run(parsed.parameters, tools)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise _DeadlinePassed(
                f"{parsed.command.word} did not finish within {seconds:g} s.",
                hint="Try it on fewer services, or again in a moment.",
            ) from error
        return report

    async def _begin(self, invocation: invocations.Invocation, course: _Course) -> bool:
        text = self._redactor.text(invocation.text)
        try:
            return await self._record.begin(dataclasses.replace(invocation, text=text))
        except errors.Unavailable as error:
            log.error("invocation not recorded", reason=str(error))
            metrics.UNRECORDED.inc()
            course.is_recorded = False
            return True

    @staticmethod
    def _insist_on_record(command: toolkit.Command[Any], course: _Course) -> None:
        if command.effect is toolkit.Effect.CHANGE and not course.is_recorded:
            raise errors.Unavailable(
                f"{command.word} changes something and could not be recorded, so it was not done.",
                hint="Check the database and try again.",
            )

    async def _end(self, invocation: invocations.Invocation, answer: invocations.Answer, course: _Course) -> None:
        seconds = self._log_end(invocation, answer, course)
        if not course.is_recorded:
            return
        try:
            await self._record.end(answer, word=course.word, duration_seconds=seconds)
        except errors.Unavailable as error:
            log.error("ending not recorded", reason=str(error))
            metrics.UNRECORDED.inc()

    @staticmethod
    def _log_end(invocation: invocations.Invocation, answer: invocations.Answer, course: _Course) -> float:
        seconds = time.monotonic() - course.started
        metrics.INVOCATIONS.labels(course.word or "none", invocation.door.value, answer.ending.value).inc()
        metrics.DURATION.labels(course.word or "none").observe(seconds)
        log.info(
            "invocation ended",
            word=course.word,
            door=invocation.door.value,
            actor=invocation.actor.id,
            place=invocation.place.id,
            ending=answer.ending.value,
            verdict=answer.report.verdict.value,
            seconds=round(seconds, 3),
        )
        return seconds


class _DeadlinePassed(errors.Unavailable):
    """The command took longer than it may."""


def _explained(invocation: invocations.Invocation, error: errors.BotError) -> invocations.Answer:
    ending, verdict = invocations.Ending.FAILED, reports.Verdict.UNKNOWN
    if isinstance(error, errors.UsageError):
        ending = invocations.Ending.MISUSED
    elif isinstance(error, errors.NotAllowed):
        ending = invocations.Ending.REFUSED
    elif isinstance(error, _DeadlinePassed):
        ending = invocations.Ending.TIMED_OUT
    return _answer(invocation, ending, verdict, str(error), hint=error.hint, words=error.words)


def _answer(
    invocation: invocations.Invocation,
    ending: invocations.Ending,
    verdict: reports.Verdict,
    headline: str,
    *,
    hint: str | None = None,
    words: tuple[str, ...] = (),
) -> invocations.Answer:
    report = reports.Report(
        verdict=verdict,
        headline=headline,
        sections=(reports.Text(text=hint),) if hint else (),
        next_actions=tuple(reports.NextAction(label=line, words=line) for line in words),
    )
    return invocations.Answer(invocation_id=invocation.id, ending=ending, report=report)


def new_id(now: datetime.datetime) -> str:
    """Give an id for an invocation: short enough to be read out, unique within a day of many people."""
    return f"{now:%m%d}-{secrets.token_hex(5)}"
