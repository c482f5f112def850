"""Say what posbot can do for the person who asks, from the commands' own declarations."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import pydantic
import pydantic.fields

from bot import command as bot_command
from bot.model import reports


class Parameters(bot_command.Parameters):
    """About one command, or all."""

    word: Annotated[
        bot_command.CommandName | None,
        bot_command.Option(positional=True, label="COMMAND"),
        pydantic.Field(description="show its options and examples"),
    ] = None


async def run(parameters: Parameters, context: bot_command.Context) -> reports.Report:
    """Return the commands that the person may run here, or one of them in full."""
    if parameters.word is not None:
        command = context.commands[parameters.word]
        return describe(command, command.examples_for(context.catalog, context.environments))
    permitted = [command for command in context.commands.values() if await context.may_run(command)]
    own = [command for command in permitted if command.roles is None]
    procedures = [command for command in permitted if command.roles is not None]
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline="What posbot can do for you here",
        sections=(
            _table("command", own, context),
            *([_table("procedure", procedures, context)] if procedures else []),
            *_disabled(context),
            reports.Text(
                text="help COMMAND shows options and examples. In a thread mention the bot instead of typing /pos."
            ),
        ),
        facts={"commands": ", ".join(command.name for command in permitted)},
        next_actions=(
            reports.NextAction(label="Health of all", command="health all"),
            reports.NextAction(label="Services", command="services"),
        ),
        runbook=context.runbook.point_to("how-to-use"),
    )


def _table(kind: str, listed: Sequence[bot_command.Command[Any]], context: bot_command.Context) -> reports.Table:
    examples = [command.examples_for(context.catalog, context.environments)[0] for command in listed]
    rows = tuple(
        reports.Row(cells=(command.name, command.summary, example))
        for command, example in zip(listed, examples, strict=True)
    )
    return reports.Table(columns=(kind, "what it does", "for example"), rows=rows)


def _disabled(context: bot_command.Context) -> Iterator[reports.Section]:
    if context.procedure_catalog.invalid:
        pairs = tuple((one.name, one.reason.partition("\n")[0]) for one in context.procedure_catalog.invalid)
        yield reports.Fields(title="Procedures that are disabled until their files are mended", pairs=pairs)


def describe(command: bot_command.Command[Any], examples: Sequence[str]) -> reports.Report:
    """Return the usage and options of *command*, with these *examples*."""
    options = tuple(_describe(name, field) for name, field in command.parameters.model_fields.items())
    sections: list[reports.Section] = [reports.Code(text=command.usage)]
    if options:
        sections.append(reports.Fields(title="Options", pairs=options))
    sections.append(reports.Code(title="Examples", text="\n".join(examples)))
    if command.aliases:
        sections.append(reports.Fields(pairs=(("also typed as", ", ".join(command.aliases)),)))
    if command.needs_role:
        roles = f"Needs the role {' or '.join(command.roles)}." if command.roles else None
        sections.append(reports.Text(text=roles or "Needs a role in roles.yaml that names it."))
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"{command.name}: {command.summary}",
        sections=tuple(sections),
        next_actions=(reports.NextAction(label="All commands", command="help"),),
    )


def _describe(name: str, field: pydantic.fields.FieldInfo) -> tuple[str, str]:
    option = bot_command.option_of(field)
    shown = (
        option.label or name
        if option.positional
        else ", ".join(filter(None, (f"--{name.replace('_', '-')}", option.short)))
    )
    return shown, field.description or ""


COMMAND = bot_command.Command(
    name="help",
    summary="list the commands, show the options and examples of one",
    parameters=Parameters,
    run=run,
    examples=("help", "help health"),
    sections=("how-to-use",),
    app_home="help",
    is_step=False,
    needs_procedures=True,
)
