"""Every finding of a health check, against real servers that behave accordingly."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from bot.health import actuator, documents, http_transport, status
from bot.health import reports as health_reports
from bot.model import reports
from sandbox.services import fleets
from sandbox.services.service import Service
from sandbox.services.states import Behavior, Listener
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
    """Trust the fleet's certificate authority through SSL_CERT_FILE."""
    authority = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.write_bytes(fleet.authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    http_transport.reload_certificates()
    yield
    http_transport.reload_certificates()


async def read(service: Service, *, with_groups: bool = False, timeout_seconds: float = 8.0) -> status.ServiceHealth:
    url = f"{service.url}/actuator/health"
    return await actuator.Actuator(timeout_seconds=timeout_seconds).read("pos-order", url, with_groups=with_groups)


async def test_healthy_service_is_up_with_components_and_groups(order: Service) -> None:
    health = await read(order, with_groups=True)

    assert health.finding is Finding.UP
    assert health.is_healthy
    assert [(name, endpoint.finding) for name, endpoint in health.groups] == [
        ("readiness", Finding.UP),
        ("liveness", Finding.UP),
    ]
    assert "discoveryComposite.eureka" in [component.path for component in health.root.components]


async def test_slow_response_is_a_warning(order: Service) -> None:
    await order.slows_to(seconds=0.6)

    health = await read(order)

    assert health.finding is Finding.SLOW
    assert health.verdict is reports.Verdict.WARNING
    assert health.is_healthy
    assert "(target 500 ms)" in health.summary


async def test_down_lists_innermost_failing_components(order: Service) -> None:
    await order.goes_down(db="no connection", discoveryComposite="no server")

    health = await read(order)

    assert health.finding is Finding.DOWN
    assert health.summary.startswith("DOWN (")
    failing = {component.path: dict(component.details) for component in health.failing_components}
    assert failing["db"]["error"] == "no connection"
    assert "discoveryComposite" not in failing
    assert any(path.startswith("discoveryComposite.") for path in failing)


async def test_down_without_details_is_still_down(order: Service) -> None:
    await order.answers_json({"status": "DOWN"})

    assert (await read(order)).finding is Finding.DOWN


async def test_out_of_service_shows_failing_group(order: Service) -> None:
    await order.refuses_traffic()

    health = await read(order)

    assert health.finding is Finding.OUT_OF_SERVICE
    assert [(name, endpoint.finding) for name, endpoint in health.groups] == [
        ("readiness", Finding.OUT_OF_SERVICE),
        ("liveness", Finding.UP),
    ]


async def test_unknown_status_is_not_healthy(order: Service) -> None:
    await order.becomes_unknown()

    health = await read(order)

    assert health.finding is Finding.UNKNOWN
    assert not health.is_healthy
    assert health.verdict is reports.Verdict.UNKNOWN


async def test_custom_status_is_a_warning_and_shown(order: Service) -> None:
    await order.answers_json({"status": "DEGRADED"})

    health = await read(order)

    assert health.finding is Finding.CUSTOM
    assert health.verdict is reports.Verdict.WARNING
    assert "DEGRADED" in health.summary


@pytest.mark.parametrize(
    ("manner", "finding"),
    [
        (Behavior.WRONG_PATH, Finding.NOT_FOUND),
        (Behavior.UNAUTHORIZED, Finding.UNAUTHORIZED),
        (Behavior.FORBIDDEN, Finding.FORBIDDEN),
        (Behavior.LOGIN_PAGE, Finding.LOGIN_PAGE),
        (Behavior.HTML, Finding.NOT_JSON),
        (Behavior.NOT_JSON, Finding.NOT_JSON),
        (Behavior.EMPTY, Finding.NOT_JSON),
        (Behavior.DROPPING, Finding.DROPPED),
        (Behavior.BREAKING_OFF, Finding.DROPPED),
        (Behavior.GARBLED, Finding.NOT_HTTP),
    ],
    ids=lambda value: value.value,
)
async def test_response_without_health_has_its_own_finding(order: Service, manner: Behavior, finding: Finding) -> None:
    await order.behaves(manner)

    health = await read(order, with_groups=True)

    assert health.finding is finding
    assert health.verdict is reports.Verdict.FAILED
    assert health_reports.advice_for(health.finding)
    assert health.groups == ()


@pytest.mark.parametrize("document", [{"hello": "world"}, [], ["UP"], {"status": 7}, {"status": {"name": "UP"}}])
async def test_json_without_status_is_not_a_health_document(order: Service, document: object) -> None:
    await order.answers_json(document)  # type: ignore[arg-type]

    assert (await read(order)).finding is Finding.NOT_HEALTH


async def test_response_above_size_limit_is_not_read(order: Service) -> None:
    await order.answers_hugely(megabytes=20)

    health = await read(order)

    assert health.finding is Finding.TOO_LARGE


async def test_small_response_that_expands_beyond_the_limit_is_too_large() -> None:
    body = gzip.compress(b'{"status": "UP", "details": "' + b"x" * 2_000_000 + b'"}')
    assert len(body) < 10_000

    async with canned_server.answering(body, headers={"content-encoding": "gzip"}) as url:
        health = await actuator.Actuator().read("x", url, with_groups=False)

    assert health.finding is Finding.TOO_LARGE


@pytest.mark.parametrize("behavior", ["hangs", "trickles"])
async def test_missing_and_incomplete_responses_differ(order: Service, behavior: str) -> None:
    await (order.hangs() if behavior == "hangs" else order.trickles(seconds=0.2))

    health = await read(order, timeout_seconds=0.5)

    assert health.finding is Finding.READ_TIMEOUT
    assert ("incomplete" in health.summary) == (behavior == "trickles")


async def test_closed_port_is_connection_refused(order: Service) -> None:
    await order.refuses()

    assert (await read(order)).finding is Finding.REFUSED


async def test_unresolvable_host_is_a_dns_failure() -> None:
    health = await actuator.Actuator().read("x", "http://pos-order.invalid:9007/actuator/health", with_groups=False)

    assert health.finding is Finding.DNS_FAILED
    assert "pos-order.invalid" in health.summary


async def test_full_accept_queue_is_a_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        url = f"http://127.0.0.1:{server.getsockname()[1]}/actuator/health"

        health = await actuator.Actuator(timeout_seconds=0.5).read("x", url, with_groups=False)
        for filler in fillers:
            filler.close()

    assert health.finding is Finding.CONNECT_TIMEOUT


@pytest.mark.usefixtures("trusted")
async def test_valid_certificate_is_accepted_and_handshake_timed(order: Service) -> None:
    await order.listens_with(Listener.TLS)

    health = await read(order)

    assert health.finding is Finding.UP
    assert health.root.exchange.tls_version == "TLSv1.3"
    assert health.root.exchange.tls_after_seconds is not None


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("listener", "finding"),
    [
        (Listener.TLS_EXPIRED, Finding.TLS_EXPIRED),
        (Listener.TLS_WRONG_HOST, Finding.TLS_WRONG_HOST),
        (Listener.TLS_UNTRUSTED, Finding.TLS_UNTRUSTED),
    ],
    ids=lambda value: value.value,
)
async def test_invalid_certificate_has_its_own_finding(order: Service, listener: Listener, finding: Finding) -> None:
    await order.listens_with(listener)

    assert (await read(order)).finding is finding


