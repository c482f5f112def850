"""The services of the sandbox respond like a real one, as far as the two can be compared."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.services import fleets
from sandbox.services.service import Service
from tests.real.spring.application import HEALTH, LIVENESS, READINESS, Application

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(600)]

COMMON = ("db", "diskSpace", "livenessState", "ping", "readinessState", "ssl")
HEADERS = ("content-type", "transfer-encoding", "allow")
NO_CONNECTION = "CannotGetJdbcConnectionException"


@pytest.fixture
async def sandbox() -> AsyncIterator[Service]:
    async with fleets.running(["pos-order"]) as fleet:
        yield fleet["pos-order"]


async def request(url: str, path: str, method: str = "GET", accept: str = "*/*") -> httpx.Response:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        return await client.request(method, url + path, headers={"Accept": accept})


def outline(response: httpx.Response) -> dict[str, Any]:
    """Return what two responses must share: status, headers, and the order and types of the body."""
    headers = {name: response.headers.get(name) for name in HEADERS}
    closes = response.headers.get("connection") == "close"
    body = shape(response.json()) if response.content else None
    return {"status": response.status_code, "headers": headers, "closes": closes, "body": body}


def shape(value: Any) -> Any:
    if isinstance(value, dict) and "components" in value:
        value = value | {"components": {name: value["components"][name] for name in COMMON}}
    if isinstance(value, dict):
        return [(key, inner if key in ("status", "error") else shape(inner)) for key, inner in value.items()]
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.parametrize(
    "path",
    [HEALTH, READINESS, LIVENESS, f"{HEALTH}/db", f"{HEALTH}/nothing", "/actuator/nothing", "/nothing"],
)
async def test_healthy_service(order: Application, sandbox: Service, path: str) -> None:
    real, fake = await request(order.url, path), await request(sandbox.url, path)

    assert outline(fake) == outline(real)


async def test_method_not_allowed(order: Application, sandbox: Service) -> None:
    real, fake = await request(order.url, HEALTH, "POST"), await request(sandbox.url, HEALTH, "POST")

    assert outline(fake) == outline(real)


async def test_plain_json_on_request(order: Application, sandbox: Service) -> None:
    accept = "application/json"

    real, fake = (
        await request(order.url, HEALTH, accept=accept),
        await request(sandbox.url, HEALTH, accept=accept),
    )

    assert outline(fake) == outline(real)


async def test_build_in_info(order: Application, sandbox: Service) -> None:
    path = "/actuator/info"

    real, fake = (await request(order.url, path)).json(), (await request(sandbox.url, path)).json()

    assert shape(fake["build"]) == shape(real["build"])


async def test_lost_data_source(order: Application, sandbox: Service) -> None:
    await order.data_source.stop()
    await order.wait_for(503, containing=NO_CONNECTION)
    await sandbox.goes_down()

    for path in (HEALTH, READINESS, LIVENESS, f"{HEALTH}/db"):
        real, fake = await request(order.url, path), await request(sandbox.url, path)
        assert outline(fake) == outline(real), path


@pytest.mark.parametrize("path", [HEALTH, READINESS, LIVENESS])
async def test_refused_traffic(order: Application, sandbox: Service, path: str) -> None:
    await order.post("/traffic/refuse")
    await sandbox.refuses_traffic()

    real, fake = await request(order.url, path), await request(sandbox.url, path)

    assert outline(fake) == outline(real)


@pytest.mark.parametrize("path", [HEALTH, READINESS, LIVENESS])
async def test_lost_liveness(order: Application, sandbox: Service, path: str) -> None:
    await order.post("/traffic/break")
    await sandbox.loses_liveness()

    real, fake = await request(order.url, path), await request(sandbox.url, path)

    assert outline(fake) == outline(real)
