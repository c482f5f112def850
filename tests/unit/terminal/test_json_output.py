"""The JSON that scripts read: its shape does not change, and it gives the same report back."""

import json

from hypothesis import HealthCheck, given, settings

from bot.model import invocations, reports
from bot.terminal import json_output
from tests import builders
from tests.unit.slack import strategies

GOLDEN = """
{
  "schema": 1,
  "invocation": "1123-0a1b2c3d",
  "status": "ok",
  "verdict": "failed",
  "headline": "pos-order in prod: DOWN because of db",
  "sections": [
    {"pairs": [["health", "DOWN"]], "title": "Answers", "kind": "fields"},
    {
      "columns": ["service", "state"],
      "rows": [
        {"cells": ["pos-order", "down"], "verdict": "failed"},
        {"cells": ["pos-events", "none"], "verdict": null}
      ],
      "title": null,
      "kind": "table"
    },
    {"text": "GET /", "title": null, "kind": "code"},
    {"text": "Look at the logs.", "title": null, "kind": "text"}
  ],
  "facts": {"service": "pos-order", "seconds": 0.25, "http_status": 503, "healthy": false, "port": null},
  "next_actions": [{"label": "Again", "command": "health pos-order"}],
  "runbook": [{"number": "4.3", "title": "Health endpoint failing", "url": null}]
}
"""

REPORT = builders.a_report(
    verdict=reports.Verdict.FAILED,
    headline="pos-order in prod: DOWN because of db",
    sections=(
        reports.Fields(title="Answers", pairs=(("health", "DOWN"),)),
        reports.Table(
            columns=("service", "state"),
            rows=(
                reports.Row(cells=("pos-order", "down"), verdict=reports.Verdict.FAILED),
                reports.Row(cells=("pos-events", "none")),
            ),
        ),
        reports.Code(text="GET /"),
        reports.Text(text="Look at the logs."),
    ),
    facts={"service": "pos-order", "seconds": 0.25, "http_status": 503, "healthy": False, "port": None},
    next_actions=(reports.NextAction(label="Again", command="health pos-order"),),
    runbook=(reports.Pointer(number="4.3", title="Health endpoint failing"),),
)


def test_document_has_the_documented_keys() -> None:
    golden = json.loads(GOLDEN)

    document = json.loads(json.dumps(json_output.write(builders.an_answer(REPORT))))

    assert _known(document, golden) == golden


def _known(document: object, golden: object) -> object:
    """Return *document* without keys that *golden* lacks: keys may be added, not removed or changed."""
    if isinstance(document, dict) and isinstance(golden, dict):
        return {key: _known(value, golden[key]) for key, value in document.items() if key in golden}
    if isinstance(document, list) and isinstance(golden, list):
        return [_known(*pair) for pair in zip(document, golden, strict=True)]
    return document


def test_status_is_its_word() -> None:
    endings = {json_output.write(builders.an_answer(status=ending))["status"] for ending in invocations.Status}

    assert endings == {"ok", "usage_error", "denied", "failed", "timed_out", "cancelled", "duplicate"}


def test_empty_report_has_all_keys() -> None:
    assert set(json.loads(GOLDEN)) <= set(json_output.write(builders.an_answer()))


@given(report=strategies.SMALL_REPORTS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_report_survives_the_round_trip_through_json(report: reports.Report) -> None:
    document = json.loads(json.dumps(reports.to_document(report), allow_nan=False))

    again = reports.from_document(document)

    assert again == report
    assert [type(value) for value in again.facts.values()] == [type(value) for value in report.facts.values()]
