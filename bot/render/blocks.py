"""
A report as Slack's Block Kit, inside Slack's limits whatever its size.

Everything that came from outside stands in rich text, table cells or plain text, which Slack shows as it is: a log
line with `<!channel>` or back-ticks in it neither pings nor breaks anything. What does not fit is counted, never
dropped in silence.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from bot.model import invocations, reports
from bot.render import columns, limits, log_lines

Block = dict[str, Any]

RUN = "run"
"""Beginning of the action ids of buttons whose value is a line for dispatch."""

_MARKS = {
    reports.Verdict.OK: "🟢",
    reports.Verdict.WARNING: "🟡",
    reports.Verdict.FAILED: "🔴",
    reports.Verdict.UNKNOWN: "⚪",
}
_DONE = invocations.Ending.DONE
# Nothing was tried: not the state of a service but the request is at fault.
_STOPPED = frozenset({invocations.Ending.MISUSED, invocations.Ending.REFUSED})
# What headline, buttons, footer and the sentence about what was left out may need together.
_FRAME_CHARACTERS = 3_000
_FRAME_BLOCKS = 5
_FOOTER_CHARACTERS = 1_000
_LINES_DRAWN = 500
"""Of a table that is drawn as text; no message has room for more."""
_LEFT_OUT_TOLD = 8
"""Each is at most some 40 characters long."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is posted: blocks, and the text for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...]


def message(answer: invocations.Answer, *, shared_by: str | None = None, can_share: bool = False) -> Message:
    """
    Give the message for *answer*.

    *can_share* adds the button that shows a private answer to the channel; *shared_by* names who pressed it.
    """
    report = answer.report
    room = _Room(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.MESSAGE_BLOCKS - _FRAME_BLOCKS)
    blocks = [_headline(report, answer.ending), *_sections(report.sections, room)]
    share = f"share {answer.invocation_id}" if can_share and answer.ending is invocations.Ending.DONE else None
    buttons = _buttons(report.next_actions, share, room)
    pointers = _pointers(report.runbook, room)
    if room.left_out:
        blocks.append(_context([f"{_told(room.left_out)} Narrow it down, or run it in a terminal."]))
    footer = [*([f"shared by <@{shared_by}>"] if shared_by else []), *pointers, f"id {answer.invocation_id}"]
    blocks += [*buttons, _context(footer)]
    return Message(text=_notification(report, answer.ending), blocks=tuple(blocks))


def progress(report: reports.Report) -> Message:
    """Give the message for a report that is not finished: its headline alone."""
    line = [_text("⏳ "), _text(_fitted(report.headline, limits.HEADLINE))]
    return Message(
        text=_notification(report, _DONE), blocks=(_rich([{"type": "rich_text_section", "elements": line}]),)
    )


def home(fleet: reports.Report | None, capabilities: reports.Report) -> Block:
    """Give the App Home: how the services are (None while they are being asked), and what the bot can do."""
    room = _Room(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.HOME_BLOCKS - 2 * _FRAME_BLOCKS, tables=0)
    blocks: list[Block] = []
    if fleet is None:
        blocks.append(_rich([_lines([_text("⏳ Asking all services …")])]))
    for report in (fleet, capabilities) if fleet is not None else (capabilities,):
        blocks += [{"type": "divider"}] if blocks else []
        blocks += [
            _headline(report, _DONE),
            *_sections(report.sections, room),
            *_buttons(report.next_actions, None, room),
        ]
    if room.left_out:
        blocks.append(_context([_told(room.left_out)]))
    return {"type": "home", "blocks": [_with_id(block, index) for index, block in enumerate(blocks)]}


def _headline(report: reports.Report, ending: invocations.Ending) -> Block:
    mark = _mark(report, ending)
    words = {**_text(_fitted(report.headline, limits.HEADLINE)), "style": {"bold": True}}
    return _rich([_lines([_text(f"{mark} "), words] if mark else [words])])


