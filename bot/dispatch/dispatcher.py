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

from bot import command as bot_command
from bot import errors, metrics
from bot.dispatch import parser as dispatch_parser
from bot.dispatch import permissions as dispatch_permissions
from bot.dispatch import redaction
from bot.model import invocations, reports
from bot.store import audit

log = structlog.get_logger()

_CHAT = frozenset({invocations.Source.SLASH, invocations.Source.MENTION})
"""Where a chat program stands between what was typed and what comes; lines of buttons are our own."""
ToolsFor = Callable[[invocations.Invocation, bot_command.MayRun, invocations.Display], bot_command.Context]


class NoDisplay:
    """Shows nothing before the end."""

    async def progress(self, report: reports.Report) -> None:
        """Show nothing."""

    async def append(self, log: reports.Log, status: str) -> None:
        """Show nothing."""

    async def until_stopped(self) -> str:
        """Give at once that nobody looks."""
        return "because nobody can see it here"

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Ask nobody."""


class _Redacted:
    """A display that gets nothing with a secret in it."""

    def __init__(self, display: invocations.Display, redactor: redaction.Redactor) -> None:
        self._display = display
        self._redactor = redactor

    async def progress(self, report: reports.Report) -> None:
        await self._display.progress(await asyncio.to_thread(self._redactor.report, report))

    async def append(self, log: reports.Log, status: str) -> None:
        await self._display.append(await asyncio.to_thread(self._redactor.log, log), self._redactor.text(status))

    async def until_stopped(self) -> str:
        return await self._display.until_stopped()

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        text = self._redactor.text(prompt.text)
        return await self._display.ask(dataclasses.replace(prompt, text=text))


@dataclasses.dataclass(slots=True, kw_only=True)
class _InvocationLog:
    """What is known so far of one invocation, for the record and the log."""

    started: float
    word: str | None = None
    is_recorded: bool = True


class Dispatcher:
    """The one door between frontends and commands."""

    def __init__(
        self,
        *,
        parser: dispatch_parser.Parser,
        permissions: dispatch_permissions.Permissions,
        redactor: redaction.Redactor,
        record: audit.AuditLog,
        tools_for: ToolsFor,
    ) -> None:
        self.parser = parser
        self._permissions = permissions
        self._redactor = redactor
        self._record = record
        self._tools_for = tools_for
        self._redacting = asyncio.Lock()

    async def dispatch(
        self, invocation: invocations.Invocation, display: invocations.Display | None = None
    ) -> invocations.Response:
        """
        Give the answer to *invocation*; what there is before it is complete goes to *display*.

        Never raises but for cancellation, which is recorded before it passes on.
        """
        course = _InvocationLog(started=time.monotonic())
        structlog.contextvars.bind_contextvars(invocation=invocation.id)
        if not await self._begin(invocation, course):
            return _answer(invocation, invocations.Status.DUPLICATE, reports.Verdict.UNKNOWN, "This came twice.")
        is_chat = invocation.source in _CHAT
        try:
            answer = await self._attempt(
                invocation,
                display or NoDisplay(),
                course,
                lambda: self.parser.parse(invocation.text, from_chat=is_chat),
            )
            answer = await self._redacted(answer)
        except asyncio.CancelledError:
            cancelled = _answer(
                invocation, invocations.Status.CANCELLED, reports.Verdict.UNKNOWN, "Cancelled before it was done."
            )
            await asyncio.shield(self._end(invocation, cancelled, course))
            raise
        await self._end(invocation, answer, course)
        return answer

    def validate(
        self, word: str, values: Mapping[str, object]
    ) -> tuple[bot_command.Command[Any], bot_command.Parameters]:
        """
        Give the command called *word* and its parameters with *values*.

        Raises:
            errors.UsageError: naming what does not fit.
        """
        command = self.parser.find(word)
        return command, self.parser.validate(command, values)

    async def perform(
        self, invocation: invocations.Invocation, command: bot_command.Command[Any], parameters: bot_command.Parameters
    ) -> invocations.Response:
        """
        Give the answer of *command* as a step of a run, which keeps the record itself.

        The person in whose name it runs is asked for permission each time: a role may have been taken away meanwhile.
        """
        course = _InvocationLog(started=time.monotonic(), word=command.name)
        answer = await self._attempt(
            invocation, NoDisplay(), course, lambda: dispatch_parser.Parsed(command=command, parameters=parameters)
        )
        self._log_end(invocation, answer, course)
        return await self._redacted(answer)

    async def _redacted(self, answer: invocations.Response) -> invocations.Response:
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
        display: invocations.Display,
        course: _InvocationLog,
        parse: Callable[[], dispatch_parser.Parsed],
    ) -> invocations.Response:
        try:
            parsed = parse()
            course.word = parsed.command.name
            await self._permissions.check(parsed.command, invocation.actor, invocation.conversation)
            self._insist_on_record(parsed.command, course)
            report = await self._run(parsed, invocation, display)
        except errors.BotError as error:
            return _explained(invocation, error)
        except Exception:
            # One of two places that may: whatever a command does wrong, the person gets an answer.
            log.exception("command crashed", word=course.word)
            headline = "posbot made a mistake and could not finish this."
            hint = f"Try again; if it happens again, the log has the rest under {invocation.id}."
            return _answer(invocation, invocations.Status.FAILED, reports.Verdict.UNKNOWN, headline, hint=hint)
        return invocations.Response(
            invocation_id=invocation.id,
            status=invocations.Status.OK,
            report=report,
            reply=parsed.command.reply(parsed.parameters),
        )

    async def _run(
        self, parsed: dispatch_parser.Parsed, invocation: invocations.Invocation, display: invocations.Display
    ) -> reports.Report:
        async def may(command: bot_command.Command[Any]) -> bool:
            try:
                await self._permissions.check(command, invocation.actor, invocation.conversation)
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
                f"{parsed.command.name} did not finish within {seconds:g} s.",
                hint="Try it on fewer services, or again in a moment.",
            ) from error
        return report

    async def _begin(self, invocation: invocations.Invocation, course: _InvocationLog) -> bool:
        text = self._redactor.text(invocation.text)
        try:
            return await self._record.begin(dataclasses.replace(invocation, text=text))
        except errors.Unavailable as error:
            log.error("invocation not recorded", reason=str(error))
            metrics.UNRECORDED.inc()
            course.is_recorded = False
            return True

    @staticmethod
    def _insist_on_record(command: bot_command.Command[Any], course: _InvocationLog) -> None:
        if command.effect is bot_command.Effect.CHANGE and not course.is_recorded:
            raise errors.Unavailable(
                f"{command.name} changes something and could not be recorded, so it was not done.",
                hint="Check the database and try again.",
            )

    async def _end(
        self, invocation: invocations.Invocation, answer: invocations.Response, course: _InvocationLog
    ) -> None:
        seconds = self._log_end(invocation, answer, course)
        if not course.is_recorded:
            return
        try:
            await self._record.end(answer, word=course.word, duration_seconds=seconds)
        except errors.Unavailable as error:
            log.error("ending not recorded", reason=str(error))
            metrics.UNRECORDED.inc()

    @staticmethod
    def _log_end(invocation: invocations.Invocation, answer: invocations.Response, course: _InvocationLog) -> float:
        seconds = time.monotonic() - course.started
        metrics.INVOCATIONS.labels(course.word or "none", invocation.source.value, answer.status.value).inc()
        metrics.DURATION.labels(course.word or "none").observe(seconds)
        log.info(
            "invocation ended",
            word=course.word,
            door=invocation.source.value,
            actor=invocation.actor.id,
            place=invocation.conversation.id,
            ending=answer.status.value,
            verdict=answer.report.verdict.value,
            seconds=round(seconds, 3),
        )
        return seconds


class _DeadlinePassed(errors.Unavailable):
    """The command took longer than it may."""


def _explained(invocation: invocations.Invocation, error: errors.BotError) -> invocations.Response:
    ending, verdict = invocations.Status.FAILED, reports.Verdict.UNKNOWN
    if isinstance(error, errors.UsageError):
        ending = invocations.Status.USAGE_ERROR
    elif isinstance(error, errors.NotAllowed):
        ending = invocations.Status.DENIED
    elif isinstance(error, _DeadlinePassed):
        ending = invocations.Status.TIMED_OUT
    return _answer(invocation, ending, verdict, str(error), hint=error.hint, words=error.words)


def _answer(
    invocation: invocations.Invocation,
    ending: invocations.Status,
    verdict: reports.Verdict,
    headline: str,
    *,
    hint: str | None = None,
    words: tuple[str, ...] = (),
) -> invocations.Response:
    report = reports.Report(
        verdict=verdict,
        headline=headline,
        sections=(reports.Text(text=hint),) if hint else (),
        next_actions=tuple(reports.NextAction(label=line, command=line) for line in words),
    )
    return invocations.Response(invocation_id=invocation.id, status=ending, report=report)


def new_id(now: datetime.datetime) -> str:
    """Give an id for an invocation: short enough to be read out, unique within a day of many people."""
    return f"{now:%m%d}-{secrets.token_hex(5)}"
