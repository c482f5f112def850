"""`posbot health` against a real Spring Boot application."""

import json
import pathlib

import pytest

from sandbox import processes, runbook_folder
from tests.real.spring.application import Application

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.fixture
def environment(order: Application, tmp_path: pathlib.Path) -> dict[str, str]:
    runbook_folder.write(tmp_path / "runbook_data", {"pos-order": order.port})
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
    }


async def test_running_application_is_up_with_readiness_and_liveness(environment: dict[str, str]) -> None:
    code, output, stderr = await processes.run(environment, "health", "pos-order", "--verbose", "--output", "json")

    document = json.loads(output)
    assert (code, stderr) == (0, "")
    assert document["facts"]["finding"] == "up"
    assert document["facts"]["readiness"] == "up"
    assert document["facts"]["liveness"] == "up"


async def test_lost_data_source_is_down_with_db(order: Application, environment: dict[str, str]) -> None:
    await order.data_source.stop()
    await order.wait_for(503)

    code, output, _ = await processes.run(environment, "health", "pos-order")

    assert code == 1
    assert "pos-order · sandbox: DOWN (db)" in output
    assert "Failing components" in output
    assert "Runbook 4.3 Health endpoint failing" in output


async def test_wait_ends_when_the_data_source_returns(order: Application, environment: dict[str, str]) -> None:
    await order.data_source.stop()
    await order.wait_for(503)
    await order.data_source.start()

    code, output, _ = await processes.run(environment, "health", "pos-order", "--wait", "30s")

    # A reconnected pool may be slow at first.
    assert code in {0, 1}
    assert ": UP, " in output or "degraded" in output
    assert "not healthy" not in output and "unhealthy" not in output


async def test_out_of_service_is_reported(order: Application, environment: dict[str, str]) -> None:
    await order.post("/traffic/refuse")

    code, output, _ = await processes.run(environment, "health", "pos-order")

    assert code == 1
    assert "OUT_OF_SERVICE" in output
    assert "liveness" in output


async def test_stopped_application_is_unreachable(order: Application, environment: dict[str, str]) -> None:
    await order.stop()

    code, output, _ = await processes.run(environment, "health", "pos-order")

    assert code == 1
    assert "unreachable: connection refused" in output
