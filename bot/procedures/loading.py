"""The folder of procedures, read file by file: one that is not sound takes no other with it."""

import pathlib
from typing import Any

from bot import errors, toolkit
from bot.model import procedures
from bot.procedures import checking, surroundings
from bot.runbook import documents


def load(folder: pathlib.Path, around: surroundings.Surroundings) -> procedures.Book:
    """Give every procedure in *folder*, and the files that are no procedures with their reasons."""
    sound: list[procedures.Procedure] = []
    disabled: list[procedures.Disabled] = []
    taken: dict[str, str] = {}
    for path in sorted(folder.glob("*.y*ml")) if folder.is_dir() else []:
        try:
            procedure = _read(path, around, taken)
        except errors.BadConfiguration as error:
            reason = str(error).replace(f"{folder}/", f"{folder.name}/")
            disabled.append(procedures.Disabled(name=path.stem, reason=reason))
            continue
        taken |= dict.fromkeys(procedure.words, path.name)
        sound.append(_resolved(procedure, around))
    return procedures.Book(procedures=tuple(sound), disabled=tuple(disabled))


def _read(path: pathlib.Path, around: surroundings.Surroundings, taken: dict[str, str]) -> procedures.Procedure:
    if path.suffix != ".yaml":
        raise errors.BadConfiguration(f"{path}: expected the ending .yaml.")
    return documents.load(
        path, procedures.Procedure, check=lambda whole: checking.mistakes(whole, path.stem, around, taken)
    )


def _resolved(procedure: procedures.Procedure, around: surroundings.Surroundings) -> procedures.Procedure:
    """Give *procedure* with the effect of each step, so that a stored copy says it whatever commands become."""

    def resolved(step: procedures.Step) -> procedures.Step:
        effect = step.effect or _effect(around.commands.get(step.uses))
        return step.model_copy(update={"effect": effect})

    return procedure.model_copy(
        update={
            "steps": tuple(map(resolved, procedure.steps)),
            "finally_": tuple(map(resolved, procedure.finally_)),
        }
    )


def _effect(command: toolkit.Command[Any] | None) -> procedures.Effect:
    is_change = command is not None and command.effect is toolkit.Effect.CHANGE
    return procedures.Effect.CHANGE if is_change else procedures.Effect.READ
