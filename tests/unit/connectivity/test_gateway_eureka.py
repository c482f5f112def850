"""Gateways and registries with unexpected responses."""

from collections.abc import AsyncIterator

import pytest

from bot.connectivity import eureka, gateway
from sandbox.services import fleets, registries
from sandbox.services.service import Service
from sandbox.services.states import Behavior
from tests import builders, plain_http

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server() -> AsyncIterator[Service]:
    async with fleets.running(["pos-order"]) as fleet:
        yield fleet["pos-order"]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (Behavior.HTML, "not a list of routes (HTTP 200 OK)"),
        (Behavior.NOT_JSON, "not a list of routes (HTTP 200 OK)"),
        (Behavior.OTHER_JSON, "not a list of routes (HTTP 200 OK)"),
        (Behavior.EMPTY, "not a list of routes (HTTP 200 OK)"),
        (Behavior.FORBIDDEN, "HTTP 403 Forbidden: the actuator endpoint “gateway” requires authentication"),
        (Behavior.LOGIN_PAGE, "not a list of routes (HTTP 302 Found)"),
        (Behavior.WRONG_PATH, "HTTP 404 Not Found: the actuator endpoint “gateway” is off: set management.endpoint"),
        (Behavior.HUGE, "larger than 1,000,000 bytes"),
        (Behavior.DROPPING, "connection closed before the response was complete"),
        (Behavior.HANGING, "no response"),
    ],
)
async def test_unavailable_routes_have_a_reason(server: Service, manner: Behavior, reason: str) -> None:
    await server.behaves(manner)

    found = await gateway.Gateway({}, timeout_seconds=0.5).routes(server.url)

    assert found.routes == ()
    is_incomplete = manner is Behavior.HANGING and "incomplete" in found.unavailable_reason
    assert reason in found.unavailable_reason or is_incomplete


async def test_invalid_route_entries_are_skipped(server: Service) -> None:
    await server.answers_json(["x", {"route_id": 3, "filters": "none"}, {"uri": "lb://POS-ORDER", "filters": [1]}])

    found = await gateway.Gateway({}).routes(server.url)

    assert [(route.id, route.uri, route.filters) for route in found.routes] == [
        ("3", "", ()),
        ("", "lb://POS-ORDER", ("1",)),
    ]


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (Behavior.HTML, "not a registry response"),
        (Behavior.OTHER_JSON, "not a registry response"),
        (Behavior.UNAUTHORIZED, "not a registry response (HTTP 401 Unauthorized)"),
        (Behavior.HUGE, "larger than 1,000,000 bytes"),
    ],
)
async def test_response_of_another_server_is_unavailable(server: Service, manner: Behavior, reason: str) -> None:
    await server.behaves(manner)

    found = await eureka.Eureka().find(server.url, "POS-ORDER")

    assert found.instances == ()
    assert reason in found.unavailable_reason


async def test_incomplete_instance_is_read_with_defaults(server: Service) -> None:
    only = {"hostName": "10.0.0.7", "port": {"$": "9007", "@enabled": "false"}, "securePort": {"$": 8443}}
    await server.answers_json({"application": {"instance": only}})

    found = await eureka.Eureka().find(server.url, "POS-ORDER")

    assert found.instances == (eureka.Instance(id="10.0.0.7", host="10.0.0.7", port=None, status="UNKNOWN"),)
    assert (found.up, found.unavailable_reason) == ((), "")


async def test_sandbox_registry_responds_in_xml_by_default(server: Service) -> None:
    async with (
        fleets.running(["pos-price"]) as fleet,
        registries.running(fleet) as registry,
        plain_http.client() as client,
    ):
        response = await client.get(f"{registry.url}/eureka/apps/POS-PRICE")

    assert response.headers["content-type"].startswith("application/xml")
    assert f'<port enabled="true">{fleet["pos-price"].port}</port>' in response.text


@pytest.mark.parametrize(
    ("uri", "is_target"),
    [
        ("lb://POS-ORDER", True),
        ("lb://pos-order/", True),
        ("lb:ws://POS-ORDER", True),
        ("http://pos-order.positivity.svc:9007/api", True),
        ("https://pos-order", True),
        ("lb://POS-ORDER-HISTORY", False),
        ("http://pos-ordering:9007", False),
        ("no://", False),
        ("", False),
    ],
)
def test_route_leads_to_service_by_full_name(uri: str, is_target: bool) -> None:
    assert gateway.Route(id="x", uri=uri, predicate="").leads_to(builders.a_service()) is is_target


def test_route_leads_to_the_id_and_not_to_the_name() -> None:
    service = builders.a_service(eureka_id="ORDER_SERVICE")

    assert gateway.Route(id="x", uri="lb://order_service", predicate="").leads_to(service)
    assert not gateway.Route(id="x", uri="lb://POS-ORDER", predicate="").leads_to(service)


def test_route_has_no_more_paths_than_anybody_reads() -> None:
    predicate = f"(Paths: [{', '.join(f'/p{number}/**' for number in range(1_000))}], match trailing slash: true)"
    route = gateway.Route(id="order", uri="lb://ORDER", predicate=predicate, filters=())

    assert route.paths == tuple(f"/p{number}/**" for number in range(gateway.MAX_PATHS))


@pytest.mark.parametrize("number", ["8080", 8080])
def test_port_of_an_instance_is_a_number_or_its_text(number: str | int) -> None:
    assert eureka._parse_port({"$": number, "@enabled": "true"}) == 8080


@pytest.mark.parametrize("number", ["9" * 5_000, "-1", "٣x", "", True, 0, None, [80]])
def test_port_that_is_none_is_left_out(number: object) -> None:
    assert eureka._parse_port({"$": number, "@enabled": "true"}) is None


def test_paths_are_parsed_from_the_predicate() -> None:
    predicate = "((Paths: [/order/**, /orders/**], match trailing slash: true && Methods: [GET]) && Lambda/0x1)"
    route = gateway.Route(id="x", uri="lb://POS-ORDER", predicate=predicate)

    assert route.paths == ("/order/**", "/orders/**")
    assert route.takes("/orders/")
    assert not route.takes("/ord")


@pytest.mark.parametrize(
    "token", ["opaque", "a.b.c", "e30.e30.x", "e30.eyJleHAiOiAieCJ9.x", "e30.eyJleHAiOiAxZTk5fQ.x"]
)
def test_token_without_exp_claim_has_no_expiry(token: str) -> None:
    found = gateway.Gateway({"staging": token}).token("staging")

    assert found == gateway.TokenInfo(expires_at=None)
    assert gateway.Gateway({}).token("staging") is None


@pytest.mark.parametrize(
    ("url", "over_http", "may_send"),
    [
        ("https://gateway.example.com/order", (), True),
        ("http://gateway.positivity:8080/order", (), False),
        ("http://gateway.positivity:8080/order", ("staging",), True),
        ("http://gateway.positivity:8080/order", ("prod",), False),
        ("http://127.0.0.1:8080/order", (), True),
        ("http://[::1]:8080/order", (), True),
        ("http://localhost:8080/order", (), True),
        ("http://localhost.example.com/order", (), False),
        ("HTTP://gateway.positivity/order", (), False),
    ],
)
async def test_token_is_sent_over_https_or_where_it_is_allowed(
    url: str, over_http: tuple[str, ...], *, may_send: bool
) -> None:
    client = gateway.Gateway({"staging": "t"}, over_http=over_http)

    assert client.may_send_token(url, "staging") is may_send
    if not may_send:
        with pytest.raises(ValueError, match="not sent over http"):
            await client.probe(url, token_of="staging")
