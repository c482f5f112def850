"""`access`: every point of the way to a service, in good order and in every trouble."""

import base64
import json
import pathlib

import pytest

from bot.model import invocations, reports
from commands import connectivity
from sandbox.services.states import Manner
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio
V = reports.Verdict
POINTS = ("name", "port", "path", "registration", "route", "without_login", "with_login")


def evidence(report: reports.Report, point: str) -> str:
    table = next(section for section in report.sections if isinstance(section, reports.Table))
    return next(row.cells[1] for row in table.rows if row.cells[0] == point)


async def test_a_service_that_can_be_reached_has_every_point_ok(kitchen: app_fixture.Kitchen) -> None:
    report = await kitchen.asks("access order")

    assert report.verdict is V.OK
    assert report.headline == "pos-order in sandbox: it can be reached, and asks for a login."
    assert {report.facts[point] for point in POINTS} == {"ok"}
    assert (report.facts["healthy"], report.facts["is_open"], report.facts["not_asked"]) == (True, False, 0)
    assert f"1 UP: 127.0.0.1:{kitchen.fleet['pos-order'].port}" in evidence(report, "registration")
    assert "/order/** leads to lb://POS-ORDER, [[StripPrefix parts = 1]" in evidence(report, "route")
    assert evidence(report, "request without login").endswith("/order/ refuses it, HTTP 401 Unauthorized")


async def test_the_facts_are_those_that_it_declares(kitchen: app_fixture.Kitchen) -> None:
    report = await kitchen.asks("access order")

    assert set(report.facts) == set(connectivity.COMMAND.facts)


