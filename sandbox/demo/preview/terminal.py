"""A message in a terminal of any width, and as plain text where there is no terminal."""

import dataclasses
from collections.abc import Iterator, Mapping

import rich.console
import rich.rule
import rich.text

from sandbox.demo.preview import elements, posts, terminal_elements

MAX_WIDTH = 108
"""Columns; lines that are longer are hard to follow, in Slack as well."""

_PUBLIC_BAR = "┃"
_PRIVATE_BAR = "┊"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """
    What a rich console prints for a post or a sheet.

    *numbers* gives buttons a number in front, by the control's key.
    """

    shown: posts.Post | posts.View
    numbers: Mapping[tuple[str, str], int] = dataclasses.field(default_factory=dict)

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        """Draw at the width that the console has."""
        width = min(options.max_width, MAX_WIDTH)
        context = terminal_elements.RenderContext(numbers=self.numbers, has_links=console.is_terminal)
        content = rich.console.Group(*_head(self.shown, width - 2), *_body(self.shown.groups, context))
        is_private = isinstance(self.shown, posts.Post) and self.shown.is_private
        mark, style = (_PRIVATE_BAR, "dim") if is_private else (_PUBLIC_BAR, "blue")
        yield terminal_elements.WithBar(content, mark=mark, style=style, width=width)


def _body(
    groups: tuple[tuple[elements.Element, ...], ...], context: terminal_elements.RenderContext
) -> Iterator[rich.console.RenderableType]:
    for group in groups:
        # Buttons and the grey line below them belong together.
        if not _is_note(group):
            yield rich.text.Text("")
        for element in group:
            yield terminal_elements.render(element, context)


def _is_note(group: tuple[elements.Element, ...]) -> bool:
    first = group[0]
    return isinstance(first, elements.Paragraph) and first.kind is elements.Kind.NOTE


def _head(shown: posts.Post | posts.View, width: int) -> Iterator[rich.text.Text]:
    if isinstance(shown, posts.View):
        yield rich.text.Text(elements.clean(shown.title), style="bold")
        return
    left = rich.text.Text().append(elements.clean(shown.author), style="bold")
    left.append(" APP" * shown.is_bot + f"  {shown.at:%H:%M}", style="dim")
    left.append("  (edited)" * shown.has_edited_mark, style="dim")
    left.append("  Only visible to you" * shown.is_private, style="dim italic")
    place = elements.clean(f"{shown.place} › thread" if shown.is_in_thread else shown.place)
    right = rich.text.Text(place, style="dim")
    space = width - left.cell_len - right.cell_len
    if space < 1:
        yield from (left, right)
    else:
        yield left.append(" " * space).append_text(right)
