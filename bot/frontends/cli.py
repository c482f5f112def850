"""The terminal: the same commands for the day when Slack is down."""

import asyncio
import datetime
import getpass
import json
import os
import shlex
import signal
from collections.abc import Sequence

import rich.console

from bot.dispatch import dispatching
from bot.model import invocations, reports
from bot.render import record, terminal

_EXIT_CODES = {reports.Verdict.OK: 0, reports.Verdict.WARNING: 1, reports.Verdict.FAILED: 1, reports.Verdict.UNKNOWN: 3}
USAGE_EXIT_CODE = 2
UNTOLD_EXIT_CODE = 3
_UNLIMITED_COLUMNS = 10_000


async def answer(dispatcher: dispatching.Dispatcher, words: Sequence[str], *, as_json: bool) -> int:
    """Run what *words* ask for, print the answer, and give the exit code."""
    screen = _Screen(as_json=as_json)
    outcome = await dispatcher.dispatch(_invocation(words), screen)
    if as_json and not screen.has_streamed:
        print(json.dumps(record.write(outcome), indent=2, ensure_ascii=False))  # noqa: T201 - the answer itself
    else:
        is_answer = outcome.ending is invocations.Ending.DONE and not screen.has_streamed
        target = screen.output if is_answer else screen.errors
        # Sections are as wide as the console already, but for the lines of logs, which are as long as they are.
        target.print(terminal.draw(outcome), crop=False)
    return exit_code(outcome)


class _Screen:
    """
    The display of a terminal.

    What a reader further down the pipe wants goes to standard output, what is said about it to standard error.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.output = _console(to_stderr=False)
        self.errors = _console(to_stderr=True)
        self.has_streamed = False

    async def progress(self, report: reports.Report) -> None:
        self.errors.print(terminal.progress_line(report))

    async def append(self, log: reports.Log, status: str) -> None:  # noqa: ARG002 - the lines themselves tell it
        self.has_streamed = True
        if self._as_json:
            print("\n".join(record.write_line(entry) for entry in log.entries), flush=True)  # noqa: T201
        else:
            self.output.print(terminal.log(log), end="", soft_wrap=True)
        # A terminal is written to in one go; whoever wants to stop it must be heard in between.
        await asyncio.sleep(0)

    async def until_stopped(self) -> str:
        """Wait for Ctrl-C, which from now on ends the log and not the program."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, stop.set)
        try:
            await stop.wait()
        finally:
            loop.remove_signal_handler(signal.SIGINT)
        return "by Ctrl-C"


def exit_code(outcome: invocations.Answer) -> int:
    """Give 0 for ok, 1 for a problem found, 2 for a line that could not be understood, 3 for could not tell."""
    if outcome.ending is invocations.Ending.DONE:
        return _EXIT_CODES[outcome.report.verdict]
    return USAGE_EXIT_CODE if outcome.ending is invocations.Ending.MISUSED else UNTOLD_EXIT_CODE


def _console(*, to_stderr: bool) -> rich.console.Console:
    console = rich.console.Console(stderr=to_stderr, highlight=False)
    if not console.is_terminal:
        # Whoever reads it further down the pipe wants whole lines.
        console.width = _UNLIMITED_COLUMNS
    return console


def _invocation(words: Sequence[str]) -> invocations.Invocation:
    now = datetime.datetime.now(datetime.UTC)
    user = _user()
    return invocations.Invocation(
        id=dispatching.new_id(now),
        text=shlex.join(words),
        door=invocations.Door.TERMINAL,
        actor=invocations.Actor(id=f"terminal:{user}", name=user),
        place=invocations.Place(kind=invocations.PlaceKind.TERMINAL, id="terminal"),
        received_at=now,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return str(os.getuid())
