"""
The display of a terminal.

What a reader further down the pipe wants goes to standard output, what is said about it to standard error.
"""

import asyncio
import signal
import sys

import rich.console
import rich.live

from bot.model import invocations, reports
from bot.procedures import runs
from bot.terminal import json_output, rendering

_UNLIMITED_COLUMNS = 10_000


class TerminalDisplay:
    """Shows what there is before the answer, follows logs and runs, and asks whoever sits there."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.output = _console(to_stderr=False)
        self.errors = _console(to_stderr=True)
        self.has_streamed = False
        self._live: rich.live.Live | None = None
        self._plan: reports.Plan | None = None
        self._told: reports.Plan | None = None
        """What stands on the screen for good, of a plan that is drawn again and again."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report: its headline, or the tasks that it tells of as they go on."""
        plan = next((section for section in report.sections if isinstance(section, reports.Plan)), None)
        if plan is None:
            self.settle()
            self.errors.print(rendering.progress_line(report))
        else:
            self._plan = plan
            if self.errors.is_terminal:
                self._show(report, plan)
            else:
                self._tell()

    async def append(self, log: reports.Log, status: str) -> None:  # noqa: ARG002 - the lines themselves tell it
        """Print new lines of a log."""
        self.has_streamed = True
        if self._as_json:
            print("\n".join(json_output.write_line(entry) for entry in log.entries), flush=True)  # noqa: T201
        else:
            self.output.print(rendering.log(log), end="", soft_wrap=True)
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

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Ask whoever sits at the terminal; None where nobody does, or where an empty line is all that is said."""
        # There is none where it was closed.
        if self._as_json or sys.stdin is None or not (sys.stdin.isatty() and self.errors.is_terminal):
            return None
        self.settle()
        # What is asked says itself what waits for it.
        self._tell(without=reports.TaskState.WAITING)
        self.errors.print(rendering.asked(prompt))
        while (line := await self._line("Answer, or Enter to leave it waiting: ")) is not None:
            answer = _meant(line, prompt.options)
            if answer is not None:
                return await self._with_note(answer, prompt)
            self.errors.print(f"Expected {' or '.join(prompt.options)}, or its number.", markup=False)
        return None

    def settle(self) -> None:
        """Let what was shown last make way for what comes now."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _tell(self, without: reports.TaskState = reports.TaskState.PENDING) -> None:
        """Print what has changed since the last time."""
        for line in rendering.news(self._plan, self._told, without) if self._plan is not None else ():
            self.errors.print(line)
        self._told = self._plan

    def _show(self, report: reports.Report, plan: reports.Plan) -> None:
        if self._live is None:
            self._live = rich.live.Live(console=self.errors, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(rendering.unfinished(report, plan), refresh=True)

    async def _with_note(self, answer: str, prompt: invocations.Prompt) -> invocations.Choice | None:
        if prompt.note == "none":
            return invocations.Choice(answer=answer)
        is_required = prompt.note == "required"
        asked = "Note: " if is_required else "Note, or Enter for none: "
        while (note := await self._line(asked)) is not None and len(note) > runs.NOTE_LIMIT:
            self.errors.print(f"That is {len(note):,} characters; {runs.NOTE_LIMIT:,} are the most.", markup=False)
        if note is None and is_required:
            return None
        return invocations.Choice(answer=answer, note=note or "")

    async def _line(self, prompt: str) -> str | None:
        """Give the next line that is typed; None for an empty one, or where there will be none."""
        self.errors.print(prompt, end="", markup=False)
        self.errors.file.flush()
        ready, loop = asyncio.Event(), asyncio.get_running_loop()
        # In a thread it could not be given up when somebody answers elsewhere.
        loop.add_reader(sys.stdin, ready.set)
        try:
            await ready.wait()
        except asyncio.CancelledError:
            self.errors.print()
            raise
        finally:
            loop.remove_reader(sys.stdin)
        return sys.stdin.readline().strip() or None


def _meant(line: str, options: tuple[str, ...]) -> str | None:
    """Give the option that *line* stands for: by its number, its name, or the beginning of one name only."""
    if line.isdecimal() and 1 <= int(line) <= len(options):
        return options[int(line) - 1]
    near = [option for option in options if option.lower().startswith(line.lower())]
    exact = [option for option in near if option.lower() == line.lower()]
    return exact[0] if exact else near[0] if len(near) == 1 else None


def _console(*, to_stderr: bool) -> rich.console.Console:
    console = rich.console.Console(stderr=to_stderr, highlight=False)
    if not console.is_terminal:
        # Whoever reads it further down the pipe wants whole lines.
        console.width = _UNLIMITED_COLUMNS
    return console
