"""
Messages and the App Home in Slack's Block Kit, within Slack's limits whatever the size of a report.

Everything from outside goes into rich text, table cells or plain text, where Slack interprets nothing: a log line with
`<!channel>` or back-ticks in it neither notifies anyone nor breaks the message. What does not fit is counted, and never
dropped silently.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from bot.model import counts, invocations, reports
from bot.slack.blocks import elements, log_tail, plans, tables

Block = elements.Block

RUN = "run"
"""Prefix of the action ids of buttons whose value is a command line."""
NOTE = "note"
"""Action id of the input whose text goes with such a command line."""

# Nothing was done: the request is at fault, and not the state of a service.
_REJECTED = frozenset({invocations.Status.USAGE_ERROR, invocations.Status.DENIED})
# For headline, buttons, context line and the sentence about what was left out.
_FRAME_CHARACTERS = 3_000
_FRAME_BLOCKS = 5
_MAX_POINTERS_LENGTH = 1_000
_TAIL_NOTE_LENGTH = 100
"""Of the sentence about how much of a log is shown."""
_MAX_LEFT_OUT = 8
"""Each is at most some 40 characters long."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Blocks, and the fallback text for notifications, screen readers and clients without blocks."""

    text: str
    blocks: tuple[Block, ...]
    files: tuple[reports.Log, ...] = ()
    """Logs of which only the tail is shown, to be uploaded."""
    is_whole: bool = True
    """The log that was followed is shown from its beginning."""

    @property
    def has_plan(self) -> bool:
        """Whether it has a block that not every workspace accepts."""
        return any(block["type"] == "plan" for block in self.blocks)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message that posbot posts on its own, and not as a response."""

    report: reports.Report
    mark: str
    """In front of the headline."""
    mention: str | None = None
    """The id of the person who should look at it."""
    note: str = "none"
    """Of the buttons: none, optional or required."""
    footer: tuple[str, ...] = ()


def message(response: invocations.Response, options: elements.RenderOptions = elements.DEFAULT_OPTIONS) -> Message:
    """Return the message for *response*."""
    report = response.report
    budget = elements.SpaceBudget(
        elements.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, elements.MESSAGE_BLOCKS - _FRAME_BLOCKS
    )
    blocks = [_headline(report, response.status), *_sections(report.sections, budget, options)]
    share = (
        f"share {response.invocation_id}" if options.can_share and response.status is invocations.Status.OK else None
    )
    buttons = _buttons(report.next_actions, share, budget)
    pointers = _pointers(report.runbook, budget)
    if budget.left_out:
        blocks.append(elements.context([f"{_left_out(budget.left_out)} Narrow it down, or run it in a terminal."]))
    sharer = [f"shared by <@{options.shared_by}>"] if options.shared_by else []
    blocks += [*buttons, elements.context([*sharer, *pointers, f"id {response.invocation_id}"])]
    return Message(
        text=_fallback_text(report, response.status),
        blocks=tuple(blocks),
        files=tuple(budget.files),
        is_whole=budget.is_whole,
    )


def notice(content: Notice, options: elements.RenderOptions = elements.DEFAULT_OPTIONS) -> Message:
    """Return the message for *content*."""
    report = content.report
    budget = elements.SpaceBudget(
        elements.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, elements.MESSAGE_BLOCKS - _FRAME_BLOCKS
    )
    headline = elements.bold(elements.truncate(report.headline, elements.HEADLINE))
    mention = [elements.text(" "), {"type": "user", "user_id": content.mention}] if content.mention else []
    blocks = [elements.block([elements.section([elements.text(f"{content.mark} "), headline, *mention])])]
    blocks += _sections(report.sections, budget, options)
    buttons = _buttons(report.next_actions, None, budget)
    footer = [*map(elements.escape, content.footer), *_pointers(report.runbook, budget)]
    if budget.left_out:
        blocks.append(elements.context([_left_out(budget.left_out)]))
    blocks += [_note(is_optional=content.note == "optional")] if content.note != "none" and buttons else []
    blocks += [*buttons, *([elements.context(footer)] if footer else [])]
    text = elements.truncate(f"{content.mark} {report.headline}", elements.NOTIFICATION_TEXT // 5)
    return Message(text=elements.escape(text), blocks=tuple(blocks))


def following(name: str, tail: log_tail.Tail, status: Sequence[str], stop: str) -> Message:
    """Return the message for a log that is followed; *stop* is the command line that ends it."""
    headline = f"⏳ Following {elements.truncate(name, elements.LINK_TEXT)}"
    shown = tail.within(elements.MESSAGE_CHARACTERS - _FRAME_CHARACTERS)
    lines = elements.preformatted(shown.text) if shown.lines else elements.section([elements.text("No lines yet.")])
    button = {
        "type": "button",
        "action_id": f"{RUN}:0",
        "text": {"type": "plain_text", "text": "Stop"},
        "value": stop,
        "style": "danger",
    }
    parts = [elements.escape(elements.truncate(part, elements.LINK_TEXT)) for part in status]
    return Message(
        text=elements.escape(headline),
        blocks=(
            elements.block([elements.section([elements.bold(headline)]), lines]),
            elements.context(parts),
            {"type": "actions", "elements": [button]},
        ),
    )


def progress(report: reports.Report) -> Message:
    """Return the message for an unfinished report: its headline alone."""
    line = [elements.text("⏳ "), elements.text(elements.truncate(report.headline, elements.HEADLINE))]
    text = elements.escape(elements.truncate(f"⏳ {report.headline}", elements.NOTIFICATION_TEXT // 5))
    return Message(text=text, blocks=(elements.block([elements.section(line)]),))


def home(parts: Sequence[reports.Report | None]) -> Block:
    """Return the App Home; a part is None while its command is running."""
    budget = elements.SpaceBudget(
        elements.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, elements.HOME_BLOCKS - 2 * _FRAME_BLOCKS, tables=0
    )
    blocks: list[Block] = []
    for report in parts:
        blocks += [{"type": "divider"}] if blocks else []
        if report is None:
            blocks.append(elements.block([elements.section([elements.text("⏳ Checking all services …")])]))
            continue
        blocks += [
            _headline(report, invocations.Status.OK),
            *_sections(report.sections, budget, elements.RenderOptions(has_plans=False)),
            *_buttons(report.next_actions, None, budget),
        ]
    if budget.left_out:
        blocks.append(elements.context([_left_out(budget.left_out)]))
    return {"type": "home", "blocks": [_with_id(block, index) for index, block in enumerate(blocks)]}


def _headline(report: reports.Report, status: invocations.Status) -> Block:
    mark = _mark(report, status)
    headline = elements.bold(elements.truncate(report.headline, elements.HEADLINE))
    return elements.block([elements.section([elements.text(f"{mark} "), headline] if mark else [headline])])


def _fallback_text(report: reports.Report, status: invocations.Status) -> str:
    text = f"{_mark(report, status)} {report.headline}".strip()
    return elements.escape(elements.truncate(text, elements.NOTIFICATION_TEXT // 5))


def _mark(report: reports.Report, status: invocations.Status) -> str:
    if status in _REJECTED:
        return "✋"
    return "" if report.is_information else elements.VERDICT_MARKS[report.verdict]


def _buttons(actions: Sequence[reports.NextAction], share: str | None, budget: elements.SpaceBudget) -> list[Block]:
    kept = [action for action in actions if 0 < len(action.command) <= elements.BUTTON_VALUE]
    kept = kept[: elements.BUTTONS - bool(share)]
    if len(kept) < len(actions):
        budget.left_out.append(counts.counted(len(actions) - len(kept), "button"))
    kept += [reports.NextAction(label="Share with channel", command=share)] if share else []
    buttons = [_button(action, index) for index, action in enumerate(kept)]
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _button(action: reports.NextAction, index: int) -> Block:
    button: Block = {
        "type": "button",
        "action_id": f"{RUN}:{index}",
        "text": _plain(action.label, elements.BUTTON_TEXT),
        "value": action.command,
    }
    if action.consequence:
        # Slack shows the dialog itself, and sends the click once the person has confirmed.
        button["confirm"] = {
            "title": _plain("Are you sure?", elements.CONFIRM_TITLE),
            "text": _plain(action.consequence, elements.CONFIRM_TEXT),
            "confirm": _plain(action.label, elements.CONFIRM_LABEL),
            "deny": _plain("No", elements.CONFIRM_LABEL),
            "style": "danger",
        }
    style = "primary" if action.is_primary else "danger" if action.consequence else ""
    return button | ({"style": style} if style else {})


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": elements.truncate(text, limit)}


def _note(*, is_optional: bool) -> Block:
    """Return the input whose text goes with the button that is pressed."""
    field = {"type": "plain_text_input", "action_id": NOTE, "max_length": elements.NOTE}
    label = {"type": "plain_text", "text": "Note"}
    return {"type": "input", "block_id": NOTE, "label": label, "element": field, "optional": is_optional}


def _pointers(pointers: Sequence[reports.Pointer], budget: elements.SpaceBudget) -> list[str]:
    """Return as many pointers as fit into the context line, each whole: half a link would show its markup."""
    kept: list[str] = []
    for pointer in pointers:
        text = _pointer(pointer)
        if sum(map(len, kept)) + len(text) > _MAX_POINTERS_LENGTH:
            budget.left_out.append(f"{len(pointers) - len(kept):,} runbook sections")
            break
        kept.append(text)
    return kept


def _pointer(pointer: reports.Pointer) -> str:
    name = elements.escape(
        elements.truncate(f"Runbook {pointer.number} {pointer.title}".replace("  ", " "), elements.LINK_TEXT)
    )
    url = elements.escape(pointer.url or "")
    # A bar would end the URL early.
    return f"<{url}|{name}>" if url and "|" not in url and len(url) <= elements.LINK else name


def _left_out(left_out: Sequence[str]) -> str:
    """Return one sentence about what was left out, itself of bounded length."""
    more = [f"and {len(left_out) - _MAX_LEFT_OUT:,} more"] if len(left_out) > _MAX_LEFT_OUT else []
    return f"Left out: {', '.join([*left_out[:_MAX_LEFT_OUT], *more])}."


def _with_id(block: Block, index: int) -> Block:
    # Two blocks of buttons in one view would otherwise share their action ids.
    return {**block, "block_id": f"home-{index}"}


def _sections(
    sections: Sequence[reports.Section], budget: elements.SpaceBudget, options: elements.RenderOptions
) -> list[Block]:
    """Return the blocks of *sections* in their order; logs, which fit any space, get what the others leave."""
    rendered: dict[int, list[Block]] = {}
    for index in sorted(range(len(sections)), key=lambda index: isinstance(sections[index], reports.Log)):
        if budget.is_full:
            left = [section for place, section in enumerate(sections) if place not in rendered]
            budget.left_out.append(f"{len(left)} more sections")
            budget.files += [section for section in left if isinstance(section, reports.Log)]
            break
        budget.take_block()
        rendered[index] = list(_section(sections[index], budget, options))
    if options.tail is not None:
        rendered[-1], budget.is_whole = [], False
        if not budget.is_full:
            budget.take_block()
            block, budget.is_whole = _log(options.tail, None, budget, options)
            rendered[-1] = [block]
    return [block for index in sorted(rendered) for block in rendered[index]]


def _section(
    section: reports.Section, budget: elements.SpaceBudget, options: elements.RenderOptions
) -> Iterable[Block]:
    match section:
        case reports.Table():
            yield from tables.render(section, budget)
        case reports.Fields():
            yield from _fields(section, budget)
        case reports.Code():
            code = elements.preformatted(budget.take(section.text))
            yield elements.block([*elements.title(section.title, budget), code])
        case reports.Text():
            text = elements.text(elements.visible(budget.take(section.text)))
            yield elements.block([*elements.title(section.title, budget), elements.section([text])])
        case reports.Prose():
            title = elements.title(section.title, budget)
            sizes = [len(paragraph.text) + len(paragraph.bullet) + 2 for paragraph in section.paragraphs]
            count = budget.take_while_fitting(sizes, "paragraphs")
            if title or count:
                yield elements.block([*title, *elements.prose(section.paragraphs[:count])])
        case reports.Plan():
            yield from plans.render(section, budget, as_block=options.has_plans)
        case reports.Log():
            block, is_whole = _log(log_tail.tail_of(section), section.title, budget, options)
            budget.files += [] if is_whole else [section]
            yield block


def _log(
    tail: log_tail.Tail, title: str | None, budget: elements.SpaceBudget, options: elements.RenderOptions
) -> tuple[Block, bool]:
    """Return the tail of a log, and whether that is all of it."""
    parts = elements.title(title, budget)
    shown = tail.within(budget.characters)
    if not shown.is_whole:
        shown = tail.within(budget.characters - len(options.whereabouts) - _TAIL_NOTE_LENGTH)
        note = budget.take(f"{shown.describe()} {options.whereabouts}")
        parts.append(elements.section([elements.italic(note)]))
    if shown.lines:
        parts.append(elements.preformatted(budget.take(shown.text)))
    elif not tail.total:
        parts.append(elements.section([elements.text("No lines.")]))
    return elements.block(parts), shown.is_whole


def _fields(section: reports.Fields, budget: elements.SpaceBudget) -> Iterable[Block]:
    title = elements.title(section.title, budget)
    pairs = [(elements.visible(name), elements.visible(value)) for name, value in section.pairs]
    count = budget.take_while_fitting([len(name) + len(value) + 3 for name, value in pairs], "values")
    parts: list[Block] = []
    for index, (name, value) in enumerate(pairs[:count]):
        end = "" if index == count - 1 else "\n"
        parts += [elements.bold(f"{name}: "), elements.text(value + end)]
    if title or parts:
        yield elements.block([*title, *([elements.section(parts)] if parts else [])])
