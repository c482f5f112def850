"""
The syntax tree of expressions: the value of each node in a run, and its errors when the file is loaded.

Three rules for values. Null equals only null. An order exists only between numbers; with anything else it is false.
What only the run will know is unknown, and a whole is unknown only if it depends on that.
"""

import abc
import dataclasses
import difflib
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TypeGuard

from bot import errors
from bot.command import ValueType
from bot.model import reports
from bot.procedures.definition import references

Value = reports.Scalar | references.Unknown
_UNKNOWN = references.Unknown.YET
_BOOLEAN = references.Type(value_type=ValueType.BOOLEAN)
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DESCRIPTIONS = {
    ValueType.TEXT: "a text",
    ValueType.NUMBER: "a number",
    ValueType.BOOLEAN: "true or false",
    ValueType.DURATION: "a duration",
    ValueType.NULL: "null",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node(abc.ABC):
    """An expression or a part of one; unless a node says otherwise, a boolean without parts and without errors."""

    column: int
    """Where it begins, from 1."""

    @abc.abstractmethod
    def value(self, scope: references.Scope) -> Value:
        """Return its value."""

    def parts(self) -> "tuple[Node, ...]":
        """Return its parts."""
        return ()

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield its errors, without those of its parts."""
        del known
        yield from ()

    def type_in(self, known: references.Names) -> references.Type | None:
        """Return its type, None if an error hides it."""
        del known
        return _BOOLEAN


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A value as it is written."""

    content: reports.Scalar

    def value(self, scope: references.Scope) -> Value:
        """Return the value."""
        del scope
        return self.content

    def type_in(self, known: references.Names) -> references.Type:
        """Return the type of the value."""
        del known
        match self.content:
            case None:
                return references.Type(value_type=ValueType.NULL)
            case bool():
                return _BOOLEAN
            case str():
                return references.TEXT
        return references.Type(value_type=ValueType.NUMBER)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """A name, such as `params.env`."""

    reference: references.Reference

    def value(self, scope: references.Scope) -> Value:
        """Return what it refers to."""
        return scope.look_up(self.reference)

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield that the name does not exist."""
        try:
            known.find(self.reference)
        except errors.NotFound as error:
            yield _located(self.column, str(error), error.hint)

    def type_in(self, known: references.Names) -> references.Type | None:
        """Return the type of what it refers to."""
        try:
            return known.find(self.reference)
        except errors.NotFound:
            return None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnyFailed(Node):
    """`any_failed('a', 'b')`: one of these steps failed; without names, any earlier step."""

    steps: tuple[str, ...]

    def value(self, scope: references.Scope) -> Value:
        """Return whether one failed."""
        ended = [scope.steps[step] for step in self.steps or scope.steps if step in scope.steps]
        if any(result.outcome.is_failure for result in ended):
            return True
        is_known = not scope.is_forecast or (self.steps and len(ended) == len(self.steps))
        return False if is_known else _UNKNOWN

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield the steps that are not earlier ones."""
        for step in self.steps:
            try:
                known.step(step)
            except errors.NotFound as error:
                yield _located(self.column, str(error), error.hint)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Node):
    """Two values and a sign between them."""

    left: Node
    sign: str
    right: Node

    def value(self, scope: references.Scope) -> Value:
        """Return whether it holds."""
        left, right = self.left.value(scope), self.right.value(scope)
        if isinstance(left, references.Unknown) or isinstance(right, references.Unknown):
            return _UNKNOWN
        if self.sign in _ORDERS:
            return _is_number(left) and _is_number(right) and _ORDERS[self.sign](left, right)
        return _are_equal(left, right) is (self.sign == "==")

    def parts(self) -> tuple[Node, ...]:
        """Return both sides."""
        return (self.left, self.right)

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield that the two cannot be compared."""
        left, right = self.left.type_in(known), self.right.type_in(known)
        if left is None or right is None:
            return
        if self.sign not in _ORDERS:
            yield from _validate_equality(self.left, left, self.right, right)
        elif {left.value_type, right.value_type} != {ValueType.NUMBER}:
            other = left if left.value_type is not ValueType.NUMBER else right
            message = f"{self.sign} compares numbers, not {_DESCRIPTIONS[other.value_type]}"
            yield _located(self.column, message)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class In(Node):
    """`in [...]`, `not in [...]`."""

    item: Node
    choices: tuple[Literal, ...]
    is_negated: bool

    def value(self, scope: references.Scope) -> Value:
        """Return whether the list contains the value."""
        value = self.item.value(scope)
        if isinstance(value, references.Unknown):
            return _UNKNOWN
        return any(_are_equal(value, choice.content) for choice in self.choices) is not self.is_negated

    def parts(self) -> tuple[Node, ...]:
        """Return the value and the list."""
        return (self.item, *self.choices)

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield the entries of the list that never match."""
        own = self.item.type_in(known)
        if own is None:
            return
        for choice in self.choices:
            yield from _validate_equality(self.item, own, choice, choice.type_in(known))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BoolOp(Node):
    """`and`, `or`."""

    is_any: bool
    members: tuple[Node, ...]

    def value(self, scope: references.Scope) -> Value:
        """Return whether all members hold, or any."""
        values = [_to_boolean(member.value(scope)) for member in self.members]
        # One member that decides makes the unknown ones irrelevant.
        if self.is_any in values:
            return self.is_any
        return _UNKNOWN if _UNKNOWN in values else not self.is_any

    def parts(self) -> tuple[Node, ...]:
        """Return the members."""
        return self.members

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield the members that are not boolean."""
        for member in self.members:
            yield from validate_boolean(member, known)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """`not`."""

    member: Node

    def value(self, scope: references.Scope) -> Value:
        """Return whether the member does not hold."""
        value = _to_boolean(self.member.value(scope))
        return value if isinstance(value, references.Unknown) else not value

    def parts(self) -> tuple[Node, ...]:
        """Return the member."""
        return (self.member,)

    def validate(self, known: references.Names) -> Iterator[str]:
        """Yield that the member is not boolean."""
        return validate_boolean(self.member, known)


def walk(node: Node) -> Iterator[Node]:
    """Yield *node* and everything in it, from left to right."""
    yield node
    for part in node.parts():
        yield from walk(part)


def validate_boolean(node: Node, known: references.Names) -> Iterator[str]:
    """Yield that *node* is not boolean."""
    own = node.type_in(known)
    if own is not None and own.value_type is not ValueType.BOOLEAN:
        yield _located(node.column, f"expected something that is true or false, not {_DESCRIPTIONS[own.value_type]}")


def _to_boolean(value: Value) -> bool | references.Unknown:
    return value if isinstance(value, references.Unknown) else value is True


def _is_number(value: reports.Scalar) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_equal(left: reports.Scalar, right: reports.Scalar) -> bool:
    if _is_number(left) and _is_number(right):
        return left == right
    # In Python, True equals 1.
    return type(left) is type(right) and left == right


def _validate_equality(
    left: Node, left_type: references.Type, right: Node, right_type: references.Type
) -> Iterator[str]:
    types = {left_type.value_type, right_type.value_type}
    if ValueType.NULL in types:
        return
    if len(types) > 1:
        described = (_DESCRIPTIONS[left_type.value_type], _DESCRIPTIONS[right_type.value_type])
        yield _located(right.column, "{} never equals {}".format(*described))
    elif ValueType.DURATION in types:
        yield _located(left.column, "durations cannot be compared")
    else:
        for own, other in ((left_type, right), (right_type, left)):
            if own.choices and isinstance(other, Literal) and other.content not in own.choices:
                text = str(other.content)
                near = difflib.get_close_matches(text.lower(), own.choices, n=1)
                hint = f"Did you mean '{near[0]}'?" if near else f"Expected one of {', '.join(own.choices)}."
                yield _located(other.column, f"it is never “{errors.shorten(text, 40)}”", hint)


def _located(column: int, message: str, hint: str | None = None) -> str:
    message = message.rstrip(".")
    if message.endswith("?"):
        # It names the nearest already, which helps more than all of them.
        return f"column {column}: {message}"
    return f"column {column}: {message}" + (f". {hint}" if hint else ".")
