"""
The settings that a Spring Boot module starts with: its files, and environment variables over them.

What is known of Spring Boot here: `.properties` win over YAML in the same folder, `config/` wins over the folder above,
files of an active profile win over the others, and later documents of a file over earlier ones.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping

from bot import errors
from bot.config import yaml_files

_RESOURCES = pathlib.Path("src", "main", "resources")
_FOLDERS = ("", "config")
_SUFFIXES = (".yaml", ".yml", ".properties")
"""In the order in which later ones win."""
_MAX_FILE_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_PLACEHOLDERS = 20
_FILTERED = re.compile(r"@([A-Za-z0-9._-]{1,100})@")
_PLACEHOLDER = re.compile(r"\$\{([^${}]{1,500})\}")
_UNKNOWN = "\ue000"
"""Stands for a value of Maven that is not known; a character of private use, which YAML allows."""
_PROFILE_KEYS = ("spring.config.activate.on-profile", "spring.config.activate.on-cloud-platform", "spring.profiles")
_DEFAULT_PROFILE = "default"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The value of one property, and the file or environment that sets it."""

    text: str | None
    """None where it depends on something that is not in the checkout."""
    where: str


class Settings:
    """Properties by name, in which case, dashes and dots do not count; the winning value of each is the last."""

    def __init__(self, unreadable: tuple[str, ...] = ()) -> None:
        self.unreadable = unreadable
        """Files that are no YAML."""
        self._values: dict[str, list[Value]] = {}
        self._literal: dict[str, str] = {}

    def add(self, name: str, text: str, where: str) -> None:
        """Set a property over those of the same name."""
        self._values.setdefault(_canonical(name), []).append(Value(text=text, where=where))
        self._literal[name] = text

    def all(self, name: str) -> tuple[Value, ...]:
        """Return what each file says of *name*, the winning value last."""
        return tuple(
            Value(text=self._resolve(value.text or ""), where=value.where)
            for value in self._values.get(_canonical(name), ())
        )

    def find(self, *names: str) -> Value | None:
        """Return the winning value of the first of *names* that is set."""
        return next((values[-1] for name in names if (values := self.all(name))), None)

    def get(self, name: str, default: str = "") -> str | None:
        """Return the text of *name* in lower case, *default* where it is not set, and None where it is unknown."""
        text = self.get_text(name, default)
        return text.lower() if text is not None else None

    def get_text(self, name: str, default: str) -> str | None:
        """Return the text of *name*, *default* where it is not set, and None where it is unknown."""
        value = self.find(name)
        return default if value is None else value.text.strip() if value.text is not None else None

    def names_below(self, prefix: str) -> tuple[str, ...]:
        """Return the names of all properties that begin with *prefix*."""
        return tuple(name for name in self._literal if _canonical(name).startswith(_canonical(prefix)))

    def _resolve(self, text: str) -> str | None:
        """Return *text* with its placeholders replaced, or None where one has no value in the checkout."""
        for _ in range(_MAX_PLACEHOLDERS):
            match = _PLACEHOLDER.search(text)
            if match is None:
                return None if _UNKNOWN in text else text
            name, has_default, default = match[1].partition(":")
            # Binding is relaxed for properties only: ${SERVER_PORT} is the variable of this name, not server.port.
            values = self._values.get(_canonical(name)) if name == name.lower() else None
            value = self._literal.get(name) or (values[-1].text if values else default if has_default else None)
            if value is None:
                return None
            text = f"{text[: match.start()]}{value}{text[match.end() :]}"
        return None


def load(
    checkout: pathlib.Path,
    module: str,
    *,
    filtered: Mapping[str, str],
    environment: Mapping[str, str],
    environment_file: str = "",
) -> Settings:
    """
    Return the settings of the module in the folder *module*.

    *filtered* are the values that Maven puts in place of `@name@`; *environment* are the variables that
    *environment_file* gives to its container.
    """
    folder = checkout / module / _RESOURCES
    base, unreadable = Settings(), []
    for path in _files(folder, "application"):
        try:
            _add_file(base, path, checkout, filtered, (_DEFAULT_PROFILE,))
        except errors.BadConfiguration:
            unreadable.append(path.relative_to(checkout).as_posix())
    variables = {_canonical(name): value for name, value in environment.items()}
    chosen = variables.get(_canonical("spring.profiles.active")) or base.get("spring.profiles.active") or ""
    profiles = tuple(one.strip() for one in chosen.split(",") if one.strip()) or (_DEFAULT_PROFILE,)
    settings = Settings(tuple(unreadable))
    for stem in ("application", *(f"application-{profile}" for profile in profiles)):
        for path in _files(folder, stem):
            if path.relative_to(checkout).as_posix() not in unreadable:
                _add_file(settings, path, checkout, filtered, profiles)
    for name, value in environment.items():
        settings.add(name, value, environment_file)
    return settings


def _files(folder: pathlib.Path, stem: str) -> Iterator[pathlib.Path]:
    if "/" in stem or "\\" in stem:
        return
    for inner in _FOLDERS:
        yield from (path for suffix in _SUFFIXES if (path := folder / inner / f"{stem}{suffix}").is_file())


def _add_file(
    settings: Settings,
    path: pathlib.Path,
    checkout: pathlib.Path,
    filtered: Mapping[str, str],
    profiles: tuple[str, ...],
) -> None:
    text = path.read_bytes()[:_MAX_FILE_BYTES].decode(errors="replace")
    text = _FILTERED.sub(lambda match: filtered.get(match[1], _UNKNOWN), text)
    where = path.relative_to(checkout).as_posix()
    documents = _properties(text) if path.suffix == ".properties" else _yaml(text, path)
    for document in documents:
        profile = next((document[key] for key in _PROFILE_KEYS if key in document), None)
        if profile is None or profile in profiles:
            for name, value in document.items():
                settings.add(name, value, where)


def _yaml(text: str, path: pathlib.Path) -> Iterator[dict[str, str]]:
    for content in yaml_files.parse_all(text, path):
        if isinstance(content, dict):
            yield dict(_flat(content, "", 0))


def _flat(content: object, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif isinstance(content, list):
        if content and not any(isinstance(one, (dict, list)) for one in content):
            yield prefix, ",".join(map(str, content))
        for index, value in enumerate(content):
            yield from _flat(value, f"{prefix}[{index}]", depth + 1)
    elif content is not None:
        yield prefix, str(content).lower() if isinstance(content, bool) else str(content)


def _properties(text: str) -> Iterator[dict[str, str]]:
    document: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        line = line.strip()  # noqa: PLW2901
        if line in {"#---", "!---"}:
            yield document
            document = {}
        if not line or line[0] in "#!":
            continue
        parts = [line]
        while parts[-1].endswith("\\"):
            parts[-1] = parts[-1][:-1]
            parts.append(next(lines, "").strip())
        line = "".join(parts)  # noqa: PLW2901
        end = next((index for index, letter in enumerate(line) if letter in "=: \t"), len(line))
        value = line[end:].strip()
        document[line[:end]] = value[1:].strip() if value[:1] in {"=", ":"} else value
    yield document


def _canonical(name: str) -> str:
    """Return *name* in the one form that relaxed binding gives to a property and to its environment variable."""
    return name.lower().translate(_IGNORED)


_IGNORED = str.maketrans("", "", ".-_")
