"""
Sandboxed services say of their health what real Spring services say.
"""

import pytest

from sandbox.services import documents, health_documents
from sandbox.services.service import Service
from tests import plain_http
from tests.integration.sandbox import actuator_client

pytestmark = pytest.mark.anyio


async def test_healthy_service_answers_as_spring_does(order: Service) -> None:
    response = await actuator_client.fetch(order)

    health = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.spring-boot.actuator.v3+json"
    assert response.headers["transfer-encoding"] == "chunked"
    assert list(health) == ["status", "groups", "components"]
    assert health["groups"] == ["liveness", "readiness"]
    assert {"db", "diskSpace", "ping", "discoveryComposite", "redis"} <= set(health["components"])
    assert health["components"]["db"] == {
        "status": "UP",
        "details": {"database": "PostgreSQL", "validationQuery": "isValid()"},
    }
    assert health["components"]["discoveryComposite"]["components"]["eureka"] == {
        "description": "Remote status from Eureka server",
        "status": "UP",
        "details": {"applications": {"POS-ORDER": 1}},
    }


@pytest.mark.parametrize("path", [actuator_client.READINESS, actuator_client.LIVENESS])
async def test_group_shows_its_status_and_no_more(order: Service, path: str) -> None:
    response = await actuator_client.fetch(order, path)

    assert (response.status_code, response.json()) == (200, {"status": "UP"})


async def test_component_can_be_asked_for_by_its_path(order: Service) -> None:
    await order.goes_down(discoveryComposite="com.netflix.discovery.shared.transport.TransportException: no server")

    eureka = await actuator_client.fetch(order, f"{actuator_client.HEALTH}/discoveryComposite/eureka")
    unheard_of = await actuator_client.fetch(order, f"{actuator_client.HEALTH}/nothing")

    assert (eureka.status_code, eureka.json()["status"]) == (503, "DOWN")
    assert (unheard_of.status_code, unheard_of.text) == (404, "")


async def test_plain_json_is_sent_to_client_that_asks_for_it(order: Service) -> None:
    response = await actuator_client.fetch(order, accept="application/json")

    assert response.headers["content-type"] == "application/json"


async def test_info_tells_build_and_commit(order: Service) -> None:
    info = (await actuator_client.fetch(order, "/actuator/info")).json()

    assert info["build"]["artifact"] == "pos-order"
    assert info["build"]["version"] == documents.VERSION
    assert set(info["git"]) == {"branch", "commit"}


async def test_unknown_path_answers_springs_error_document(order: Service) -> None:
    response = await actuator_client.fetch(order, "/actuator/env")

    body = response.json()
    assert response.status_code == 404
    assert list(body) == ["timestamp", "status", "error", "path"]
    assert (body["status"], body["error"], body["path"]) == (404, "Not Found", "/actuator/env")


async def test_changing_anything_through_actuator_is_not_allowed(order: Service) -> None:
    async with plain_http.client() as client:
        response = await client.post(order.url + actuator_client.HEALTH)

    assert (response.status_code, response.headers["allow"]) == (405, "GET")


async def test_lost_database_fails_root_and_leaves_both_groups_up(order: Service) -> None:
    await order.goes_down()

    root, readiness, liveness = [
        await actuator_client.fetch(order, path)
        for path in (actuator_client.HEALTH, actuator_client.READINESS, actuator_client.LIVENESS)
    ]

    assert (root.status_code, root.json()["status"]) == (503, "DOWN")
    assert root.headers["connection"] == "close"
    assert root.json()["components"]["db"] == {
        "status": "DOWN",
        "details": {
            "error": "org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain JDBC Connection"
        },
    }
    assert (readiness.status_code, liveness.status_code) == (200, 200)


async def test_several_components_fail_at_once_and_only_they(order: Service) -> None:
    await order.goes_down(redis="refused", discoveryComposite="no server", diskSpace=health_documents.DISK_FULL)

    components = (await actuator_client.fetch(order)).json()["components"]

    down = {name for name, component in components.items() if component["status"] == "DOWN"}
    assert down == {"redis", "discoveryComposite", "diskSpace"}
    assert components["discoveryComposite"]["components"]["discoveryClient"]["status"] == "UP"
    assert components["diskSpace"]["details"]["free"] < components["diskSpace"]["details"]["threshold"]


async def test_component_can_be_down_without_error(order: Service) -> None:
    await order.goes_down(db=health_documents.CONNECTION_DEAD)

    response = await actuator_client.fetch(order)

    assert response.status_code == 503
    assert "error" not in response.json()["components"]["db"]["details"]


async def test_error_text_can_hold_password(order: Service) -> None:
    await order.goes_down_leaking_password()

    assert (await actuator_client.fetch(order)).text.count(health_documents.PASSWORD) == 2


async def test_refused_traffic_is_out_of_service_and_alive(order: Service) -> None:
    await order.refuses_traffic()

    root, readiness, liveness = [
        await actuator_client.fetch(order, path)
        for path in (actuator_client.HEALTH, actuator_client.READINESS, actuator_client.LIVENESS)
    ]

    assert (root.status_code, root.json()["status"]) == (503, "OUT_OF_SERVICE")
    assert (readiness.status_code, readiness.json()) == (503, {"status": "OUT_OF_SERVICE"})
    assert liveness.status_code == 200


async def test_lost_liveness_fails_root_and_liveness_group(order: Service) -> None:
    await order.loses_liveness()

    root, readiness, liveness = [
        await actuator_client.fetch(order, path)
        for path in (actuator_client.HEALTH, actuator_client.READINESS, actuator_client.LIVENESS)
    ]

    assert (root.status_code, root.json()["status"]) == (503, "DOWN")
    assert (liveness.status_code, liveness.json()) == (503, {"status": "DOWN"})
    assert readiness.status_code == 200


async def test_unknown_is_answered_with_200(order: Service) -> None:
    await order.becomes_unknown()

    response = await actuator_client.fetch(order)

    assert (response.status_code, response.json()["status"]) == (200, "UNKNOWN")


async def test_requests_are_recorded_as_they_came(order: Service) -> None:
    await actuator_client.fetch(order, f"{actuator_client.HEALTH}?from=test", **{"X-Request-Id": "r-1"})

    [request] = order.requests
    assert (request.method, request.path, request.query) == ("GET", actuator_client.HEALTH, "from=test")
    assert request.headers["x-request-id"] == "r-1"
    assert request.at.tzinfo is not None
