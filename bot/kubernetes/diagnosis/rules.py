"""Diagnosis rules of `runbook_data/diagnosis.yaml`: a pattern, the cause it shows, and the advice."""

import dataclasses
import enum
import functools
import string
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pydantic
import re2

from bot import errors
from bot.config import catalog, strict

MAX_PATTERN_LENGTH = 1_000
_GROUP_NAME = re2.compile(r"\(\?P<\w+>")
_UNION_BYTES = 64_000_000
"""Of memory, for the states of all rules at once."""
INNERMOST = "innermost"
"""Template field: the root exception of a log entry."""
DESCRIPTION, ACTION = "description", "action"
"""Template fields: what Spring Boot's own failure analysis says; without one, the root exception and nothing."""
CLASS_FILE, JAVA = "class_file_", "java_"
"""A group `class_file_X` matches a class file version; the field `java_X` is the Java version it stands for."""

Text = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"invalid pattern ({reason}); expected RE2 syntax, which has no backreferences and no look-around"
        ) from None


def _union(patterns: Sequence[str]) -> Any | None:
    """Return what matches wherever one of *patterns* does; None where they do not fit together."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _UNION_BYTES
    try:
        return re2.compile("|".join(f"(?:{_GROUP_NAME.sub('(?:', one)})" for one in patterns), options)
    except re2.error:
        return None


def _validated(pattern: str) -> str:
    if _compiled(pattern).search("") is not None:
        raise ValueError("this pattern matches the empty text, so it would match everything")
    return pattern


Noise = Annotated[str, pydantic.StringConstraints(min_length=3, max_length=300), pydantic.AfterValidator(_validated)]


class Location(enum.StrEnum):
    """Where a pattern is searched."""

    # A log entry with all of its lines.
    LOG = "log"
    # `REASON: MESSAGE` of an event.
    EVENT = "event"
    # `REASON: MESSAGE` of a container, pod or deployment that is not ready.
    STATE = "state"


class Certainty(enum.StrEnum):
    """How certain it is that the match is the cause."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def uncertainty(self) -> int:
        """Position in the order from certain (0) to possible (2)."""
        return list(Certainty).index(self)


class Rule(strict.StrictModel):
    """A cause and the pattern that recognises it."""

    id: catalog.Name
    where: tuple[Location, ...] = pydantic.Field(min_length=1)
    pattern: str = pydantic.Field(min_length=1, max_length=MAX_PATTERN_LENGTH)
    title: Text
    """Template; continues the headline “pos-order · prod: not starting: …”."""
    certainty: Certainty
    section: str
    """Marker of the runbook section that covers it."""
    advice: Text
    """Template of what to do."""
    symptom: bool = False
    """A consequence of another cause: reported only for pods without one."""
    topic: str = ""
    """Where it is a symptom, an earlier log entry that another rule of this topic matches is the cause."""

    @pydantic.field_validator("where", mode="before")
    @classmethod
    def _accept_single_location(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @pydantic.field_validator("pattern")
    @classmethod
    def _validate_pattern(cls, pattern: str) -> str:
        return _validated(pattern)

    @pydantic.field_validator("section")
    @classmethod
    def _validate_section(cls, marker: str, info: pydantic.ValidationInfo) -> str:
        known = (info.context or {}).get("sections")
        if known is not None and marker not in known:
            raise ValueError(f"unknown runbook marker “{marker}”; known markers: {', '.join(known)}")
        return marker

    @pydantic.model_validator(mode="after")
    def _validate_templates(self) -> "Rule":
        groups = set(self.regex.groupindex)
        known = {
            INNERMOST,
            DESCRIPTION,
            ACTION,
            *groups,
            *(JAVA + _version_name(name) for name in groups if name.startswith(CLASS_FILE)),
        }
        for key, template in (("title", self.title), ("advice", self.advice)):
            problem = _problem(template, known)
            if problem:
                raise errors.ValidationError(problem, key)
        return self

    @functools.cached_property
    def regex(self) -> Any:
        """The compiled pattern."""
        return _compiled(self.pattern)

    def render(self, template: str, values: Mapping[str, str]) -> str:
        """Return *template* filled in with *values*, without brackets that stay empty."""
        return " ".join(template.format_map(dict(values)).split()).replace(" ()", "")


class Rules(strict.StrictModel):
    """All rules, specific ones first: the first that matches a text wins."""

    rules: tuple[Rule, ...]
    noise: tuple[Noise, ...] = ()
    """Patterns of log entries that explain nothing."""

    def may_match(self, where: Location, text: str) -> bool:
        """Return whether some rule matches *text*; by one search for all of them, since most texts match none."""
        candidate = self._any_of.get(where)
        return candidate is None or candidate.search(text) is not None

    @functools.cached_property
    def _any_of(self) -> Mapping[Location, Any]:
        return {where: _union([rule.pattern for rule in self.rules if where in rule.where]) for where in Location}

    def is_noise(self, text: str) -> bool:
        """Return whether a log entry is noise."""
        return any(one.search(text) is not None for one in self._noise)

    @functools.cached_property
    def _noise(self) -> tuple[Any, ...]:
        return tuple(_compiled(pattern) for pattern in self.noise)

    @pydantic.model_validator(mode="after")
    def _validate_unique_ids(self) -> "Rules":
        seen: set[str] = set()
        for index, entry in enumerate(self.rules):
            if entry.id in seen:
                raise errors.ValidationError(f"duplicate id “{entry.id}”", "rules", index, "id")
            seen.add(entry.id)
        return self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The text that matched, and where it was."""

    source: str
    """Such as `previous log of pos-order-1`."""
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A diagnosed cause."""

    id: str
    title: str
    certainty: Certainty
    section: str
    advice: str
    evidence: Evidence
    pods: tuple[str, ...]
    """Affected pods; none if it concerns the deployment as a whole."""
    is_symptom: bool = False
    """A consequence of a cause that was not found."""

    @property
    def is_explanation(self) -> bool:
        """Return whether it explains a failed start: neither a symptom nor merely possible."""
        return not self.is_symptom and self.certainty is not Certainty.POSSIBLE


_MAX_VERSION_DIGITS = 4


def values_of(match: Any) -> dict[str, str]:
    """Return the template fields of *match*: its named groups, empty if unmatched, and Java versions."""
    values = {name: (value or "").strip() for name, value in match.groupdict().items()}
    for name in [name for name in values if name.startswith(CLASS_FILE)]:
        values[JAVA + _version_name(name)] = _java_of(values[name])
    return values


def _java_of(class_file_version: str) -> str:
    """Return the Java version of a class file version: 65 is Java 21."""
    major = class_file_version.partition(".")[0]
    return str(int(major) - 44) if major.isdecimal() and len(major) <= _MAX_VERSION_DIGITS else "?"


def _version_name(group: str) -> str:
    return group.removeprefix(CLASS_FILE)


def _problem(template: str, known: set[str]) -> str | None:
    """Return what is wrong with a template, or None."""
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        return f"unbalanced braces ({error})"
    for _, name, specification, conversion in parts:
        if name not in known:
            listed = ", ".join(f"{{{one}}}" for one in sorted(known))
            return f"{{{name}}} is unknown; known fields: {listed}"
        if specification or conversion:
            return "expected {port}, without a conversion or format"
    return None
