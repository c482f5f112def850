"""The screen of the demo: narration, typed commands and messages."""

from collections.abc import Iterable, Mapping

import rich.console
import rich.table
import rich.text

from sandbox.demo import keyboard as demo_keyboard
from sandbox.demo.preview import posts, terminal, terminal_elements

_NARRATION_SECONDS = 1.2
_READING_SECONDS = 1.2
_LINE_SECONDS = 0.1
_MAX_READING_SECONDS = 3.5


class Screen:
    """Prints one thing below the other, slowly if a person is watching."""

    def __init__(self, console: rich.console.Console, keyboard: demo_keyboard.Keyboard | None) -> None:
        self._console = console
        self._keyboard = keyboard
        self.is_watched = keyboard is not None

    @property
    def width(self) -> int:
        """Return the columns that a shell has here."""
        return min(self._console.width, terminal.MAX_WIDTH) - 2

    def title(self) -> None:
        """Say what this is."""
        self._console.print(rich.text.Text("posbot in a sandboxed workspace", style="bold"))
        self.note("Sandboxed services, a sandboxed Slack and a real posbot, all on this machine.")
        if self.is_watched:
            self.note("Enter continues, Ctrl-C quits.")

    def note(self, text: str) -> None:
        """Say something beside the story."""
        self._console.print(rich.text.Text(text, style="dim"))

    def explain(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Say what can be typed, and what it does."""
        grid = rich.table.Table.grid(padding=(0, 3, 0, 0))
        for typed, meaning in pairs:
            grid.add_row(rich.text.Text(f"  {typed}", style="cyan"), rich.text.Text(meaning, style="dim"))
        self._console.print(grid)

    def gap(self) -> None:
        """Leave a line free."""
        self._console.print()

    async def narrate(self, text: str) -> None:
        """Tell what happens next."""
        self.gap()
        self._console.print(rich.text.Text(text, style="dim italic"))
        await self._pause(_NARRATION_SECONDS)

    def act(self, name: str, act: str) -> None:
        """Show what a person types or presses."""
        self.gap()
        self._console.print(rich.text.Text.assemble((name, "bold"), (" ❯ ", "dim"), (act, "bold cyan")))

    async def show(self, post: posts.Post, numbers: Mapping[tuple[str, str], int] | None = None) -> None:
        """Show a message."""
        drawing = terminal.MessageView(shown=post, numbers=numbers or {})
        await self._draw(drawing)

    async def show_shell(self, line: str, output: str, exit_code: int) -> None:
        """Show a line in a shell and what it printed."""
        command = rich.text.Text.assemble(("$ ", "dim"), (line, "bold"))
        printed = rich.text.Text.from_ansi(output.strip("\n"), overflow="fold")
        ending = rich.text.Text(f"exit code {exit_code}", style="dim")
        shell = rich.console.Group(command, "", printed, "", ending)
        await self._draw(terminal_elements.WithBar(shell, mark="│", style="dim"))

    def prompt(self, text: str) -> None:
        """Ask for a line."""
        self.gap()
        self._console.print(rich.text.Text.assemble((text, "bold"), (" ❯ ", "dim")), end="")
        self._console.file.flush()

    async def _draw(self, drawing: rich.console.RenderableType) -> None:
        self.gap()
        self._console.print(drawing)
        lines = len(self._console.render_lines(drawing)) if self.is_watched else 0
        await self._pause(min(_READING_SECONDS + lines * _LINE_SECONDS, _MAX_READING_SECONDS))

    async def _pause(self, seconds: float) -> None:
        if self._keyboard is not None:
            await self._keyboard.pause(seconds)
