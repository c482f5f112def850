"""Runs a command line at a terminal through the dispatcher."""

import datetime
import os
import pwd
import shlex
from collections.abc import Sequence

from bot import exit_codes
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.model import invocations
from bot.terminal import display, output


async def run_command(dispatcher: dispatch_dispatcher.Dispatcher, arguments: Sequence[str], *, as_json: bool) -> int:
    """Run the command line *arguments*, print the response, and return the exit code."""
    screen = display.TerminalDisplay(as_json=as_json)
    try:
        response = await dispatcher.dispatch(_invocation(arguments), screen)
    finally:
        screen.clear()
    output.print_response(response, as_json=as_json, has_streamed=screen.has_streamed)
    return exit_codes.INTERRUPTED if screen.was_interrupted else output.exit_code(response)


def _invocation(arguments: Sequence[str]) -> invocations.Invocation:
    now = datetime.datetime.now(datetime.UTC)
    user = _user()
    return invocations.Invocation(
        id=dispatch_dispatcher.new_id(now),
        text=shlex.join(arguments),
        source=invocations.Source.TERMINAL,
        actor=invocations.Actor(id=f"terminal:{user}", name=user),
        conversation=invocations.Conversation(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
        received_at=now,
    )


def _user() -> str:
    """Return the name of the process's user id: LOGNAME and its like are whatever the caller sets them to."""
    user_id = os.getuid()
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        # A container may run under a number that has no name.
        return str(user_id)
