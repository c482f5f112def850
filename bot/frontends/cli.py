"""The terminal: the same commands for the day when Slack is down."""

import datetime
import getpass
import json
import os
import shlex
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
    errors_console = _console(to_stderr=True)
    invocation = _invocation(words)

    async def progress(report: reports.Report) -> None:
        errors_console.print(terminal.progress_line(report))

    outcome = await dispatcher.dispatch(invocation, progress)
    if as_json:
        print(json.dumps(record.write(outcome), indent=2, ensure_ascii=False))  # noqa: T201 - the answer itself
    else:
        target = _console(to_stderr=False) if outcome.ending is invocations.Ending.DONE else errors_console
        target.print(terminal.draw(outcome))
    return exit_code(outcome)


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
