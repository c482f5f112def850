"""The folder of procedures, read file by file: an invalid one disables no other. And their JSON Schema, for editors."""

import json
import pathlib
from collections.abc import Iterable
from typing import Any

from bot import command as bot_command
from bot import errors
from bot.config import yaml_files
from bot.procedures import schema
from bot.procedures.definition import validation, validation_context


def load(folder: pathlib.Path, around: validation_context.ValidationContext) -> schema.ProcedureCatalog:
    """Give every procedure in *folder*, and the files that are no procedures with their reasons."""
    sound: list[schema.Procedure] = []
    disabled: list[schema.InvalidProcedure] = []
    taken: dict[str, str] = {}
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else []:
        try:
            procedure = _read(path, around, taken)
        except errors.BadConfiguration as error:
            reason = str(error).replace(f"{folder}/", f"{folder.name}/")
            disabled.append(schema.InvalidProcedure(name=path.stem, reason=reason))
            continue
        taken |= dict.fromkeys(procedure.words, path.name)
        sound.append(_resolved(procedure, around))
    return schema.ProcedureCatalog(procedures=tuple(sound), invalid=tuple(disabled))


def _read(path: pathlib.Path, around: validation_context.ValidationContext, taken: dict[str, str]) -> schema.Procedure:
    if path.suffix != ".yaml":
        raise errors.BadConfiguration(f"{path}: expected the ending .yaml.")
    return yaml_files.load(
        path, schema.Procedure, check=lambda whole: validation.validate(whole, path.stem, around, taken)
    )


def _resolved(procedure: schema.Procedure, around: validation_context.ValidationContext) -> schema.Procedure:
    """Give *procedure* with the effect of each step, so that a stored copy says it whatever commands become."""

    def resolved(step: schema.Step) -> schema.Step:
        effect = step.effect or _effect(around.commands.get(step.uses))
        return step.model_copy(update={"effect": effect})

    return procedure.model_copy(
        update={
            "steps": tuple(map(resolved, procedure.steps)),
            "finally_": tuple(map(resolved, procedure.finally_)),
        }
    )


def _effect(command: bot_command.Command[Any] | None) -> schema.Effect:
    is_change = command is not None and command.effect is bot_command.Effect.CHANGE
    return schema.Effect.CHANGE if is_change else schema.Effect.READ


def json_schema(commands: Iterable[bot_command.Command[Any]]) -> str:
    """Give the schema of a file of `runbook_data/procedures/`, with the words of *commands* that are steps."""
    document = schema.Procedure.model_json_schema(by_alias=True, mode="validation")
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": "A procedure of posbot"}
    words = [command.name for command in commands if command.is_step and not command.is_terminal_only]
    document["$defs"]["Step"]["properties"]["uses"]["enum"] = [*words, *sorted(schema.BUILT_IN)]
    return json.dumps(document, indent=2, ensure_ascii=False)
