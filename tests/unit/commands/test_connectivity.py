"""`connectivity`: every check, passing and failing."""

import base64
import json
import pathlib

import pytest

from bot.model import invocations, reports
from commands import connectivity
from sandbox.services.states import Behavior
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio
V = reports.Verdict
FACTS = (
    "dns",
    "port",
    "endpoint",
    "registration",
    "route",
    "unauthenticated_request",
    "authenticated_request",
)


def result(report: reports.Report, check: str) -> str:
    table = next(section for section in report.sections if isinstance(section, reports.Table))
    return next(row.cells[1] for row in table.rows if row.cells[0] == check)


async def test_reachable_service_passes_every_check(app: app_fixture.AppFixture) -> None:
    report = await app.run("connectivity order")

    assert report.verdict is V.OK
    assert report.headline == "pos-order · sandbox: reachable, authentication required"
    assert {report.facts[fact] for fact in FACTS} == {"ok"}
    assert (report.facts["healthy"], report.facts["is_open"], report.facts["skipped"]) == (True, False, 0)
    assert f"1 UP: 127.0.0.1:{app.fleet['pos-order'].port}" in result(report, "registration")
    assert "/order/** → lb://POS-ORDER, [[StripPrefix parts = 1]" in result(report, "route")
    assert result(report, "unauthenticated request").endswith("/order/: rejected, HTTP 401 Unauthorized")


async def test_report_has_the_declared_facts(app: app_fixture.AppFixture) -> None:
    report = await app.run("connectivity order")

    assert set(report.facts) == set(connectivity.COMMAND.facts)


async def test_closed_port_fails_port_and_authenticated_request(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].refuses()

    report = await app.run("connectivity order")

    assert report.verdict is V.FAILED
    assert (report.facts["dns"], report.facts["port"], report.facts["endpoint"]) == ("ok", "failed", "skipped")
    assert "connection refused" in result(report, "port")
    assert report.facts["authenticated_request"] == "failed"
    assert "HTTP 500" in result(report, "authenticated request")


@pytest.mark.parametrize(
    ("manner", "verdict", "expected"),
    [
        (Behavior.WRONG_PATH, "failed", "HTTP 404 Not Found, no health endpoint at this path"),
        (Behavior.HTML, "failed", "not JSON but text/html"),
        (Behavior.DROPPING, "failed", "closed before the response was complete"),
    ],
)
async def test_response_without_health_fails_the_endpoint(
    app: app_fixture.AppFixture, manner: Behavior, verdict: str, expected: str
) -> None:
    await app.fleet["pos-order"].behaves(manner)

    report = await app.run("connectivity order")

    assert report.facts["port"] == "ok"
    assert report.facts["endpoint"] == verdict
    assert expected in result(report, "endpoint")


async def test_service_that_is_down_has_a_responding_endpoint(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].goes_down()

    report = await app.run("connectivity order")

    assert report.facts["endpoint"] == "failed"
    assert report.facts["healthy"] is False
    assert "responds, but the service is DOWN (db)" in result(report, "endpoint")


async def test_unregistered_service_fails_authenticated_request(app: app_fixture.AppFixture) -> None:
    app.registry.forgets("pos-order")

    report = await app.run("connectivity order")

    assert report.facts["registration"] == "failed"
    assert result(report, "registration") == "POS-ORDER is not registered in Eureka"
    # The gateway's configured route remains, without an instance behind it.
    assert report.facts["route"] == "ok"
    assert "HTTP 503" in result(report, "authenticated request")
    assert report.headline == "pos-order · sandbox: 2 checks failed: registration, authenticated request"


@pytest.mark.parametrize(
    ("statuses", "verdict", "expected"),
    [
        (["UP", "UP", "UP"], "ok", "3 UP"),
        (["UP", "DOWN"], "warning", "1 UP, 1 DOWN"),
        (["STARTING", "OUT_OF_SERVICE"], "failed", "no instance receives requests: 1 STARTING, 1 OUT_OF_SERVICE"),
    ],
)
async def test_instances_are_counted_by_status(
    app: app_fixture.AppFixture, statuses: list[str], verdict: str, expected: str
) -> None:
    app.registry.reports("pos-order", *statuses)

    report = await app.run("connectivity order")

    assert report.facts["registration"] == verdict
    assert expected in result(report, "registration")


async def test_registration_with_another_port_is_a_warning(app: app_fixture.AppFixture) -> None:
    app.registry.reports("pos-order", "UP", port=4711)

    report = await app.run("connectivity order")

    assert report.facts["registration"] == "warning"
    assert "registered with another port: 127.0.0.1:4711" in result(report, "registration")


async def test_unavailable_registry_is_unknown(app: app_fixture.AppFixture) -> None:
    await app.registry.refuses()

    report = await app.run("connectivity order")

    assert report.verdict is V.UNKNOWN
    assert "Eureka unavailable: connection refused" in result(report, "registration")


