"""
The sections of a report as blocks, within the room that a message has.

What does not fit is counted, never dropped in silence.

Tasks that follow each other, as Slack's plan with a card for each, or as a list where Slack takes no plans.

Text in columns, where a surface has nothing better: by the width a character takes, not by its count.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from bot.model import reports
from bot.slack.blocks import elements, limits, log_tail, rich_text

Block = elements.Block

_TOLD_CHARACTERS = 100
"""For the sentence about how much of a log is shown."""
_LINES_DRAWN = 500
"""Of a table that is drawn as text; no message has room for more."""


def render(
    sections: Sequence[reports.Section], room: limits.SpaceBudget, manner: limits.RenderOptions = limits.DEFAULT_OPTIONS
) -> list[Block]:
    """Give *sections* in their order; logs, which can do with any room, get what the others leave."""
    drawn: dict[int, list[Block]] = {}
    for index in sorted(range(len(sections)), key=lambda index: isinstance(sections[index], reports.Log)):
        if room.is_full:
            left = [section for place, section in enumerate(sections) if place not in drawn]
            room.left_out.append(f"{len(left)} more sections")
            room.files += [section for section in left if isinstance(section, reports.Log)]
            break
        room.take_block()
        drawn[index] = list(_section(sections[index], room, manner))
    if manner.tail is not None:
        drawn[-1], room.is_whole = [], False
        if not room.is_full:
            room.take_block()
            block, room.is_whole = _log(manner.tail, None, room, manner)
            drawn[-1] = [block]
    return [block for index in sorted(drawn) for block in drawn[index]]


def _section(section: reports.Section, room: limits.SpaceBudget, manner: limits.RenderOptions) -> Iterable[Block]:
    match section:
        case reports.Table():
            yield from _table(section, room)
        case reports.Fields():
            yield from _fields(section, room)
        case reports.Code():
            yield elements.rich([*room.title(section.title), elements.preformatted(room.take(section.text))])
        case reports.Text():
            text = elements.text(elements.visible(room.take(section.text)))
            yield elements.rich([*room.title(section.title), elements.lines([text])])
        case reports.Prose():
            yield from _prose(section, room)
        case reports.Plan():
            yield from render_plan(section, room, as_block=manner.has_plans)
        case reports.Log():
            block, is_whole = _log(log_tail.tail_of(section), section.title, room, manner)
            room.files += [] if is_whole else [section]
            yield block


def _prose(section: reports.Prose, room: limits.SpaceBudget) -> Iterable[Block]:
    title = room.title(section.title)
    sizes = [len(paragraph.text) + len(paragraph.bullet) + 2 for paragraph in section.paragraphs]
    count = room.take_while_fitting(sizes, "paragraphs")
    if title or count:
        yield elements.rich([*title, *rich_text.render(section.paragraphs[:count])])


def _log(
    tail: log_tail.Tail, title: str | None, room: limits.SpaceBudget, manner: limits.RenderOptions
) -> tuple[Block, bool]:
    """Draw the end of a log, and tell whether that is all of it."""
    parts = room.title(title)
    shown = tail.within(room.characters)
    if not shown.is_whole:
        shown = tail.within(room.characters - len(manner.whereabouts) - _TOLD_CHARACTERS)
        parts.append(elements.lines([elements.italic(room.take(f"{shown.describe()} {manner.whereabouts}"))]))
    if shown.lines:
        parts.append(elements.preformatted(room.take(shown.text)))
    elif not tail.total:
        parts.append(elements.lines([elements.text("No lines.")]))
    return elements.rich(parts), shown.is_whole


def _fields(section: reports.Fields, room: limits.SpaceBudget) -> Iterable[Block]:
    title = room.title(section.title)
    pairs = [(elements.visible(name), elements.visible(value)) for name, value in section.pairs]
    count = room.take_while_fitting([len(name) + len(value) + 3 for name, value in pairs], "values")
    words: list[Block] = []
    for index, (name, value) in enumerate(pairs[:count]):
        end = "" if index == count - 1 else "\n"
        words += [elements.bold(f"{name}: "), elements.text(value + end)]
    if title or words:
        yield elements.rich([*title, *([elements.lines(words)] if words else [])])


def _table(section: reports.Table, room: limits.SpaceBudget) -> Iterable[Block]:
    width = max([len(section.columns), *(len(row.cells) for row in section.rows)])
    if not width:
        return
    title = room.title(section.title)
    if title:
        room.take_block()
        yield elements.rich(title)
    # Slack refuses empty rows, and a row may have fewer cells than there are columns, or more.
    ragged = (section.columns, *(_marked(row) for row in section.rows))
    lines = [(*cells, *[""] * (width - len(cells))) for cells in ragged]
    is_block = room.take_table(width)
    # A table block's limit is one of rows; drawn as text, only the characters count.
    is_list = not is_block and not fit(lines[:_LINES_DRAWN])
    if is_list:
        lines = lines[1:]
    elif not is_block:
        lines = aligned(lines[:_LINES_DRAWN], right=_places(section)) + lines[_LINES_DRAWN:]
    sizes = [sum(len(cell) + 3 for cell in cells) for cells in lines]
    most = limits.TABLE_ROWS if is_block else len(lines)
    count = room.take_while_fitting(sizes[:most], "rows")
    if len(lines) > most:
        room.left_out.append(f"{len(lines) - most:,} more rows")
    if count and is_block:
        yield {
            "type": "table",
            "column_settings": _column_settings(section, width),
            "rows": [[_cell(cell) for cell in cells] for cells in lines[:count]],
        }
    elif count and is_list:
        yield elements.rich([rich_text.listed(lines[:count])])
    elif count:
        yield elements.rich([elements.preformatted("\n".join("  ".join(cells).rstrip() for cells in lines[:count]))])


def _marked(row: reports.Row) -> tuple[str, ...]:
    if row.verdict is None or not row.cells:
        return row.cells
    return (f"{elements.OF[row.verdict]} {row.cells[0]}", *row.cells[1:])


def _places(section: reports.Table) -> frozenset[int]:
    return frozenset(index for index, column in enumerate(section.columns) if column in section.figures)


def _column_settings(section: reports.Table, width: int) -> list[Block]:
    right = _places(section)
    return [{"align": "right" if index in right else "left", "is_wrapped": index > 0} for index in range(width)]


def _cell(text: str) -> Block:
    return {"type": "raw_text", "text": elements.visible(text)}


_STATES: Mapping[reports.TaskState, str] = {
    reports.TaskState.PENDING: "pending",
    reports.TaskState.RUNNING: "in_progress",
    reports.TaskState.WAITING: "in_progress",
    reports.TaskState.DONE: "complete",
    reports.TaskState.FAILED: "error",
    reports.TaskState.UNKNOWN: "error",
    # Slack has no word for it, and what was left out must not look as if it was done.
    reports.TaskState.SKIPPED: "pending",
}
_TOLD: Mapping[reports.TaskState, str] = {
    reports.TaskState.WAITING: "waits for an answer",
    reports.TaskState.UNKNOWN: "nobody knows whether it happened",
}
_OPEN = frozenset({reports.TaskState.PENDING, reports.TaskState.RUNNING, reports.TaskState.WAITING})
_WORDS = 300
"""Characters that are shown of what is said of one task, where there is room for them."""
_LEAST_WORDS = 40


def render_plan(plan: reports.Plan, room: limits.SpaceBudget, *, as_block: bool) -> Iterable[Block]:
    """Give *plan* as a block of its own kind, or as a list."""
    heading = plan.title or _counted(plan)
    shown = plan.tasks[: limits.PLAN_TASKS]
    fair = (room.characters - len(heading)) // max(len(shown), 1) // 2
    words = min(max(fair, _LEAST_WORDS), _WORDS)
    tasks = [(task, elements.fitted(task.title, words), _said(task, words)) for task in shown]
    count = room.take_while_fitting([len(title) + len(said) + 4 for _, title, said in tasks], "steps")
    if len(plan.tasks) > len(shown):
        room.left_out.append(f"{len(plan.tasks) - len(shown):,} more steps")
    if not count:
        return
    heading = elements.visible(room.take(heading))
    if as_block:
        cards = [_card(index, *task) for index, task in enumerate(tasks[:count])]
        yield {"type": "plan", "title": heading, "tasks": cards}
    else:
        yield elements.rich([elements.lines([elements.italic(heading)]), _list(tasks[:count])])


def _counted(plan: reports.Plan) -> str:
    over = sum(task.state not in _OPEN for task in plan.tasks)
    return f"{over} of {len(plan.tasks)} steps"


def _said(task: reports.Task, most: int) -> str:
    """Give what there is to say of a task, in one line."""
    detail, status = " ".join(task.detail.split()), " ".join(task.status.split())
    if task.state is reports.TaskState.SKIPPED:
        return elements.fitted(": ".join(part for part in ("left out", status or detail) if part), most)
    parts = (_TOLD.get(task.state, ""), detail, status)
    said = " · ".join(part for part in parts if part)
    return elements.fitted(said, most) if said else ""


def _card(index: int, task: reports.Task, title: str, said: str) -> Block:
    # Of what is under way Slack shows the details, and of what is over its output.
    part = "details" if task.state in _OPEN else "output"
    told = {part: elements.rich([elements.lines([elements.text(said)])])} if said else {}
    return {
        "type": "task_card",
        "task_id": f"{index + 1}",
        "title": title,
        "status": _STATES[task.state],
        **told,
    }


def _list(tasks: Sequence[tuple[reports.Task, str, str]]) -> Block:
    lines = []
    for task, title, said in tasks:
        rest = [elements.text(f" – {said}")] if said else []
        lines.append(elements.lines([elements.text(f"{elements.OF_TASKS[task.state]} "), elements.bold(title), *rest]))
    return {"type": "rich_text_list", "style": "bullet", "indent": 0, "elements": lines}


WIDEST = 60
_WIDEST_LINE = 110
"""What is wider has to be read over line ends, where columns are no help any more."""


def aligned(lines: Sequence[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[tuple[str, ...]]:
    """
    Give *lines* with their cells padded to columns; those in *right* are padded on the left.

    A cell that is wider than `WIDEST` stands out of its column, so that one long text does not widen every line.
    """
    count = max((len(cells) for cells in lines), default=0)
    widths = [min(WIDEST, max(width(cells[index]) for cells in lines if index < len(cells))) for index in range(count)]
    return [
        tuple(_padded(cell, widths[index], is_right=index in right) for index, cell in enumerate(cells))
        for cells in lines
    ]


def fit(lines: Sequence[tuple[str, ...]]) -> bool:
    """Tell whether the longest of *lines* is short enough to be read in columns."""
    return all(sum(width(cell) + 2 for cell in cells) <= _WIDEST_LINE for cells in lines)


def width(text: str) -> int:
    """Give how many columns *text* takes: wide characters two, combining ones none."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _padded(cell: str, columns: int, *, is_right: bool) -> str:
    padding = " " * (columns - width(cell))
    return padding + cell if is_right else cell + padding
