"""The loader of `runbook_data/procedures/`: an invalid file disables only its procedure. And the JSON Schema."""

import json
import pathlib
from collections.abc import Iterable
from typing import Any

from bot import command as bot_command
from bot import errors
from bot.config import yaml_files
from bot.procedures import schema, validation
from bot.procedures.definition import validation_context
from bot.procedures.steps import registry


def load(folder: pathlib.Path, context: validation_context.ValidationContext) -> schema.ProcedureCatalog:
    """Return every procedure in *folder*, and the invalid files with the reasons."""
    valid: list[schema.Procedure] = []
    invalid: list[schema.InvalidProcedure] = []
    owners: dict[str, str] = {}
    warnings: list[str] = []
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else []:
        try:
            procedure = _read(path, context, owners)
        except errors.BadConfiguration as error:
            reason = str(error).replace(f"{folder}/", f"{folder.name}/")
            invalid.append(schema.InvalidProcedure(name=path.stem, reason=reason, command_names=_command_names(path)))
            continue
        warnings += (f"{folder.name}/{path.name}: {text}" for text in validation.unknown_names(procedure, context))
        owners |= dict.fromkeys(procedure.names, path.name)
        valid.append(_with_effects(procedure, context))
    return schema.ProcedureCatalog(
        procedures=tuple(valid), invalid=tuple(invalid), warnings=tuple(warnings), tests=folder / "tests"
    )


def _read(
    path: pathlib.Path, context: validation_context.ValidationContext, owners: dict[str, str]
) -> schema.Procedure:
    if path.suffix != ".yaml":
        raise errors.BadConfiguration(f"{path}: expected the suffix .yaml.")
    return yaml_files.load(
        path, schema.Procedure, check=lambda whole: validation.validate(whole, path.stem, context, owners)
    )


def _command_names(path: pathlib.Path) -> tuple[str, ...]:
    """Return the names of the command in an invalid file, or nothing if it cannot be read so far."""
    try:
        content = yaml_files.read(path)
    except errors.BadConfiguration:
        return ()
    command = content.get("command") if isinstance(content, dict) else None
    if not isinstance(command, dict):
        return ()
    aliases = command.get("aliases")
    names = [command.get("name"), *(aliases if isinstance(aliases, list) else ())]
    return tuple(name.lower() for name in names if isinstance(name, str))


def _with_effects(procedure: schema.Procedure, context: validation_context.ValidationContext) -> schema.Procedure:
    """Return *procedure* with the effect of each step, so that a stored copy does not depend on later commands."""

    def resolve(step: schema.Step) -> schema.Step:
        own = bot_command.Effect.CHANGE if context.changes(step) else bot_command.Effect.READ
        return step.model_copy(update={"effect": step.effect or own})

    steps, finally_ = tuple(map(resolve, procedure.steps)), tuple(map(resolve, procedure.finally_))
    return procedure.model_copy(update={"steps": steps, "finally_": finally_})


def json_schema(commands: Iterable[bot_command.Command[Any]]) -> str:
    """Return the JSON Schema of a procedure's file, with the *commands* that can be steps."""
    document = schema.Procedure.model_json_schema(by_alias=True, mode="validation")
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": "A procedure of posbot"}
    names = [command.name for command in commands if command.is_step and not command.is_terminal_only]
    document["$defs"]["Step"]["properties"]["uses"]["enum"] = [*names, *registry.names()]
    return json.dumps(document, indent=2, ensure_ascii=False)
