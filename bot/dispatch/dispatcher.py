"""
Invocation → response. There always is a response, and it never contains a secret.

`Dispatcher.dispatch` shows the steps in their order.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from bot import command as bot_command
from bot import errors, metrics
from bot.dispatch import limits as dispatch_limits
from bot.dispatch import parser as dispatch_parser
from bot.dispatch import permissions as dispatch_permissions
from bot.dispatch import redaction
from bot.model import invocations, reports
from bot.store import audit

log = structlog.get_logger()

_MAX_UNRECORDED = 10_000
_CHAT = frozenset({invocations.Source.SLASH, invocations.Source.MENTION, invocations.Source.DIRECT_MESSAGE})
"""Sources whose text a chat program may have changed; the command lines of buttons are our own."""


class ContextFactory(Protocol):
    """Makes the context of an invocation."""

    def __call__(
        self,
        *,
        invocation: invocations.Invocation,
        may_run: bot_command.MayRun,
        display: invocations.Display,
        reserve: bot_command.Reserve,
    ) -> bot_command.Context:
        """Return the context."""


class NoDisplay:
    """Shows nothing before the response."""

    async def progress(self, report: reports.Report) -> None:
        """Show nothing."""

    async def append(self, log: reports.Log, status: str) -> None:
        """Show nothing."""

    async def until_stopped(self) -> str:
        """Return at once, because nobody is watching."""
        return "because nobody can see it here"

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Return no answer."""


class _Redacted:
    """A display whose content is redacted."""

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
        consequences = {option: self._redactor.text(one) for option, one in prompt.consequences.items()}
        labels = {option: self._redactor.text(one) for option, one in prompt.labels.items()}
        return await self._display.ask(dataclasses.replace(prompt, text=text, consequences=consequences, labels=labels))


@dataclasses.dataclass(slots=True, kw_only=True)
class _State:
    """What is known so far of one invocation, for the audit log and the log."""

    started: float
    command: str | None = None
    is_recorded: bool = True
    reservation: dispatch_limits.Reservation | None = None
    """Of an answer that is delivered after the dispatch."""


