"""
Messages and the App Home in Slack's Block Kit, within Slack's limits whatever the size of a report.

Everything from outside goes into rich text, table cells or plain text, where Slack interprets nothing: a log line with
`<!channel>` or back-ticks in it neither notifies anyone nor breaks the message. What does not fit is counted, and never
dropped silently.
"""

import dataclasses
from collections.abc import Sequence

from bot.model import invocations, reports
from bot.slack.blocks import limits, log_tail, rich_text
from bot.slack.blocks import sections as block_sections

Block = rich_text.Block

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


def message(response: invocations.Response, options: limits.RenderOptions = limits.DEFAULT_OPTIONS) -> Message:
    """Return the message for *response*."""
    report = response.report
    budget = limits.SpaceBudget(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.MESSAGE_BLOCKS - _FRAME_BLOCKS)
    blocks = [_headline(report, response.status), *block_sections.render(report.sections, budget, options)]
    share = (
        f"share {response.invocation_id}" if options.can_share and response.status is invocations.Status.OK else None
    )
    buttons = _buttons(report.next_actions, share, budget)
    pointers = _pointers(report.runbook, budget)
    if budget.left_out:
        blocks.append(rich_text.context([f"{_left_out(budget.left_out)} Narrow it down, or run it in a terminal."]))
    sharer = [f"shared by <@{options.shared_by}>"] if options.shared_by else []
    blocks += [*buttons, rich_text.context([*sharer, *pointers, f"id {response.invocation_id}"])]
    return Message(
        text=_fallback_text(report, response.status),
        blocks=tuple(blocks),
        files=tuple(budget.files),
        is_whole=budget.is_whole,
    )


