"""Show a section of the runbook with the commands that cover it, or search in it."""

import re
from typing import Annotated, Any

import pydantic

from bot import command as bot_command
from bot import errors
from bot.model import reports
from bot.runbook import reports as runbook_reports
from bot.runbook import search
from bot.runbook import sections as runbook_sections

_MAX_MATCHES = 4
_SERVICE_PARAMETERS = frozenset({"service", "selection"})
_SECTION_NUMBER = re.compile(r"^\d(\.\d+)+\.?$")


class Parameters(bot_command.Parameters):
    """A section or a search, and what its buttons run on."""

    words: Annotated[
        tuple[str, ...],
        bot_command.Option(positional=True, label="SECTION|WORDS"),
        pydantic.Field(description="a section by number, marker or title, or words to search for", max_length=20),
    ] = ()
    service: Annotated[
        bot_command.ServiceName | None,
        bot_command.Option(label="SERVICE"),
        pydantic.Field(description="service for the buttons"),
    ] = None
    env: Annotated[
        str | None,
        bot_command.Option(label="ENV", short="-e"),
        pydantic.AfterValidator(bot_command.known_environment),
        pydantic.Field(description="environment for the buttons"),
    ] = None
    full: Annotated[bool, pydantic.Field(description="show the whole section")] = False


async def run(parameters: Parameters, context: bot_command.Context) -> reports.Report:
    """Return a section, search results, or the index."""
    runbook, query = context.runbook, " ".join(parameters.words)
    section = runbook.lookup(query) if query.strip() else runbook.find(runbook_reports.INDEX)
    if section is None and _SECTION_NUMBER.match(query):
        numbers = [one.number for one in runbook.sections if one.number]
        raise errors.NotFound("section", query, numbers, hint=f"Known sections: {', '.join(numbers)}.")
    if section is None:
        return runbook_reports.search_report(query, search.search(runbook, query, limit=_MAX_MATCHES))
    commands = await _commands(section, context)
    is_index = section.marker == runbook_reports.INDEX
    return runbook_reports.section_report(
        section,
        runbook,
        is_full=parameters.full,
        commands=[(command.name, command.summary) for command in commands],
        buttons=await _index_buttons(context) if is_index else [_button(command, parameters) for command in commands],
    )


async def _commands(section: runbook_sections.Section, context: bot_command.Context) -> list[bot_command.Command[Any]]:
    """Return the commands that cover *section* and that the requester may run: procedures first, then the closest."""

    def rank(command: bot_command.Command[Any]) -> tuple[bool, int, int]:
        return command.roles is None, command.sections.index(section.marker), len(command.sections)

    covering = [
        command
        for command in context.commands.values()
        if section.marker in command.sections
        and not command.is_terminal_only
        and (command.is_step or command.roles is not None)
    ]
    return [command for command in sorted(covering, key=rank) if await context.may_run(command)]


def _button(command: bot_command.Command[Any], parameters: Parameters) -> reports.NextAction:
    """Return the button that runs *command*, or that shows its help where a parameter is missing."""
    fields = command.parameters.model_fields
    required = {name for name, field in fields.items() if field.is_required()}
    is_for_service = next(iter(fields), "") in _SERVICE_PARAMETERS and required <= _SERVICE_PARAMETERS
    if parameters.service is not None and is_for_service:
        env = f" --env {parameters.env}" if parameters.env is not None and "env" in fields else ""
        line = f"{command.name} {parameters.service}{env}"
        return reports.NextAction(label=f"Run {line}", command=line)
    if not required:
        return reports.NextAction(label=f"Run {command.name}", command=command.name)
    return reports.NextAction(label=f"Help for {command.name}", command=f"help {command.name}")


async def _index_buttons(context: bot_command.Context) -> list[reports.NextAction]:
    """Return buttons for the sections with commands, those with a procedure preferred, in the order of the runbook."""
    covered = [
        (section, commands[0].roles is None)
        for section in context.runbook.sections
        if section.number and (commands := await _commands(section, context))
    ]
    chosen = sorted(covered, key=lambda pair: pair[1])[: runbook_reports.MAX_BUTTONS]
    return [runbook_reports.section_button(section) for section, _ in sorted(chosen, key=covered.index)]


COMMAND = bot_command.Command(
    name="runbook",
    summary="show or search the runbook",
    parameters=Parameters,
    run=run,
    examples=("runbook", "runbook 4.3", "runbook connection refused", "runbook 4.2 --service {service}"),
    sections=(runbook_reports.INDEX,),
    facts=bot_command.facts(texts=("section", "number"), numbers=("hits", "omitted")),
    is_step=False,
    needs_procedures=True,
)
