"""The advice for each failed request: who responded, and what to look at."""

import pytest

from bot.connectivity import eureka, gateway, requests
from tests import builders

SERVICE = builders.a_service(eureka_id="ORDER-SERVICE", gateway_path="/order")
STRIP = ("[[StripPrefix parts = 1], order = 1]",)
PREDICATE = "(Paths: [/order/**], match trailing slash: true)"
ROUTE = gateway.Route(id="order", uri="lb://ORDER-SERVICE", predicate=PREDICATE, filters=STRIP)
UP = eureka.Registration(
    url="", id="ORDER-SERVICE", instances=(eureka.Instance(id="a", host="a", port=8080, status="UP"),)
)
NONE = eureka.Registration(url="", id="ORDER-SERVICE")
AT_GATEWAY, AT_SERVICE, NO_DOCUMENT = "/order/x", "/x", ""


def advice(
    status: int,
    error_path: str,
    *,
    routes: tuple[gateway.Route, ...] | None = (ROUTE,),
    registration: eureka.Registration = UP,
    is_through_gateway: bool = True,
) -> str:
    known = gateway.Routes(url="", routes=routes or (), unavailable_reason="" if routes is not None else "off")
    path = requests.Path(
        service=SERVICE, is_through_gateway=is_through_gateway, routes=known, registration=registration
    )
    response = gateway.ResponseClass.of(status)
    probe = gateway.AccessProbe(
        url="http://gateway/order/x", response=response, explanation="", status=status, error_path=error_path
    )
    return path.advice(probe)


@pytest.mark.parametrize(
    ("status", "error_path", "begins"),
    [
        (404, AT_GATEWAY, "The gateway responds itself, although a route takes the path"),
        (404, AT_SERVICE, "The service has no such path."),
        (404, NO_DOCUMENT, "Either the gateway has no route for this path, or"),
        (500, AT_GATEWAY, "The gateway fails before the service responds."),
        (500, AT_SERVICE, "The service itself fails"),
        (500, NO_DOCUMENT, "The gateway or the service fails"),
        (503, AT_GATEWAY, "ORDER-SERVICE is UP in Eureka, but the gateway has no instance"),
        (503, AT_SERVICE, "The service itself responds with 503"),
        (503, NO_DOCUMENT, "Either the gateway finds no instance in Eureka, or"),
        (502, NO_DOCUMENT, "A proxy on the way got no valid response."),
        (504, AT_GATEWAY, "The service did not respond within the response timeout"),
        (400, AT_GATEWAY, ""),
    ],
)
def test_advice_tells_gateway_and_service_apart(status: int, error_path: str, begins: str) -> None:
    text = advice(status, error_path)

    assert text.startswith(begins)
    assert bool(text) == bool(begins)


def test_route_that_keeps_the_path_leaves_open_who_responds() -> None:
    kept = gateway.Route(id="order", uri="lb://ORDER-SERVICE", predicate=PREDICATE)

    assert advice(500, AT_GATEWAY, routes=(kept,)).startswith("The gateway or the service fails")


@pytest.mark.parametrize("status", [404, 500, 503])
def test_unknown_routes_leave_open_who_responds(status: int) -> None:
    assert " or the service " in advice(status, AT_GATEWAY, routes=None)


def test_route_to_an_address_needs_no_registration() -> None:
    direct = gateway.Route(id="order", uri="http://pos-order:8080", predicate=PREDICATE, filters=STRIP)

    assert advice(503, NO_DOCUMENT, routes=(direct,), registration=NONE).startswith("The service itself responds")


def test_missing_instance_explains_503() -> None:
    assert advice(503, AT_GATEWAY, registration=NONE) == (
        "The gateway finds no instance: ORDER-SERVICE has none in Eureka that is UP."
    )


def test_direct_request_is_answered_by_the_service() -> None:
    assert advice(500, AT_GATEWAY, is_through_gateway=False) == "The service itself fails: see its log."


def test_request_that_would_send_the_token_over_http_is_skipped() -> None:
    path = requests.Path(service=SERVICE, is_through_gateway=True, routes=None, registration=None)
    without = gateway.AccessProbe(
        url="http://gateway/order", response=gateway.ResponseClass.UNAUTHORIZED, explanation=""
    )

    check = requests.check_authenticated(None, without, gateway.TokenInfo(), path, builders.NOW)

    assert check.verdict is None
    assert check.result == "skipped: posbot’s token is not sent over http (environments.yaml: token_over_http)"
