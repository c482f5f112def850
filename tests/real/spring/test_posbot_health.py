"""`posbot health` against a real Spring Boot application."""

import json
import pathlib

import httpx
import pytest

from bot.health import actuator
from sandbox import processes, runbook_folder
from tests import canned_server
from tests.real.spring import application
from tests.real.spring.application import Application

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(300)]


@pytest.fixture
def environment(order: Application, tmp_path: pathlib.Path) -> dict[str, str]:
    runbook_folder.write(tmp_path / "runbook_data", {"pos-order": order.port})
    return environment_of(tmp_path)


def environment_of(tmp_path: pathlib.Path) -> dict[str, str]:
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


async def test_status_of_the_services_own_is_shown_with_its_component(
    order: Application, environment: dict[str, str]
) -> None:
    await order.post("/till/PAPER_LOW")

    code, output, _ = await processes.run(environment, "health", "pos-order")

    # Spring Boot answers UP and 200: a status that it does not know decides nothing.
    assert (await order.fetch(application.HEALTH)).status_code == 200
    assert code in {0, 1}, "it may be slow"
    assert "PAPER_LOW" in output
    assert "till" in output and "paper is low" in output


async def test_mapped_and_ordered_status_is_shown_with_503(tmp_path: pathlib.Path) -> None:
    status = "management.endpoint.health.status"
    properties = {f"{status}.order": "down,paper_low,up", f"{status}.http-mapping.paper_low": "503"}
    async with application.running(tmp_path, properties=properties) as order:
        runbook_folder.write(tmp_path / "runbook_data", {"pos-order": order.port})
        await order.post("/till/PAPER_LOW")

        code, output, _ = await processes.run(environment_of(tmp_path), "health", "pos-order")

        assert (await order.fetch(application.HEALTH)).status_code == 503
    assert code == 1
    assert "pos-order · sandbox: PAPER_LOW" in output
    assert "till" in output and "paper is low" in output


async def test_compressed_answer_is_read(tmp_path: pathlib.Path) -> None:
    properties = {
        "server.compression.enabled": "true",
        "server.compression.min-response-size": "1B",
        "server.compression.mime-types": "application/json,application/vnd.spring-boot.actuator.v3+json",
    }
    async with application.running(tmp_path, properties=properties) as order:
        answer = await order.fetch(application.HEALTH)
        packed = await compressed(order.url + application.HEALTH)
    # posbot asks for no compression; some proxies send it nevertheless, as this one does.
    headers = {"Content-Type": answer.headers["content-type"], "Content-Encoding": "gzip"}
    async with canned_server.answering(packed, headers=headers) as url:
        health = await actuator.Actuator().read("pos-order", f"{url}{application.HEALTH}", with_groups=False)

    assert packed[:2] == b"\x1f\x8b"
    assert health.is_healthy
    assert "UP" in health.summary


async def compressed(url: str) -> bytes:
    """Return the body at *url* as Spring Boot compresses it."""
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as response,
    ):
        return b"".join([part async for part in response.aiter_raw()])


async def test_stopped_application_is_unreachable(order: Application, environment: dict[str, str]) -> None:
    await order.stop()

    code, output, _ = await processes.run(environment, "health", "pos-order")

    assert code == 1
    assert "unreachable: connection refused" in output
