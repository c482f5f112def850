"""
A sandboxed service closes, opens and secures its port while nobody else gets it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.services import fleets, ports
from sandbox.services.service import Service
from sandbox.services.states import Listener
from tests import plain_http
from tests.integration.sandbox import actuator_client

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet() -> AsyncIterator[fleets.Fleet]:
    async with fleets.running(["pos-order", "pos-catalog"]) as fleet:
        yield fleet


@pytest.fixture
def order(fleet: fleets.Fleet) -> Service:
    return fleet["pos-order"]


def take(port: int) -> None:
    """
    Try to get the port as any other program would.
    """
    with socket.socket() as intruder:
        intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        intruder.bind((ports.HOST, port))


async def test_refusing_service_keeps_its_port_from_others(order: Service) -> None:
    url = order.url
    await order.refuses()

    with pytest.raises(httpx.ConnectError):
        await actuator_client.fetch(order)
    with pytest.raises(OSError, match="in use"):
        take(order.port)

    await order.recovers()
    assert (order.url, (await actuator_client.fetch(order)).status_code) == (url, 200)


async def test_door_can_be_opened_and_closed_many_times_on_one_port(order: Service) -> None:
    port = order.port

    for _ in range(50):
        await order.refuses()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ports.HOST, port)
        await order.recovers()
        _, writer = await asyncio.open_connection(ports.HOST, port)
        writer.close()

    assert order.port == port


async def test_kept_connection_does_not_outlive_closed_door(order: Service) -> None:
    async with plain_http.client() as client:
        await client.get(order.url + actuator_client.HEALTH)
        await order.refuses()

        with pytest.raises(httpx.ConnectError):
            await client.get(order.url + actuator_client.HEALTH)


async def test_good_certificate_is_accepted_by_who_trusts_fleet(fleet: fleets.Fleet, order: Service) -> None:
    await order.listens_with(Listener.TLS)

    async with httpx.AsyncClient(verify=fleet.trusting(), trust_env=False) as client:
        response = await client.get(order.url + actuator_client.HEALTH)

    assert order.url.startswith("https://")
    assert response.json()["status"] == "UP"


@pytest.mark.parametrize(
    ("door", "message"),
    [
        (Listener.TLS_EXPIRED, "certificate has expired"),
        (Listener.TLS_WRONG_HOST, "not valid for '127.0.0.1'"),
        (Listener.TLS_UNTRUSTED, "unable to get local issuer|self-signed"),
    ],
    ids=["expired", "of another host", "of an unknown authority"],
)
async def test_bad_certificate_is_refused(fleet: fleets.Fleet, order: Service, door: Listener, message: str) -> None:
    await order.listens_with(door)

    async with httpx.AsyncClient(verify=fleet.trusting(), trust_env=False) as client:
        with pytest.raises(httpx.ConnectError, match=message):
            await client.get(order.url + actuator_client.HEALTH)

    assert order.request_count == 0


async def test_closed_door_opens_after_so_many_seconds(order: Service) -> None:
    await order.refuses()
    await order.recovers(after_seconds=0.05)

    attempts = 0
    async with asyncio.timeout(5):
        while not order.state.is_listening:
            attempts += 1
            await asyncio.sleep(0.01)

    assert attempts > 0
    assert (await actuator_client.fetch(order)).status_code == 200


async def test_stopped_fleet_leaves_nothing_open() -> None:
    async with fleets.running(["pos-order"]) as fleet:
        await fleet["pos-order"].hangs()
        await fleet["pos-order"].recovers(after_seconds=60)
        port = fleet["pos-order"].port
        _, writer = await asyncio.open_connection(ports.HOST, port)

    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(ports.HOST, port)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "pos-order recovers"]


async def test_250_services_run_in_one_process() -> None:
    names = [f"pos-{number}" for number in range(250)]

    async with fleets.running(names) as fleet, plain_http.client() as client:
        sample = [await client.get(fleet[name].url + actuator_client.READINESS) for name in names[::25]]

    assert {response.status_code for response in sample} == {200}
    assert len({service.port for service in fleet.values()}) == 250


async def test_trouble_of_one_service_is_not_that_of_another(fleet: fleets.Fleet) -> None:
    await fleet["pos-order"].goes_down()

    assert (await actuator_client.fetch(fleet["pos-catalog"])).status_code == 200
    assert fleet["pos-catalog"].request_count == 1
    assert set(fleet.urls) == {"pos-order", "pos-catalog"}
