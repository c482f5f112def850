"""The cause table: by what a failed start is recognised, what that means, and what to do about it."""

import dataclasses
import enum
import functools
import string
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
import re2

from bot import errors
from bot.config import catalog

LONGEST_PATTERN = 1_000
INNERMOST = "innermost"
"""In a template: what the exceptions of the entry of a log come from in the end."""
CLASS_FILE, JAVA = "class_file_", "java_"
"""A group that is called `class_file_X` holds a version of class files; `java_X` is the Java that writes it."""

Words = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class Where(enum.StrEnum):
    """What a pattern is searched in."""

    # An entry of a log, with all lines that belong to it.
    LOG = "log"
    # `REASON: MESSAGE` of an event.
    EVENT = "event"
    # `REASON: MESSAGE` of what keeps a container, a pod or a deployment.
    STATE = "state"


class Certainty(enum.StrEnum):
    """How sure it is that what was seen keeps the service from starting."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def uncertainty(self) -> int:
        """Give the place in an ordering from certain (0) to possible (2)."""
        return list(Certainty).index(self)


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """One cause and how it is recognised."""

    id: catalog.Name
    where: tuple[Where, ...] = pydantic.Field(min_length=1)
    pattern: str = pydantic.Field(min_length=1, max_length=LONGEST_PATTERN)
    title: Words
    """A template for the end of the sentence “it does not start: …”."""
    certainty: Certainty
    section: str
    """The marker of the section of the runbook that speaks of it."""
    advice: Words
    """A template for what to do."""
    symptom: bool = False
    """It follows from something else, and is told only of pods in which nothing else was found."""

    @pydantic.field_validator("where", mode="before")
    @classmethod
    def _may_be_one_word(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @pydantic.field_validator("pattern")
    @classmethod
    def _can_be_searched(cls, pattern: str) -> str:
        if _compiled(pattern).search("") is not None:
            raise ValueError("this pattern fits everything, nothing at all included; expected one that says more")
        return pattern

    @pydantic.field_validator("section")
    @classmethod
    def _is_in_the_runbook(cls, marker: str, info: pydantic.ValidationInfo) -> str:
        known = (info.context or {}).get("sections")
        if known is not None and marker not in known:
            raise ValueError(f"no heading of the runbook carries the marker “{marker}”; known are {', '.join(known)}")
        return marker

    @pydantic.model_validator(mode="after")
    def _templates_can_be_filled_in(self) -> "Rule":
        groups = set(self.regex.groupindex)
        known = {INNERMOST, *groups, *(JAVA + _version_name(name) for name in groups if name.startswith(CLASS_FILE))}
        for key, template in (("title", self.title), ("advice", self.advice)):
            problem = _problem(template, known)
            if problem:
                raise errors.ValidationError(problem, key)
        return self

    @functools.cached_property
    def regex(self) -> Any:
        """Give the pattern, ready to search with."""
        return _compiled(self.pattern)

    def filled_in(self, template: str, values: Mapping[str, str]) -> str:
        """Give *template* with *values* in it."""
        return " ".join(template.format_map(dict(values)).split())


class Rules(_Strict):
    """All causes, the more specific before the more general: of those that fit a text, the first is meant."""

    causes: tuple[Rule, ...]

    @pydantic.model_validator(mode="after")
    def _ids_mean_one_thing(self) -> "Rules":
        seen: set[str] = set()
        for index, entry in enumerate(self.causes):
            if entry.id in seen:
                raise errors.ValidationError(f"“{entry.id}” stands here twice; expected it once", "causes", index, "id")
            seen.add(entry.id)
        return self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen, and where."""

    source: str
    """Such as `log of pos-order-1 before its restart`."""
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a service does not start, as far as it can be told."""

    id: str
    title: str
    certainty: Certainty
    section: str
    advice: str
    evidence: Evidence
    pods: tuple[str, ...]
    """The names of the pods in which it was seen; none where it concerns the service as a whole."""
    is_symptom: bool = False
    """It follows from something that was not found."""


def values_of(match: Any) -> dict[str, str]:
    """Give the named groups of *match*, and what follows from them; empty where one took no part."""
    values = {name: (value or "").strip() for name, value in match.groupdict().items()}
    for name in [name for name in values if name.startswith(CLASS_FILE)]:
        values[JAVA + _version_name(name)] = _java_of(values[name])
    return values


def _java_of(class_file_version: str) -> str:
    """Give the Java that writes class files of a version: 65 is Java 21, and so on in steps of one."""
    major = class_file_version.partition(".")[0]
    return str(int(major) - 44) if major.isdecimal() else "?"


def _version_name(group: str) -> str:
    return group.removeprefix(CLASS_FILE)


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"this pattern cannot be read ({reason}); expected the syntax of RE2, which has neither backreferences "
            "nor look-around"
        ) from None


def _problem(template: str, known: set[str]) -> str | None:
    """Give what is wrong with a template, or None."""
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        return f"the braces do not match up ({error})"
    for _, name, specification, conversion in parts:
        if name not in known:
            listed = ", ".join(f"{{{one}}}" for one in sorted(known))
            return f"{{{name}}} cannot be filled in; known are {listed}"
        if specification or conversion:
            return "a name in braces stands alone; expected {port} and not {port:…} or {port!…}"
    return None
