"""The compose file of a checkout: which module each of its services is built from, its ports and its environment."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping

from bot import errors
from bot.config import yaml_files

NAMES = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml")
_MAX_PORT_DIGITS = 5
_LOCAL_URL = re.compile(r"(?:localhost|127\.0\.0\.1):(\d{1,5})")
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]{0,100}:?-([^{}]{0,500})\}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One service of the compose file."""

    name: str
    module: str
    """The folder that it is built from, or its name."""
    port: int | None = None
    """The container's port of the first port that is published."""
    published_port: int | None = None
    health_port: int | None = None
    """The port that its health check requests inside the container."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Without variables whose value is not in the file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A compose file; without a name where the checkout has none."""

    name: str = ""
    entries: tuple[Entry, ...] = ()

    def find(self, *names: str) -> Entry | None:
        """Return the entry that is called one of *names*, or is built from a folder with this name."""
        named = (entry for entry in self.entries if entry.name in names)
        return next(named, None) or next((entry for entry in self.entries if entry.module in names), None)


def load(checkout: pathlib.Path) -> File:
    """
    Return the compose file of *checkout*.

    Raises:
        errors.BadConfiguration: it has no services.
    """
    path = next((checkout / name for name in NAMES if (checkout / name).is_file()), None)
    if path is None:
        return File()
    content = yaml_files.read(path)
    services = content.get("services") if isinstance(content, dict) else None
    if not isinstance(services, dict):
        raise errors.BadConfiguration(f"{path}: expected a mapping called services.")
    entries = (_entry(str(name), entry) for name, entry in services.items() if isinstance(entry, dict))
    return File(name=path.name, entries=tuple(entries))


def _entry(name: str, content: Mapping[str, object]) -> Entry:
    build = content.get("build")
    context = build.get("context") if isinstance(build, dict) else build
    port, published_port = _ports(content.get("ports"))
    health_check = content.get("healthcheck")
    test = health_check.get("test") if isinstance(health_check, dict) else None
    found = _LOCAL_URL.search(" ".join(map(str, test)) if isinstance(test, list) else str(test))
    return Entry(
        name=name,
        module=pathlib.PurePosixPath(str(context)).name if context else name,
        port=port,
        published_port=published_port,
        health_port=int(found[1]) if found else None,
        environment=dict(_environment(content.get("environment"))),
    )


def _ports(published: object) -> tuple[int | None, int | None]:
    """Return both sides of the first port: `8093:8080`, `127.0.0.1:8093:8080/tcp`, `8080` or a mapping."""
    first = published[0] if isinstance(published, list) and published else None
    if isinstance(first, dict):
        return _number(first.get("target")), _number(first.get("published"))
    text = _VARIABLE.sub(r"\1", str(first)).partition("/")[0]
    host, _, container = text.rpartition(":")
    return _number(container), _number(host.rpartition(":")[2])


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_PORT_DIGITS else None


def _environment(content: object) -> Iterator[tuple[str, str]]:
    listed: Iterable[tuple[object, object]] = content.items() if isinstance(content, dict) else ()
    if isinstance(content, list):
        listed = [(name, value) for name, _, value in (str(one).partition("=") for one in content)]
    for name, value in listed:
        text = _VARIABLE.sub(r"\1", str(value).lower() if isinstance(value, bool) else str(value))
        if value is not None and "$" not in text:
            yield str(name), text
