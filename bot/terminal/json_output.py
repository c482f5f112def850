"""A response as JSON, in a shape that scripts can rely on."""

import json

from bot.model import characters, invocations, reports

SCHEMA = 1
"""Incremented when a key changes its meaning or is removed; keys may be added at any time."""


def write(response: invocations.Response) -> dict[str, object]:
    """Return *response* as JSON-ready data; what was not recorded has no invocation."""
    return {
        "schema": SCHEMA,
        "invocation": response.invocation_id or None,
        "status": response.status.value,
        **reports.to_document(response.report),
    }


def write_line(entry: reports.LogEntry) -> str:
    """Return an entry of a log as one line of JSON."""
    document = {
        "at": entry.at.isoformat() if entry.at else None,
        "source": entry.source,
        "text": entry.text,
        "is_annotation": entry.is_annotation,
    }
    return characters.clean(json.dumps(document, ensure_ascii=False))
