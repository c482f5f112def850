"""Prints a response and turns its status into an exit code."""

import json
import sys

import rich.console

from bot.model import characters, invocations, reports
from bot.terminal import json_output, rendering

_UNLIMITED_COLUMNS = 10_000
_EXIT_CODES = {reports.Verdict.OK: 0, reports.Verdict.WARNING: 1, reports.Verdict.FAILED: 1, reports.Verdict.UNKNOWN: 3}
USAGE_EXIT_CODE = 2
UNKNOWN_EXIT_CODE = 3


def exit_code(response: invocations.Response) -> int:
    """Return 0 for ok, 1 for a problem found, 2 for a usage error, 3 for unknown."""
    if response.status is invocations.Status.OK:
        return _EXIT_CODES[response.report.verdict]
    return USAGE_EXIT_CODE if response.status is invocations.Status.USAGE_ERROR else UNKNOWN_EXIT_CODE


def print_response(response: invocations.Response, *, as_json: bool, has_streamed: bool = False) -> None:
    """Print the report to standard output; to standard error where it is no result, or follows streamed lines."""
    if as_json and not has_streamed:
        print(characters.clean(json.dumps(json_output.write(response), indent=2, ensure_ascii=False)))  # noqa: T201 - the response itself
        return
    is_result = response.status is invocations.Status.OK and not has_streamed
    # Longer lines are wrapped by the terminal; cropped, a log would lose their ends.
    console(to_stderr=not is_result).print(rendering.render(response), crop=False)


def console(*, to_stderr: bool) -> rich.console.Console:
    """Return a console whose lines are not wrapped where no terminal shows them."""
    made = rich.console.Console(stderr=to_stderr, highlight=False)
    if not (sys.stderr if to_stderr else sys.stdout).isatty():
        # The reader of a pipe or a file expects whole lines, colours or not.
        made.width = _UNLIMITED_COLUMNS
    return made
