"""
A report as Slack's Block Kit, inside Slack's limits whatever its size.

Everything that came from outside stands in rich text, table cells or plain text, which Slack shows as it is: a log
line with `<!channel>` or back-ticks in it neither pings nor breaks anything. What does not fit is counted, never
dropped in silence.
"""

import dataclasses
from collections.abc import Sequence

from bot.model import invocations, reports
from bot.slack.blocks import elements, limits, log_tail
from bot.slack.blocks import sections as block_sections

Block = elements.Block

RUN = "run"
"""Beginning of the action ids of buttons whose value is a line for dispatch."""
NOTE = "note"
"""The action id of the field whose text goes with such a line."""

_DONE = invocations.Status.OK
# Nothing was tried: not the state of a service but the request is at fault.
_STOPPED = frozenset({invocations.Status.USAGE_ERROR, invocations.Status.DENIED})
# What headline, buttons, footer and the sentence about what was left out may need together.
_FRAME_CHARACTERS = 3_000
_FRAME_BLOCKS = 5
_FOOTER_CHARACTERS = 1_000
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

    @property
    def has_plan(self) -> bool:
        """Tell whether there is a block in it that not every workspace takes."""
        return any(block["type"] == "plan" for block in self.blocks)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that is told of one's own accord, and not as an answer."""

    report: reports.Report
    mark: str
    """In front of the headline."""
    mention: str | None = None
    """The id of the person who should look at it."""
    note: str = "none"
    """Whether a note goes with the buttons: none, optional or required."""
    footer: tuple[str, ...] = ()


def message(answer: invocations.Response, manner: limits.RenderOptions = limits.DEFAULT_OPTIONS) -> Message:
    """Give the message for *answer*."""
    report = answer.report
    room = limits.SpaceBudget(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.MESSAGE_BLOCKS - _FRAME_BLOCKS)
    blocks = [_headline(report, answer.status), *block_sections.render(report.sections, room, manner)]
    share = f"share {answer.invocation_id}" if manner.can_share and answer.status is _DONE else None
    buttons = _buttons(report.next_actions, share, room)
    pointers = _pointers(report.runbook, room)
    if room.left_out:
        blocks.append(elements.context([f"{_told(room.left_out)} Narrow it down, or run it in a terminal."]))
    sharer = [f"shared by <@{manner.shared_by}>"] if manner.shared_by else []
    blocks += [*buttons, elements.context([*sharer, *pointers, f"id {answer.invocation_id}"])]
    return Message(
        text=_notification(report, answer.status), blocks=tuple(blocks), files=tuple(room.files), is_whole=room.is_whole
    )


def notice(told: Notice, manner: limits.RenderOptions = limits.DEFAULT_OPTIONS) -> Message:
    """Give the message for *told*."""
    report = told.report
    room = limits.SpaceBudget(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.MESSAGE_BLOCKS - _FRAME_BLOCKS)
    words = elements.bold(elements.fitted(report.headline, limits.HEADLINE))
    mention = [elements.text(" "), {"type": "user", "user_id": told.mention}] if told.mention else []
    blocks = [elements.rich([elements.lines([elements.text(f"{told.mark} "), words, *mention])])]
    blocks += block_sections.render(report.sections, room, manner)
    buttons = _buttons(report.next_actions, None, room)
    footer = [*map(elements.escape, told.footer), *_pointers(report.runbook, room)]
    if room.left_out:
        blocks.append(elements.context([_told(room.left_out)]))
    blocks += [_note(is_optional=told.note == "optional")] if told.note != "none" and buttons else []
    blocks += [*buttons, *([elements.context(footer)] if footer else [])]
    text = elements.fitted(f"{told.mark} {report.headline}", limits.NOTIFICATION_TEXT // 5)
    return Message(text=elements.escape(text), blocks=tuple(blocks))


def following(name: str, tail: log_tail.Tail, status: Sequence[str], stop: str) -> Message:
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
    room = limits.SpaceBudget(
        limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.HOME_BLOCKS - 2 * _FRAME_BLOCKS, tables=0
    )
    blocks: list[Block] = []
    if fleet is None:
        blocks.append(elements.rich([elements.lines([elements.text("⏳ Asking all services …")])]))
    for report in (fleet, capabilities) if fleet is not None else (capabilities,):
        blocks += [{"type": "divider"}] if blocks else []
        blocks += [
            _headline(report, _DONE),
            *block_sections.render(report.sections, room, limits.RenderOptions(has_plans=False)),
            *_buttons(report.next_actions, None, room),
        ]
    if room.left_out:
        blocks.append(elements.context([_told(room.left_out)]))
    return {"type": "home", "blocks": [_with_id(block, index) for index, block in enumerate(blocks)]}


def _headline(report: reports.Report, ending: invocations.Status) -> Block:
    mark = _mark(report, ending)
    words = elements.bold(elements.fitted(report.headline, limits.HEADLINE))
    return elements.rich([elements.lines([elements.text(f"{mark} "), words] if mark else [words])])


def _notification(report: reports.Report, ending: invocations.Status) -> str:
    """Give the one line for where blocks are not shown."""
    return elements.escape(
        elements.fitted(f"{_mark(report, ending)} {report.headline}".strip(), limits.NOTIFICATION_TEXT // 5)
    )


def _mark(report: reports.Report, ending: invocations.Status) -> str:
    if ending in _STOPPED:
        return "✋"
    return "" if report.is_information else elements.OF[report.verdict]


def _buttons(actions: Sequence[reports.NextAction], share: str | None, room: limits.SpaceBudget) -> list[Block]:
    kept = [action for action in actions if 0 < len(action.command) <= limits.BUTTON_VALUE]
    kept = kept[: limits.BUTTONS - bool(share)]
    if len(kept) < len(actions):
        room.left_out.append(f"{len(actions) - len(kept):,} next actions")
    kept += [reports.NextAction(label="Share with channel", command=share)] if share else []
    buttons = [
        {
            "type": "button",
            "action_id": f"{RUN}:{index}",
            "text": {"type": "plain_text", "text": elements.fitted(action.label, limits.BUTTON_TEXT)},
            "value": action.command,
            **({"style": "primary"} if action.is_primary else {}),
        }
        for index, action in enumerate(kept)
    ]
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _note(*, is_optional: bool) -> Block:
    """Give the field whose text goes with whatever button is pressed."""
    field = {"type": "plain_text_input", "action_id": NOTE, "max_length": limits.NOTE}
    label = {"type": "plain_text", "text": "Note"}
    return {"type": "input", "block_id": NOTE, "label": label, "element": field, "optional": is_optional}


def _pointers(pointers: Sequence[reports.Pointer], room: limits.SpaceBudget) -> list[str]:
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
