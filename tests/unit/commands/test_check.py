"""`check`: what it warns of in data that posbot can serve."""

import pathlib

import pytest
import yaml

from bot.model import reports
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio


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
