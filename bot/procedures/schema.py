"""The format of procedures as a JSON Schema, for editors that check and complete while somebody types."""

import json
from collections.abc import Iterable
from typing import Any

from bot import toolkit
from bot.model import procedures


def write(commands: Iterable[toolkit.Command[Any]]) -> str:
    """Give the schema of a file of `runbook_data/procedures/`, with the words of *commands* that are steps."""
    schema = procedures.Procedure.model_json_schema(by_alias=True, mode="validation")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A procedure of posbot"}
    words = [command.word for command in commands if command.is_step and not command.terminal_only]
    schema["$defs"]["Step"]["properties"]["uses"]["enum"] = [*words, *sorted(procedures.BUILT_IN)]
    return json.dumps(schema, indent=2, ensure_ascii=False)
