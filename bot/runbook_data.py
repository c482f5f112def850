"""Everything in `runbook_data/`, loaded together so that all errors are reported at once."""

import dataclasses
import pathlib
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from bot import command as bot_command
from bot import errors
from bot.config import catalog as config_catalog
from bot.config import data_digest, yaml_files
from bot.config import environments as config_environments
from bot.config import roles as config_roles
from bot.kubernetes.diagnosis import rules
from bot.runbook import sections

Loaded = TypeVar("Loaded")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunbookData:
    """What operators edit, validated."""

    folder: pathlib.Path
    digest: str
    """Of its files when they were read."""
    catalog: config_catalog.Catalog
    environments: config_environments.Environments
    roles: config_roles.Roles
    runbook: sections.Runbook
    diagnosis_rules: rules.Rules

    def validate(self, commands: Iterable[bot_command.Command[Any]], token_environments: Collection[str]) -> None:
        """
        Check that the runbook has the sections of *commands*, and that each service token has its environment.

        Raises:
            errors.BadConfiguration
        """
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


def load(folder: pathlib.Path, command_names: Collection[str] | None = None) -> RunbookData:
    """
    Load and validate the data folder; roles may name only *command_names*, where given.

    Raises:
        errors.BadConfiguration: all errors of all files, one a line.
    """
    if not folder.is_dir():
        raise errors.BadConfiguration(f"{folder}: there is no such folder; set POSBOT_RUNBOOK_DATA to the data folder.")
    problems: list[str] = []
    catalogue = _collect(problems, lambda: yaml_files.load(folder / "services.yaml", config_catalog.Catalog))
    environments = _collect(
        problems, lambda: yaml_files.load(folder / "environments.yaml", config_environments.Environments)
    )
    roles = _collect(
        problems,
        lambda: yaml_files.load(
            folder / "roles.yaml", config_roles.Roles, {"commands": command_names}, names_channels=True
        ),
    )
    url = environments.runbook_url if environments else None
    runbook = _collect(problems, lambda: sections.load(folder / "runbook.md", url))
    # Without a runbook its own errors are reported, and not that the sections which others name are missing.
    known = {"sections": [section.marker for section in runbook.sections]} if runbook else None
    rules_table = _collect(problems, lambda: yaml_files.load(folder / "diagnosis.yaml", rules.Rules, known))
    if catalogue is None or environments is None or roles is None or runbook is None or rules_table is None:
        raise errors.BadConfiguration("\n".join(problems))
    return RunbookData(
        folder=folder,
        digest=data_digest.digest(folder),
        catalog=catalogue,
        environments=environments,
        roles=roles,
        runbook=runbook,
        diagnosis_rules=rules_table,
    )


def _collect(problems: list[str], load_one: Callable[[], Loaded]) -> Loaded | None:
    try:
        return load_one()
    except errors.BadConfiguration as error:
        problems.append(str(error))
        return None
