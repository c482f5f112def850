"""
A report as Slack's Block Kit, inside Slack's limits whatever its size.

Everything that came from outside stands in rich text, table cells or plain text, which Slack shows as it is: a log
line with `<!channel>` or back-ticks in it neither pings nor breaks anything. What does not fit is counted, never
dropped in silence.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from bot.model import invocations, reports
from bot.render import columns, elements, limits, proses, tails

Block = elements.Block

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
_TOLD_CHARACTERS = 100
"""For the sentence about how much of a log is shown."""
_LINES_DRAWN = 500
"""Of a table that is drawn as text; no message has room for more."""
_LEFT_OUT_TOLD = 8
"""Each is at most some 40 characters long."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is posted: blocks, and the text for notifications and screen readers."""

    text: str
    blocks: tuple[Block, ...]
    files: tuple[reports.Log, ...] = ()
    """Logs of which only the end is shown, so that all of them should come as files."""
    is_whole: bool = True
    """Every line of the log that was followed is shown."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an answer is shown, beyond what it says."""

    can_share: bool = False
    """With the button that shows a private answer to the channel."""
    shared_by: str | None = None
    """The id of the person who pressed that button."""
    tail: tails.Tail | None = None
    """The end of the log that was followed for the answer."""
    whereabouts: str = "Narrow it down, or run it in a terminal."
    """Where there is more of a log than is shown."""


_PLAIN = Manner()


def message(answer: invocations.Answer, manner: Manner = _PLAIN) -> Message:
    """Give the message for *answer*."""
    report = answer.report
    room = _Room(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.MESSAGE_BLOCKS - _FRAME_BLOCKS)
    blocks = [_headline(report, answer.ending), *_sections(report.sections, room, manner)]
    share = f"share {answer.invocation_id}" if manner.can_share and answer.ending is _DONE else None
    buttons = _buttons(report.next_actions, share, room)
    pointers = _pointers(report.runbook, room)
    if room.left_out:
        blocks.append(elements.context([f"{_told(room.left_out)} Narrow it down, or run it in a terminal."]))
    sharer = [f"shared by <@{manner.shared_by}>"] if manner.shared_by else []
    blocks += [*buttons, elements.context([*sharer, *pointers, f"id {answer.invocation_id}"])]
    return Message(
        text=_notification(report, answer.ending), blocks=tuple(blocks), files=tuple(room.files), is_whole=room.is_whole
    )


def following(name: str, tail: tails.Tail, status: Sequence[str], stop: str) -> Message:
    """Give the message for a log that is being followed; *stop* is what would be typed to end that."""
    headline = f"⏳ Following {elements.fitted(name, limits.LINK_TEXT)}"
    shown = tail.within(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS)
    end = elements.preformatted(shown.text) if shown.lines else elements.lines([elements.text("Nothing so far.")])
    button = {
        "type": "button",
        "action_id": f"{RUN}:0",
        "text": {"type": "plain_text", "text": "Stop"},
        "value": stop,
        "style": "danger",
    }
    parts = [elements.escape(elements.fitted(part, limits.LINK_TEXT)) for part in status]
    return Message(
        text=elements.escape(headline),
        blocks=(
            elements.rich([elements.lines([elements.bold(headline)]), end]),
            elements.context(parts),
            {"type": "actions", "elements": [button]},
        ),
    )


def progress(report: reports.Report) -> Message:
    """Give the message for a report that is not finished: its headline alone."""
    line = [elements.text("⏳ "), elements.text(elements.fitted(report.headline, limits.HEADLINE))]
    return Message(
        text=_notification(report, _DONE), blocks=(elements.rich([{"type": "rich_text_section", "elements": line}]),)
    )


def home(fleet: reports.Report | None, capabilities: reports.Report) -> Block:
    """Give the App Home: how the services are (None while they are being asked), and what the bot can do."""
    room = _Room(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.HOME_BLOCKS - 2 * _FRAME_BLOCKS, tables=0)
    blocks: list[Block] = []
    if fleet is None:
        blocks.append(elements.rich([elements.lines([elements.text("⏳ Asking all services …")])]))
    for report in (fleet, capabilities) if fleet is not None else (capabilities,):
        blocks += [{"type": "divider"}] if blocks else []
        blocks += [
            _headline(report, _DONE),
            *_sections(report.sections, room),
            *_buttons(report.next_actions, None, room),
        ]
    if room.left_out:
        blocks.append(elements.context([_told(room.left_out)]))
    return {"type": "home", "blocks": [_with_id(block, index) for index, block in enumerate(blocks)]}


def _headline(report: reports.Report, ending: invocations.Ending) -> Block:
    mark = _mark(report, ending)
    words = elements.bold(elements.fitted(report.headline, limits.HEADLINE))
    return elements.rich([elements.lines([elements.text(f"{mark} "), words] if mark else [words])])


