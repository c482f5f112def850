"""The gateway's configured routes compared with the catalog, and how a route matches."""

import pathlib

import pytest

from bot.config import routes
from tests.unit.config import checkouts

YAML = "pos-gateway/src/main/resources/application.yml"


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    checkouts.create(tmp_path)
    return tmp_path


def configure(checkout: pathlib.Path, *changes: tuple[str, str]) -> None:
    text = checkouts.ROUTES
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    checkouts.write(checkout / YAML, text)


@pytest.mark.parametrize(
    ("changes", "order", "differences"),
    [
        pytest.param(
            [],
            {"gateway_path": "/orders"},
            [("pos-order", "/orders", "only /order/** → lb://ORDER-SERVICE")],
            id="path",
        ),
        pytest.param(
            [], {"gateway_path": None}, [("pos-order", "none", "/order/** → lb://ORDER-SERVICE")], id="no path"
        ),
        pytest.param(
            [("lb://ORDER-SERVICE", "lb://SHOP")],
            {},
            [
                (
                    "pos-order",
                    "/order → ORDER-SERVICE",
                    "/order/** → lb://SHOP, and nothing registers as SHOP",
                )
            ],
            id="id that nothing registers as",
        ),
        pytest.param(
            [("lb://ORDER-SERVICE", "lb://pos-gateway")],
            {},
            [("pos-order", "/order → ORDER-SERVICE", "/order/** → lb://pos-gateway"), ("pos-gateway", "none", "…")],
            id="id of another service",
        ),
        pytest.param(
            [("lb://ORDER-SERVICE", "lb://SHOP"), ("/order/**", "/shop/**")],
            {},
            [("pos-order", "/order", "none"), ("pos-gateway", "none", "/shop/** → lb://SHOP")],
            id="route of no service",
        ),
    ],
)
def test_difference_of_routes_is_found(
    checkout: pathlib.Path,
    changes: list[tuple[str, str]],
    order: dict[str, object],
    differences: list[tuple[str, str, str]],
) -> None:
    configure(checkout, *changes)

    found = [(service, ours, theirs) for service, about, ours, theirs, _ in checkouts.found(checkout, **order)]

    wanted = [one if one[2] != "…" else ("pos-gateway", "none", "/order/** → lb://pos-gateway") for one in differences]
    assert found == wanted


def test_host_that_the_gateway_refuses_is_found(checkout: pathlib.Path) -> None:
    configure(checkout, ("lb://ORDER-SERVICE", "lb://ORDER_SERVICE"))
    settings = checkouts.SETTINGS.replace("ORDER-SERVICE", "ORDER_SERVICE")
    checkouts.write(checkouts.resource(checkout, "pos-order"), settings)

    assert checkouts.found(checkout, eureka_id="ORDER_SERVICE") == [
        (
            "pos-order",
            "route host",
            "a host name",
            "lb://ORDER_SERVICE is not one: HTTP 500 on each request",
            YAML,
        )
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([("    gateway:\n      routes", "    gateway.server.webflux:\n      routes")], id="newer prefix"),
        pytest.param([("[Path=/order/**]", "[{name: Path, args: {pattern: /order/**}}]")], id="predicate in full"),
        pytest.param([("[Path=/order/**]", "[Method=GET, 'Path=/orders/**,/order/**']")], id="several predicates"),
        pytest.param([("lb://ORDER-SERVICE", "http://pos-order:8081")], id="host of the service"),
        pytest.param([("[Path=/order/**]", "['Path=/{name}/**']")], id="path variable"),
    ],
)
def test_every_syntax_of_a_route_is_read(checkout: pathlib.Path, changes: list[tuple[str, str]]) -> None:
    configure(checkout, *changes)

    assert checkouts.found(checkout) == []


def test_route_made_of_a_registration_counts(checkout: pathlib.Path) -> None:
    locator = "gateway:\n      discovery.locator: {enabled: true, lower-case-service-id: true}"
    configure(checkout, ("gateway:", locator))

    assert checkouts.found(checkout, gateway_path="/order-service") == []
    assert [one[2] for one in checkouts.found(checkout, gateway_path="/ORDER-SERVICE")] == ["/ORDER-SERVICE"]


def test_routes_in_java_leave_open_what_is_missing(checkout: pathlib.Path) -> None:
    configure(checkout, ("/order/**", "/shop/**"), ("lb://ORDER-SERVICE", "lb://pos-gateway"))
    java = checkout / "pos-gateway/src/main/java/Routes.java"
    assert "/order" in [one[2] for one in checkouts.found(checkout)]

    checkouts.write(java, "RouteLocator routes(RouteLocatorBuilder builder) { return null; }")

    assert "/order" not in [one[2] for one in checkouts.found(checkout)]


@pytest.mark.parametrize(
    ("pattern", "path", "is_taken"),
    [
        ("/order/**", "/order", True),
        ("/order/**", "/order/", True),
        ("/order/**", "/order/a/b", True),
        ("/order/**", "/orders", False),
        ("/order/*", "/order/a", True),
        ("/order/*", "/order/a/b", False),
        ("/order", "/order/", True),
        ("/order", "/order/a", False),
        ("/{name}/x", "/order/x", True),
        ("/{name:[a-z]+}/**", "/order/x", True),
        ("/api/{*rest}", "/api/a/b", True),
        ("/or*r/**", "/order/x", True),
        ("/o?der/**", "/order/x", True),
        ("/*-service/**", "/order-service/x", True),
        ("/*-service/**", "/order/x", False),
        ("/a*b*c", "/aXbXbc", True),
        ("/a*b*c", "/ac", False),
        ("/ab*ba", "/aba", False),
        ("/**", "/anything", True),
        ("/", "/order", False),
    ],
)
def test_path_patterns_match_as_in_spring(pattern: str, path: str, *, is_taken: bool) -> None:
    assert routes.takes(pattern, path) is is_taken


@pytest.mark.parametrize(
    ("uri", "host", "is_valid"),
    [
        ("lb://CATALOG_SERVICE", "CATALOG_SERVICE", False),
        ("lb://CATALOG-SERVICE", "CATALOG-SERVICE", True),
        ("lb:ws://ORDER", "ORDER", True),
        ("lb://1order", "1order", True),
        ("lb://order.1a", "order.1a", False),
        ("lb://order-", "order-", False),
        ("lb://-order", "-order", False),
        ("lb://", "", False),
        ("http://user@order_host:8080/x?y", "order_host", False),
        ("http://10.0.0.7:8080", "10.0.0.7", True),
        ("http://[::1]:8080/", "[::1]", True),
        ("https://order.example.com", "order.example.com", True),
    ],
)
def test_hosts_are_valid_as_in_java(uri: str, host: str, *, is_valid: bool) -> None:
    target = routes.target_of(uri)

    assert (target.host, target.has_valid_host) == (host, is_valid)
