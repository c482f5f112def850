"""The files of a checkout that are generated from declarations; `make generate` writes them."""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot import command as bot_command
from bot import errors
from bot.procedures import loader
from bot.slack.inbound import manifest

PROJECT = pathlib.Path(__file__).parents[1]
_TABLE = re.compile(r"(?<=<!-- commands: written by make generate -->\n).*?(?=<!-- end of commands -->\n)", re.DOTALL)


def contents(commands: Sequence[bot_command.Command[Any]], project: pathlib.Path = PROJECT) -> Mapping[str, str]:
    """
    Return what each generated file should contain, by its path in the checkout *project*.

    Raises:
        errors.BadConfiguration: *project* has no README.md with the markers of the command table.
    """
    readme = project / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if not _TABLE.search(text):
        raise errors.BadConfiguration(f"{readme}: the markers of the command table are missing; expected a checkout.")
    table = _command_table(commands)
    return {
        "deploy/slack/manifest.json": manifest.write(commands, None) + "\n",
        "runbook_data/procedure.schema.json": loader.json_schema(commands) + "\n",
        "README.md": _TABLE.sub(lambda _: table, text),
    }


def write(commands: Sequence[bot_command.Command[Any]], project: pathlib.Path = PROJECT) -> tuple[str, ...]:
    """Write the generated files that are not up to date; return their paths in the checkout."""
    stale = {
        path: content
        for path, content in contents(commands, project).items()
        if not (project / path).is_file() or (project / path).read_text(encoding="utf-8") != content
    }
    for path, content in stale.items():
        (project / path).write_text(content, encoding="utf-8")
    return tuple(stale)


def _command_table(commands: Sequence[bot_command.Command[Any]]) -> str:
    rows = [(command.usage.replace("|", r"\|"), command.summary) for command in commands]
    return "".join(
        ["| command | what it does |\n| --- | --- |\n", *(f"| `{usage}` | {text} |\n" for usage, text in rows)]
    )
