"""What a service echoes into its health document is shortened before any pattern sees it."""

import json

import httpx
import pytest

from bot.health import documents, http_transport, status


def health_of(component: object) -> status.EndpointHealth:
    body = json.dumps({"status": "DOWN", "components": {"db": component}}).encode()
    exchange = status.Exchange(url="http://x", total_seconds=0.1, status=503)
    return documents.parse_health(status.HttpResponse(exchange=exchange, body=body))


@pytest.mark.parametrize("unit", ["a.", "a", "A.", "é.", " "])
def test_endless_detail_is_shortened(unit: str) -> None:
    text = unit * 200_000
    [component] = health_of(
        {"status": "DOWN", "description": text, "details": {"error": text, "x" * 5_000: text}}
    ).components

    assert max(len(value) for pair in component.details for value in pair) <= status.MAX_TEXT_LENGTH
    assert max(len(value) for pair in component.brief_details for value in pair) < 1_000


def test_thousands_of_details_are_bounded() -> None:
    [component] = health_of({"status": "DOWN", "details": {f"d{number}": "x" for number in range(20_000)}}).components

    assert len(component.details) == documents.MAX_DETAILS


def test_endless_header_is_shortened() -> None:
    trace = http_transport._Trace("http://x")
    trace.response = httpx.Response(500, headers={"server": "x" * 100_000}, extensions={"reason_phrase": b"y" * 5_000})

    exchange = trace.exchange()

    assert [(name, len(value)) for name, value in exchange.headers] == [("server", 1_000)]
    assert len(exchange.reason) == 1_000


def test_packages_are_left_out_of_details() -> None:
    [component] = health_of({"status": "DOWN", "details": {"error": "java.net.ConnectException: refused"}}).components

    assert component.brief_details == (("db", "ConnectException: refused"),)
