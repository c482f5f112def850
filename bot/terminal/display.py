"""
The display of a terminal while a command runs: progress, followed logs, questions.

What a reader of a pipe wants goes to standard output, everything else to standard error.
"""

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from bot.model import invocations, reports
from bot.terminal import json_output, output, rendering

if TYPE_CHECKING:
    import rich.live


class TerminalDisplay:
    """Shows progress before the response, follows logs and runs, and asks the person at the keyboard."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.output = output.console(to_stderr=False)
        self.errors = output.console(to_stderr=True)
        self.has_streamed = False
        self.was_interrupted = False
        """Whether Ctrl-C ended what was followed."""
        self._live: rich.live.Live | None = None
        self._plan: reports.Plan | None = None
        self._printed: reports.Plan | None = None
        """The plan whose lines have been printed, while the plan itself is redrawn in place."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report: its headline, or the tasks of its plan as they change."""
        plan = next((section for section in report.sections if isinstance(section, reports.Plan)), None)
        if plan is None:
            self.clear()
            self.errors.print(rendering.progress_line(report))
            return
        self._plan = plan
        if self._has_screen:
            self._redraw(report, plan)
        else:
            self._print_changes()

    async def append(self, log: reports.Log, status: str) -> None:  # noqa: ARG002 - the lines speak for themselves
        """Print new lines of a log."""
        self.has_streamed = True
        if self._as_json:
            print("\n".join(json_output.write_line(entry) for entry in log.entries), flush=True)  # noqa: T201
        else:
            self.output.print(rendering.log(log), end="", soft_wrap=True)
        # Printing does not yield to the loop, and Ctrl-C must be handled between two batches.
        await asyncio.sleep(0)

    async def until_stopped(self) -> str:
        """Wait for Ctrl-C, which until then ends the log and not the process."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, stop.set)
        try:
            await stop.wait()
        finally:
            loop.remove_signal_handler(signal.SIGINT)
        self.was_interrupted = True
        return "by Ctrl-C"

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Return the answer of the person at the keyboard; None without a keyboard, or for an empty line."""
        # Standard input is None where it was closed.
        if self._as_json or sys.stdin is None or not (sys.stdin.isatty() and self._has_screen):
            return None
        self.clear()
        # The prompt itself says which task waits.
        self._print_changes(without=reports.TaskState.WAITING)
        self.errors.print(rendering.asked(prompt))
        while (line := await self._read_line(f"Your answer (Enter: {prompt.without_answer}): ")) is not None:
            answer = _matching_option(line, prompt.options)
            if answer is None:
                self.errors.print(f"Expected {' or '.join(prompt.options)}, or its number.", markup=False)
            elif await self._is_confirmed(prompt.consequences.get(answer, "")):
                return await self._with_note(answer, prompt)
        return None

    def clear(self) -> None:
        """Remove the plan that is redrawn in place, so that printing can go on below."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def _has_screen(self) -> bool:
        # rich believes FORCE_COLOR, which says nothing about a person who could see a question or a redrawn plan.
        return self.errors.file.isatty()

    def _print_changes(self, without: reports.TaskState = reports.TaskState.PENDING) -> None:
        """Print the tasks that have changed since the last time."""
        for line in rendering.changes(self._plan, self._printed, without) if self._plan is not None else ():
            self.errors.print(line)
        self._printed = self._plan

    def _redraw(self, report: reports.Report, plan: reports.Plan) -> None:
        if self._live is None:
            import rich.live  # noqa: PLC0415 - most commands show no plan

            self._live = rich.live.Live(console=self.errors, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(rendering.unfinished(report, plan), refresh=True)

    async def _is_confirmed(self, consequence: str) -> bool:
        """Return whether the person confirms *consequence*; an answer without one needs no confirmation."""
        if not consequence:
            return True
        self.errors.print(rendering.clean(consequence), markup=False)
        return (await self._read_line("Continue? [y/N] ") or "").lower() in {"y", "yes"}

    async def _with_note(self, answer: str, prompt: invocations.Prompt) -> invocations.Choice | None:
        if prompt.note == "none":
            return invocations.Choice(answer=answer)
        is_required = prompt.note == "required"
        label = "Note: " if is_required else "Note (Enter: no note): "
        while (note := await self._read_line(label)) is not None and len(note) > invocations.MAX_NOTE_LENGTH:
            self.errors.print(f"The note has {len(note):,} characters; the limit is {invocations.MAX_NOTE_LENGTH:,}.")
        if note is None and is_required:
            return None
        return invocations.Choice(answer=answer, note=note or "")

    async def _read_line(self, prompt: str) -> str | None:
        """Return the next line typed; None for an empty one and at the end of input."""
        self.errors.print(prompt, end="", markup=False)
        self.errors.file.flush()
        ready, loop = asyncio.Event(), asyncio.get_running_loop()
        # A thread that reads could not be cancelled when the question is answered elsewhere.
        loop.add_reader(sys.stdin, ready.set)
        try:
            await ready.wait()
        except asyncio.CancelledError:
            self.errors.print()
            raise
        finally:
            loop.remove_reader(sys.stdin)
        return sys.stdin.readline().strip() or None


def _matching_option(line: str, options: tuple[str, ...]) -> str | None:
    """Return the option that *line* names: by number, by name, or by an unambiguous beginning of its name."""
    if line.isdecimal() and 1 <= int(line) <= len(options):
        return options[int(line) - 1]
    near = [option for option in options if option.lower().startswith(line.lower())]
    exact = [option for option in near if option.lower() == line.lower()]
    return exact[0] if exact else near[0] if len(near) == 1 else None
