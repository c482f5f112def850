"""
The sections of a report as blocks, within the space budget of a message.

What does not fit is counted, and never dropped silently.
"""

from collections.abc import Iterable, Sequence

from bot.model import reports
from bot.slack.blocks import limits, log_tail, plans, rich_text, tables

Block = rich_text.Block

_TAIL_NOTE_LENGTH = 100
"""Of the sentence about how much of a log is shown."""


def render(
    sections: Sequence[reports.Section],
    budget: limits.SpaceBudget,
    options: limits.RenderOptions = limits.DEFAULT_OPTIONS,
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


def _section(section: reports.Section, budget: limits.SpaceBudget, options: limits.RenderOptions) -> Iterable[Block]:
    match section:
        case reports.Table():
            yield from tables.render(section, budget)
        case reports.Fields():
            yield from _fields(section, budget)
        case reports.Code():
            code = rich_text.preformatted(budget.take(section.text))
            yield rich_text.block([*rich_text.title(section.title, budget), code])
        case reports.Text():
            text = rich_text.text(rich_text.visible(budget.take(section.text)))
            yield rich_text.block([*rich_text.title(section.title, budget), rich_text.section([text])])
        case reports.Prose():
            title = rich_text.title(section.title, budget)
            sizes = [len(paragraph.text) + len(paragraph.bullet) + 2 for paragraph in section.paragraphs]
            count = budget.take_while_fitting(sizes, "paragraphs")
            if title or count:
                yield rich_text.block([*title, *rich_text.prose(section.paragraphs[:count])])
        case reports.Plan():
            yield from plans.render(section, budget, as_block=options.has_plans)
        case reports.Log():
            block, is_whole = _log(log_tail.tail_of(section), section.title, budget, options)
            budget.files += [] if is_whole else [section]
            yield block


def _log(
    tail: log_tail.Tail, title: str | None, budget: limits.SpaceBudget, options: limits.RenderOptions
) -> tuple[Block, bool]:
    """Return the tail of a log, and whether that is all of it."""
    parts = rich_text.title(title, budget)
    shown = tail.within(budget.characters)
    if not shown.is_whole:
        shown = tail.within(budget.characters - len(options.whereabouts) - _TAIL_NOTE_LENGTH)
        note = budget.take(f"{shown.describe()} {options.whereabouts}")
        parts.append(rich_text.section([rich_text.italic(note)]))
    if shown.lines:
        parts.append(rich_text.preformatted(budget.take(shown.text)))
    elif not tail.total:
        parts.append(rich_text.section([rich_text.text("No lines.")]))
    return rich_text.block(parts), shown.is_whole


def _fields(section: reports.Fields, budget: limits.SpaceBudget) -> Iterable[Block]:
    title = rich_text.title(section.title, budget)
    pairs = [(rich_text.visible(name), rich_text.visible(value)) for name, value in section.pairs]
    count = budget.take_while_fitting([len(name) + len(value) + 3 for name, value in pairs], "values")
    elements: list[Block] = []
    for index, (name, value) in enumerate(pairs[:count]):
        end = "" if index == count - 1 else "\n"
        elements += [rich_text.bold(f"{name}: "), rich_text.text(value + end)]
    if title or elements:
        yield rich_text.block([*title, *([rich_text.section(elements)] if elements else [])])
