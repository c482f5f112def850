"""The real service behaves as the runbook says, and can be stopped and started."""

import datetime
import time

import httpx
import pytest

from tests.real.spring.application import HEALTH, INFO, LIVENESS, PROMETHEUS, READINESS, Application

NO_CONNECTION = "org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain JDBC Connection"

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(600)]


async def test_running_service_is_up_and_lists_its_groups(order: Application) -> None:
    response = await order.fetch(HEALTH)

    health = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.spring-boot.actuator.v3+json"
    assert (health["status"], health["groups"]) == ("UP", ["liveness", "readiness"])
    assert health["components"]["db"] == {
        "status": "UP",
        "details": {"database": "H2", "validationQuery": "isValid()"},
    }


@pytest.mark.parametrize("path", [READINESS, LIVENESS])
async def test_group_has_its_status_only(order: Application, path: str) -> None:
    response = await order.fetch(path)

    assert (response.status_code, response.json()) == (200, {"status": "UP"})


async def test_lost_data_source_is_down_at_the_root_only(order: Application) -> None:
    """The first response after the loss may lack an error, because the pool has not noticed it."""
    await order.data_source.stop()

    first = await order.wait_for(503)
    settled = await order.wait_for(503, containing=NO_CONNECTION)
    readiness, liveness = [await order.fetch(path) for path in (READINESS, LIVENESS)]

    assert first.json()["status"] == "DOWN"
    assert first.json()["components"]["db"]["status"] == "DOWN"
    assert settled.json()["components"]["db"]["details"] == {"error": NO_CONNECTION}
    assert (readiness.status_code, liveness.status_code) == (200, 200)


async def test_lost_data_source_is_reported_within_two_seconds(order: Application) -> None:
    await order.data_source.stop()
    await order.wait_for(503)
    started = time.monotonic()

    await order.fetch(HEALTH)

    assert time.monotonic() - started < 2


async def test_service_recovers_when_its_data_source_returns(order: Application) -> None:
    await order.data_source.stop()
    await order.wait_for(503)
    await order.data_source.start()

    recovered = await order.wait_for(200)
    orders = await order.fetch("/orders/count")

    assert recovered.json()["components"]["db"]["status"] == "UP"
    assert orders.json() == {"orders": 0}


async def test_service_that_refuses_traffic_is_out_of_service(order: Application) -> None:
    await order.post("/traffic/refuse")

    root, readiness, liveness = [await order.fetch(path) for path in (HEALTH, READINESS, LIVENESS)]

    assert (root.status_code, root.json()["status"]) == (503, "OUT_OF_SERVICE")
    assert (readiness.status_code, readiness.json()) == (503, {"status": "OUT_OF_SERVICE"})
    assert liveness.status_code == 200


async def test_broken_service_fails_liveness(order: Application) -> None:
    await order.post("/traffic/break")

    liveness = await order.fetch(LIVENESS)

    assert (liveness.status_code, liveness.json()) == (503, {"status": "DOWN"})


async def test_stopped_service_refuses_connections(order: Application) -> None:
    await order.stop()

    with pytest.raises(httpx.ConnectError):
        await order.fetch(HEALTH)

    assert not order.is_running
    assert order.data_source.is_running


async def test_info_has_the_build(order: Application) -> None:
    build = (await order.fetch(INFO)).json()["build"]

    assert (build["group"], build["artifact"], build["version"]) == ("posbot", "pos-order", "1.4.2")
    assert datetime.datetime.fromisoformat(build["time"]).tzinfo is not None


async def test_metrics_have_the_application_tag(order: Application) -> None:
    await order.fetch(HEALTH)

    response = await order.fetch(PROMETHEUS)

    assert response.headers["content-type"].startswith("text/plain")
    for name in (
        "http_server_requests_seconds_count",
        "http_server_requests_seconds_bucket",
        "jvm_memory_used_bytes",
        "jvm_threads_live_threads",
        "hikaricp_connections_active",
    ):
        samples = [line for line in response.text.splitlines() if line.startswith(f"{name}{{")]
        assert samples, name
        assert all('application="pos-order"' in sample for sample in samples), name
