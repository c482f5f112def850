"""The catalogue against a checkout of the backend: agreement, and each difference with the file that says so."""

import pathlib

import pytest

from bot import errors
from bot.config import catalog, drift
from tests import builders

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modules><module>pos-order</module><module> pos-price </module></modules>
</project>
"""
COMPOSE = """services:
  postgres:
    image: postgres
  pos-order:
    ports: ["8093:8080"]
  pos-price:
    build: pos-price
"""
PRICE = builders.a_service("pos-price", port=9008)
CATALOGUE = builders.a_catalogue(builders.a_service("pos-order", port=8080, published_port=8093), PRICE)


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A small backend that agrees with CATALOGUE."""
    write(tmp_path / "pom.xml", POM)
    write(tmp_path / "docker-compose.yml", COMPOSE)
    write(settings(tmp_path, "pos-order", "application.yml"), "server:\n  port: 8080\n")
    write(settings(tmp_path, "pos-price", "application.properties"), "# server.port=1\nserver.port=9008\n")
    return tmp_path


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def settings(checkout: pathlib.Path, module: str, name: str) -> pathlib.Path:
    return checkout / module / "src" / "main" / "resources" / name


def found(checkout: pathlib.Path, catalogue: catalog.Catalog = CATALOGUE) -> list[tuple[str, str, str, str, str]]:
    return [
        (one.service, one.about, one.catalogue, one.backend, one.where) for one in drift.compare(catalogue, checkout)
    ]


def test_equal_catalog_and_backend_have_no_drift(checkout: pathlib.Path) -> None:
    assert found(checkout) == []


def test_module_missing_from_the_catalog_is_found(checkout: pathlib.Path) -> None:
    write(checkout / "pom.xml", POM.replace("</modules>", "<module>pos-new</module></modules>"))
    (checkout / "pos-new").mkdir()

    assert found(checkout) == [("pos-new", "module", "not listed", "built", "pom.xml")]


def test_module_without_a_folder_is_not_called_built(checkout: pathlib.Path) -> None:
    write(checkout / "pom.xml", POM.replace("</modules>", "<module>pos-new</module></modules>"))

    absent = "listed in pom.xml, no folder"
    assert found(checkout) == [("pos-new", "module", "not listed", absent, "pom.xml")]


def test_service_without_a_module_is_found(checkout: pathlib.Path) -> None:
    write(checkout / "pom.xml", POM.replace("<module>pos-order</module>", ""))

    assert found(checkout) == [("pos-order", "module", "pos-order", "not built", "pom.xml")]


def test_pom_without_a_namespace_is_read(checkout: pathlib.Path) -> None:
    write(checkout / "pom.xml", POM.replace(' xmlns="http://maven.apache.org/POM/4.0.0"', ""))

    assert found(checkout) == []


def test_module_of_a_profile_counts_once(checkout: pathlib.Path) -> None:
    more = "<profiles><profile><modules><module>pos-order</module></modules></profile></profiles></project>"
    write(checkout / "pom.xml", POM.replace("</project>", more))

    assert found(checkout) == []


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml"])
def test_different_port_in_the_compose_file_is_found(checkout: pathlib.Path, name: str) -> None:
    (checkout / "docker-compose.yml").unlink()
    write(checkout / name, COMPOSE.replace("8093:8080", "8093:8081"))

    assert found(checkout) == [("pos-order", "port", "8080", "8081", name)]


@pytest.mark.parametrize(
    "ports",
    [
        pytest.param('["8081"]', id="container port alone"),
        pytest.param("[8081]", id="number"),
        pytest.param('["8093:8081"]', id="both ports"),
        pytest.param('["127.0.0.1:8093:8081/tcp"]', id="address and protocol"),
        pytest.param('["[::1]:8093:8081"]', id="address of version 6"),
        pytest.param('["${PORT:-8093}:8081"]', id="variable for the host's port"),
        pytest.param("[{target: 8081, published: 8093}]", id="mapping"),
        pytest.param('[{target: 8081, published: "8093", protocol: tcp}]', id="mapping with texts"),
        pytest.param('["8093:8081", "5005:5005"]', id="first of several"),
    ],
)
def test_every_syntax_of_a_published_port_is_read(checkout: pathlib.Path, ports: str) -> None:
    write(checkout / "docker-compose.yml", COMPOSE.replace('["8093:8080"]', ports))

    assert found(checkout) == [("pos-order", "port", "8080", "8081", "docker-compose.yml")]


