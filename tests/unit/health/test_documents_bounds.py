"""What a service echoes into its health document is shortened before any pattern sees it."""

import json

import pytest

from bot.health import documents, status


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


def test_packages_are_left_out_of_details() -> None:
    [component] = health_of({"status": "DOWN", "details": {"error": "java.net.ConnectException: refused"}}).components

    assert component.brief_details == (("db", "ConnectException: refused"),)
