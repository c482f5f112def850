"""Everything in `runbook_data/`, loaded together so that all mistakes are told at once."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import TypeVar

from bot import errors
from bot.model import roles, runbooks, services
from bot.runbook import documents, sections

Loaded = TypeVar("Loaded")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunbookData:
    """What the operators of the bot have written down."""

    folder: pathlib.Path
    catalogue: services.Catalogue
    environments: services.Environments
    roles: roles.Roles
    runbook: runbooks.Runbook


def load(folder: pathlib.Path) -> RunbookData:
    """
    Give what the data folder says.

    Raises:
        errors.BadConfiguration: all mistakes of all files, one a line.
    """
    if not folder.is_dir():
        raise errors.BadConfiguration(f"{folder}: there is no such folder; set POSBOT_RUNBOOK_DATA to the data folder.")
    mistakes: list[str] = []
    catalogue = _collect(mistakes, lambda: documents.load(folder / "services.yaml", services.Catalogue))
    environments = _collect(mistakes, lambda: documents.load(folder / "environments.yaml", services.Environments))
    people = _collect(mistakes, lambda: documents.load(folder / "roles.yaml", roles.Roles))
    url = environments.runbook_url if environments else None
    runbook = _collect(mistakes, lambda: sections.load(folder / "runbook.md", url))
    if catalogue is None or environments is None or people is None or runbook is None:
        raise errors.BadConfiguration("\n".join(mistakes))
    return RunbookData(folder=folder, catalogue=catalogue, environments=environments, roles=people, runbook=runbook)


def _collect(mistakes: list[str], load_one: Callable[[], Loaded]) -> Loaded | None:
    try:
        return load_one()
    except errors.BadConfiguration as error:
        mistakes.append(str(error))
        return None