async def test_missing_or_moved_route_fails(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.lost_routes.add("pos-order")
    app.gateway.faults.moved_routes["pos-price"] = "/prices"

    lost, moved = await app.run("connectivity order"), await app.run("connectivity pos-price")

    assert lost.facts["route"] == moved.facts["route"] == "failed"
    assert result(lost, "route").startswith("none of ")
    assert result(moved, "route") == "no route matches /price, only /prices/**"


@pytest.mark.parametrize(("fault", "expected"), [("hides_routes", "HTTP 404"), ("guards_routes", "HTTP 401")])
async def test_unavailable_routes_are_unknown(app: app_fixture.AppFixture, fault: str, expected: str) -> None:
    setattr(app.gateway.faults, fault, True)

    report = await app.run("connectivity order")

    assert report.facts["route"] == "unknown"
    assert expected in result(report, "route")


async def test_other_protocol_fails_the_port(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].behaves(Behavior.GARBLED)

    report = await app.run("connectivity order")

    assert (report.facts["port"], report.facts["endpoint"]) == ("failed", "skipped")
    assert "response is not HTTP" in result(report, "port")


async def test_access_without_token_fails(tmp_path: pathlib.Path) -> None:
    async with app_fixture.running(tmp_path, names=["pos-order"], guarded_path="/actuator/info") as app:
        guarded = await app.run("connectivity order")
        app.gateway.faults.skips_authentication = True
        opened = await app.run("connectivity order")

    assert (guarded.verdict, guarded.facts["is_open"]) == (V.OK, False)
    assert (opened.verdict, opened.facts["is_open"], opened.facts["unauthenticated_request"]) == (
        V.FAILED,
        True,
        "failed",
    )
    assert result(opened, "unauthenticated request").endswith(
        "/order/actuator/info: no authentication required, HTTP 200 OK"
    )


async def test_missing_guarded_path_proves_nothing(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.skips_authentication = True

    report = await app.run("connectivity order")

    # The sandbox's service has nothing at its root.
    assert (report.facts["unauthenticated_request"], report.facts["authenticated_request"]) == ("warning", "unknown")
    assert "with and without a token" in result(report, "authenticated request")


async def test_login_page_is_no_rejection(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.shows_login_page = True

    report = await app.run("connectivity order")

    assert report.facts["unauthenticated_request"] == "warning"
    assert result(report, "unauthenticated request").endswith("HTTP 302 Found, redirect to /login")
    assert report.facts["authenticated_request"] == "failed"


async def test_token_without_authorization_fails(app: app_fixture.AppFixture) -> None:
    app.gateway.faults.forbids_all = True

    report = await app.run("connectivity order")

    assert report.facts["authenticated_request"] == "failed"
    assert "token valid but not authorized, HTTP 403 Forbidden" in result(report, "authenticated request")


async def test_unavailable_gateway_affects_route_and_both_requests(app: app_fixture.AppFixture) -> None:
    await app.gateway.refuses()

    report = await app.run("connectivity order")

    assert [report.facts[fact] for fact in FACTS] == ["ok", "ok", "ok", "ok", "unknown", "failed", "failed"]


async def test_headline_says_the_worst_and_the_table_the_rest(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].refuses()
    app.registry.forgets("pos-order")

    report = await app.run("connectivity order")

    state = report.headline.removeprefix("pos-order · sandbox: ")
    assert state.startswith("3 checks failed: port, registration, ")
    assert ";" not in state and "skipped" not in state
    assert result(report, "endpoint") == "skipped: port failed"


async def test_service_without_port_is_not_reachable(app: app_fixture.AppFixture) -> None:
    report = await app.run("connectivity pos-mcp-server")

    assert report.verdict is V.UNKNOWN
    assert "services.yaml sets no port" in report.headline


async def test_unknown_service_is_a_usage_error(app: app_fixture.AppFixture) -> None:
    answer = await app.dispatch("connectivity pos-ordre")

    assert answer.status is invocations.Status.USAGE_ERROR
    assert "pos-order" in answer.report.headline


async def test_token_is_sent_to_the_gateway_only_and_never_shown(app: app_fixture.AppFixture) -> None:
    report = await app.run("connectivity order")

    assert app.gateway.login not in str(reports.to_document(report))
    sent = [request.headers.get("authorization") for request in app.fleet["pos-order"].requests]
    assert set(sent) == {None}


async def test_expired_token_is_unknown(tmp_path: pathlib.Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_700_000_000}).encode()).decode().rstrip("=")

    async with app_fixture.running(tmp_path, names=["pos-order"], token=f"e30.{claims}.c2ln") as app:
        report = await app.run("connectivity order")

    assert report.facts["authenticated_request"] == "unknown"
    assert "posbot’s token expired at 2023-11-14 22:13 UTC" in result(report, "authenticated request")


async def test_invalid_token_fails_with_the_challenge(tmp_path: pathlib.Path) -> None:
    async with app_fixture.running(tmp_path, names=["pos-order"], token="unknown-token") as app:
        report = await app.run("connectivity order")

    assert report.facts["authenticated_request"] == "failed"
    assert "invalid_token" in result(report, "authenticated request")
    assert "unknown-token" not in str(reports.to_document(report))


async def test_checks_without_gateway_and_registry_are_skipped(tmp_path: pathlib.Path) -> None:
    async with app_fixture.running(tmp_path, names=["pos-order"], guarded_path="/actuator/info", is_alone=True) as app:
        report = await app.run("connectivity order")

    assert (report.facts["registration"], report.facts["route"]) == ("skipped", "skipped")
    # Without a gateway the request goes to the service itself.
    assert report.facts["is_open"] is True
    assert str(app.fleet["pos-order"].port) in result(report, "unauthenticated request")
