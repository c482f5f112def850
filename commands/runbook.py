"""
Read the runbook: what it says, who carries it out, and where it speaks of something.

A section is shown as far as one look takes; the rest is a button away.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import pydantic

from bot import command as bot_command
from bot import errors
from bot.model import reports
from bot.runbook import markdown, search
from bot.runbook import sections as runbook_sections

INDEX = "how-to-use"
_OVERVIEW = "overview"
BRIEF_CHARACTERS = 1_400
"""About what fits on a screen of a telephone and a half."""
_MOST_HITS = 4
_MOST_BUTTONS = 4
"""Of the five that a message of Slack’s should have, one shares it."""
_WHOLE = "--full"
_FOR_SERVICES = frozenset({"service", "selection"})
_NUMBER = re.compile(r"^\d(\.\d+)+\.?$")


class Parameters(bot_command.Parameters):
    """Which section, or which words."""

    words: Annotated[
        tuple[str, ...],
        bot_command.Option(positional=True, label="SECTION|WORDS"),
        pydantic.Field(description="a section by number, marker or title; anything else is looked for", max_length=20),
    ] = ()
    service: Annotated[
        bot_command.ServiceName | None,
        bot_command.Option(label="SERVICE"),
        pydantic.Field(description="the service that the buttons are to be about"),
    ] = None
    env: Annotated[
        str | None,
        bot_command.Option(label="ENV", short="-e"),
        pydantic.AfterValidator(bot_command.known_environment),
        pydantic.Field(description="the environment that the buttons are to be about"),
    ] = None
    full: Annotated[bool, pydantic.Field(description="show the whole section")] = False


async def run(parameters: Parameters, tools: bot_command.Context) -> reports.Report:
    """Give a section of the runbook, the sections that speak of something, or which section is for which question."""
    words = " ".join(parameters.words)
    if not words.strip():
        return await _show(tools.runbook.find(INDEX), parameters, tools)
    section = tools.runbook.called(words)
    if section is None and _NUMBER.match(words):
        numbers = [one.number for one in tools.runbook.sections if one.number]
        raise errors.NotFound("section", words, numbers, hint=f"Known sections: {', '.join(numbers)}.")
    return await _show(section, parameters, tools) if section is not None else _search(words, tools)


async def _show(
    section: runbook_sections.Section, parameters: Parameters, tools: bot_command.Context
) -> reports.Report:
    is_index = section.marker == INDEX
    everything = markdown.parse(section.body)
    shown = everything if parameters.full else tuple(_brief(everything))
    left_out = len(everything) - len(shown)
    inner = tools.runbook.inside(section)
    performers = await _performers(section, tools)
    related = _related(section, shown, everything, tools)
    sections: list[reports.Section] = [*shown]
    if left_out:
        sections.append(reports.Text(text=f"{left_out} more part{'s' * (left_out > 1)} of this section: {_WHOLE}."))
    if inner:
        sections.append(reports.Fields(title="Sections", pairs=tuple((one.number, one.title) for one in inner)))
    if performers:
        pairs = tuple((command.name, command.summary) for command in performers)
        sections.append(reports.Fields(title="What carries it out", pairs=pairs))
    if related:
        sections.append(_listed("Related documents", related))
    actions = [
        *(
            [reports.NextAction(label="Whole section", command=f"runbook {section.marker} {_WHOLE}")]
            if left_out
            else []
        ),
        *(_button(command, parameters) for command in performers),
        *(reports.NextAction(label=one.name, command=f"runbook {one.number or one.marker}") for one in inner),
    ]
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=section.name,
        sections=tuple(sections),
        facts={"section": section.marker, "number": section.number, "left_out": left_out},
        next_actions=tuple(actions[:_MOST_BUTTONS] if not is_index else await _entrances(tools)),
        runbook=tools.runbook.point_to(section.marker) if tools.runbook.url else (),
    )


def _brief(sections: Sequence[reports.Section]) -> Iterable[reports.Section]:
    """Give the first of *sections*, as many as one look takes, and one at least."""
    left = BRIEF_CHARACTERS
    for section in sections:
        size = sum(map(len, markdown.sentences([section])))
        if size > left and left < BRIEF_CHARACTERS:
            return
        yield section
        left -= size


async def _performers(section: runbook_sections.Section, tools: bot_command.Context) -> list[bot_command.Command[Any]]:
    """Give what carries *section* out and may be run by who asks: procedures first, then what is most about it."""

    def order(command: bot_command.Command[Any]) -> tuple[bool, int, int]:
        return command.roles is None, command.sections.index(section.marker), len(command.sections)

    fitting = [one for one in tools.commands.values() if section.marker in one.sections and not one.is_terminal_only]
    performing = [one for one in fitting if one.is_step or one.roles is not None]
    return [one for one in sorted(performing, key=order) if await tools.may_run(one)]


def _button(command: bot_command.Command[Any], parameters: Parameters) -> reports.NextAction:
    """Give what runs *command* where all that it needs is known, else what says how it is typed."""
    fields = command.parameters.model_fields
    needed = {name for name, field in fields.items() if field.is_required()}
    if parameters.service is not None and next(iter(fields), "") in _FOR_SERVICES and needed <= _FOR_SERVICES:
        where = f" --env {parameters.env}" if parameters.env is not None and "env" in fields else ""
        words = f"{command.name} {parameters.service}{where}"
        return reports.NextAction(label=f"Run {words}", command=words)
    if not needed:
        return reports.NextAction(label=f"Run {command.name}", command=command.name)
    return reports.NextAction(label=f"How to run {command.name}", command=f"help {command.name}")


async def _entrances(tools: bot_command.Context) -> tuple[reports.NextAction, ...]:
    """Give the sections for which there is more than reading: those with a procedure, then with a command at least."""
    performed = [
        (section, performers[0].roles is None)
        for section in tools.runbook.sections
        if section.number and (performers := await _performers(section, tools))
    ]
    chosen = sorted(performed, key=lambda one: one[1])[:_MOST_BUTTONS]
    return tuple(
        reports.NextAction(label=section.name, command=f"runbook {section.number}")
        for section, _ in sorted(chosen, key=performed.index)
    )


def _related(
    section: runbook_sections.Section,
    shown: Sequence[reports.Section],
    everything: Sequence[reports.Section],
    tools: bot_command.Context,
) -> tuple[reports.Span, ...]:
    """Give the documents that belong with *section* and are not linked in what is shown of it."""
    if section.marker == INDEX:
        return markdown.links(markdown.parse(tools.runbook.find(_OVERVIEW).body))
    visible = {span.url for span in markdown.links(shown)}
    return tuple(span for span in markdown.links(everything) if span.url not in visible)


def _listed(title: str, spans: Iterable[reports.Span]) -> reports.Prose:
    return reports.Prose(title=title, paragraphs=tuple(reports.Paragraph(spans=(span,), bullet="•") for span in spans))


def _search(words: str, tools: bot_command.Context) -> reports.Report:
    hits = search.search(tools.runbook, words, most=_MOST_HITS)
    if not hits:
        return reports.Report(
            verdict=reports.Verdict.UNKNOWN,
            headline=f"The runbook does not speak of “{words}”.",
            facts={"hits": 0},
            next_actions=(reports.NextAction(label="Which section for what?", command="runbook"),),
        )
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"Where the runbook speaks of “{words}”",
        sections=(reports.Prose(paragraphs=tuple(_told(hit) for hit in hits)),),
        facts={"hits": len(hits), "section": hits[0].section.marker, "number": hits[0].section.number},
        next_actions=tuple(
            reports.NextAction(
                label=hit.section.name,
                command=f"runbook {hit.section.number or hit.section.marker}",
                is_primary=index == 0,
            )
            for index, hit in enumerate(hits)
        ),
    )


def _told(hit: search.Hit) -> reports.Paragraph:
    spans = [reports.Span(text=f"{hit.section.name}: ", is_italic=True)]
    spans += [reports.Span(text=piece, is_bold=is_found) for piece, is_found in hit.pieces() if piece]
    return reports.Paragraph(spans=tuple(spans), bullet="•")


COMMAND = bot_command.Command(
    name="runbook",
    summary="read the runbook: a section, or where it speaks of something",
    parameters=Parameters,
    run=run,
    examples=("runbook", "runbook 4.3", "runbook connection refused", "runbook 4.2 --service pos-order"),
    sections=("how-to-use",),
    facts=bot_command.facts(texts=("section", "number"), numbers=("hits", "left_out")),
    is_step=False,
    needs_procedures=True,
)
