"""`check`: what it warns of in data that posbot can serve."""

import pathlib

import pytest
import yaml

from bot.model import invocations, reports
from tests.unit.commands import app_fixture

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def services(**ports: int) -> str:
    """Return the text of a catalog of these services at these ports."""
    return yaml.safe_dump({"services": [entry(f"pos-{name}", port) for name, port in ports.items()]})


def entry(name: str, port: int) -> dict[str, object]:
    keys = dict.fromkeys(("name", "module", "deployment", "container"), name)
    more = {"port": port, "owner": "devops-team", "group": "sales", "tier": "critical"}
    return {**keys, "aliases": [name.removeprefix("pos-")], **more}


async def test_services_with_one_health_url_are_a_warning(tmp_path: pathlib.Path) -> None:
    catalog = services(order=8080, agents=8080, price=8081)
    async with app_fixture.running(tmp_path, names=["pos-order"], texts={"services.yaml": catalog}) as app:
        report = await app.run("check")

    assert report.verdict is reports.Verdict.WARNING
    assert report.headline == "1 health URL is the same for several services"
    table = next(section for section in report.sections if isinstance(section, reports.Table))
    assert [row.cells for row in table.rows] == [
        ("sandbox", "http://127.0.0.1:8080/actuator/health", "pos-order, pos-agents")
    ]


ENVIRONMENTS = """default: local
environments:
  local: {namespace: positivity, health_url: "http://127.0.0.1:{port}{health_path}", kube_context: sandbox}
"""


async def test_renamed_environments_disable_no_procedure(tmp_path: pathlib.Path) -> None:
    texts = {"environments.yaml": ENVIRONMENTS}
    async with app_fixture.running(tmp_path, names=["pos-order"], texts=texts, token_environment="local") as app:
        report, plan = await app.run("check"), await app.run("triage order --plan")

    assert report.verdict is reports.Verdict.WARNING
    assert (report.facts["disabled"], report.facts["failed_tests"]) == (0, 0)
    assert report.headline == "Unknown services or environments in 5 examples and 2 tests of procedures"
    assert "procedures/triage.yaml" in str(report.sections)
    assert "There is no environment called “prod”" in str(report.sections)
    assert plan.verdict is not reports.Verdict.FAILED


async def test_another_catalog_disables_no_procedure(tmp_path: pathlib.Path) -> None:
    texts = {"services.yaml": services(checkout=8080, basket=8081)}
    async with app_fixture.running(tmp_path, names=["pos-order"], texts=texts) as app:
        report, help_text = await app.run("check"), await app.run("help health")

    assert report.verdict is reports.Verdict.WARNING
    assert (report.facts["disabled"], report.facts["failed_tests"]) == (0, 0)
    assert report.headline.startswith("Unknown services or environments in 10 examples and ")
    assert "health pos-checkout" in str(help_text.sections)
    assert "pos-order" not in str(help_text.sections)


@pytest.mark.parametrize("line", ["triage pos-order", "degraded pos-order", "run degraded pos-order", "help degraded"])
async def test_disabled_procedure_says_why_by_each_name(tmp_path: pathlib.Path, line: str) -> None:
    text = "schema: 2\ncommand: {name: triage, aliases: [degraded], examples: [triage pos-order]}\n"
    async with app_fixture.running(tmp_path, names=["pos-order"], texts={"procedures/triage.yaml": text}) as app:
        answer = await app.dispatch(line)

    assert answer.status is invocations.Status.USAGE_ERROR
    assert "disabled" in answer.report.headline
    assert "procedures/triage.yaml:1: schema: expected 1" in str(answer.report)


async def test_token_for_services_over_http_is_a_warning(tmp_path: pathlib.Path) -> None:
    async with app_fixture.running(tmp_path, names=["pos-order"], token_environment="staging") as app:
        report = await app.run("check")

    assert (report.verdict, report.facts["security_warnings"]) == (reports.Verdict.WARNING, 1)
    assert report.headline == "1 secret not protected on the network"
    assert "set staging.token_over_http: true if the network is trusted" in str(report.sections)
