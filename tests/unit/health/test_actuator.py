"""Everything that asking for health can come to, against real servers that behave that way."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from bot.health import actuator, http_transport, status
from bot.model import reports
from sandbox.services import fleets
from sandbox.services.service import Service
from sandbox.services.states import Door, Manner
from tests import canned_server

pytestmark = pytest.mark.anyio

Finding = status.Finding


@pytest.fixture
async def fleet() -> AsyncIterator[fleets.Fleet]:
    async with fleets.running(["pos-order"]) as running:
        yield running


@pytest.fixture
def order(fleet: fleets.Fleet) -> Service:
    return fleet["pos-order"]


@pytest.fixture
def trusted(
    fleet: fleets.Fleet, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An operator who has given the bot the fleet's authority, as SSL_CERT_FILE does."""
    authority = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.write_bytes(fleet.authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    http_transport.forget_certificates()
    yield
    http_transport.forget_certificates()


async def read(service: Service, *, with_groups: bool = False, probe_seconds: float = 8.0) -> status.Reading:
    url = f"{service.url}/actuator/health"
    return await actuator.Actuator(probe_seconds=probe_seconds).read("pos-order", url, with_groups=with_groups)


async def test_up_with_its_components_and_groups(order: Service) -> None:
    reading = await read(order, with_groups=True)

    assert reading.finding is Finding.UP
    assert reading.is_healthy
    assert [(name, probe.finding) for name, probe in reading.groups] == [
        ("readiness", Finding.UP),
        ("liveness", Finding.UP),
    ]
    assert "discoveryComposite.eureka" in [component.path for component in reading.root.components]


async def test_slower_than_the_target_is_a_warning(order: Service) -> None:
    await order.slows_to(seconds=0.6)

    reading = await read(order)

    assert reading.finding is Finding.SLOW
    assert reading.verdict is reports.Verdict.WARNING
    assert reading.is_healthy
    assert "(target 500 ms)" in reading.summary


async def test_down_names_the_innermost_failing_components(order: Service) -> None:
    await order.goes_down(db="no connection", discoveryComposite="no server")

    reading = await read(order)

    assert reading.finding is Finding.DOWN
    assert reading.summary.startswith("DOWN because of ")
    failing = {component.path: dict(component.details) for component in reading.failing_components}
    assert failing["db"]["error"] == "no connection"
    assert "discoveryComposite" not in failing
    assert any(path.startswith("discoveryComposite.") for path in failing)


async def test_down_without_details_is_still_down(order: Service) -> None:
    await order.answers_json({"status": "DOWN"})

    assert (await read(order)).finding is Finding.DOWN


async def test_out_of_service_shows_which_group_refuses(order: Service) -> None:
    await order.refuses_traffic()

    reading = await read(order)

    assert reading.finding is Finding.OUT_OF_SERVICE
    assert [(name, probe.finding) for name, probe in reading.groups] == [
        ("readiness", Finding.OUT_OF_SERVICE),
        ("liveness", Finding.UP),
    ]


async def test_unknown_is_never_taken_for_healthy(order: Service) -> None:
    await order.becomes_unknown()

    reading = await read(order)

    assert reading.finding is Finding.UNKNOWN
    assert not reading.is_healthy
    assert reading.verdict is reports.Verdict.UNKNOWN


async def test_a_status_that_spring_does_not_have_is_shown_as_it_is(order: Service) -> None:
    await order.answers_json({"status": "DEGRADED"})

    reading = await read(order)

    assert reading.finding is Finding.UNKNOWN
    assert "DEGRADED" in reading.summary


@pytest.mark.parametrize(
    ("manner", "finding"),
    [
        (Manner.WRONG_PATH, Finding.NOT_FOUND),
        (Manner.UNAUTHORIZED, Finding.UNAUTHORIZED),
        (Manner.FORBIDDEN, Finding.FORBIDDEN),
        (Manner.LOGIN_PAGE, Finding.LOGIN_PAGE),
        (Manner.HTML, Finding.NOT_JSON),
        (Manner.NOT_JSON, Finding.NOT_JSON),
        (Manner.EMPTY, Finding.NOT_JSON),
        (Manner.DROPPING, Finding.DROPPED),
        (Manner.BREAKING_OFF, Finding.DROPPED),
        (Manner.GARBLED, Finding.NOT_HTTP),
    ],
    ids=lambda value: value.value,
)
async def test_an_answer_that_is_no_health_is_named_for_what_it_is(
    order: Service, manner: Manner, finding: Finding
) -> None:
    await order.behaves(manner)

    reading = await read(order, with_groups=True)

    assert reading.finding is finding
    assert reading.verdict is reports.Verdict.FAILED
    assert reading.finding.advice
    assert reading.groups == ()


@pytest.mark.parametrize("document", [{"hello": "world"}, [], ["UP"], {"status": 7}, {"status": {"code": "UP"}}])
async def test_json_of_another_shape_is_no_health_document(order: Service, document: object) -> None:
    await order.answers_json(document)  # type: ignore[arg-type]

    assert (await read(order)).finding is Finding.OTHER_SHAPE


async def test_a_huge_answer_is_not_read_to_its_end(order: Service) -> None:
    await order.answers_hugely(megabytes=20)

    reading = await read(order)

    assert reading.finding is Finding.TOO_LARGE


@pytest.mark.parametrize("trouble", ["hangs", "trickles"])
async def test_what_does_not_end_in_time_is_told_apart_from_what_does_not_begin(order: Service, trouble: str) -> None:
    await (order.hangs() if trouble == "hangs" else order.trickles(seconds=0.2))

    reading = await read(order, probe_seconds=0.5)

    assert reading.finding is Finding.READ_TIMEOUT
    assert ("began but did not end" in reading.summary) == (trouble == "trickles")


async def test_a_closed_port_is_refused(order: Service) -> None:
    await order.refuses()

    assert (await read(order)).finding is Finding.REFUSED


async def test_a_name_that_does_not_resolve_is_named() -> None:
    reading = await actuator.Actuator().read("x", "http://pos-order.invalid:9007/actuator/health", with_groups=False)

    assert reading.finding is Finding.NO_SUCH_NAME
    assert "pos-order.invalid" in reading.summary


async def test_a_listener_that_takes_no_connections_is_a_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}/actuator/health"

        reading = await actuator.Actuator(probe_seconds=0.5).read("x", url, with_groups=False)
        for filler in fillers:
            filler.close()

    assert reading.finding is Finding.CONNECT_TIMEOUT


