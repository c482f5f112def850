"""
Renders reports for a terminal with rich: coloured there, plain text in a pipe, both in any width.

Text of others loses its control characters in `clean`, so that no log line can move the cursor or change colours.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping

import rich.console
import rich.measure
import rich.segment
import rich.table
import rich.text

from bot.model import characters, invocations, log_lines, reports
from bot.terminal import wrapping

_MARKS = {
    reports.Verdict.OK: ("✓", "green"),
    reports.Verdict.WARNING: ("!", "yellow"),
    reports.Verdict.FAILED: ("✗", "red"),
    reports.Verdict.UNKNOWN: ("?", "magenta"),
}
_SOURCE_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
_INDENTATION = 2
_MIN_TEXT_WIDTH = 16
"""Cells; a column of sentences is unreadable below it."""
_STOPPED = frozenset({invocations.Status.USAGE_ERROR, invocations.Status.DENIED})
"""Nothing was tried, so there is no state to mark."""


def render(response: invocations.Response, program: str = "posbot") -> rich.console.Group:
    """Return what a console prints for *response*; *program* prefixes the command lines to copy."""
    report = response.report
    parts: list[rich.console.RenderableType] = [_headline(report, response.status)]
    for section in report.sections:
        parts += _section(section)
    parts += _footer(report, program)
    return rich.console.Group(*parts)


def progress_line(report: reports.Report) -> rich.text.Text:
    """Return the one line of an unfinished report."""
    return rich.text.Text(f"… {clean(report.headline)}", style="dim")


def unfinished(report: reports.Report, plan: reports.Plan) -> rich.console.Group:
    """Return the tasks of an unfinished report, to be redrawn in place."""
    return rich.console.Group(progress_line(report), _Indented(render_plan(plan)))


def asked(prompt: invocations.Prompt) -> rich.console.Group:
    """Return the question with its numbered options."""
    means = {option: f": {clean(label)}" for option, label in prompt.labels.items()}
    options = [
        _Indented(rich.text.Text(f"{number} {clean(option)}{means.get(option, '')}"))
        for number, option in enumerate(prompt.options, 1)
    ]
    first, _, rest = clean(prompt.text).partition("\n")
    text = rich.text.Text.assemble(("? ", "bold yellow"), (first, "bold"), f"\n{rest}" if rest else "", overflow="fold")
    return rich.console.Group(text, *options)


def log(section: reports.Log) -> rich.console.RenderableType:
    """Return the lines of a log, each source in a colour of its own; a line stays one line, however long."""
    return _Lines(section)


class _Lines:
    """
    Lines that go to the console as they are, because rich would measure each of their characters.

    To be printed with `crop=False`; the terminal wraps long lines.
    """

    def __init__(self, section: reports.Log) -> None:
        marks, lines = zip(*log_lines.render(section), strict=True) if section.entries else ((), ())
        self._heads = {mark: f"{clean(mark)} │ " for mark in set(marks)}
        self._lines = list(zip(marks, clean("\n".join(lines)).split("\n"), strict=False))

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        if console.color_system is None:
            yield rich.segment.Segment("".join(f"{self._heads[mark]}{line}\n" for mark, line in self._lines))
            return
        styles = {mark: console.get_style(_colour(mark)) for mark in self._heads}
        for mark, line in self._lines:
            yield rich.segment.Segment(self._heads[mark], styles[mark])
            yield rich.segment.Segment(f"{line}\n")


def _colour(mark: str) -> str:
    return _SOURCE_COLOURS[zlib.crc32(mark.encode()) % len(_SOURCE_COLOURS)]


def _headline(report: reports.Report, status: invocations.Status) -> rich.text.Text:
    mark, colour = _MARKS[report.verdict]
    if report.is_information or status in _STOPPED:
        return rich.text.Text(clean(report.headline), style="bold")
    return rich.text.Text.assemble((f"{mark} ", f"bold {colour}"), (clean(report.headline), "bold"))


def _section(section: reports.Section) -> Iterable[rich.console.RenderableType]:
    yield rich.text.Text("")
    if section.title:
        yield _Indented(rich.text.Text(clean(section.title), style="underline"))
    match section:
        case reports.Fields():
            yield _Indented(_fields(section))
        case reports.Table():
            yield _Indented(_Table(section))
        case reports.Code() | reports.Text():
            yield _Indented(rich.text.Text(clean(section.text), overflow="fold"))
        case reports.Prose():
            yield _Indented(_prose(section))
        case reports.Log():
            yield log(section)
        case reports.Plan():
            yield _Indented(render_plan(section))


def _fields(section: reports.Fields) -> rich.table.Table:
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in section.pairs:
        # rich measures a column of nothing wrongly and then cuts its neighbour.
        grid.add_row(rich.text.Text(clean(name) or "–"), rich.text.Text(clean(value) or "–"))
    return grid


def _prose(section: reports.Prose) -> rich.console.Group:
    parts: list[rich.console.RenderableType] = []
    for paragraph, before in zip(section.paragraphs, (None, *section.paragraphs), strict=False):
        if before is not None and not (paragraph.bullet and before.bullet):
            parts.append(rich.text.Text(""))
        parts.append(_paragraph(paragraph))
    return rich.console.Group(*parts)


def _paragraph(paragraph: reports.Paragraph) -> rich.console.RenderableType:
    words = rich.text.Text(overflow="fold")
    for span in paragraph.spans:
        styles = (("bold", span.is_bold), ("italic", span.is_italic), ("cyan", span.is_code), ("underline", span.url))
        words.append(clean(span.text), style=" ".join(name for name, is_set in styles if is_set))
        if span.url and span.url != span.text:
            words.append(clean(f" ({span.url})"), style="dim")
    if not paragraph.bullet:
        return words
    grid = rich.table.Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(rich.text.Text("  " * paragraph.depth + clean(paragraph.bullet)), words)
    return grid


class _Table:
    """
    A table that loses nothing however narrow the console; rich crops columns that may not wrap.

    The widest columns wrap first, at their words; where words would have to be broken, each row is a list.
    """

    def __init__(self, section: reports.Table) -> None:
        count = max([len(section.columns), *(len(row.cells) for row in section.rows)])
        self._columns = _padded(section.columns, count)
        self._figures = frozenset(section.figures)
        self._rows = [(row.verdict, _padded(row.cells, count)) for row in section.rows]
        self._has_marks = any(row.verdict for row in section.rows)
        lines = [self._columns, *(cells for _, cells in self._rows)]
        self._by_column = list(zip(*lines, strict=True))
        self._widths = [max(rich.text.Text(cell).cell_len for cell in cells) for cells in self._by_column]

    def __rich_measure__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.measure.Measurement:
        return rich.measure.Measurement.get(console, options, self._fitted(options.max_width))

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        yield self._fitted(options.max_width)

    def _fitted(self, width: int) -> rich.console.RenderableType:
        widths = self._column_widths(width - 2 * (len(self._widths) - 1) - 3 * self._has_marks)
        return self._grid(widths) if widths is not None else self._list()

    def _column_widths(self, available: int) -> list[int] | None:
        """Return the widths that share *available* cells; None if there is no room for their words."""
        if sum(self._widths) <= available:
            return self._widths
        least = [max(map(wrapping.longest_word, cells)) for cells in self._by_column]
        if sum(least) > available:
            least = [max(map(wrapping.longest_piece, cells)) for cells in self._by_column]
        if sum(least) > available:
            # The longest words, such as paths, may be broken if what is left of them can be read.
            longest = least.index(max(least))
            least[longest] = min(least[longest], _MIN_TEXT_WIDTH)
        if sum(least) > available:
            return None
        widths = [min(width, available) for width in self._widths]
        while sum(widths) > available:
            shrinkable = (index for index, width in enumerate(widths) if width > least[index])
            widths[max(shrinkable, key=widths.__getitem__)] -= 1
        return widths

    def _grid(self, widths: list[int]) -> rich.table.Table:
        table = rich.table.Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        if self._has_marks:
            table.add_column("")
        for column, width in zip(self._columns, widths, strict=True):
            justify: rich.console.JustifyMethod = "right" if column in self._figures else "left"
            table.add_column(
                rich.text.Text(wrapping.wrap(column, width)), overflow="fold", width=max(width, 1), justify=justify
            )
        for verdict, cells in self._rows:
            mark, colour = _MARKS[verdict] if verdict else ("", "")
            texts = [rich.text.Text(wrapping.wrap(cell, width)) for cell, width in zip(cells, widths, strict=True)]
            table.add_row(*([rich.text.Text(mark, style=colour)] if self._has_marks else []), *texts)
        return table

    def _list(self) -> rich.console.RenderableType:
        lines = []
        for verdict, cells in self._rows:
            mark, colour = _MARKS[verdict] if verdict else ("-", "")
            lines.append(rich.text.Text(mark, style=colour))
            named = zip(self._columns, cells, strict=True)
            lines += [rich.text.Text(f"{column}: {cell}", overflow="fold") for column, cell in named]
        return rich.console.Group(*(lines or [rich.text.Text("  ".join(self._columns), overflow="fold")]))


def _padded(cells: tuple[str, ...], count: int) -> tuple[str, ...]:
    return (*map(clean, cells), *[""] * (count - len(cells)))


def _footer(report: reports.Report, program: str) -> Iterable[rich.console.RenderableType]:
    if report.runbook:
        yield rich.text.Text("")
    for pointer in report.runbook:
        line = " ".join(filter(None, ("Runbook", pointer.number, pointer.title, pointer.url)))
        yield _Indented(rich.text.Text(clean(line), style="cyan"))
    if report.next_actions:
        yield rich.text.Text("")
        yield _Indented(rich.text.Text("Next:", style="dim"))
    for action in report.next_actions:
        yield _Indented(rich.text.Text(clean(f"{program} {action.command}")))


class _Indented:
    """Indents what rich renders, without the spaces to which it pads the cells of a column."""

    def __init__(self, inner: rich.console.RenderableType) -> None:
        self._inner = inner

    def __rich_console__(
        self, console: rich.console.Console, options: rich.console.ConsoleOptions
    ) -> rich.console.RenderResult:
        narrower = options.update(max_width=max(options.max_width - _INDENTATION, 1), height=None)
        for line in console.render_lines(self._inner, narrower, pad=False):
            yield rich.segment.Segment(" " * _INDENTATION)
            yield from _without_padding(line)
            yield rich.segment.Segment.line()


def _without_padding(line: list[rich.segment.Segment]) -> list[rich.segment.Segment]:
    while line and not line[-1].text.rstrip(" "):
        line = line[:-1]
    if line:
        last = line[-1]
        line = [*line[:-1], rich.segment.Segment(last.text.rstrip(" "), last.style, last.control)]
    return line


_TASK_MARKS: Mapping[reports.TaskState, tuple[str, str]] = {
    reports.TaskState.PENDING: ("·", "dim"),
    reports.TaskState.RUNNING: ("▸", "cyan"),
    reports.TaskState.WAITING: ("?", "bold yellow"),
    reports.TaskState.DONE: ("✓", "green"),
    reports.TaskState.FAILED: ("✗", "red"),
    reports.TaskState.UNKNOWN: ("?", "magenta"),
    reports.TaskState.SKIPPED: ("–", "dim"),
}
_QUIET = frozenset({reports.TaskState.PENDING, reports.TaskState.SKIPPED})


def render_plan(plan: reports.Plan) -> rich.table.Table:
    """Return all tasks, each with its mark, title and result."""
    grid = rich.table.Table.grid(padding=(0, 2, 0, 0))
    grid.add_column()
    grid.add_column(overflow="fold", max_width=44)
    # rich measures a column of nothing wrongly and then cuts its neighbour.
    grid.add_column(overflow="fold", min_width=1)
    for task in plan.tasks:
        mark, style = _TASK_MARKS[task.state]
        quiet = "dim" if task.state in _QUIET else ""
        words = rich.text.Text(clean(task.detail), style=quiet)
        if task.status:
            words.append(f" ({clean(task.status)})" if task.detail else clean(task.status), "dim")
        grid.add_row(rich.text.Text(mark, style), rich.text.Text(clean(task.title), quiet), words)
    return grid


def changes(plan: reports.Plan, before: reports.Plan | None, without: reports.TaskState) -> Iterator[rich.text.Text]:
    """Yield a line for each task that differs from *before*, but for pending ones."""
    known = {task.id: task for task in before.tasks} if before is not None else {}
    for task in plan.tasks:
        if task == known.get(task.id) or task.state in {reports.TaskState.PENDING, without}:
            continue
        mark, style = _TASK_MARKS[task.state]
        parts = [part for part in (task.title, task.detail, task.status) if part]
        yield rich.text.Text.assemble((f"{mark} ", style), clean(" – ".join(parts)))


def clean(text: str) -> str:
    """Return *text* without control characters and escape sequences, and with spaces in place of tabs."""
    return characters.clean(text).expandtabs(4)