def notice(content: Notice, options: limits.RenderOptions = limits.DEFAULT_OPTIONS) -> Message:
    """Return the message for *content*."""
    report = content.report
    budget = limits.SpaceBudget(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.MESSAGE_BLOCKS - _FRAME_BLOCKS)
    headline = rich_text.bold(rich_text.truncate(report.headline, limits.HEADLINE))
    mention = [rich_text.text(" "), {"type": "user", "user_id": content.mention}] if content.mention else []
    blocks = [rich_text.block([rich_text.section([rich_text.text(f"{content.mark} "), headline, *mention])])]
    blocks += block_sections.render(report.sections, budget, options)
    buttons = _buttons(report.next_actions, None, budget)
    footer = [*map(rich_text.escape, content.footer), *_pointers(report.runbook, budget)]
    if budget.left_out:
        blocks.append(rich_text.context([_left_out(budget.left_out)]))
    blocks += [_note(is_optional=content.note == "optional")] if content.note != "none" and buttons else []
    blocks += [*buttons, *([rich_text.context(footer)] if footer else [])]
    text = rich_text.truncate(f"{content.mark} {report.headline}", limits.NOTIFICATION_TEXT // 5)
    return Message(text=rich_text.escape(text), blocks=tuple(blocks))


def following(name: str, tail: log_tail.Tail, status: Sequence[str], stop: str) -> Message:
    """Return the message for a log that is followed; *stop* is the command line that ends it."""
    headline = f"⏳ Following {rich_text.truncate(name, limits.LINK_TEXT)}"
    shown = tail.within(limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS)
    lines = rich_text.preformatted(shown.text) if shown.lines else rich_text.section([rich_text.text("No lines yet.")])
    button = {
        "type": "button",
        "action_id": f"{RUN}:0",
        "text": {"type": "plain_text", "text": "Stop"},
        "value": stop,
        "style": "danger",
    }
    parts = [rich_text.escape(rich_text.truncate(part, limits.LINK_TEXT)) for part in status]
    return Message(
        text=rich_text.escape(headline),
        blocks=(
            rich_text.block([rich_text.section([rich_text.bold(headline)]), lines]),
            rich_text.context(parts),
            {"type": "actions", "elements": [button]},
        ),
    )


def progress(report: reports.Report) -> Message:
    """Return the message for an unfinished report: its headline alone."""
    line = [rich_text.text("⏳ "), rich_text.text(rich_text.truncate(report.headline, limits.HEADLINE))]
    text = _fallback_text(report, invocations.Status.OK)
    return Message(text=text, blocks=(rich_text.block([rich_text.section(line)]),))


def home(parts: Sequence[reports.Report | None]) -> Block:
    """Return the App Home; a part is None while its command is running."""
    budget = limits.SpaceBudget(
        limits.MESSAGE_CHARACTERS - _FRAME_CHARACTERS, limits.HOME_BLOCKS - 2 * _FRAME_BLOCKS, tables=0
    )
    blocks: list[Block] = []
    for report in parts:
        blocks += [{"type": "divider"}] if blocks else []
        if report is None:
            blocks.append(rich_text.block([rich_text.section([rich_text.text("⏳ Checking all services …")])]))
            continue
        blocks += [
            _headline(report, invocations.Status.OK),
            *block_sections.render(report.sections, budget, limits.RenderOptions(has_plans=False)),
            *_buttons(report.next_actions, None, budget),
        ]
    if budget.left_out:
        blocks.append(rich_text.context([_left_out(budget.left_out)]))
    return {"type": "home", "blocks": [_with_id(block, index) for index, block in enumerate(blocks)]}


def _headline(report: reports.Report, status: invocations.Status) -> Block:
    mark = _mark(report, status)
    headline = rich_text.bold(rich_text.truncate(report.headline, limits.HEADLINE))
    return rich_text.block([rich_text.section([rich_text.text(f"{mark} "), headline] if mark else [headline])])


def _fallback_text(report: reports.Report, status: invocations.Status) -> str:
    text = f"{_mark(report, status)} {report.headline}".strip()
    return rich_text.escape(rich_text.truncate(text, limits.NOTIFICATION_TEXT // 5))


def _mark(report: reports.Report, status: invocations.Status) -> str:
    if status in _REJECTED:
        return "✋"
    return "" if report.is_information else rich_text.VERDICT_MARKS[report.verdict]


def _buttons(actions: Sequence[reports.NextAction], share: str | None, budget: limits.SpaceBudget) -> list[Block]:
    kept = [action for action in actions if 0 < len(action.command) <= limits.BUTTON_VALUE]
    kept = kept[: limits.BUTTONS - bool(share)]
    if len(kept) < len(actions):
        budget.left_out.append(f"{len(actions) - len(kept):,} next actions")
    kept += [reports.NextAction(label="Share with channel", command=share)] if share else []
    buttons = [
        {
            "type": "button",
            "action_id": f"{RUN}:{index}",
            "text": {"type": "plain_text", "text": rich_text.truncate(action.label, limits.BUTTON_TEXT)},
            "value": action.command,
            **({"style": "primary"} if action.is_primary else {}),
        }
        for index, action in enumerate(kept)
    ]
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _note(*, is_optional: bool) -> Block:
    """Return the input whose text goes with the button that is pressed."""
    field = {"type": "plain_text_input", "action_id": NOTE, "max_length": limits.NOTE}
    label = {"type": "plain_text", "text": "Note"}
    return {"type": "input", "block_id": NOTE, "label": label, "element": field, "optional": is_optional}


def _pointers(pointers: Sequence[reports.Pointer], budget: limits.SpaceBudget) -> list[str]:
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
    name = rich_text.escape(
        rich_text.truncate(f"Runbook {pointer.number} {pointer.title}".replace("  ", " "), limits.LINK_TEXT)
    )
    url = rich_text.escape(pointer.url or "")
    # A bar would end the URL early.
    return f"<{url}|{name}>" if url and "|" not in url and len(url) <= limits.LINK else name


def _left_out(left_out: Sequence[str]) -> str:
    """Return one sentence about what was left out, itself of bounded length."""
    more = [f"and {len(left_out) - _MAX_LEFT_OUT:,} more"] if len(left_out) > _MAX_LEFT_OUT else []
    return f"Left out: {', '.join([*left_out[:_MAX_LEFT_OUT], *more])}."


def _with_id(block: Block, index: int) -> Block:
    # Two blocks of buttons in one view would otherwise share their action ids.
    return {**block, "block_id": f"home-{index}"}
