"""The terminal: the same commands for the day when Slack is down."""

import datetime
import getpass
import json
import os
import shlex
from collections.abc import Sequence

from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.model import invocations, reports
from bot.terminal import display, json_output, rendering

_EXIT_CODES = {reports.Verdict.OK: 0, reports.Verdict.WARNING: 1, reports.Verdict.FAILED: 1, reports.Verdict.UNKNOWN: 3}
USAGE_EXIT_CODE = 2
UNKNOWN_EXIT_CODE = 3


async def run_command(dispatcher: dispatch_dispatcher.Dispatcher, words: Sequence[str], *, as_json: bool) -> int:
    """Run what *words* ask for, print the answer, and give the exit code."""
    screen = display.TerminalDisplay(as_json=as_json)
    try:
        outcome = await dispatcher.dispatch(_invocation(words), screen)
    finally:
        screen.settle()
    if as_json and not screen.has_streamed:
        print(json.dumps(json_output.write(outcome), indent=2, ensure_ascii=False))  # noqa: T201 - the answer itself
    else:
        is_answer = outcome.status is invocations.Status.OK and not screen.has_streamed
        target = screen.output if is_answer else screen.errors
        # What is wider than the screen is wrapped by the terminal; cropped, a log would lose the ends of its lines.
        target.print(rendering.render(outcome), crop=False)
    return exit_code(outcome)


def exit_code(outcome: invocations.Response) -> int:
    """Give 0 for ok, 1 for a problem found, 2 for a line that could not be understood, 3 for could not tell."""
    if outcome.status is invocations.Status.OK:
        return _EXIT_CODES[outcome.report.verdict]
    return USAGE_EXIT_CODE if outcome.status is invocations.Status.USAGE_ERROR else UNKNOWN_EXIT_CODE


def _invocation(words: Sequence[str]) -> invocations.Invocation:
    now = datetime.datetime.now(datetime.UTC)
    user = _user()
    return invocations.Invocation(
        id=dispatch_dispatcher.new_id(now),
        text=shlex.join(words),
        source=invocations.Source.TERMINAL,
        actor=invocations.Actor(id=f"terminal:{user}", name=user),
        conversation=invocations.Conversation(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
        received_at=now,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return str(os.getuid())
