"""Gateways and registries that are none, or do not answer as they should."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.connectivity import eureka, gateway
from bot.connectivity import model as connectivity
from sandbox.services import fleets, registries
from sandbox.services.service import Service
from sandbox.services.states import Manner

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncIterator[Service]:
    async with fleets.running(["pos-order"]) as fleet:
        yield fleet["pos-order"]


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        (Manner.HTML, "the answer is no list of routes (HTTP 200 OK)"),
        (Manner.NOT_JSON, "the answer is no list of routes (HTTP 200 OK)"),
        (Manner.OTHER_JSON, "the answer is no list of routes (HTTP 200 OK)"),
        (Manner.EMPTY, "the answer is no list of routes (HTTP 200 OK)"),
        (Manner.FORBIDDEN, "the gateway shows them to nobody without a login (HTTP 403)"),
        (Manner.LOGIN_PAGE, "the answer is no list of routes (HTTP 302 Found)"),
        (Manner.WRONG_PATH, "the gateway does not show them (HTTP 404)"),
        (Manner.HUGE, "more than 5,000,000 bytes"),
        (Manner.DROPPING, "the connection was closed before the answer was complete"),
        (Manner.HANGING, "no answer"),
    ],
)
async def test_what_gives_no_routes_says_why(server: Service, manner: Manner, said: str) -> None:
    await server.behaves(manner)

    found = await gateway.Gateway({}, seconds=0.5).routes(server.url)

    assert found.routes == ()
    assert said in found.unavailable_reason or (manner is Manner.HANGING and "did not end" in found.unavailable_reason)


async def test_entries_that_are_no_routes_are_passed_over(server: Service) -> None:
    await server.answers_json(["x", {"route_id": 3, "filters": "none"}, {"uri": "lb://POS-ORDER", "filters": [1]}])

    found = await gateway.Gateway({}).routes(server.url)

    assert [(route.id, route.uri, route.filters) for route in found.routes] == [
        ("3", "", ()),
        ("", "lb://POS-ORDER", ("1",)),
    ]


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        (Manner.HTML, "the answer is none of a registry"),
        (Manner.OTHER_JSON, "the answer is none of a registry"),
        (Manner.UNAUTHORIZED, "the answer is none of a registry (HTTP 401 Unauthorized)"),
        (Manner.HUGE, "more than 5,000,000 bytes"),
    ],
)
async def test_what_is_no_registry_says_nothing_of_the_service(server: Service, manner: Manner, said: str) -> None:
    await server.behaves(manner)

    found = await eureka.Eureka().find(server.url, "pos-order")

    assert found.instances == ()
    assert said in found.unavailable_reason


async def test_odd_instances_are_read_as_far_as_they_go(server: Service) -> None:
    only = {"hostName": "10.0.0.7", "port": {"$": "9007", "@enabled": "false"}, "securePort": {"$": 8443}}
    await server.answers_json({"application": {"instance": only}})

    found = await eureka.Eureka().find(server.url, "pos-order")

    assert found.instances == (connectivity.Instance(id="10.0.0.7", host="10.0.0.7", port=None, status="UNKNOWN"),)
    assert (found.up, found.unavailable_reason) == ((), "")


async def test_the_pretended_registry_answers_in_xml_unless_json_is_asked_for(server: Service) -> None:
    async with (
        fleets.running(["pos-price"]) as fleet,
        registries.running(fleet) as registry,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        response = await client.get(f"{registry.url}/eureka/apps/POS-PRICE")

    assert response.headers["content-type"].startswith("application/xml")
    assert f'<port enabled="true">{fleet["pos-price"].port}</port>' in response.text


@pytest.mark.parametrize(
    ("uri", "leads"),
    [
        ("lb://POS-ORDER", True),
        ("lb://pos-order/", True),
        ("http://pos-order.positivity.svc:9007/api", True),
        ("https://pos-order", True),
        ("lb://POS-ORDER-HISTORY", False),
        ("http://pos-ordering:9007", False),
        ("no://", False),
        ("", False),
    ],
)
def test_a_route_leads_to_a_service_by_its_whole_name(uri: str, leads: bool) -> None:
    assert connectivity.Route(id="x", uri=uri, predicate="").leads_to("pos-order") is leads


def test_the_paths_of_a_route_are_read_from_springs_words() -> None:
    predicate = "((Paths: [/order/**, /orders/**], match trailing slash: true && Methods: [GET]) && Lambda/0x1)"
    route = connectivity.Route(id="x", uri="lb://POS-ORDER", predicate=predicate)

    assert route.paths == ("/order/**", "/orders/**")
    assert route.takes("/orders/")
    assert not route.takes("/ord")


@pytest.mark.parametrize(
    "token", ["opaque", "a.b.c", "e30.e30.x", "e30.eyJleHAiOiAieCJ9.x", "e30.eyJleHAiOiAxZTk5fQ.x"]
)
def test_a_token_that_does_not_say_when_it_ends_has_no_end(token: str) -> None:
    found = gateway.Gateway({"staging": token}).token("staging")

    assert found == connectivity.Token(ends_at=None)
    assert gateway.Gateway({}).token("staging") is None