def _notification(report: reports.Report, ending: invocations.Ending) -> str:
    """Give the one line for where blocks are not shown."""
    return escape(_fitted(f"{_mark(report, ending)} {report.headline}".strip(), limits.NOTIFICATION_TEXT // 5))


def _mark(report: reports.Report, ending: invocations.Ending) -> str:
    if ending in _STOPPED:
        return "✋"
    return "" if report.is_information else _MARKS[report.verdict]


def escape(text: str) -> str:
    """Give *text* so that Slack takes no reference, link or entity in it (docs.slack.dev, formatting)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _Room:
    """What is left of a message; every section takes its part."""

    def __init__(self, characters: int, blocks: int, *, tables: int = 1) -> None:
        self._characters = characters
        self._blocks = blocks
        self._tables = tables
        self.left_out: list[str] = []

    @property
    def is_full(self) -> bool:
        return self._characters < 1 or self._blocks < 1

    def take_block(self) -> None:
        self._blocks -= 1

    def take_table(self, columns: int) -> bool:
        """Tell whether a table block with so many columns may stand here; Slack takes one in a message."""
        fits = self._tables > 0 and columns <= limits.TABLE_COLUMNS
        self._tables -= fits
        return fits

    def take(self, text: str, what: str = "characters") -> str:
        """Give as much of *text* as there is room for."""
        kept = text if len(text) <= self._characters else text[: max(self._characters - 1, 0)] + "…"
        if len(text) > self._characters:
            self.left_out.append(f"{len(text) - len(kept) + 1:,} {what}")
        self._characters -= len(kept)
        return kept

    def take_while_fitting(self, sizes: Sequence[int], what: str) -> int:
        """Give how many of things with *sizes* fit, in their order; the others are counted as left out."""
        count = 0
        for size in sizes:
            if size > self._characters:
                break
            self._characters -= size
            count += 1
        if count < len(sizes):
            self.left_out.append(f"{len(sizes) - count:,} of {len(sizes):,} {what}")
        return count


def _sections(sections: Sequence[reports.Section], room: _Room) -> Iterable[Block]:
    for index, section in enumerate(sections):
        if room.is_full:
            room.left_out.append(f"{len(sections) - index} more sections")
            return
        room.take_block()
        match section:
            case reports.Table():
                yield from _table(section, room)
            case reports.Fields():
                yield from _fields(section, room)
            case reports.Code():
                yield _rich([*_title(section.title, room), _preformatted(room.take(section.text))])
            case reports.Text():
                yield _rich([*_title(section.title, room), _lines([_text(_visible(room.take(section.text)))])])
            case reports.Log():
                yield _rich([*_title(section.title, room), _preformatted(room.take(log_lines.text(section)))])


def _fields(section: reports.Fields, room: _Room) -> Iterable[Block]:
    title = _title(section.title, room)
    pairs = [(_visible(name), _visible(value)) for name, value in section.pairs]
    count = room.take_while_fitting([len(name) + len(value) + 3 for name, value in pairs], "values")
    elements: list[Block] = []
    for index, (name, value) in enumerate(pairs[:count]):
        end = "" if index == count - 1 else "\n"
        elements += [{**_text(f"{name}: "), "style": {"bold": True}}, _text(value + end)]
    if title or elements:
        yield _rich([*title, *([_lines(elements)] if elements else [])])


def _table(section: reports.Table, room: _Room) -> Iterable[Block]:
    width = max([len(section.columns), *(len(row.cells) for row in section.rows)])
    if not width:
        return
    title = _title(section.title, room)
    if title:
        room.take_block()
        yield _rich(title)
    # Slack refuses empty rows, and a row may have fewer cells than there are columns, or more.
    ragged = (section.columns, *(_marked(row) for row in section.rows))
    lines = [(*cells, *[""] * (width - len(cells))) for cells in ragged]
    is_block = room.take_table(width)
    # A table block's limit is one of rows; drawn as text, only the characters count.
    if not is_block:
        lines = columns.aligned(lines[:_LINES_DRAWN], right=_places(section)) + lines[_LINES_DRAWN:]
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
    elif count:
        yield _rich([_preformatted("\n".join("  ".join(cells).rstrip() for cells in lines[:count]))])


def _marked(row: reports.Row) -> tuple[str, ...]:
    if row.verdict is None or not row.cells:
        return row.cells
    return (f"{_MARKS[row.verdict]} {row.cells[0]}", *row.cells[1:])


def _places(section: reports.Table) -> frozenset[int]:
    return frozenset(index for index, column in enumerate(section.columns) if column in section.figures)


def _column_settings(section: reports.Table, width: int) -> list[Block]:
    right = _places(section)
    return [{"align": "right" if index in right else "left", "is_wrapped": index > 0} for index in range(width)]


def _cell(text: str) -> Block:
    return {"type": "raw_text", "text": _visible(text)}


def _title(title: str | None, room: _Room) -> list[Block]:
    if not title:
        return []
    return [_lines([{**_text(_visible(room.take(title))), "style": {"italic": True}}])]


def _lines(elements: list[Block]) -> Block:
    return {"type": "rich_text_section", "elements": elements}


def _preformatted(text: str) -> Block:
    return {"type": "rich_text_preformatted", "elements": [_text(_visible(text))]}


def _rich(elements: list[Block]) -> Block:
    return {"type": "rich_text", "elements": elements}


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _visible(text: str) -> str:
    # Slack refuses empty texts, and those of white space alone.
    return text if text.strip() else "–"


def _fitted(text: str, limit: int) -> str:
    return _visible(text if len(text) <= limit else text[: limit - 1] + "…")


def _buttons(actions: Sequence[reports.NextAction], share: str | None, room: _Room) -> list[Block]:
    kept = [action for action in actions if 0 < len(action.words) <= limits.BUTTON_VALUE]
    kept = kept[: limits.BUTTONS - bool(share)]
    if len(kept) < len(actions):
        room.left_out.append(f"{len(actions) - len(kept):,} next actions")
    kept += [reports.NextAction(label="Share with channel", words=share)] if share else []
    buttons = [
        {
            "type": "button",
            "action_id": f"{RUN}:{index}",
            "text": {"type": "plain_text", "text": _fitted(action.label, limits.BUTTON_TEXT)},
            "value": action.words,
            **({"style": "primary"} if action.is_primary else {}),
        }
        for index, action in enumerate(kept)
    ]
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _pointers(pointers: Sequence[reports.Pointer], room: _Room) -> list[str]:
    """Give as many pointers as the footer has room for, each whole: half a link would show its markup."""
    drawn: list[str] = []
    for pointer in pointers:
        text = _pointer(pointer)
        if sum(map(len, drawn)) + len(text) > _FOOTER_CHARACTERS:
            room.left_out.append(f"{len(pointers) - len(drawn):,} sections of the runbook")
            break
        drawn.append(text)
    return drawn


def _pointer(pointer: reports.Pointer) -> str:
    name = escape(_fitted(f"Runbook {pointer.number} {pointer.title}".replace("  ", " "), limits.LINK_TEXT))
    url = escape(pointer.url or "")
    # A bar would end the address early.
    return f"<{url}|{name}>" if url and "|" not in url and len(url) <= limits.LINK else name


def _told(left_out: Sequence[str]) -> str:
    """Give one sentence about what was left out, itself of bounded length."""
    more = [f"and {len(left_out) - _LEFT_OUT_TOLD:,} things more"] if len(left_out) > _LEFT_OUT_TOLD else []
    return f"Left out: {', '.join([*left_out[:_LEFT_OUT_TOLD], *more])}."


def _context(parts: Sequence[str]) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(parts)}]}


def _with_id(block: Block, index: int) -> Block:
    # Two blocks of buttons in one view would otherwise share their action ids.
    return {**block, "block_id": f"home-{index}"}
