"""Prints a response and turns its status into an exit code."""

import json
import os
import sys

import rich.console

from bot import exit_codes
from bot.model import characters, invocations, reports
from bot.terminal import json_output, rendering

_UNLIMITED_COLUMNS = 10_000
_BY_VERDICT = {
    reports.Verdict.OK: exit_codes.OK,
    reports.Verdict.WARNING: exit_codes.PROBLEM,
    reports.Verdict.FAILED: exit_codes.PROBLEM,
    reports.Verdict.UNKNOWN: exit_codes.UNKNOWN,
}


def exit_code(response: invocations.Response) -> int:
    """Return the exit code of *response*, as `bot.exit_codes` describes them."""
    if response.status is invocations.Status.OK:
        return _BY_VERDICT[response.report.verdict]
    return exit_codes.USAGE if response.status is invocations.Status.USAGE_ERROR else exit_codes.UNKNOWN


def print_response(response: invocations.Response, *, as_json: bool, has_streamed: bool = False) -> None:
    """Print the report to standard output; to standard error where it is no result, or follows streamed lines."""
    if as_json and not has_streamed:
        print(characters.clean(json.dumps(json_output.write(response), indent=2, ensure_ascii=False)))  # noqa: T201 - the response itself
        return
    is_result = response.status is invocations.Status.OK and not has_streamed
    # Longer lines are wrapped by the terminal; cropped, a log would lose their ends.
    console(to_stderr=not is_result).print(rendering.render(response), crop=False)


def console(*, to_stderr: bool) -> rich.console.Console:
    """Return a console whose lines are not wrapped where no terminal shows them, unless COLUMNS is set."""
    made = rich.console.Console(stderr=to_stderr, highlight=False)
    if not (sys.stderr if to_stderr else sys.stdout).isatty() and "COLUMNS" not in os.environ:  # noqa: TID251 - rich reads it, too
        # The reader of a pipe or a file expects whole lines, colours or not.
        made.width = _UNLIMITED_COLUMNS
    return made
