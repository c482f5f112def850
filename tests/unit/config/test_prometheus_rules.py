"""What the rules for Prometheus say about an alert leads somewhere; tests/real shows that they fire."""

import urllib.parse

import pytest
import yaml

from bot.runbook import sections
from sandbox import runbook_folder

DATA = runbook_folder.PROJECT / "runbook_data"
ALERTS = [
    rule
    for group in yaml.safe_load((DATA / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels'].get('window', '')}")
def test_alert_names_severity_section_and_procedure(alert: dict[str, dict[str, str]]) -> None:
    runbook = sections.load(DATA / "runbook.md", None)
    procedures = {yaml.safe_load(path.read_text())["id"] for path in (DATA / "procedures").glob("*.yaml")}
    annotations = alert["annotations"]

    assert alert["labels"]["severity"] in {"critical", "warning", "none"}
    assert urllib.parse.urlsplit(annotations["runbook_url"]).fragment in {one.anchor for one in runbook.sections}
    if alert["alert"] == "Watchdog":
        assert "procedure" not in annotations
    else:
        assert annotations["procedure"] in procedures
        assert "{{ $labels.service }} · {{ $labels.environment }}: " in annotations["summary"]