class Dispatcher:
    """The one path between entry points and commands."""

    def __init__(
        self,
        *,
        parser: dispatch_parser.Parser,
        permissions: dispatch_permissions.Permissions,
        redactor: redaction.Redactor,
        audit_log: audit.AuditLog,
        make_context: ContextFactory,
    ) -> None:
        self.parser = parser
        self.limits = dispatch_limits.Limits()
        self._permissions = permissions
        self._redactor = redactor
        self._audit = audit_log
        self._make_context = make_context
        self._redacting = asyncio.Lock()
        self._unrecorded: collections.OrderedDict[str, None] = collections.OrderedDict()
        """
        Delivery keys that are being recorded, or that the database could not take.

        Delivered again, they are not carried out again here, however long the database takes to accept or to fail.
        """

    async def dispatch(
        self,
        invocation: invocations.Invocation,
        display: invocations.Display | None = None,
        reservation: dispatch_limits.Reservation | None = None,
    ) -> invocations.Response:
        """
        Return the response to *invocation*; partial results go to *display*.

        Who needs a while to deliver the response brings the *reservation* of its memory, and releases it afterwards.

        Raises nothing but cancellation, which is recorded first.
        """
        state = _State(started=time.monotonic(), reservation=reservation)
        structlog.contextvars.bind_contextvars(invocation=invocation.id)
        if not await self._start(invocation, state):
            return _response(invocation, invocations.Status.DUPLICATE, "Duplicate request.")
        is_chat = invocation.source in _CHAT
        try:
            response = await self._attempt(
                invocation,
                display or NoDisplay(),
                state,
                lambda: self.parser.parse(invocation.text, from_chat=is_chat),
            )
            response = await self._redacted(response)
        except asyncio.CancelledError:
            cancelled = _response(invocation, invocations.Status.CANCELLED, "Cancelled before it completed.")
            await asyncio.shield(self._end(invocation, cancelled, state))
            raise
        await self._end(invocation, response, state)
        return response

    async def refuse(self, invocation: invocations.Invocation, report: reports.Report) -> invocations.Response:
        """Return *report* as the response to *invocation*, which its entry point refuses, and record both."""
        state = _State(started=time.monotonic())
        structlog.contextvars.bind_contextvars(invocation=invocation.id)
        if not await self._start(invocation, state):
            return _response(invocation, invocations.Status.DUPLICATE, "Duplicate request.")
        response = invocations.Response(invocation_id=invocation.id, status=invocations.Status.DENIED, report=report)
        await self._end(invocation, response, state)
        return response

    def validate(
        self, name: str, values: Mapping[str, object]
    ) -> tuple[bot_command.Command[Any], bot_command.Parameters]:
        """
        Return the command called *name* and its parameters with *values*.

        Raises:
            errors.UsageError: naming the invalid value.
        """
        command = self.parser.find(name)
        return command, self.parser.validate(command, values)

    async def perform(
        self, invocation: invocations.Invocation, command: bot_command.Command[Any], parameters: bot_command.Parameters
    ) -> invocations.Response:
        """
        Return the response of *command* as a step of a run, which writes the audit log itself.

        Permission is checked each time: the actor may have lost a role since the run started.
        """
        state = _State(started=time.monotonic(), command=command.name)
        response = await self._attempt(
            invocation, NoDisplay(), state, lambda: dispatch_parser.Parsed(command=command, parameters=parameters)
        )
        self._log_end(invocation, response, state)
        return await self._redacted(response)

    async def _redacted(self, response: invocations.Response) -> invocations.Response:
        """
        Return *response* without secrets; a sentence in its place where redaction fails.

        Redacting a log of fifty thousand lines takes seconds, in which neither the event loop nor short responses
        wait. Long ones take turns, because threads share one interpreter, and a second one would only slow the first.
        """
        try:
            is_long = redaction.is_long(response.report)
            async with self._redacting if is_long else contextlib.nullcontext():
                report = await asyncio.to_thread(self._redactor.report, response.report)
        except redaction.FAILURES:
            log.exception("response not redacted", invocation=response.invocation_id)
            headline = f"The result could not be redacted, so it is not shown (id {response.invocation_id})."
            report = reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline)
            return dataclasses.replace(response, status=invocations.Status.FAILED, report=report)
        return dataclasses.replace(response, report=report)

    async def _attempt(
        self,
        invocation: invocations.Invocation,
        display: invocations.Display,
        state: _State,
        parse: Callable[[], dispatch_parser.Parsed],
    ) -> invocations.Response:
        try:
            parsed = parse()
            state.command = parsed.command.name
            await self._permissions.check(parsed.command, invocation.actor, invocation.conversation)
            self._require_record(parsed.command, state)
            report = await self._run(parsed, invocation, display, state)
        except errors.BotError as error:
            return _error_response(invocation, error)
        except Exception:
            # One of the places that may catch everything: whatever a command does, there is a response.
            log.exception("command crashed", command=state.command)
            headline = f"Internal error: the command could not be completed (id {invocation.id})."
            hint = "Retry the command. If it fails again, search posbot’s log for the id."
            return _response(invocation, invocations.Status.FAILED, headline, hint=hint)
        return invocations.Response(
            invocation_id=invocation.id,
            status=invocations.Status.OK,
            report=report,
            reply=parsed.command.reply(parsed.parameters),
        )

    async def _run(
        self,
        parsed: dispatch_parser.Parsed,
        invocation: invocations.Invocation,
        display: invocations.Display,
        state: _State,
    ) -> reports.Report:
        async def is_permitted(command: bot_command.Command[Any]) -> bool:
            try:
                await self._permissions.check(command, invocation.actor, invocation.conversation)
            except errors.PermissionDenied:
                return False
            return True

        seconds = parsed.command.deadline(parsed.parameters)
        reservation = state.reservation or self.limits.reservation(invocation.actor.id)
        context = self._make_context(
            invocation=invocation,
            may_run=is_permitted,
            display=_Redacted(display, self._redactor),
            reserve=reservation.reserve,
        )
        timeout = asyncio.timeout(seconds)
        try:
            async with self._occupied(parsed, invocation), timeout:
                report: reports.Report = await parsed.command.run(parsed.parameters, context)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            raise _CommandTimedOut(
                f"{parsed.command.name} timed out after {seconds:g} s.",
                hint="Retry the command, or run it on fewer services.",
            ) from error
        finally:
            if state.reservation is None:
                reservation.release()
        return report

    def _occupied(
        self, parsed: dispatch_parser.Parsed, invocation: invocations.Invocation
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """Return the block in which a command counts against the limits of its actor."""
        command, person = parsed.command, invocation.actor.id
        if command.is_followed(parsed.parameters):
            return self.limits.followed_log(person)
        # A person at the limit can still stop, answer and cancel; the worker limits the steps of runs.
        is_control = command.reply(parsed.parameters) is invocations.Reply.ACKNOWLEDGEMENT
        if is_control or invocation.source is invocations.Source.STEP:
            return contextlib.nullcontext()
        return self.limits.command(person)

    async def _start(self, invocation: invocations.Invocation, state: _State) -> bool:
        """Return whether this is the first delivery of *invocation*, recorded if the database is available."""
        key = invocation.delivery_key
        if key is not None:
            if key in self._unrecorded:
                return False
            self._unrecorded[key] = None
            if len(self._unrecorded) > _MAX_UNRECORDED:
                self._unrecorded.popitem(last=False)
        # A longer text is no command, and redacting it here would hold the event loop.
        text = self._redactor.text(errors.shorten(invocation.text, dispatch_parser.TEXT_LIMIT))
        try:
            is_first = await self._audit.begin(dataclasses.replace(invocation, text=text))
        except errors.Unavailable as error:
            log.error("invocation not recorded", reason=str(error))
            metrics.UNRECORDED.inc()
            state.is_recorded = False
            return True
        if key is not None:
            # From here on the database knows it, in other processes too.
            self._unrecorded.pop(key, None)
        return is_first

    @staticmethod
    def _require_record(command: bot_command.Command[Any], state: _State) -> None:
        if command.effect is bot_command.Effect.CHANGE and not state.is_recorded:
            raise errors.Unavailable(
                f"{command.name} was not run, because the audit log is unavailable.",
                hint="Check the database and retry the command.",
            )

    async def _end(self, invocation: invocations.Invocation, response: invocations.Response, state: _State) -> None:
        seconds = self._log_end(invocation, response, state)
        if not state.is_recorded:
            return
        try:
            await self._audit.end(response, command=state.command, duration_seconds=seconds)
        except errors.Unavailable as error:
            log.error("end of invocation not recorded", reason=str(error))
            metrics.UNRECORDED.inc()

    @staticmethod
    def _log_end(invocation: invocations.Invocation, response: invocations.Response, state: _State) -> float:
        seconds = time.monotonic() - state.started
        metrics.INVOCATIONS.labels(state.command or "none", invocation.source.value, response.status.value).inc()
        metrics.COMMAND_SECONDS.labels(state.command or "none").observe(seconds)
        log.info(
            "invocation ended",
            command=state.command,
            source=invocation.source.value,
            actor=invocation.actor.id,
            conversation=invocation.conversation.id,
            status=response.status.value,
            verdict=response.report.verdict.value,
            seconds=round(seconds, 3),
        )
        return seconds


class _CommandTimedOut(errors.Unavailable):
    """The command exceeded its timeout."""


def _error_response(invocation: invocations.Invocation, error: errors.BotError) -> invocations.Response:
    if isinstance(error, errors.UsageError):
        status = invocations.Status.USAGE_ERROR
    elif isinstance(error, errors.PermissionDenied):
        status = invocations.Status.DENIED
    elif isinstance(error, _CommandTimedOut):
        status = invocations.Status.TIMED_OUT
    else:
        status = invocations.Status.FAILED
    return _response(invocation, status, str(error), hint=error.hint, commands=error.commands)


def _response(
    invocation: invocations.Invocation,
    status: invocations.Status,
    headline: str,
    *,
    hint: str | None = None,
    commands: tuple[str, ...] = (),
) -> invocations.Response:
    report = reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline=headline,
        sections=(reports.Text(text=hint),) if hint else (),
        next_actions=tuple(reports.NextAction(label=line, command=line) for line in commands),
    )
    return invocations.Response(invocation_id=invocation.id, status=status, report=report)


def new_id(now: datetime.datetime) -> str:
    """Return a new id of an invocation: short enough to read out, unique within a day of many users."""
    return f"{now:%m%d}-{secrets.token_hex(5)}"
