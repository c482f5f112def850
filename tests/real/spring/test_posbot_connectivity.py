"""`posbot connectivity` against a real service, gateway and registry, and the sandbox's fidelity to these."""

import json
import pathlib
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from sandbox import processes, runbook_folder
from sandbox.services import fleets, gateways, registries
from tests.real.spring import cloud
from tests.real.spring.application import Application

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
async def servers(
    shared: Application, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[cloud.Discovery, cloud.Gateway]]:
    async with cloud.running(tmp_path_factory.mktemp("cloud"), shared) as running:
        yield running


@pytest.fixture
def environment(
    order: Application, servers: tuple[cloud.Discovery, cloud.Gateway], tmp_path: pathlib.Path
) -> dict[str, str]:
    discovery, gateway = servers
    urls = {"gateway_url": gateway.url, "eureka_url": discovery.url}
    runbook_folder.write(tmp_path / "runbook_data", {"pos-order": order.port, "pos-price": order.port}, urls=urls)
    catalogue = tmp_path / "runbook_data" / "services.yaml"
    catalogue.write_text(
        catalogue.read_text().replace("- name: pos-order", "- guarded_path: /actuator/info\n  name: pos-order")
    )
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "POSBOT_SERVICE_TOKENS": json.dumps({"sandbox": cloud.TOKEN}),
    }


async def facts_of(environment: Mapping[str, str], *arguments: str) -> tuple[int, dict[str, object]]:
    code, output, _ = await processes.run(environment, *arguments, "--output", "json")
    return code, json.loads(output)["facts"]


async def test_service_is_reachable_through_gateway_and_registry(
    environment: dict[str, str], order: Application
) -> None:
    code, output, stderr = await processes.run(environment, "connectivity", "order")

    assert (code, stderr) == (0, "")
    assert f"1 UP: 127.0.0.1:{order.port}" in output
    assert "/order/** → lb://POS-ORDER" in output
    assert "rejected, HTTP 401 Unauthorized" in output
    assert "/order/actuator/info: accepted, HTTP 200 OK" in output
    assert cloud.TOKEN not in output


async def test_unregistered_service_has_no_route(environment: dict[str, str]) -> None:
    code, facts = await facts_of(environment, "connectivity", "pos-price")

    assert code == 1
    assert (facts["port"], facts["registration"], facts["route"]) == ("ok", "failed", "failed")


async def test_invalid_token_is_reported_with_the_challenge(environment: dict[str, str]) -> None:
    invalid = {"POSBOT_SERVICE_TOKENS": json.dumps({"sandbox": "unknown-token"})}

    code, output, _ = await processes.run(environment | invalid, "connectivity", "order")

    assert code == 1
    assert 'error="invalid_token"' in output
    assert "unknown-token" not in output


async def test_stopped_service_fails_behind_the_gateway(environment: dict[str, str], order: Application) -> None:
    await order.stop()

    code, facts = await facts_of(environment, "connectivity", "order")

    assert code == 1
    assert (facts["port"], facts["registration"], facts["authenticated_request"]) == ("failed", "ok", "failed")


async def test_sandbox_responds_like_registry_and_gateway(
    order: Application, servers: tuple[cloud.Discovery, cloud.Gateway]
) -> None:
    discovery, gateway = servers
    async with (
        fleets.running(["pos-order"]) as fleet,
        registries.running(fleet) as registry,
        gateways.running(fleet, registry, {"pos-order": "/order"}, login=cloud.TOKEN) as sandbox_gateway,
    ):
        for real, fake in ((discovery.url, registry.url), (gateway.url, sandbox_gateway.url)):
            for path, headers in REQUESTS:
                assert await shape(real + path, headers) == await shape(fake + path, headers), path


REQUESTS = (
    ("/eureka/apps/POS-ORDER", {"Accept": "application/json"}),
    ("/eureka/apps/pos-order", {"Accept": "application/json"}),
    ("/eureka/apps/POS-ORDER", {}),
    ("/eureka/apps/POS-NOTHING", {"Accept": "application/json"}),
    ("/order/actuator/info", {}),
    ("/order/actuator/info", {"Authorization": f"Bearer {cloud.TOKEN}"}),
    ("/order/actuator/info", {"Authorization": "Bearer another"}),
    ("/nowhere", {"Authorization": f"Bearer {cloud.TOKEN}"}),
    ("/pos-order/actuator/info", {"Authorization": f"Bearer {cloud.TOKEN}"}),
    ("/actuator/gateway/routes", {"Accept": "application/json"}),
    ("/actuator/nothing", {}),
)


async def shape(url: str, headers: Mapping[str, str]) -> tuple[object, ...]:
    """Return what a client can distinguish: status, media type, challenge and the keys of the document."""
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(url, headers={"Accept": "*/*", **headers})
    media_type = response.headers.get("content-type", "").partition(";")[0]
    challenge = response.headers.get("www-authenticate", "").partition(",")[0]
    return response.status_code, media_type, challenge, keys(response) if media_type == "application/json" else ()


def keys(response: httpx.Response) -> tuple[str, ...]:
    document = response.json()
    if isinstance(document, list):
        document = next(route for route in document if route["route_id"] == "order")
    return tuple(sorted(document))
