"""`connectivity` where ids differ from names, routes lead elsewhere, and the gateway or the service fails."""

import pathlib

import pytest

from bot.model import reports
from tests.unit.commands import app_fixture

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
INFO = "/actuator/info"


def result(report: reports.Report, check: str) -> str:
    table = next(section for section in report.sections if isinstance(section, reports.Table))
    return next(row.cells[1] for row in table.rows if row.cells[0] == check)


def advice(report: reports.Report, check: str) -> str:
    steps = next(section for section in report.sections if isinstance(section, reports.Fields))
    return dict(steps.pairs)[check]


async def test_service_is_found_by_its_id(tmp_path: pathlib.Path) -> None:
    entries = {"pos-order": {"eureka_id": "ORDER-SERVICE"}}
    async with app_fixture.running(tmp_path, names=["pos-order"], guarded_path=INFO, entries=entries) as app:
        app.registry.registers_as("pos-order", "ORDER-SERVICE")
        report = await app.run("connectivity order")

    assert report.verdict is reports.Verdict.OK
    assert "/order/** → lb://ORDER-SERVICE" in result(report, "route")


async def test_other_id_at_the_pods_of_the_service_is_named(app: app_fixture.AppFixture) -> None:
    app.registry.registers_as("pos-order", "ORDER-SERVICE")

    report = await app.run("connectivity order")

    port = app.fleet["pos-order"].port
    assert report.facts["registration"] == "warning"
    assert result(report, "registration") == (
        f"POS-ORDER is not registered in Eureka; ORDER-SERVICE is, at its pods: 127.0.0.1:{port}"
    )
    assert advice(report, "registration") == "Set eureka_id: ORDER-SERVICE in services.yaml."
    assert result(report, "route") == "/order/** → lb://ORDER-SERVICE, but pos-order registers as POS-ORDER"


async def test_service_that_does_not_register_is_not_missed(tmp_path: pathlib.Path) -> None:
    entries = {"pos-order": {"registers": False}}
    async with app_fixture.running(tmp_path, names=["pos-order", "pos-price"], entries=entries) as app:
        registered = await app.run("connectivity order")
        app.registry.forgets("pos-order")
        report = await app.run("connectivity order")

    assert result(registered, "registration") == "1 UP, although services.yaml says that it does not register"
    assert report.facts["registration"] == "skipped"
    assert result(report, "registration") == "skipped: it does not register (services.yaml)"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"port": None}, "no web server (services.yaml sets no port)"),
        ({"port": None, "library": True}, "a library, not a service (services.yaml)"),
    ],
)
async def test_service_without_an_endpoint_says_why(
    tmp_path: pathlib.Path, changes: dict[str, object], reason: str
) -> None:
    async with app_fixture.running(tmp_path, names=["pos-order"], entries={"pos-order": changes}) as app:
        report, health = await app.run("connectivity order"), await app.run("health order")

    assert report.headline == f"pos-order · sandbox: not reachable, {reason}"
    assert reason in health.headline


async def test_host_with_an_underscore_fails_each_request(tmp_path: pathlib.Path) -> None:
    entries = {"pos-order": {"eureka_id": "ORDER_SERVICE"}}
    async with app_fixture.running(tmp_path, names=["pos-order"], entries=entries) as app:
        app.registry.registers_as("pos-order", "ORDER_SERVICE")
        report = await app.run("connectivity order")

    assert report.facts["registration"] == "ok"
    assert result(report, "route") == (
        "/order/** → lb://ORDER_SERVICE: not a host name, the gateway fails on each request"
    )
    assert result(report, "authenticated request").endswith("HTTP 500 Internal Server Error")
    for check in ("route", "authenticated request"):
        assert advice(report, check).startswith("A host name has no underscore.")
        assert "ORDER-SERVICE" in advice(report, check)


async def test_route_to_an_id_that_nothing_registers_as(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.targets["pos-order"] = "lb://SHOP"

    report = await app.run("connectivity order")

    assert result(report, "route") == "/order/** → lb://SHOP, but pos-order registers as POS-ORDER"
    assert "POS-ORDER is UP in Eureka, but the gateway has no instance" in advice(report, "authenticated request")


async def test_missing_route_is_the_advice_for_404(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.lost_routes.add("pos-order")

    report = await app.run("connectivity order")

    assert result(report, "authenticated request").endswith("not forwarded, HTTP 404 Not Found")
    assert advice(report, "authenticated request").startswith("The gateway has no route for /order")


async def test_404_of_the_service_is_not_blamed_on_the_gateway(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.skips_authentication = True

    report = await app.run("connectivity order")

    assert advice(report, "unauthenticated request").startswith("The service has no such path.")


async def test_404_with_unknown_routes_leaves_both_open(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.hides_routes = True
    app.gateway.faults.lost_routes.add("pos-order")
    app.gateway.faults.skips_authentication = True

    report = await app.run("connectivity order")

    assert "management.endpoint.gateway.access=read_only" in result(report, "route")
    assert advice(report, "unauthenticated request").startswith("Either the gateway has no route for this path, or")


async def test_registered_address_without_a_listener(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].refuses()

    report = await app.run("connectivity order")

    assert advice(report, "authenticated request").startswith("The gateway fails before the service responds.")


async def test_instance_missing_in_eureka_is_the_advice_for_503(app: app_fixture.AppFixture) -> None:
    app.registry.reports("pos-order", "OUT_OF_SERVICE")

    report = await app.run("connectivity order")

    assert advice(report, "authenticated request") == (
        "The gateway finds no instance: POS-ORDER has none in Eureka that is UP."
    )


async def test_503_of_the_service_is_not_blamed_on_the_gateway(tmp_path: pathlib.Path) -> None:
    async with app_fixture.running(tmp_path, names=["pos-order"], guarded_path="/actuator/health") as app:
        await app.fleet["pos-order"].goes_down()
        report = await app.run("connectivity order")

    assert result(report, "authenticated request").endswith("HTTP 503 Service Unavailable")
    assert advice(report, "authenticated request") == (
        "Either the gateway finds no instance in Eureka, or the service responds with 503: check its health."
    )
