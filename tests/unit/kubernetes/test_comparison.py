"""What a jar's output says of its port, and how it compares with the catalog."""

import pathlib

import pytest

from bot.config import catalog
from bot.kubernetes.diagnosis import archive, comparison


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("Tomcat initialized with port 8080 (http)", (8080, False, False), id="Tomcat, not yet"),
        pytest.param("Tomcat started on port 8080 (http) with context path '/'", (8080, True, False), id="Tomcat"),
        pytest.param("Tomcat started on port(s): 8443 (https) with context path ''", (8443, True, True), id="Boot 2"),
        pytest.param("Netty started on port 8080 (http)", (8080, True, False), id="Netty"),
        pytest.param("Undertow started on port(s) 9007 (http)", (9007, True, False), id="Undertow"),
        pytest.param("Jetty started on port 8080 (http/1.1, h2c)", (8080, True, False), id="Jetty"),
        pytest.param(
            '{"@timestamp":"2026-01-15T08:30:00Z","message":"Tomcat started on port 8081 (http) with context path"}',
            (8081, True, False), id="ECS",
        ),
    ],
)  # fmt: skip
def test_port_is_read_from_the_output(line: str, expected: tuple[int, bool, bool]) -> None:
    [server] = comparison.web_servers([f"2026-01-15T08:30:00.123Z  INFO 1 --- [main] o.s.b.w : {line}", "other"])

    assert (server.port, server.is_started, server.is_tls) == expected


def compared(*lines: str, port: int | None = 9002, owner: str | None = None) -> comparison.Comparison:
    services = [
        catalog.Service(
            name=name, module=name, deployment=name, container=name, port=port, owner="x", group="g",
            tier=catalog.Tier.CRITICAL,
        )
        for name in ("pos-price", "pos-event-receiver")
    ]  # fmt: skip
    return comparison.Comparison(
        service=services[0],
        jar=archive.Archive(path=pathlib.Path("app.jar"), artifact=owner, attributes={"Start-Class": "a.B"}),
        owner=next((one for one in services if one.name == owner), None),
        servers=tuple(comparison.web_servers(lines)),
        java="21.0.8 (/opt/java/bin/java)",
    )


def test_own_port_that_the_catalog_does_not_know_is_a_difference() -> None:
    found = compared("Tomcat initialized with port 8080 (http)", "Tomcat started on port 8080 (http)")

    assert found.differences == ["port 8080 in the jar, 9002 in the catalog"]
    assert dict(found.section().pairs)["port"] == "8080 (catalog: 9002)"


def test_port_of_the_actuator_is_no_difference() -> None:
    assert compared("Tomcat started on port 9002 (http)", "Tomcat started on port 9102 (http)").differences == []


def test_port_of_a_service_without_one_is_a_difference() -> None:
    found = compared("Netty started on port 8080", port=None)

    assert found.differences == ["port 8080 in the jar, none in the catalog"]


def test_output_without_a_port_is_no_difference() -> None:
    found = compared("Started PriceApplication in 4.2 seconds")

    assert found.differences == []
    assert dict(found.section().pairs)["port"] == "unknown, the output names none (catalog: 9002)"


def test_jar_of_another_service_is_a_difference_and_its_own_is_none() -> None:
    assert compared(owner="pos-event-receiver").differences == ["this is the jar of pos-event-receiver"]
    assert compared(owner="pos-price").differences == []
