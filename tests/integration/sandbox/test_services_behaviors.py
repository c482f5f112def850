"""
Every way in which a sandboxed service misbehaves is what a client really meets.
"""

import json
import time

import httpx
import pytest

from sandbox.services import documents, health_documents
from sandbox.services.service import Service
from sandbox.services.states import Behavior, State
from tests import plain_http
from tests.integration.sandbox import actuator_client

pytestmark = pytest.mark.anyio


async def test_slow_service_answers_after_its_time(order: Service) -> None:
    await order.slows_to(seconds=0.2)
    started = time.monotonic()

    response = await actuator_client.fetch(order)

    assert response.json()["status"] == "UP"
    assert time.monotonic() - started >= 0.2


async def test_service_can_be_slow_and_down(order: Service) -> None:
    down = health_documents.broken("db", "gone", service="pos-order")
    await order.becomes(State(components={"db": down}, behavior=Behavior.SLOW, seconds=0.05))

    response = await actuator_client.fetch(order)

    assert response.status_code == 503
    assert response.elapsed.total_seconds() >= 0.05


async def test_hanging_service_takes_request_and_never_answers(order: Service) -> None:
    await order.hangs()

    with pytest.raises(httpx.ReadTimeout):
        async with plain_http.client(timeout=0.1) as client:
            await client.get(order.url + actuator_client.HEALTH)

    assert order.request_count == 1


async def test_trickled_body_arrives_in_pieces_and_whole(order: Service) -> None:
    await order.trickles(seconds=0.001)

    async with (
        plain_http.client() as client,
        client.stream("GET", order.url + actuator_client.HEALTH) as response,
    ):
        pieces = [piece async for piece in response.aiter_raw()]

    assert len(pieces) > 10
    assert json.loads(b"".join(pieces))["status"] == "UP"


@pytest.mark.parametrize(
    ("manner", "status", "media_type", "text"),
    [
        (Behavior.WRONG_PATH, 404, "application/json", '"error":"Not Found"'),
        (Behavior.UNAUTHORIZED, 401, "", ""),
        (Behavior.FORBIDDEN, 403, "application/json", '"error":"Forbidden"'),
        (Behavior.HTML, 200, "text/html; charset=utf-8", "<title>Please sign in</title>"),
        (Behavior.NOT_JSON, 200, documents.ACTUATOR_TYPE, "oops"),
        (Behavior.EMPTY, 200, documents.ACTUATOR_TYPE, ""),
    ],
    ids=["wrong path", "unauthorized", "forbidden", "html", "not json", "empty"],
)
async def test_answer_that_is_no_health_document(
    order: Service, manner: Behavior, status: int, media_type: str, text: str
) -> None:
    await order.behaves(manner)

    response = await actuator_client.fetch(order)

    assert response.status_code == status
    assert media_type in response.headers.get("content-type", "")
    assert text in response.text
    assert bool(text) == bool(response.text)


async def test_unauthorized_client_is_told_how_to_authenticate(order: Service) -> None:
    await order.behaves(Behavior.UNAUTHORIZED)

    assert (await actuator_client.fetch(order)).headers["www-authenticate"].startswith("Basic")


async def test_login_redirect_leads_to_html(order: Service) -> None:
    await order.behaves(Behavior.LOGIN_PAGE)

    async with plain_http.client(follow_redirects=True) as client:
        response = await client.get(order.url + actuator_client.HEALTH)

    assert [(hop.status_code, hop.headers["location"]) for hop in response.history] == [(302, "/login")]
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_json_of_another_shape_is_answered_as_told(order: Service) -> None:
    await order.behaves(Behavior.OTHER_JSON)
    assert (await actuator_client.fetch(order)).json() == {"hello": "world"}

    await order.answers_json(["UP"])
    assert (await actuator_client.fetch(order)).json() == ["UP"]


async def test_huge_body_does_not_announce_its_length(order: Service) -> None:
    await order.answers_hugely(megabytes=20)

    response = await actuator_client.fetch(order)

    assert "content-length" not in response.headers
    assert len(response.content) >= 20_000_000
    assert response.json()["status"] == "UP"


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        (Behavior.DROPPING, "without sending a response"),
        (Behavior.BREAKING_OFF, "incomplete|without sending complete"),
        (Behavior.GARBLED, "illegal|malformed"),
    ],
    ids=["dropping", "breaking off", "garbled"],
)
async def test_broken_conversation_is_protocol_error(order: Service, manner: Behavior, message: str) -> None:
    await order.behaves(manner)

    with pytest.raises(httpx.RemoteProtocolError, match=message):
        await actuator_client.fetch(order)

    assert order.request_count == 1


async def test_trouble_ends_after_so_many_requests(order: Service) -> None:
    await order.goes_down()
    await order.recovers(after_requests=2)

    statuses = [(await actuator_client.fetch(order)).status_code for _ in range(4)]

    assert statuses == [503, 503, 200, 200]


async def test_new_trouble_calls_off_recovery(order: Service) -> None:
    await order.goes_down()
    await order.recovers(after_requests=1)
    await order.goes_down(redis="refused")

    statuses = [(await actuator_client.fetch(order)).status_code for _ in range(3)]

    assert statuses == [503, 503, 503]
