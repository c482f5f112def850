"""
The parts of an expression: what each is worth in a run, and what is wrong with it before one.

Values follow three rules. Null equals null and nothing else. An order is only between numbers; with a null, or with
anything else that is no number, it is false. What a run still has to tell is unknown, and a whole is unknown only
where it depends on that.
"""

import dataclasses
import difflib
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeGuard

from bot import errors
from bot.model import reports
from bot.procedures.definition import references

Value = reports.Scalar | references.Unknown
_YET = references.Unknown.YET
_NULL = references.Type(sort=references.ValueType.NULL)
_TRUTH = references.Type(sort=references.ValueType.BOOLEAN)
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Node(Protocol):
    """Anything that has a value."""

    @property
    def column(self) -> int:
        """Give where it begins, from 1."""

    def value(self, scope: references.Scope) -> Value:
        """Give what it is worth."""

    def parts(self) -> "tuple[Node, ...]":
        """Give what it consists of."""

    def check(self, known: references.Names) -> Iterator[str]:
        """Give what is wrong with it, its parts apart."""

    def type_in(self, known: references.Names) -> references.Type | None:
        """Give what it holds, or None where that is not known because something is wrong with it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value as it is written."""

    content: reports.Scalar
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give what is written."""
        del scope
        return self.content

    def parts(self) -> tuple[Node, ...]:
        """Give nothing."""
        return ()

    def check(self, known: references.Names) -> Iterator[str]:
        """Give nothing; any value will do."""
        del known
        return iter(())

    def type_in(self, known: references.Names) -> references.Type:
        """Give what the value is."""
        del known
        match self.content:
            case None:
                return _NULL
            case bool():
                return _TRUTH
            case str():
                return references.TEXT
        return references.Type(sort=references.ValueType.NUMBER)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name that has a value in a run."""

    reference: references.Reference
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give what it means now."""
        return scope.look_up(self.reference)

    def parts(self) -> tuple[Node, ...]:
        """Give nothing."""
        return ()

    def check(self, known: references.Names) -> Iterator[str]:
        """Give that there is no such name."""
        try:
            known.find(self.reference)
        except errors.NotFound as error:
            yield _located(self.column, str(error), error.hint)

    def type_in(self, known: references.Names) -> references.Type | None:
        """Give what it holds."""
        try:
            return known.find(self.reference)
        except errors.NotFound:
            return None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnyFailed:
    """Whether one of these steps failed; none are all that came before."""

    steps: tuple[str, ...]
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give whether one did."""
        asked = [scope.steps[step] for step in self.steps or scope.steps if step in scope.steps]
        if any(past.outcome.is_failure for past in asked):
            return True
        is_told = not scope.is_forecast or (self.steps and len(asked) == len(self.steps))
        return False if is_told else _YET

    def parts(self) -> tuple[Node, ...]:
        """Give nothing."""
        return ()

    def check(self, known: references.Names) -> Iterator[str]:
        """Give which of the steps do not come before."""
        for step in self.steps:
            try:
                known.step(step)
            except errors.NotFound as error:
                yield _located(self.column, str(error), error.hint)

    def type_in(self, known: references.Names) -> references.Type:
        """Give that it is true or false."""
        del known
        return _TRUTH


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two values held against each other."""

    left: Node
    sign: str
    right: Node
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give whether it holds."""
        left, right = self.left.value(scope), self.right.value(scope)
        if isinstance(left, references.Unknown) or isinstance(right, references.Unknown):
            return _YET
        if self.sign in _ORDERS:
            return _is_number(left) and _is_number(right) and _ORDERS[self.sign](left, right)
        return _are_equal(left, right) is (self.sign == "==")

    def parts(self) -> tuple[Node, ...]:
        """Give both sides."""
        return (self.left, self.right)

    def check(self, known: references.Names) -> Iterator[str]:
        """Give that the two cannot be compared."""
        left, right = self.left.type_in(known), self.right.type_in(known)
        if left is None or right is None:
            return
        if self.sign in _ORDERS:
            if {left.sort, right.sort} != {references.ValueType.NUMBER}:
                odd = left if left.sort is not references.ValueType.NUMBER else right
                yield _located(self.column, f"{self.sign} compares numbers, and this is {_described(odd)}")
            return
        yield from _incomparable(self.left, left, self.right, right)

    def type_in(self, known: references.Names) -> references.Type:
        """Give that it is true or false."""
        del known
        return _TRUTH


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class In:
    """Whether a value stands in a list."""

    item: Node
    choices: tuple[Literal, ...]
    is_negated: bool
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give whether it does."""
        value = self.item.value(scope)
        if isinstance(value, references.Unknown):
            return _YET
        return any(_are_equal(value, choice.content) for choice in self.choices) is not self.is_negated

    def parts(self) -> tuple[Node, ...]:
        """Give the value and the list."""
        return (self.item, *self.choices)

    def check(self, known: references.Names) -> Iterator[str]:
        """Give what in the list the value can never be."""
        own = self.item.type_in(known)
        if own is None:
            return
        for choice in self.choices:
            yield from _incomparable(self.item, own, choice, choice.type_in(known))

    def type_in(self, known: references.Names) -> references.Type:
        """Give that it is true or false."""
        del known
        return _TRUTH


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BoolOp:
    """Truths joined by and, or by or."""

    is_any: bool
    members: tuple[Node, ...]
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give whether all hold, or any."""
        truths = [_truth_of(member.value(scope)) for member in self.members]
        # One that decides it makes the unknown ones beside it unimportant.
        if self.is_any in truths:
            return self.is_any
        return _YET if _YET in truths else not self.is_any

    def parts(self) -> tuple[Node, ...]:
        """Give what is joined."""
        return self.members

    def check(self, known: references.Names) -> Iterator[str]:
        """Give which of the members is neither true nor false."""
        for member in self.members:
            yield from is_false(member, known)

    def type_in(self, known: references.Names) -> references.Type:
        """Give that it is true or false."""
        del known
        return _TRUTH


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The contrary of a truth."""

    member: Node
    column: int

    def value(self, scope: references.Scope) -> Value:
        """Give whether the other does not hold."""
        truth = _truth_of(self.member.value(scope))
        return truth if isinstance(truth, references.Unknown) else not truth

    def parts(self) -> tuple[Node, ...]:
        """Give what is negated."""
        return (self.member,)

    def check(self, known: references.Names) -> Iterator[str]:
        """Give that the other is neither true nor false."""
        return is_false(self.member, known)

    def type_in(self, known: references.Names) -> references.Type:
        """Give that it is true or false."""
        del known
        return _TRUTH


def walk(node: Node) -> Iterator[Node]:
    """Give *node* and everything in it, from left to right."""
    yield node
    for part in node.parts():
        yield from walk(part)


def is_false(node: Node, known: references.Names) -> Iterator[str]:
    """Give that *node*, which should be true or false, is something else."""
    own = node.type_in(known)
    if own is not None and own.sort is not references.ValueType.BOOLEAN:
        yield _located(node.column, f"expected something that is true or false, and this is {_described(own)}")


def _truth_of(value: Value) -> bool | references.Unknown:
    return value if isinstance(value, references.Unknown) else value is True


def _is_number(value: reports.Scalar) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_equal(left: reports.Scalar, right: reports.Scalar) -> bool:
    if _is_number(left) and _is_number(right):
        return left == right
    # In Python, true would equal one.
    return type(left) is type(right) and left == right


def _incomparable(left: Node, left_type: references.Type, right: Node, right_type: references.Type) -> Iterator[str]:
    sorts = {left_type.sort, right_type.sort}
    if references.ValueType.NULL in sorts:
        return
    if len(sorts) > 1:
        message = f"{_described(left_type)} never equals {_described(right_type)}"
        yield _located(right.column, message)
    elif references.ValueType.DURATION in sorts:
        yield _located(left.column, "durations cannot be compared")
    else:
        yield from _odd_word(left_type, right)
        yield from _odd_word(right_type, left)


def _odd_word(own: references.Type, other: Node) -> Iterator[str]:
    if not own.words or not isinstance(other, Literal) or other.content in own.words:
        return
    word = str(other.content)
    yield _located(other.column, f"it is never “{errors.shorten(word, 40)}”", _nearest(word, own.words))


def _nearest(word: str, words: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word.lower(), words, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Expected one of {', '.join(words)}."


def _described(own: references.Type) -> str:
    return {
        references.ValueType.TEXT: "a text",
        references.ValueType.NUMBER: "a number",
        references.ValueType.BOOLEAN: "true or false",
        references.ValueType.DURATION: "a duration",
        references.ValueType.NULL: "null",
    }[own.sort]


def _located(column: int, message: str, hint: str | None = None) -> str:
    message = message.rstrip(".")
    if message.endswith("?"):
        # The nearest names say it already, and better than all of them.
        return f"column {column}: {message}"
    return f"column {column}: {message}" + (f". {hint}" if hint else ".")