async def test_https_to_plain_port_is_a_tls_failure(order: Service) -> None:
    url = f"https://127.0.0.1:{order.port}/actuator/health"

    health = await actuator.Actuator().read("x", url, with_groups=False)

    assert health.finding is Finding.TLS_FAILED


async def test_exchange_has_timings_status_and_headers(order: Service) -> None:
    exchange = (await read(order)).root.exchange

    assert exchange.address == f"127.0.0.1:{order.port}"
    assert exchange.connected_after_seconds is not None
    assert exchange.first_byte_after_seconds is not None
    assert exchange.connected_after_seconds <= exchange.first_byte_after_seconds <= exchange.total_seconds
    assert (exchange.status, exchange.http_version) == (200, "HTTP/1.1")
    assert "content-type" in dict(exchange.headers)


async def test_cookies_are_not_kept(order: Service) -> None:
    await read(order)
    await read(order)

    assert all("cookie" not in request.headers for request in order.requests)


def test_every_unhealthy_finding_has_advice() -> None:
    assert [
        finding for finding in Finding if finding is not Finding.UP and not health_reports.advice_for(finding)
    ] == []


@pytest.mark.parametrize(
    ("body", "headers", "finding"),
    [
        (b"plain", {"content-encoding": "gzip"}, Finding.NOT_JSON),
        (b'{"status": "UP"}', {"content-encoding": "br"}, Finding.UP),
    ],
    ids=["broken gzip", "unrequested encoding"],
)
async def test_wrong_content_encoding_is_ignored(body: bytes, headers: dict[str, str], finding: Finding) -> None:
    async with canned_server.answering(body, headers=headers) as url:
        health = await actuator.Actuator().read("x", url, with_groups=False)

    assert health.finding is finding


@pytest.mark.parametrize(
    "url", ["http://xn--a/health", "http://127.0.0.1:99999/health", "http://[::1/health", "ftp://x/"]
)
async def test_invalid_url_is_unreachable(url: str) -> None:
    health = await actuator.Actuator().read("x", url, with_groups=True)

    assert health.finding is Finding.UNREACHABLE


async def test_up_with_http_error_is_an_http_error() -> None:
    async with canned_server.answering(b'{"status": "UP"}', status=503) as url:
        health = await actuator.Actuator().read("x", url, with_groups=False)

    assert health.finding is Finding.HTTP_ERROR
    assert "although the body has status UP" in health.summary


async def test_components_are_limited() -> None:
    tree = {f"c{number}": {"status": "DOWN"} for number in range(20_000)}
    async with canned_server.answering(json.dumps({"status": "DOWN", "components": tree}).encode(), status=503) as url:
        health = await actuator.Actuator().read("x", url, with_groups=False)

    assert health.summary == f"DOWN (c0, c1, c2, c3, c4 and {documents.MAX_COMPONENTS - 5} more)"


async def test_hanging_services_do_not_delay_others(order: Service) -> None:
    reader = actuator.Actuator(timeout_seconds=3.0)
    async with fleets.running([f"pos-{number}" for number in range(100)]) as hanging:
        for service in hanging.values():
            await service.hangs()
        waiting = [
            asyncio.create_task(reader.read(name, f"{service.url}/actuator/health", with_groups=False))
            for name, service in hanging.items()
        ]
        healthy = await reader.read("pos-order", f"{order.url}/actuator/health", with_groups=False)
        assert not any(task.done() for task in waiting)
        healths = await asyncio.gather(*waiting)

    assert healthy.is_healthy
    assert {health.finding for health in healths} == {Finding.READ_TIMEOUT}


async def test_last_duration_of_a_url_is_kept(order: Service) -> None:
    url = f"{order.url}/actuator/health"
    reader = actuator.Actuator()
    before = reader.last_duration_seconds(url)
    await order.slows_to(seconds=0.2)
    await reader.read("pos-order", url, with_groups=False)

    assert before == 0.0
    assert reader.last_duration_seconds(url) >= 0.2
