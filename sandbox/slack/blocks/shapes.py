"""
The small language that the limits are written in.

A check is a function from a value and its JSON pointer to the problems found. The functions here make checks
out of checks, so that `kinds` and its siblings can be read as tables.
"""

import collections.abc
import dataclasses
import typing

Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that Slack would refuse."""

    pointer: str
    """JSON pointer to the offending value, from the root of the list of blocks or of the view."""
    message: str
    constraint: str = "schema"
    """The rule's short name, as `blocks.validate` reports it."""


Check = collections.abc.Callable[[object, str], collections.abc.Iterator[Problem]]
Rule = collections.abc.Callable[[Json], str | None]


def text(maximum: int, minimum: int = 1) -> Check:
    """Accept a string of *minimum* to *maximum* characters."""

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(pointer=pointer, message="must be a string", constraint="type")
        elif len(value) < minimum:
            yield Problem(
                pointer=pointer,
                message=f"must be more than {minimum - 1} characters",
                constraint="min_length",
            )
        elif len(value) > maximum:
            yield Problem(
                pointer=pointer,
                message=f"must be less than {maximum + 1} characters",
                constraint="max_length",
            )

    return check


def link(maximum: int) -> Check:
    """Accept an absolute web, mail or Slack address of at most *maximum* characters."""
    sized = text(maximum)

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        problems = list(sized(value, pointer))
        yield from problems
        starts = ("http://", "https://", "mailto:", "tel:", "slack://")
        if not problems and not str(value).startswith(starts):
            yield Problem(pointer=pointer, message="must be a valid URL", constraint="format")

    return check


def flag(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
    """Accept true or false."""
    if not isinstance(value, bool):
        yield Problem(pointer=pointer, message="must be a boolean", constraint="type")


def number(minimum: float, maximum: float = float("inf"), *, is_whole: bool = True) -> Check:
    """Accept a number from *minimum* to *maximum*, both included."""
    kinds: tuple[type, ...] = (int,) if is_whole else (int, float)

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, kinds):
            yield Problem(pointer=pointer, message="must be a number", constraint="type")
        elif not minimum <= typing.cast("float", value) <= maximum:
            yield Problem(
                pointer=pointer,
                message=f"must be between {minimum} and {maximum}",
                constraint="range",
            )

    return check


def one_of(*choices: str) -> Check:
    """Accept one of the listed strings."""

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        if value not in choices:
            yield Problem(
                pointer=pointer,
                message=f"must be one of the allowed values: {', '.join(choices)}",
                constraint="enum",
            )

    return check


def list_of(item: Check, maximum: int, minimum: int = 1) -> Check:
    """Accept a list of *minimum* to *maximum* items that each pass."""

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(pointer=pointer, message="must be an array", constraint="type")
            return
        if len(value) < minimum:
            message = f"must contain at least {minimum} items"
            yield Problem(pointer=pointer, message=message, constraint="min_items")
        if len(value) > maximum:
            message = f"no more than {maximum} items allowed"
            yield Problem(pointer=pointer, message=message, constraint="max_items")
        for index, entry in enumerate(value):
            yield from item(entry, f"{pointer}/{index}")

    return check


def shape(
    *,
    required: collections.abc.Mapping[str, Check] | None = None,
    optional: collections.abc.Mapping[str, Check] | None = None,
    rules: tuple[Rule, ...] = (),
) -> Check:
    """
    Accept an object with all *required* keys, any *optional* ones and no others, that keeps the *rules*.

    Rules see the object only when its keys are sound; each gives a message when it is broken.
    """
    needed = dict(required or {})
    known = needed | dict(optional or {})

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(pointer=pointer, message="must be an object", constraint="type")
            return
        problems = list(_key_problems(value, pointer, needed, known))
        yield from problems
        if not problems:
            yield from _broken_rules(value, pointer, rules)

    return check


def tagged(kinds: collections.abc.Mapping[str, Check]) -> Check:
    """Accept an object whose `type` is one of *kinds*, checked by that kind."""

    def check(value: object, pointer: str) -> collections.abc.Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(pointer=pointer, message="must be an object", constraint="type")
        elif "type" not in value:
            yield Problem(pointer=pointer, message="missing required field: type", constraint="required")
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            message = f"unsupported type: {value['type']}"
            yield Problem(pointer=f"{pointer}/type", message=message, constraint="enum")
        else:
            yield from kinds[value["type"]](value, pointer)

    return check


def at_least_one(*keys: str) -> Rule:
    """Make a rule: one of *keys* is there."""
    return lambda value: None if any(key in value for key in keys) else f"must define one of: {', '.join(keys)}"


def exactly_one(*keys: str) -> Rule:
    """Make a rule: one of *keys* is there, and only one."""
    return lambda value: (
        None if sum(key in value for key in keys) == 1 else f"must define exactly one of: {', '.join(keys)}"
    )


def at_most_one(*keys: str) -> Rule:
    """Make a rule: no two of *keys* are there together."""
    return lambda value: None if sum(key in value for key in keys) <= 1 else f"cannot be combined: {', '.join(keys)}"


def _key_problems(
    value: Json, pointer: str, needed: dict[str, Check], known: dict[str, Check]
) -> collections.abc.Iterator[Problem]:
    for key in needed:
        if key not in value:
            yield Problem(pointer=pointer, message=f"missing required field: {key}", constraint="required")
    for key, entry in value.items():
        if key == "type":
            continue
        if key in known:
            yield from known[key](entry, f"{pointer}/{key}")
        else:
            yield Problem(
                pointer=pointer,
                message=f"no additional properties allowed: {key}",
                constraint="additional_properties",
            )


def _broken_rules(value: Json, pointer: str, rules: tuple[Rule, ...]) -> collections.abc.Iterator[Problem]:
    for rule in rules:
        message = rule(value)
        if message:
            yield Problem(pointer=pointer, message=message, constraint="rule")
