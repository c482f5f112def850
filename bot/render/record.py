"""An answer as a JSON document whose shape does not change under scripts that read it."""

from bot.model import invocations, reports

SCHEMA = 1
"""Raised when a key changes its meaning or goes away; new keys may come at any time."""


def write(answer: invocations.Answer) -> dict[str, object]:
    """Give *answer* as JSON-ready data."""
    return {
        "schema": SCHEMA,
        "invocation": answer.invocation_id,
        "ending": answer.ending.value,
        **reports.to_document(answer.report),
    }