def _notification(report: reports.Report, ending: invocations.Ending) -> str:
    """Give the one line for where blocks are not shown."""
    return elements.escape(
        elements.fitted(f"{_mark(report, ending)} {report.headline}".strip(), limits.NOTIFICATION_TEXT // 5)
    )


def _mark(report: reports.Report, ending: invocations.Ending) -> str:
    if ending in _STOPPED:
        return "✋"
    return "" if report.is_information else _MARKS[report.verdict]


class _Room:
    """What is left of a message; every section takes its part."""

    def __init__(self, characters: int, blocks: int, *, tables: int = 1) -> None:
        self._characters = characters
        self._blocks = blocks
        self._tables = tables
        self.left_out: list[str] = []
        self.files: list[reports.Log] = []
        self.is_whole = True
        """The log that was followed is shown to its beginning."""

    @property
    def characters(self) -> int:
        return self._characters

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


def _sections(sections: Sequence[reports.Section], room: _Room, manner: Manner = _PLAIN) -> list[Block]:
    """Draw *sections* in their order; logs, which can do with any room, get what the others leave."""
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


def _section(section: reports.Section, room: _Room, manner: Manner) -> Iterable[Block]:
    match section:
        case reports.Table():
            yield from _table(section, room)
        case reports.Fields():
            yield from _fields(section, room)
        case reports.Code():
            yield elements.rich([*_title(section.title, room), elements.preformatted(room.take(section.text))])
        case reports.Text():
            text = elements.text(elements.visible(room.take(section.text)))
            yield elements.rich([*_title(section.title, room), elements.lines([text])])
        case reports.Prose():
            yield from _prose(section, room)
        case reports.Log():
            block, is_whole = _log(tails.of_log(section), section.title, room, manner)
            room.files += [] if is_whole else [section]
            yield block


def _prose(section: reports.Prose, room: _Room) -> Iterable[Block]:
    title = _title(section.title, room)
    sizes = [len(paragraph.text) + len(paragraph.bullet) + 2 for paragraph in section.paragraphs]
    count = room.take_while_fitting(sizes, "paragraphs")
    if title or count:
        yield elements.rich([*title, *proses.drawn(section.paragraphs[:count])])


def _log(tail: tails.Tail, title: str | None, room: _Room, manner: Manner) -> tuple[Block, bool]:
    """Draw the end of a log, and tell whether that is all of it."""
    parts = _title(title, room)
    shown = tail.within(room.characters)
    if not shown.is_whole:
        shown = tail.within(room.characters - len(manner.whereabouts) - _TOLD_CHARACTERS)
        parts.append(elements.lines([elements.italic(room.take(f"{shown.told()} {manner.whereabouts}"))]))
    if shown.lines:
        parts.append(elements.preformatted(room.take(shown.text)))
    elif not tail.total:
        parts.append(elements.lines([elements.text("No lines.")]))
    return elements.rich(parts), shown.is_whole


def _fields(section: reports.Fields, room: _Room) -> Iterable[Block]:
    title = _title(section.title, room)
    pairs = [(elements.visible(name), elements.visible(value)) for name, value in section.pairs]
    count = room.take_while_fitting([len(name) + len(value) + 3 for name, value in pairs], "values")
    words: list[Block] = []
    for index, (name, value) in enumerate(pairs[:count]):
        end = "" if index == count - 1 else "\n"
        words += [elements.bold(f"{name}: "), elements.text(value + end)]
    if title or words:
        yield elements.rich([*title, *([elements.lines(words)] if words else [])])


def _table(section: reports.Table, room: _Room) -> Iterable[Block]:
    width = max([len(section.columns), *(len(row.cells) for row in section.rows)])
    if not width:
        return
    title = _title(section.title, room)
    if title:
        room.take_block()
        yield elements.rich(title)
    # Slack refuses empty rows, and a row may have fewer cells than there are columns, or more.
    ragged = (section.columns, *(_marked(row) for row in section.rows))
    lines = [(*cells, *[""] * (width - len(cells))) for cells in ragged]
    is_block = room.take_table(width)
    # A table block's limit is one of rows; drawn as text, only the characters count.
    is_list = not is_block and not columns.fit(lines[:_LINES_DRAWN])
    if is_list:
        lines = lines[1:]
    elif not is_block:
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
    elif count and is_list:
        yield elements.rich([proses.listed(lines[:count])])
    elif count:
        yield elements.rich([elements.preformatted("\n".join("  ".join(cells).rstrip() for cells in lines[:count]))])


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
    return {"type": "raw_text", "text": elements.visible(text)}


def _title(title: str | None, room: _Room) -> list[Block]:
    if not title:
        return []
    return [elements.lines([elements.italic(elements.visible(room.take(title)))])]


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
            "text": {"type": "plain_text", "text": elements.fitted(action.label, limits.BUTTON_TEXT)},
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
    name = elements.escape(
        elements.fitted(f"Runbook {pointer.number} {pointer.title}".replace("  ", " "), limits.LINK_TEXT)
    )
    url = elements.escape(pointer.url or "")
    # A bar would end the address early.
    return f"<{url}|{name}>" if url and "|" not in url and len(url) <= limits.LINK else name


def _told(left_out: Sequence[str]) -> str:
    """Give one sentence about what was left out, itself of bounded length."""
    more = [f"and {len(left_out) - _LEFT_OUT_TOLD:,} things more"] if len(left_out) > _LEFT_OUT_TOLD else []
    return f"Left out: {', '.join([*left_out[:_LEFT_OUT_TOLD], *more])}."


def _with_id(block: Block, index: int) -> Block:
    # Two blocks of buttons in one view would otherwise share their action ids.
    return {**block, "block_id": f"home-{index}"}