async def test_what_does_not_listen_fails_at_its_port_and_behind_the_gateway(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.fleet["pos-order"].refuses()

    report = await kitchen.asks("access order")

    assert report.verdict is V.FAILED
    assert (report.facts["name"], report.facts["port"], report.facts["path"]) == ("ok", "failed", "not asked")
    assert "nothing listens there" in evidence(report, "port")
    assert report.facts["with_login"] == "failed"
    assert "HTTP 500" in evidence(report, "request with login")


@pytest.mark.parametrize(
    ("manner", "word", "said"),
    [
        (Manner.WRONG_PATH, "failed", "no health document: there is no health endpoint at that path (HTTP 404)"),
        (Manner.HTML, "failed", "no health document: not JSON but text/html"),
        (Manner.DROPPING, "failed", "closed before the answer was complete"),
    ],
)
async def test_another_answer_than_health_fails_at_the_path(
    kitchen: app_fixture.Kitchen, manner: Manner, word: str, said: str
) -> None:
    await kitchen.fleet["pos-order"].behaves(manner)

    report = await kitchen.asks("access order")

    assert report.facts["port"] == "ok"
    assert report.facts["path"] == word
    assert said in evidence(report, "path")


async def test_a_service_that_is_down_has_the_right_path_all_the_same(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.fleet["pos-order"].goes_down()

    report = await kitchen.asks("access order")

    assert report.facts["path"] == "failed"
    assert report.facts["healthy"] is False
    assert "the path is right, but the service is not: DOWN because of db" in evidence(report, "path")


async def test_a_service_that_the_registry_does_not_know_gets_nothing(kitchen: app_fixture.Kitchen) -> None:
    kitchen.registry.forgets("pos-order")

    report = await kitchen.asks("access order")

    assert report.facts["registration"] == "failed"
    assert evidence(report, "registration") == "Eureka knows no POS-ORDER"
    # The route of the gateway's own configuration is still there, and finds nobody.
    assert report.facts["route"] == "ok"
    assert "HTTP 503" in evidence(report, "request with login")
    assert report.headline == "pos-order in sandbox: registration and request with login need a look."


@pytest.mark.parametrize(
    ("statuses", "word", "said"),
    [
        (["UP", "UP", "UP"], "ok", "3 UP"),
        (["UP", "DOWN"], "warning", "1 UP, 1 DOWN"),
        (["STARTING", "OUT_OF_SERVICE"], "failed", "no instance gets requests: 1 STARTING, 1 OUT_OF_SERVICE"),
    ],
)
async def test_the_states_of_the_instances_are_counted(
    kitchen: app_fixture.Kitchen, statuses: list[str], word: str, said: str
) -> None:
    kitchen.registry.reports("pos-order", *statuses)

    report = await kitchen.asks("access order")

    assert report.facts["registration"] == word
    assert said in evidence(report, "registration")


async def test_another_port_than_the_catalogues_is_told(kitchen: app_fixture.Kitchen) -> None:
    kitchen.registry.reports("pos-order", "UP", port=4711)

    report = await kitchen.asks("access order")

    assert report.facts["registration"] == "warning"
    assert "registered at another port: 127.0.0.1:4711" in evidence(report, "registration")


async def test_a_registry_that_is_away_says_nothing_of_the_service(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.registry.refuses()

    report = await kitchen.asks("access order")

    assert report.verdict is V.UNKNOWN
    assert "Eureka cannot be asked: nothing listens there" in evidence(report, "registration")


async def test_a_route_that_is_missing_or_elsewhere_fails(kitchen: app_fixture.Kitchen) -> None:
    kitchen.gateway.faults.lost_routes.add("pos-order")
    kitchen.gateway.faults.moved_routes["pos-price"] = "/prices"

    lost, moved = await kitchen.asks("access order"), await kitchen.asks("access pos-price")

    assert lost.facts["route"] == moved.facts["route"] == "failed"
    assert evidence(lost, "route").startswith("none of ")
    assert evidence(moved, "route") == "no route takes /price, it is at /prices/**"


@pytest.mark.parametrize(("fault", "said"), [("hides_routes", "HTTP 404"), ("guards_routes", "HTTP 401")])
async def test_routes_that_are_not_shown_are_unknown(kitchen: app_fixture.Kitchen, fault: str, said: str) -> None:
    setattr(kitchen.gateway.faults, fault, True)

    report = await kitchen.asks("access order")

    assert report.facts["route"] == "unknown"
    assert said in evidence(report, "route")


async def test_what_speaks_another_protocol_is_the_wrong_port(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.fleet["pos-order"].behaves(Manner.GARBLED)

    report = await kitchen.asks("access order")

    assert (report.facts["port"], report.facts["path"]) == ("failed", "not asked")
    assert "the answer is not HTTP" in evidence(report, "port")


async def test_a_door_that_is_open_to_all_is_a_finding(tmp_path: pathlib.Path) -> None:
    async with app_fixture.opened(tmp_path, names=["pos-order"], guarded_path="/actuator/info") as kitchen:
        guarded = await kitchen.asks("access order")
        kitchen.gateway.faults.lets_everybody_in = True
        opened = await kitchen.asks("access order")

    assert (guarded.verdict, guarded.facts["is_open"]) == (V.OK, False)
    assert (opened.verdict, opened.facts["is_open"], opened.facts["without_login"]) == (V.FAILED, True, "failed")
    assert evidence(opened, "request without login").endswith("/order/actuator/info is open to all, HTTP 200 OK")


async def test_a_path_that_does_not_exist_tells_nothing_of_logins(kitchen: app_fixture.Kitchen) -> None:
    kitchen.gateway.faults.lets_everybody_in = True

    report = await kitchen.asks("access order")

    # The pretend service has nothing at its root.
    assert (report.facts["without_login"], report.facts["with_login"]) == ("warning", "unknown")
    assert "with a login and without" in evidence(report, "request with login")


async def test_a_login_page_is_no_refusal(kitchen: app_fixture.Kitchen) -> None:
    kitchen.gateway.faults.shows_login_page = True

    report = await kitchen.asks("access order")

    assert report.facts["without_login"] == "warning"
    assert evidence(report, "request without login").endswith("sends the caller on to /login")
    assert report.facts["with_login"] == "failed"


async def test_a_login_that_may_do_nothing_fails(kitchen: app_fixture.Kitchen) -> None:
    kitchen.gateway.faults.forbids_everybody = True

    report = await kitchen.asks("access order")

    assert report.facts["with_login"] == "failed"
    assert "knows it and lets it do nothing, HTTP 403 Forbidden" in evidence(report, "request with login")


async def test_a_gateway_that_is_away_is_told_at_every_point_of_it(kitchen: app_fixture.Kitchen) -> None:
    await kitchen.gateway.refuses()

    report = await kitchen.asks("access order")

    assert [report.facts[point] for point in POINTS] == ["ok", "ok", "ok", "ok", "unknown", "failed", "failed"]


async def test_a_service_without_a_port_cannot_be_reached(kitchen: app_fixture.Kitchen) -> None:
    report = await kitchen.asks("access pos-mcp-server")

    assert report.verdict is V.UNKNOWN
    assert "the catalogue gives it no port" in report.headline


async def test_an_unknown_service_ends_before_anything_is_asked(kitchen: app_fixture.Kitchen) -> None:
    answer = await kitchen.answers("access pos-ordre")

    assert answer.status is invocations.Status.USAGE_ERROR
    assert "pos-order" in answer.report.headline


async def test_the_token_is_in_no_answer_and_goes_nowhere_but_to_the_door(kitchen: app_fixture.Kitchen) -> None:
    report = await kitchen.asks("access order")

    assert kitchen.gateway.login not in str(reports.to_document(report))
    sent = [request.headers.get("authorization") for request in kitchen.fleet["pos-order"].requests]
    assert set(sent) == {None}


async def test_a_token_that_has_ended_speaks_against_the_bot_and_not_the_service(tmp_path: pathlib.Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_700_000_000}).encode()).decode().rstrip("=")

    async with app_fixture.opened(tmp_path, names=["pos-order"], token=f"e30.{claims}.c2ln") as kitchen:
        report = await kitchen.asks("access order")

    assert report.facts["with_login"] == "unknown"
    assert "the bot’s token ended at 2023-11-14 22:13 UTC" in evidence(report, "request with login")


async def test_another_token_is_refused_with_the_reason(tmp_path: pathlib.Path) -> None:
    async with app_fixture.opened(tmp_path, names=["pos-order"], token="nobody-knows-this-one") as kitchen:
        report = await kitchen.asks("access order")

    assert report.facts["with_login"] == "failed"
    assert "invalid_token" in evidence(report, "request with login")
    assert "nobody-knows-this-one" not in str(reports.to_document(report))


async def test_what_the_environment_does_not_name_is_not_asked(tmp_path: pathlib.Path) -> None:
    async with app_fixture.opened(
        tmp_path, names=["pos-order"], guarded_path="/actuator/info", is_alone=True
    ) as kitchen:
        report = await kitchen.asks("access order")

    assert (report.facts["registration"], report.facts["route"]) == ("not asked", "not asked")
    # Without a gateway the service itself is asked.
    assert report.facts["is_open"] is True
    assert str(kitchen.fleet["pos-order"].port) in evidence(report, "request without login")
