"""The elements of a message, as a rich console draws them."""

import dataclasses
from collections.abc import Mapping, Sequence

import rich.box
import rich.console
import rich.measure
import rich.panel
import rich.rule
import rich.segment
import rich.style
import rich.table
import rich.text

from sandbox.demo.preview import elements, terminal_tables

_KIND_STYLES = {elements.Kind.HEADING: "bold", elements.Kind.NOTE: "dim"}
_STATES = {
    elements.TaskState.PENDING: ("○", "dim"),
    elements.TaskState.IN_PROGRESS: ("◐", "yellow"),
    elements.TaskState.COMPLETE: ("✓", "green"),
    elements.TaskState.ERROR: ("✗", "red"),
}
_FIELD_WIDTH = 40
_BUTTON_STYLES = {"primary": "bold green", "danger": "bold red"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RenderContext:
    """What all elements of one drawing have in common."""

    numbers: Mapping[tuple[str, str], int]
    has_links: bool
    """Whether links can be followed; where they cannot, their address is written out."""


def render(element: elements.Element, context: RenderContext) -> rich.console.RenderableType:
    """Return what a console prints for *element*."""
    match element:
        case elements.Paragraph():
            return _words(element, context)
        case elements.Bullets():
            return _bullets(element, context)
        case elements.Grid():
            rows = [[_text(cell, context) for cell in row] for row in element.rows]
            return terminal_tables.Table(rows, [column.alignment for column in element.columns])
        case elements.Fields():
            return _facts(element, context)
        case elements.Controls():
            return _Flow([_control(control, context) for control in element.items])
        case elements.Divider():
            return rich.rule.Rule(style="dim")
        case elements.Task():
            return _task(element, context)
        case elements.Box():
            title = [_text(element.title, context)] if element.title else []
            return _framed(rich.console.Group(*title, *(render(inner, context) for inner in element.inner)))
        case elements.WithAccessory():
            return rich.console.Group(
                *(render(inner, context) for inner in element.inner), render(element.controls, context)
            )


def _text(spans: elements.Spans, context: RenderContext) -> rich.text.Text:
    text = rich.text.Text(overflow="fold")
    for span in spans:
        text.append(elements.clean(span.text), style=_style(span, context))
        if span.url is not None and not context.has_links and span.url != span.text:
            text.append(f" <{elements.clean(span.url)}>")
    return text


def _style(span: elements.Span, context: RenderContext) -> rich.style.Style:
    is_link = span.url is not None
    colour = "blue" if is_link or elements.Style.MENTION in span.style else None
    return rich.style.Style(
        bold=elements.Style.BOLD in span.style or None,
        italic=elements.Style.ITALIC in span.style or None,
        strike=elements.Style.STRUCK in span.style or None,
        underline=elements.Style.UNDERLINED in span.style or is_link or None,
        color="cyan" if elements.Style.CODE in span.style else colour,
        link=elements.clean(span.url).replace("\n", "") if span.url is not None and context.has_links else None,
    )


def _words(words: elements.Paragraph, context: RenderContext) -> rich.console.RenderableType:
    text = _text(words.spans, context)
    text.rstrip()
    text.stylize_before(_KIND_STYLES.get(words.kind, ""))
    if words.kind is elements.Kind.CODE:
        return _framed(text)
    return WithBar(text, mark="▏", style="dim") if words.kind is elements.Kind.QUOTE else text


def _framed(inner: rich.console.RenderableType) -> rich.panel.Panel:
    return rich.panel.Panel(inner, box=rich.box.ROUNDED, border_style="dim", expand=False)


def _bullets(bullets: elements.Bullets, context: RenderContext) -> rich.table.Table:
    grid = rich.table.Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for index, item in enumerate(bullets.items):
        mark = "•" if bullets.first_number is None else f"{bullets.first_number + index}."
        grid.add_row(f"{'  ' * bullets.indent}{mark}", _text(item, context))
    return grid


def _facts(facts: elements.Fields, context: RenderContext) -> rich.table.Table:
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0), expand=True)
    for _ in range(2):
        grid.add_column(ratio=1, overflow="fold")
    for left, right in zip(facts.cells[::2], (*facts.cells[1::2], ()), strict=False):
        if grid.rows:
            grid.add_row()
        grid.add_row(_text(left, context), _text(right, context))
    return grid


def _task(task: elements.Task, context: RenderContext) -> rich.table.Table:
    mark, style = _STATES[task.state]
    grid = rich.table.Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    inner = [render(element, context) for element in task.inner]
    grid.add_row(rich.text.Text(mark, style=style), rich.console.Group(_text(task.title, context), *inner))
    return grid


def _control(control: elements.Control, context: RenderContext) -> rich.text.Text:
    if control.is_field:
        return rich.text.Text(f"│ {elements.clean(control.label):<{_FIELD_WIDTH}} │", style="dim", overflow="fold")
    number = context.numbers.get(control.key)
    text = rich.text.Text(f"{number} " if number else "", style="", overflow="fold")
    label = elements.clean(control.label) + ("" if control.is_button else " ▾")
    text.append("[ ", style="dim").append(label, style=_BUTTON_STYLES.get(control.style or "", "bold"))
    text.append(" ]", style="dim")
    if control.choices:
        text.append(elements.clean(f" {', '.join(control.choices)}"), style="dim")
    return text


class _Flow:
    """Texts side by side, as many in a line as there is room for."""

    def __init__(self, items: Sequence[rich.text.Text]) -> None:
        self._items = items

    def __rich_console__(
        self, _: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        """Fill one line after the other."""
        line = rich.text.Text(overflow="fold")
        for item in self._items:
            if line and line.cell_len + 2 + item.cell_len > options.max_width:
                yield line
                line = rich.text.Text(overflow="fold")
            line.append("  " if line else "").append_text(item)
        yield line

    def __rich_measure__(
        self, _: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.measure.Measurement:
        """Return the preferred width."""
        wished = sum(item.cell_len + 2 for item in self._items)
        return rich.measure.Measurement(1, max(1, min(wished, options.max_width)))


class WithBar:
    """Something with a bar at its left side."""

    def __init__(self, inner: rich.console.RenderableType, *, mark: str, style: str, width: int | None = None) -> None:
        self._inner = inner
        self._bar = rich.segment.Segment(f"{mark} ", rich.style.Style.parse(style))
        self._width = width

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        """Draw the inner thing narrower by the bar."""
        width = min(self._width or options.max_width, options.max_width)
        for line in console.render_lines(self._inner, options.update(width=width - 2), pad=False):
            yield self._bar
            yield from _without_trailing_space(line)
            yield rich.segment.Segment.line()

    def __rich_measure__(
        self, _: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.measure.Measurement:
        """Accept any width."""
        return rich.measure.Measurement(2, options.max_width)


def _without_trailing_space(line: Sequence[rich.segment.Segment]) -> list[rich.segment.Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    return [*kept[:-1], *(rich.segment.Segment(last.text.rstrip(), last.style) for last in kept[-1:])]
