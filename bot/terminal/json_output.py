"""An answer as a JSON document whose shape does not change under scripts that read it."""

import json

from bot.model import invocations, reports

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys may come at any time."""


def write(answer: invocations.Response) -> dict[str, object]:
    """Give *answer* as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "invocation": answer.invocation_id,
        "ending": answer.status.value,
        **reports.to_document(answer.report),
    }


def write_line(entry: reports.LogEntry) -> str:
    """Give an entry of a log as one line of JSON."""
    return json.dumps(
        {
            "at": entry.at.isoformat() if entry.at else None,
            "source": entry.source,
            "text": entry.text,
            "is_remark": entry.is_annotation,
        },
        ensure_ascii=False,
    )
