"""Health responses as people report them, each with what `health` says and how it ends (`tests/cases/health`)."""

import contextlib
import gzip
import io
import json
import pathlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import rich.console
import yaml
from aiohttp import web

from bot.health import actuator
from bot.health import reports as health_reports
from bot.terminal import output, rendering
from tests import builders

pytestmark = pytest.mark.anyio

CASES = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((pathlib.Path(__file__).parents[2] / "cases" / "health").glob("*.yaml"))
}


@contextlib.asynccontextmanager
async def answering(answers: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[str]:
    """Yield the URL of a server with *answers* by path; `*` is any other path."""

    async def answer(request: web.BaseRequest) -> web.Response:
        chosen = answers.get(request.path) or answers.get("*") or {"status": 404, "body": {}}
        body = chosen.get("body", "")
        is_text = isinstance(body, str)
        content = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": chosen.get("type", "text/plain" if is_text else "application/json")}
        if chosen.get("gzip"):
            content = gzip.compress(content)
            headers["Content-Encoding"] = "gzip"
        return web.Response(status=chosen.get("status", 200), body=content, headers=headers | chosen.get("headers", {}))

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def text_and_code(answers: Mapping[str, Mapping[str, Any]], *, verbose: bool = False) -> tuple[str, int]:
    async with answering(answers) as url:
        health = await actuator.Actuator().read("pos-order", f"{url}/actuator/health", with_groups=True)
    report = health_reports.service_report(health, "prod", verbose=verbose, runbook=())
    response = builders.an_answer(report)
    console = rich.console.Console(file=io.StringIO(), width=1_000, color_system=None)
    with console.capture() as captured:
        console.print(rendering.render(response))
    return captured.get(), output.exit_code(response)


@pytest.mark.parametrize("name", CASES)
async def test_response_is_told_as_expected(name: str) -> None:
    text, code = await text_and_code(CASES[name]["answers"])

    expect = CASES[name]["expect"]
    missing = [words for words in expect.get("has", ()) if words.lower() not in text.lower()]
    forbidden = [words for words in expect.get("hasnt", ()) if words.lower() in text.lower()]
    assert (missing, forbidden, code) == ([], [], expect["rc"]), text


HEALTH = "/actuator/health"
DOCUMENTS: dict[str, Mapping[str, Any]] = {
    "boot 1": {
        "status": "DOWN",
        "diskSpace": {"status": "UP", "total": 1, "free": 1},
        "db": {"status": "DOWN", "error": "org.postgresql.util.PSQLException: Connection to db:5432 refused"},
    },
    "boot 1 nested": {
        "status": "DOWN",
        "discoveryComposite": {
            "description": "Spring Cloud Eureka Discovery Client",
            "status": "DOWN",
            "discoveryClient": {"status": "UP", "services": []},
            "db": {"status": "DOWN", "error": "Connection to db:5432 refused"},
        },
    },
    "boot 2 with Gson": {
        "status": {"code": "DOWN", "description": ""},
        "components": {
            "ping": {"status": {"code": "UP", "description": ""}, "details": {}},
            "db": {
                "status": {"code": "DOWN", "description": ""},
                "details": {"error": "Connection to db:5432 refused"},
            },
        },
    },
    "boot 2.0 nested": {
        "status": "DOWN",
        "details": {
            "db": {
                "status": "DOWN",
                "details": {
                    "orders": {"status": "UP", "details": {"database": "PostgreSQL"}},
                    "stock": {"status": "DOWN", "details": {"error": "Connection to db:5432 refused"}},
                },
            }
        },
    },
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_shape_of_every_boot_version_is_read(name: str) -> None:
    text, code = await text_and_code({HEALTH: {"status": 503, "body": DOCUMENTS[name]}})

    assert code == 1
    assert "Failing components" in text
    assert "Connection to db:5432 refused" in text
    assert "discoveryComposite:" not in text


@pytest.mark.parametrize("components", [{"db": {"status": "DOWN"}, "ping": {"status": "UP"}}, None])
async def test_hidden_details_name_the_property_to_set(components: Mapping[str, Any] | None) -> None:
    body = {"status": "DOWN"} | ({"components": components} if components else {})

    text, _ = await text_and_code({HEALTH: {"status": 503, "body": body}})

    assert "management.endpoint.health.show-details: always" in text
    assert ("hides why components fail" if components else "hides which components fail") in text


async def test_group_without_access_does_not_hide_a_healthy_root() -> None:
    denied = {"status": 401, "body": ""}
    answers = {
        HEALTH: {"body": {"status": "UP", "groups": ["liveness", "readiness"]}},
        f"{HEALTH}/liveness": denied,
        f"{HEALTH}/readiness": denied,
    }

    text, code = await text_and_code(answers)

    assert code == 0
    assert "pos-order · prod: UP" in text
    assert "HTTP 401 Unauthorized, authentication required" in text


async def test_verbose_lists_all_components_of_a_healthy_service() -> None:
    components = {
        "db": {"status": "UP", "details": {"database": "PostgreSQL", "validationQuery": "isValid()"}},
        "ping": {"status": "UP"},
        "circuitBreakers": {"status": "UNKNOWN", "details": {"payments": {"status": "CIRCUIT_OPEN", "details": {}}}},
    }

    text, code = await text_and_code({HEALTH: {"body": {"status": "UP", "components": components}}}, verbose=True)

    assert code == 0
    assert "database=PostgreSQL, validationQuery=isValid()" in text
    assert text.index("circuitBreakers.payments  CIRCUIT_OPEN") < text.index("ping")


async def test_verbose_says_that_components_are_hidden() -> None:
    text, _ = await text_and_code({HEALTH: {"body": {"status": "UP"}}}, verbose=True)

    assert "Not shown by the service (management.endpoint.health.show-details: always)." in text


async def test_details_with_a_status_of_their_own_are_no_components() -> None:
    details = {"cluster": {"status": "yellow", "nodes": 3}}
    components = {"elasticsearch": {"status": "UP", "details": details}}

    text, code = await text_and_code({HEALTH: {"body": {"status": "UP", "components": components}}})

    assert code == 0
    assert "yellow" not in text


async def test_plain_text_of_a_proxy_is_shown() -> None:
    text, code = await text_and_code({"*": {"status": 503, "body": "no healthy\nupstream\x1b[31m"}})

    assert code == 1
    assert "pos-order · prod: HTTP 503 Service Unavailable: no healthy upstream [31m" in text
