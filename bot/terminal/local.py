"""What a terminal answers by itself: no database, no permission check, no audit record."""

import importlib.metadata
import pathlib
import platform
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bot import errors
from bot.config import catalog, data_digest, environments, yaml_files
from bot.model import reports

if TYPE_CHECKING:
    from bot import command as bot_command


def version(runbook_data: pathlib.Path | None) -> reports.Report:
    """Return the version of posbot and of Python, and the digest of the data folder; None if settings are invalid."""
    installed = importlib.metadata.version("posbot")
    digest, data = None, "unknown, the settings are invalid"
    if runbook_data is not None:
        digest = data_digest.digest(runbook_data) if runbook_data.is_dir() else None
        data = f"{digest or 'no such folder'} ({runbook_data})"
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"posbot {installed}",
        sections=(reports.Fields(pairs=(("Python", platform.python_version()), ("runbook data", data))),),
        facts={"version": installed, "data": digest},
    )


def overview(summaries: Iterable[tuple[str, str]], runbook_data: pathlib.Path) -> reports.Report:
    """Return the commands with their summaries, and the procedures as their files name them."""
    listed, procedures = list(summaries), list(_procedures(runbook_data / "procedures"))
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline="posbot commands",
        sections=(
            _table("command", listed),
            *([_table("procedure", procedures)] if procedures else []),
            reports.Text(text="posbot help COMMAND shows its options and examples."),
        ),
        facts={"commands": ", ".join(name for name, _ in (*listed, *procedures))},
    )


def examples(command: "bot_command.Command[Any]", runbook_data: pathlib.Path) -> tuple[str, ...]:
    """Return the examples of *command* with names of the data, or as declared where the data is invalid."""
    try:
        return command.examples_for(
            yaml_files.load(runbook_data / "services.yaml", catalog.Catalog),
            yaml_files.load(runbook_data / "environments.yaml", environments.Environments),
        )
    except errors.BadConfiguration:
        return command.examples


def _table(column: str, pairs: list[tuple[str, str]]) -> reports.Table:
    return reports.Table(columns=(column, "summary"), rows=tuple(reports.Row(cells=pair) for pair in pairs))


def _procedures(folder: pathlib.Path) -> Iterable[tuple[str, str]]:
    """Yield name and summary of each procedure, without the tenth of a second that validation takes."""
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = yaml_files.read(path)
        except errors.BadConfiguration:
            yield path.stem, "invalid YAML; run posbot check"
            continue
        if isinstance(document, dict):
            command = document.get("command")
            name = command.get("name", path.stem) if isinstance(command, dict) else path.stem
            yield str(name), str(document.get("summary", ""))
