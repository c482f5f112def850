"""
The pretend services of the sandbox answer as the real one does, wherever the two can be compared.
"""

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
async def pretend() -> AsyncIterator[Service]:
    async with fleets.running(["pos-order"]) as fleet:
        yield fleet["pos-order"]


async def ask(url: str, path: str, method: str = "GET", accept: str = "*/*") -> httpx.Response:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        return await client.request(method, url + path, headers={"Accept": accept})


def outline(response: httpx.Response) -> dict[str, Any]:
    """
    Give what two answers must share: status, telling headers, and the order and kinds of what is in the body.
    """
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
async def test_a_healthy_service(order: Application, pretend: Service, path: str) -> None:
    real, pretended = await ask(order.url, path), await ask(pretend.url, path)

    assert outline(pretended) == outline(real)


async def test_a_request_that_is_not_allowed(order: Application, pretend: Service) -> None:
    real, pretended = await ask(order.url, HEALTH, "POST"), await ask(pretend.url, HEALTH, "POST")

    assert outline(pretended) == outline(real)


async def test_a_client_that_wants_plain_json(order: Application, pretend: Service) -> None:
    accept = "application/json"

    real, pretended = (
        await ask(order.url, HEALTH, accept=accept),
        await ask(pretend.url, HEALTH, accept=accept),
    )

    assert outline(pretended) == outline(real)


async def test_the_build_in_info(order: Application, pretend: Service) -> None:
    path = "/actuator/info"

    real, pretended = (await ask(order.url, path)).json(), (await ask(pretend.url, path)).json()

    assert shape(pretended["build"]) == shape(real["build"])


async def test_a_lost_data_source(order: Application, pretend: Service) -> None:
    await order.data_source.stop()
    await order.wait_for(503, containing=NO_CONNECTION)
    await pretend.goes_down()

    for path in (HEALTH, READINESS, LIVENESS, f"{HEALTH}/db"):
        real, pretended = await ask(order.url, path), await ask(pretend.url, path)
        assert outline(pretended) == outline(real), path


@pytest.mark.parametrize("path", [HEALTH, READINESS, LIVENESS])
async def test_refused_traffic(order: Application, pretend: Service, path: str) -> None:
    await order.post("/traffic/refuse")
    await pretend.refuses_traffic()

    real, pretended = await ask(order.url, path), await ask(pretend.url, path)

    assert outline(pretended) == outline(real)


@pytest.mark.parametrize("path", [HEALTH, READINESS, LIVENESS])
async def test_lost_liveness(order: Application, pretend: Service, path: str) -> None:
    await order.post("/traffic/break")
    await pretend.loses_liveness()

    real, pretended = await ask(order.url, path), await ask(pretend.url, path)

    assert outline(pretended) == outline(real)