@pytest.mark.usefixtures("trusted")
async def test_a_good_certificate_is_accepted_and_its_handshake_timed(order: Service) -> None:
    await order.shows(Door.TLS)

    reading = await read(order)

    assert reading.finding is Finding.UP
    assert reading.root.exchange.tls_version == "TLSv1.3"
    assert reading.root.exchange.tls_after_seconds is not None


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("door", "finding"),
    [
        (Door.TLS_EXPIRED, Finding.TLS_EXPIRED),
        (Door.TLS_WRONG_HOST, Finding.TLS_WRONG_HOST),
        (Door.TLS_UNTRUSTED, Finding.TLS_UNTRUSTED),
    ],
    ids=lambda value: value.value,
)
async def test_a_bad_certificate_is_told_by_its_fault(order: Service, door: Door, finding: Finding) -> None:
    await order.shows(door)

    assert (await read(order)).finding is finding


async def test_tls_on_a_port_without_it_is_a_tls_failure(order: Service) -> None:
    url = f"https://127.0.0.1:{order.port}/actuator/health"

    reading = await actuator.Actuator().read("x", url, with_groups=False)

    assert reading.finding is Finding.TLS_FAILED


async def test_the_exchange_tells_what_curl_would(order: Service) -> None:
    exchange = (await read(order)).root.exchange

    assert exchange.address == f"127.0.0.1:{order.port}"
    assert exchange.connected_after_seconds is not None
    assert exchange.first_byte_after_seconds is not None
    assert exchange.connected_after_seconds <= exchange.first_byte_after_seconds <= exchange.total_seconds
    assert (exchange.status, exchange.http_version) == (200, "HTTP/1.1")
    assert "content-type" in dict(exchange.headers)


async def test_no_cookie_is_ever_kept(order: Service) -> None:
    await read(order)
    await read(order)

    assert all("cookie" not in request.headers for request in order.requests)


def test_every_finding_but_up_has_advice() -> None:
    assert [finding for finding in Finding if finding is not Finding.UP and not finding.advice] == []


@pytest.mark.parametrize(
    ("body", "headers", "finding"),
    [
        (b"plain", {"content-encoding": "gzip"}, Finding.NOT_JSON),
        (b'{"status": "UP"}', {"content-encoding": "br"}, Finding.UP),
    ],
    ids=["broken gzip", "an encoding it did not ask for"],
)
async def test_an_encoding_that_lies_harms_nobody(body: bytes, headers: dict[str, str], finding: Finding) -> None:
    async with canned_server.answering(body, headers=headers) as url:
        reading = await actuator.Actuator().read("x", url, with_groups=False)

    assert reading.finding is finding


@pytest.mark.parametrize(
    "url", ["http://xn--a/health", "http://127.0.0.1:99999/health", "http://[::1/health", "ftp://x/"]
)
async def test_an_address_that_cannot_be_is_unreachable(url: str) -> None:
    reading = await actuator.Actuator().read("x", url, with_groups=True)

    assert reading.finding is Finding.UNREACHABLE


async def test_up_with_an_error_status_is_not_taken_for_up() -> None:
    async with canned_server.answering(b'{"status": "UP"}', status=503) as url:
        reading = await actuator.Actuator().read("x", url, with_groups=False)

    assert reading.finding is Finding.HTTP_ERROR
    assert "although it says UP" in reading.summary


async def test_thousands_of_components_are_cut_to_what_a_person_can_read() -> None:
    tree = {f"c{number}": {"status": "DOWN"} for number in range(20_000)}
    async with canned_server.answering(json.dumps({"status": "DOWN", "components": tree}).encode(), status=503) as url:
        reading = await actuator.Actuator().read("x", url, with_groups=False)

    assert reading.summary == f"DOWN because of c0, c1, c2, c3, c4 and {actuator.MOST_COMPONENTS - 5} more"


async def test_many_that_hang_do_not_keep_the_others_waiting(order: Service) -> None:
    reader = actuator.Actuator(probe_seconds=3.0)
    async with fleets.running([f"pos-{number}" for number in range(100)]) as hanging:
        for service in hanging.values():
            await service.hangs()
        waiting = [
            asyncio.create_task(reader.read(name, f"{service.url}/actuator/health", with_groups=False))
            for name, service in hanging.items()
        ]
        healthy = await reader.read("pos-order", f"{order.url}/actuator/health", with_groups=False)
        assert not any(task.done() for task in waiting)
        readings = await asyncio.gather(*waiting)

    assert healthy.is_healthy
    assert {reading.finding for reading in readings} == {Finding.READ_TIMEOUT}