@pytest.mark.parametrize(
    "ports",
    [
        pytest.param("[]", id="none"),
        pytest.param("null", id="empty"),
        pytest.param('["8093-8095:8080-8082"]', id="range"),
        pytest.param('["8093:${PORT}"]', id="variable"),
        pytest.param("[{published: 8093}]", id="mapping without a target"),
        pytest.param('["8093:²"]', id="a figure that is no digit"),
        pytest.param("{a: b}", id="no list"),
        pytest.param("[[8080]]", id="list in a list"),
    ],
)
def test_port_that_is_no_single_number_is_no_drift(checkout: pathlib.Path, ports: str) -> None:
    write(checkout / "docker-compose.yml", COMPOSE.replace('["8093:8080"]', ports))

    assert found(checkout) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("application.yml", "server:\n  port: 8081\n", id="YAML"),
        pytest.param("application.yaml", "server.port: 8081\n", id="YAML with a dotted key"),
        pytest.param("application.yml", "server: {port: '${PORT:8081}'}\n", id="YAML with a default"),
        pytest.param("application.yml", "spring: {x: y}\n---\nserver: {port: 8081}\n", id="second document"),
        pytest.param(
            "application.yml", "server: {port: 8080}\n---\nserver: {port: 8081}\n", id="last of two documents"
        ),
        pytest.param("application.properties", "a=b\nserver.port=8081\n", id="properties"),
        pytest.param("application.properties", "  server.port : 8081\r\n", id="properties with a colon"),
        pytest.param("application.properties", "server.port=${SERVER_PORT:8081}\n", id="properties with a default"),
    ],
)
def test_different_port_in_module_settings_is_found(checkout: pathlib.Path, name: str, text: str) -> None:
    for path in (checkout / "pos-order").rglob("application.*"):
        path.unlink()
    write(settings(checkout, "pos-order", name), text)

    assert found(checkout) == [("pos-order", "port", "8080", "8081", f"pos-order/src/main/resources/{name}")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("server: {port: '${PORT}'}\n", id="variable without a default"),
        pytest.param("server: {port: '${PORT:}'}\n", id="empty default"),
        pytest.param("server: {port: 0}\n", id="any free port"),
        pytest.param("server: {ssl: {}}\n", id="no port"),
        pytest.param("server:\n", id="nothing"),
        pytest.param("- a\n", id="a list"),
        pytest.param("# nothing\n", id="an empty file"),
        pytest.param("server: {port: 8080}\n---\n- a\n---\nx: y\n", id="other documents"),
    ],
)
def test_settings_without_a_port_are_no_drift(checkout: pathlib.Path, text: str) -> None:
    write(settings(checkout, "pos-order", "application.yml"), text)

    assert found(checkout) == []


def test_every_differing_file_is_named(checkout: pathlib.Path) -> None:
    write(checkout / "docker-compose.yml", COMPOSE.replace("8093:8080", "8093:8081"))
    write(settings(checkout, "pos-order", "application.yml"), "server.port: 8082\n")

    assert found(checkout) == [
        ("pos-order", "port", "8080", "8082", "pos-order/src/main/resources/application.yml"),
        ("pos-order", "port", "8080", "8081", "docker-compose.yml"),
    ]


def test_port_missing_from_the_catalog_is_found(checkout: pathlib.Path) -> None:
    catalogue = builders.a_catalogue(builders.a_service("pos-order", port=None), PRICE)

    assert [difference[2:4] for difference in found(checkout, catalogue)] == [("none", "8080"), ("none", "8080")]


def test_checkout_without_compose_and_settings_has_modules_only(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "pom.xml", POM)
    for module in ("pos-order", "pos-price"):
        (tmp_path / module).mkdir()

    assert found(tmp_path) == []


def test_folder_without_a_pom_is_a_usage_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.UsageError, match=r"There is no pom\.xml in"):
        drift.compare(CATALOGUE, tmp_path)


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "{}"><!ENTITY c "{}"><!ENTITY d "{}"><!ENTITY e "{}">]><x>&e;</x>'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("pom.xml", "<project><modules>", id="cut off POM"),
        pytest.param("pom.xml", "", id="empty POM"),
        pytest.param("pom.xml", "\x00", id="no POM at all"),
        pytest.param(
            "pom.xml", LAUGHS.format("&a;" * 200, "&b;" * 200, "&c;" * 200, "&d;" * 200), id="POM of a billion laughs"
        ),
        pytest.param("docker-compose.yml", "services: [", id="broken compose file"),
        pytest.param("docker-compose.yml", "", id="empty compose file"),
        pytest.param("docker-compose.yml", "version: 3\n", id="compose file without services"),
        pytest.param("docker-compose.yml", "services: []\n", id="compose file with a list"),
    ],
)
def test_unreadable_file_is_named(checkout: pathlib.Path, name: str, text: str) -> None:
    write(checkout / name, text)

    with pytest.raises(errors.BadConfiguration, match=name):
        drift.compare(CATALOGUE, checkout)


@pytest.mark.parametrize("text", ["server: [", "a: !secret b\n"], ids=["broken settings", "tag of others"])
def test_invalid_settings_yaml_is_reported_as_drift(checkout: pathlib.Path, text: str) -> None:
    name = "pos-order/src/main/resources/application.yml"
    write(checkout / name, text)

    differences = drift.compare(CATALOGUE, checkout)

    assert ("settings", "not YAML", name) in [(one.about, one.backend, one.where) for one in differences]


def test_port_is_read_from_settings_with_maven_placeholders(checkout: pathlib.Path) -> None:
    name = "pos-order/src/main/resources/application.yml"
    write(checkout / name, "server:\n  port: 9999\ninfo:\n  version: @project.version@\n")

    differences = drift.compare(CATALOGUE, checkout)

    assert ("port", "9999", name) in [(one.about, one.backend, one.where) for one in differences]


def test_port_of_a_profile_is_ignored(checkout: pathlib.Path) -> None:
    name = "pos-order/src/main/resources/application.yml"
    write(checkout / name, "spring:\n  config:\n    activate:\n      on-profile: test\nserver:\n  port: 9999\n")

    assert name not in [one.where for one in drift.compare(CATALOGUE, checkout)]
