"""Everything in `runbook_data/`, loaded together so that all mistakes are reported at once."""

import dataclasses
import pathlib
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from bot import command as bot_command
from bot import errors
from bot.config import catalog as config_catalog
from bot.config import roles as config_roles
from bot.config import yaml_files
from bot.kubernetes.diagnosis import rules
from bot.runbook import sections

Loaded = TypeVar("Loaded")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunbookData:
    """What operators edit, validated."""

    folder: pathlib.Path
    catalog: config_catalog.Catalog
    environments: config_catalog.Environments
    roles: config_roles.Roles
    runbook: sections.Runbook
    diagnosis_rules: rules.Rules

    def validate(
        self,
        command_names: Collection[str],
        commands: Iterable[bot_command.Command[Any]],
        token_environments: Collection[str],
    ) -> None:
        """
        Check what the data and the commands say of each other, and that each service token has its environment.

        Raises:
            errors.BadConfiguration: with the file, and the line where there is one.
        """
        for name, role in self.roles.roles.items():
            for unknown in (each for each in role.may if each not in command_names):
                raise errors.BadConfiguration(
                    f"{self.folder / 'roles.yaml'}: roles.{name}.may: “{unknown}” is no command;"
                    f" expected some of {', '.join(command_names)}."
                )
        for command in commands:
            try:
                self.runbook.point_to(*command.sections)
            except errors.NotFound as error:
                raise errors.BadConfiguration(
                    f"{self.folder / 'runbook.md'}: no heading has the marker “{error.name}”, which {command.name}"
                    " points to."
                ) from error
        for environment in token_environments:
            if environment not in self.environments.environments:
                known = ", ".join(self.environments.environments)
                raise errors.BadConfiguration(
                    f"POSBOT_SERVICE_TOKENS: “{environment}” is not among the environments; expected one of {known}."
                )


def load(folder: pathlib.Path) -> RunbookData:
    """
    Give what the data folder says.

    Raises:
        errors.BadConfiguration: all mistakes of all files, one a line.
    """
    if not folder.is_dir():
        raise errors.BadConfiguration(f"{folder}: there is no such folder; set POSBOT_RUNBOOK_DATA to the data folder.")
    mistakes: list[str] = []
    catalogue = _collect(mistakes, lambda: yaml_files.load(folder / "services.yaml", config_catalog.Catalog))
    environments = _collect(
        mistakes, lambda: yaml_files.load(folder / "environments.yaml", config_catalog.Environments)
    )
    people = _collect(mistakes, lambda: yaml_files.load(folder / "roles.yaml", config_roles.Roles))
    url = environments.runbook_url if environments else None
    runbook = _collect(mistakes, lambda: sections.load(folder / "runbook.md", url))
    # Without a runbook its own mistakes are told, and not that the sections which others point to are not there.
    known = {"sections": [section.marker for section in runbook.sections]} if runbook else None
    table = _collect(mistakes, lambda: yaml_files.load(folder / "diagnosis.yaml", rules.Rules, known))
    if catalogue is None or environments is None or people is None or runbook is None or table is None:
        raise errors.BadConfiguration("\n".join(mistakes))
    return RunbookData(
        folder=folder,
        catalog=catalogue,
        environments=environments,
        roles=people,
        runbook=runbook,
        diagnosis_rules=table,
    )


def _collect(mistakes: list[str], load_one: Callable[[], Loaded]) -> Loaded | None:
    try:
        return load_one()
    except errors.BadConfiguration as error:
        mistakes.append(str(error))
        return None
