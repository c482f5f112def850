"""`posbot access` against a real service, gateway and registry, and how the pretended ones compare with these."""

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
async def site(
    shared: Application, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[cloud.Discovery, cloud.Gateway]]:
    async with cloud.running(tmp_path_factory.mktemp("cloud"), shared) as running:
        yield running


@pytest.fixture
def environment(
    order: Application, site: tuple[cloud.Discovery, cloud.Gateway], tmp_path: pathlib.Path
) -> dict[str, str]:
    discovery, gateway = site
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
        "POSBOT_SERVICE_TOKENS": json.dumps({"sandbox": cloud.LOGIN}),
    }


async def asked(environment: Mapping[str, str], *words: str) -> tuple[int, dict[str, object]]:
    code, output, _ = await processes.run(environment, *words, "--output", "json")
    return code, json.loads(output)["facts"]


async def test_a_real_service_is_reached_through_real_doors(environment: dict[str, str], order: Application) -> None:
    code, output, complaint = await processes.run(environment, "access", "order")

    assert (code, complaint) == (0, "")
    assert f"1 UP: 127.0.0.1:{order.port}" in output
    assert "/order/** leads to lb://POS-ORDER" in output
    assert "refuses it, HTTP 401 Unauthorized" in output
    assert "/order/actuator/info lets it in, HTTP 200 OK" in output
    assert cloud.LOGIN not in output


async def test_a_service_that_is_not_registered_has_no_route(environment: dict[str, str]) -> None:
    code, facts = await asked(environment, "access", "pos-price")

    assert code == 1
    assert (facts["port"], facts["registration"], facts["route"]) == ("ok", "failed", "failed")


async def test_a_wrong_login_is_told_from_none(environment: dict[str, str]) -> None:
    wrong = {"POSBOT_SERVICE_TOKENS": json.dumps({"sandbox": "nobody-knows-this-one"})}

    code, output, _ = await processes.run(environment | wrong, "access", "order")

    assert code == 1
    assert 'error="invalid_token"' in output
    assert "nobody-knows-this-one" not in output


async def test_a_service_that_has_stopped_fails_behind_the_gateway(
    environment: dict[str, str], order: Application
) -> None:
    await order.stop()

    code, facts = await asked(environment, "access", "order")

    assert code == 1
    assert (facts["port"], facts["registration"], facts["with_login"]) == ("failed", "ok", "failed")


async def test_pretended_doors_answer_as_the_real_ones(
    order: Application, site: tuple[cloud.Discovery, cloud.Gateway]
) -> None:
    discovery, gateway = site
    async with (
        fleets.running(["pos-order"]) as fleet,
        registries.running(fleet) as registry,
        gateways.running(fleet, registry, {"pos-order": "/order"}, login=cloud.LOGIN) as pretended,
    ):
        for real, pretence in ((discovery.url, registry.url), (gateway.url, pretended.url)):
            for path, headers in REQUESTS:
                assert await shape(real + path, headers) == await shape(pretence + path, headers), path


REQUESTS = (
    ("/eureka/apps/POS-ORDER", {"Accept": "application/json"}),
    ("/eureka/apps/pos-order", {"Accept": "application/json"}),
    ("/eureka/apps/POS-ORDER", {}),
    ("/eureka/apps/POS-NOTHING", {"Accept": "application/json"}),
    ("/order/actuator/info", {}),
    ("/order/actuator/info", {"Authorization": f"Bearer {cloud.LOGIN}"}),
    ("/order/actuator/info", {"Authorization": "Bearer another"}),
    ("/nowhere", {"Authorization": f"Bearer {cloud.LOGIN}"}),
    ("/pos-order/actuator/info", {"Authorization": f"Bearer {cloud.LOGIN}"}),
    ("/actuator/gateway/routes", {"Accept": "application/json"}),
    ("/actuator/nothing", {}),
)


async def shape(url: str, headers: Mapping[str, str]) -> tuple[object, ...]:
    """What a client can tell one from another by: status, media type, challenge, and the keys of what is in it."""
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
