"""A valid procedure, as data and as a model, for changing one thing at a time."""

import copy
from typing import Any

from bot.procedures import schema

VALID: dict[str, Any] = {
    "schema": 1,
    "id": "triage",
    "title": "Triage of a degraded service",
    "summary": "find out what is wrong with a service",
    "owner": "devops-team",
    "doc": {"section": "health-failing"},
    "command": {"name": "triage", "examples": ["triage pos-order"]},
    "access": {"run": ["everyone"]},
    "params": [
        {"name": "service", "type": "service", "help": "which service"},
        {"name": "env", "type": "environment", "help": "where"},
    ],
    "steps": [
        {
            "id": "health",
            "title": "Ask for its health",
            "uses": "health",
            "with": {"selection": "{{ params.service }}", "env": "{{ params.env }}"},
        },
        {"id": "read", "title": "Read on", "uses": "link", "with": {"text": "More", "section": "health-failing"}},
    ],
}


def a_document(**changes: Any) -> dict[str, Any]:
    """Return a valid file as data, with other values under some keys; None removes a key."""
    document = copy.deepcopy(VALID) | copy.deepcopy(changes)
    return {key: value for key, value in document.items() if value is not None}


def a_procedure(**changes: Any) -> schema.Procedure:
    """Return a valid procedure."""
    return schema.from_document(a_document(**changes))
