"""
The catalogue held against a checkout of the backend.

Three places of a checkout say what the services are: the modules of the root POM, the container ports of the compose
file, and `server.port` in each module's own settings. They disagree in places, which is worth knowing before an
incident.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from bot import errors
from bot.config import catalog, yaml_files

_COMPOSE_NAMES = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml")
_POM = "{http://maven.apache.org/POM/4.0.0}"
_PORT_SETTING = re.compile(r"^\s*server\.port\s*[=:]\s*(?P<value>\S+)", re.MULTILINE)
_YAML_PORT = re.compile(r"^server:\s*\n(?:[ \t]+.*\n)*?[ \t]+port:\s*(?P<value>\S+)", re.MULTILINE)
# ${SERVER_PORT:8080}: what counts without the variable is the default behind the colon.
_PLACEHOLDER = re.compile(r"^\$\{[^:}]+(?::(?P<default>[^}]*))?\}$")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which catalogue and checkout do not agree."""

    service: str
    about: str
    catalogue: str
    backend: str
    where: str
    """The file of the checkout that says so, relative to its root."""


def compare(catalogue: catalog.Catalog, checkout: pathlib.Path) -> tuple[Difference, ...]:
    """
    Return every difference between *catalogue* and the backend at *checkout*.

    Raises:
        errors.UsageError: there is no Maven project at *checkout*.
        errors.BadConfiguration: one of its files cannot be read.
    """
    pom = checkout / "pom.xml"
    if not pom.is_file():
        raise errors.UsageError(
            f"There is no pom.xml in {checkout}.", hint="Give the root of a checkout of durion-positivity-backend."
        )
    modules = _modules(pom)
    return (*_module_differences(catalogue, modules), *_port_differences(catalogue, checkout))


def _modules(pom: pathlib.Path) -> tuple[str, ...]:
    try:
        # A checkout of one's own; and expat has refused runaway entities since 2.4.1.
        root = ElementTree.parse(pom).getroot()  # noqa: S314
    except ElementTree.ParseError as error:
        raise errors.BadConfiguration(f"{pom}: this is not XML: {error}.") from error
    found = [module.text.strip() for module in root.iter(f"{_POM}module") if module.text]
    return tuple(dict.fromkeys(found or [module.text.strip() for module in root.iter("module") if module.text]))


def _module_differences(catalogue: catalog.Catalog, modules: tuple[str, ...]) -> Iterator[Difference]:
    known = {service.module: service for service in catalogue.services}
    for module in modules:
        if module not in known:
            yield Difference(service=module, about="module", catalogue="not listed", backend="built", where="pom.xml")
    for module, service in known.items():
        if module not in modules:
            yield Difference(
                service=service.name, about="module", catalogue=module, backend="not built", where="pom.xml"
            )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What one file says of one service's port."""

    where: str
    port: int | None
    is_readable: bool = True


def _port_differences(catalogue: catalog.Catalog, checkout: pathlib.Path) -> Iterator[Difference]:
    compose, compose_ports = _compose_ports(checkout)
    for service in catalogue.services:
        published = compose_ports.get(service.name) or compose_ports.get(service.module)
        for said in (_Said(where=compose, port=published), *_settings_ports(checkout, service.module)):
            if not said.is_readable:
                yield Difference(
                    service=service.name, about="settings", catalogue="–", backend="not YAML", where=said.where
                )
            if said.port is not None and said.port != service.port:
                yield Difference(
                    service=service.name,
                    about="port",
                    catalogue=str(service.port or "none"),
                    backend=str(said.port),
                    where=said.where,
                )


def _compose_ports(checkout: pathlib.Path) -> tuple[str, dict[str, int]]:
    path = next((checkout / name for name in _COMPOSE_NAMES if (checkout / name).is_file()), None)
    if path is None:
        return "", {}
    content = yaml_files.read(path)
    entries = content.get("services") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise errors.BadConfiguration(f"{path}: expected a mapping called services.")
    ports = {name: _container_port(entry) for name, entry in entries.items() if isinstance(entry, dict)}
    return path.name, {name: port for name, port in ports.items() if port is not None}


def _container_port(entry: dict[str, object]) -> int | None:
    """Return the container's side of the first published port: `8093:8080`, `127.0.0.1:8093:8080/tcp` or a mapping."""
    published = entry.get("ports")
    first = published[0] if isinstance(published, list) and published else None
    if isinstance(first, dict):
        first = first.get("target")
    text = str(first).partition("/")[0].rpartition(":")[2]
    return int(text) if text.isdecimal() else None


def _settings_ports(checkout: pathlib.Path, module: str) -> Iterator[_Said]:
    folder = checkout / module / "src" / "main" / "resources"
    properties = folder / "application.properties"
    if properties.is_file():
        match = _PORT_SETTING.search(properties.read_text(encoding="utf-8", errors="replace"))
        yield _Said(where=str(properties.relative_to(checkout)), port=_port(match["value"]) if match else None)
    for name in ("application.yml", "application.yaml"):
        path = folder / name
        if path.is_file():
            yield _settings_port(path, str(path.relative_to(checkout)))


def _settings_port(path: pathlib.Path, where: str) -> _Said:
    try:
        contents = yaml_files.read_all(path)
    except errors.BadConfiguration:
        # Maven fills in @…@ before Spring reads the file; until then it need not be YAML.
        match = _YAML_PORT.search(path.read_text(encoding="utf-8", errors="replace"))
        return _Said(where=where, port=_port(match["value"]) if match else None, is_readable=match is not None)
    ports = (_server_port(content) for content in contents if isinstance(content, dict))
    return _Said(where=where, port=next((_port(port) for port in ports if port is not None), None))


def _server_port(content: dict[str, object]) -> object:
    if _is_of_a_profile(content):
        return None
    server = content.get("server")
    return (server.get("port") if isinstance(server, dict) else None) or content.get("server.port")


def _is_of_a_profile(content: dict[str, object]) -> bool:
    """Return whether a document counts under some profile only."""
    if any(str(key).startswith(("spring.config.activate", "spring.profiles")) for key in content):
        return True
    spring = content.get("spring")
    config = spring.get("config") if isinstance(spring, dict) else None
    return isinstance(config, dict) and "activate" in config


def _port(value: object) -> int | None:
    text = str(value)
    placeholder = _PLACEHOLDER.match(text)
    if placeholder:
        text = placeholder["default"] or ""
    return int(text) if text.isdecimal() else None
