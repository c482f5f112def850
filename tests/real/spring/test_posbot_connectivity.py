"""`posbot connectivity` against a real registry and gateway and the sandbox's: the same tests, and equal responses."""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
import yaml

from sandbox import processes, runbook_folder
from sandbox.services import fleets, gateways, registries
from tests.real.spring import cloud
from tests.real.spring import processes as spring_processes
from tests.real.spring.application import Application

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(300)]
WORLDS = ("real", "sandbox")
IDS = {
    "pos-catalog": "CATALOG-SERVICE",
    "pos-image": "IMAGE_SERVICE",
    "pos-shop-manager": "SHOP-SERVICE",
    "pos-customer": "CUSTOMER-SERVICE",
}
"""What services register as, under another id than their name."""
ROUTED = ("pos-order", "pos-price", "pos-catalog", "pos-image", "pos-shop-manager", "pos-customer")
UNROUTED = "pos-price"
UNREGISTERED = "pos-people"
AWAY = "pos-customer"
TOKEN = {"Authorization": f"Bearer {cloud.TOKEN}"}
JSON = {"Accept": "application/json"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """A registry, a gateway and services, and how posbot is told of them."""

    registry_url: str
    gateway_url: str
    ports: Mapping[str, int]

    def configure(self, folder: pathlib.Path, **urls: str) -> dict[str, str]:
        """Return the environment variables of a posbot with its data in *folder*."""
        data = folder / "runbook_data"
        addresses = {"gateway_url": self.gateway_url, "eureka_url": self.registry_url}
        runbook_folder.write(data, self.ports, urls=addresses | urls)
        services = yaml.safe_load((data / "services.yaml").read_text())["services"]
        runbook_folder.change(data / "services.yaml", services=[entry_of(service) for service in services])
        return {
            **processes.plain_environment(folder),
            "POSBOT_RUNBOOK_DATA": str(data),
            "DATABASE_URL": f"sqlite:///{folder}/posbot.db",
            "POSBOT_SERVICE_TOKENS": json.dumps({"sandbox": cloud.TOKEN}),
        }


def entry_of(service: dict[str, object]) -> dict[str, object]:
    name = str(service["name"])
    changes: dict[str, object] = {"guarded_path": "/actuator/info"}
    if name in IDS:
        changes["eureka_id"] = IDS[name]
    if name == UNREGISTERED:
        service.pop("gateway_path", None)
        changes["registers"] = False
    return {**service, **changes}


@pytest.fixture(scope="module")
async def real(shared: Application, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    ports = dict.fromkeys((*ROUTED, UNREGISTERED), shared.port) | {AWAY: spring_processes.free_port()}
    ids = {registry_id: ports[name] for name, registry_id in IDS.items()}
    async with cloud.running(tmp_path_factory.mktemp("cloud"), shared, ids) as (discovery, gateway):
        yield World(registry_url=discovery.url, gateway_url=gateway.url, ports=ports)


@contextlib.asynccontextmanager
async def sandboxed() -> AsyncIterator[World]:
    names = (*ROUTED, UNREGISTERED)
    paths = {name: f"/{name.removeprefix('pos-')}" for name in ROUTED if name != UNROUTED}
    async with (
        fleets.running(names) as fleet,
        registries.running(fleet) as registry,
        gateways.running(fleet, registry, paths, login=cloud.TOKEN) as gateway,
    ):
        for name, registry_id in IDS.items():
            registry.registers_as(name, registry_id)
        registry.forgets(UNROUTED)
        registry.forgets(UNREGISTERED)
        gateway.faults.targets["pos-shop-manager"] = "lb://SHOP"
        await fleet[AWAY].refuses()
        yield World(registry_url=registry.url, gateway_url=gateway.url, ports=fleet.ports)


@pytest.fixture(params=WORLDS)
async def world(
    request: pytest.FixtureRequest, order: Application, real: World, tmp_path: pathlib.Path
) -> AsyncIterator[tuple[World, dict[str, str]]]:
    del order
    if request.param == "real":
        yield real, real.configure(tmp_path)
        return
    async with sandboxed() as sandbox:
        yield sandbox, sandbox.configure(tmp_path)


async def facts_of(environment: Mapping[str, str], *arguments: str) -> tuple[int, dict[str, object]]:
    code, output, _ = await processes.run(environment, *arguments, "--output", "json")
    return code, json.loads(output)["facts"]


async def test_service_is_reachable_through_gateway_and_registry(world: tuple[World, dict[str, str]]) -> None:
    servers, environment = world

    code, output, stderr = await processes.run(environment, "connectivity", "order")

    assert (code, stderr) == (0, "")
    assert f"1 UP: 127.0.0.1:{servers.ports['pos-order']}" in output
    assert "/order/** → lb://POS-ORDER" in output
    assert "rejected, HTTP 401 Unauthorized" in output
    assert "/order/actuator/info: accepted, HTTP 200 OK" in output
    assert cloud.TOKEN not in output


@pytest.mark.parametrize(
    ("service", "verdicts", "texts"),
    [
        pytest.param("pos-catalog", ("ok", "ok", "ok"), ["/catalog/** → lb://CATALOG-SERVICE"], id="id of its own"),
        pytest.param(
            "pos-image",
            ("ok", "failed", "failed"),
            [
                "lb://IMAGE_SERVICE: not a host name, the gateway fails on each request",
                "HTTP 500",
                "A host name has no underscore",
            ],
            id="underscore",
        ),
        pytest.param(
            "pos-shop-manager",
            ("ok", "failed", "failed"),
            ["lb://SHOP, but pos-shop-manager registers as SHOP-SERVICE", "HTTP 503", "has no instance of the id in"],
            id="route to another id",
        ),
        pytest.param(
            "pos-customer",
            ("ok", "ok", "failed"),
            ["HTTP 500", "The gateway fails before the service responds."],
            id="instance that does not listen",
        ),
        pytest.param(
            "pos-price",
            ("failed", "failed", "failed"),
            ["POS-PRICE is not registered", "HTTP 404", "The gateway has no route for /price"],
            id="no route",
        ),
        pytest.param(
            "pos-people", ("skipped", "skipped", "ok"), ["it does not register (services.yaml)"], id="not registered"
        ),
    ],
)
async def test_registration_route_and_request_are_told_apart(
    world: tuple[World, dict[str, str]], service: str, verdicts: tuple[str, ...], texts: list[str]
) -> None:
    _, environment = world

    _, facts = await facts_of(environment, "connectivity", service)
    _, output, _ = await processes.run(environment, "connectivity", service)

    assert (facts["registration"], facts["route"], facts["authenticated_request"]) == verdicts
    shown = " ".join(output.split())
    assert [text for text in texts if text not in shown] == []


async def test_invalid_token_is_reported_with_the_challenge(world: tuple[World, dict[str, str]]) -> None:
    invalid = {"POSBOT_SERVICE_TOKENS": json.dumps({"sandbox": "unknown-token"})}

    code, output, _ = await processes.run(world[1] | invalid, "connectivity", "order")

    assert code == 1
    assert 'error="invalid_token"' in output
    assert "unknown-token" not in output


async def test_endpoint_of_the_gateway_is_off_by_default(
    real: World, order: Application, tmp_path: pathlib.Path
) -> None:
    del order
    async with cloud.without_routes_endpoint(tmp_path, real.registry_url) as gateway:
        environment = real.configure(tmp_path, gateway_url=gateway.url)
        _, facts = await facts_of(environment, "connectivity", "order")
        _, output, _ = await processes.run(environment, "connectivity", "order")

    assert facts["route"] == "unknown"
    assert "HTTP 404 Not Found: the actuator endpoint “gateway” is off" in " ".join(output.split())


async def test_stopped_service_fails_behind_the_gateway(
    real: World, order: Application, tmp_path: pathlib.Path
) -> None:
    await order.stop()

    code, facts = await facts_of(real.configure(tmp_path), "connectivity", "order")

    assert code == 1
    assert (facts["port"], facts["registration"], facts["authenticated_request"]) == ("failed", "ok", "failed")


async def test_sandbox_responds_like_registry_and_gateway(order: Application, real: World) -> None:
    del order
    async with sandboxed() as sandbox:
        pairs = ((real.registry_url, sandbox.registry_url), (real.gateway_url, sandbox.gateway_url))
        for ours, theirs in pairs:
            for path, headers in REQUESTS:
                assert await shape(ours + path, headers) == await shape(theirs + path, headers), path


REQUESTS = (
    ("/eureka/apps/POS-ORDER", JSON),
    ("/eureka/apps/pos-order", JSON),
    ("/eureka/apps/IMAGE_SERVICE", JSON),
    ("/eureka/apps/POS-ORDER", {}),
    ("/eureka/apps/POS-NOTHING", JSON),
    ("/eureka/apps", JSON),
    ("/order/actuator/info", {}),
    ("/order/actuator/info", TOKEN),
    ("/order/actuator/info", {"Authorization": "Bearer another"}),
    ("/order/nothing", TOKEN),
    ("/image/actuator/info", TOKEN),
    ("/image_service/actuator/info", TOKEN),
    ("/shop-manager/actuator/info", TOKEN),
    ("/customer/actuator/info", TOKEN),
    ("/nowhere", TOKEN),
    ("/pos-order/actuator/info", TOKEN),
    ("/catalog-service/actuator/info", TOKEN),
    ("/actuator/gateway/routes", JSON),
    ("/actuator/nothing", {}),
)


async def shape(url: str, headers: Mapping[str, str]) -> tuple[object, ...]:
    """Return what a client can distinguish: status, media type, challenge, keys and path of the document."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        response = await client.get(url, headers={"Accept": "*/*", **headers})
    media_type = response.headers.get("content-type", "").partition(";")[0]
    challenge = response.headers.get("www-authenticate", "").partition(",")[0]
    return response.status_code, media_type, challenge, keys(response) if media_type == "application/json" else ()


def keys(response: httpx.Response) -> tuple[object, ...]:
    document = response.json()
    if isinstance(document, list):
        document = next(route for route in document if route["route_id"] == "order")
    return (*sorted(document), document.get("path"))
