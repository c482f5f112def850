"""
The parser of `when`: a small closed language for the condition of a step.

It has names, literals, comparisons, and, or, not, lists after in, and any_failed. Nothing else can be called or
computed, and length and depth are limited, so that a reader of a procedure sees everything that it can do.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot import errors
from bot.procedures.definition import references as definition_references
from bot.procedures.definition import syntax_tree

if TYPE_CHECKING:
    import lark

MAX_LENGTH = 500
MAX_DEPTH = 20

_GRAMMAR = r"""
start: either
?either: both
       | both ("or" both)+                       -> either
?both: negated
     | negated ("and" negated)+                  -> both
?negated: "not" negated                          -> negation
        | comparison
?comparison: operand
           | operand SIGN operand                -> comparison
           | operand "in" list                   -> among
           | operand "not" "in" list             -> not_among
?operand: literal
        | PATH                                   -> name
        | ANY_FAILED "(" [text ("," text)*] ")"  -> any_failed
        | "(" either ")"
list: "[" literal ("," literal)* "]"
?literal: text
        | NUMBER                                 -> number
        | TRUE                                   -> true
        | FALSE                                  -> false
        | NULL                                   -> null
text: TEXT

ANY_FAILED: "any_failed"
TRUE: "true"
FALSE: "false"
NULL: "null"
SIGN: "==" | "!=" | "<=" | ">=" | "<" | ">"
TEXT: /'[^'\n]*'|"[^"\n]*"/
NUMBER: /-?[0-9]+(\.[0-9]+)?(?![\w.])/
PATH: /[A-Za-z_][\w-]*(\.[\w-]+)*/
%ignore /[ \t\r\n]+/
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The value of an expression as far as it is known before the run."""

    value: bool | None
    """None if it depends on results of steps."""
    steps: tuple[str, ...] = ()
    """The steps on which it depends; empty if on all earlier steps."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A parsed expression."""

    text: str
    root: syntax_tree.Node

    @property
    def references(self) -> tuple[definition_references.Reference, ...]:
        """Every name in it, once, from left to right."""
        found = (node.reference for node in syntax_tree.walk(self.root) if isinstance(node, syntax_tree.Name))
        return tuple(dict.fromkeys(found))

    @property
    def steps(self) -> tuple[str, ...]:
        """The ids of the steps that it names, each once."""
        found: list[str] = []
        for node in syntax_tree.walk(self.root):
            if isinstance(node, syntax_tree.Name) and node.reference.step:
                found.append(node.reference.step)
            elif isinstance(node, syntax_tree.AnyFailed):
                found += node.steps
        return tuple(dict.fromkeys(found))

    def evaluate(self, scope: definition_references.Scope) -> bool:
        """Return whether it is true; null is not."""
        return self.root.value(dataclasses.replace(scope, is_forecast=False)) is True

    def forecast(self, scope: definition_references.Scope) -> Forecast:
        """Return what is known of it before the steps that are not in *scope* have run."""
        value = self.root.value(dataclasses.replace(scope, is_forecast=True))
        if isinstance(value, definition_references.Unknown):
            asks_all = any(
                isinstance(node, syntax_tree.AnyFailed) and not node.steps for node in syntax_tree.walk(self.root)
            )
            open_steps = () if asks_all else tuple(step for step in self.steps if step not in scope.steps)
            return Forecast(value=None, steps=open_steps)
        return Forecast(value=value is True)

    def validate(self, known: definition_references.Names) -> list[str]:
        """Return every error in it as a sentence with its column."""
        problems = [problem for node in syntax_tree.walk(self.root) for problem in node.validate(known)]
        return [*problems, *syntax_tree.validate_boolean(self.root, known)]


@functools.lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """
    Return *text* parsed.

    Raises:
        errors.BadConfiguration: one sentence with the column of the error.
    """
    if len(text) > MAX_LENGTH:
        raise errors.BadConfiguration(f"{len(text):,} characters; expected at most {MAX_LENGTH}.")
    # Loading it takes as long as a terminal command may take to start, and few need it.
    import lark  # noqa: PLC0415

    try:
        return Expression(text=text, root=_node(_parser().parse(text).children[0]))
    except lark.UnexpectedInput as error:
        raise errors.BadConfiguration(_explain(error, text)) from error
    except _SyntaxError as error:
        raise errors.BadConfiguration(str(error)) from error


class _SyntaxError(Exception):
    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}.")


@functools.cache
def _parser() -> "lark.Lark":
    import lark  # noqa: PLC0415 - see above

    # The basic lexer, because the contextual one would read “orders” as “or” where only that fits.
    return lark.Lark(_GRAMMAR, parser="lalr", lexer="basic", propagate_positions=True)


def _node(tree: Any, level: int = 1) -> syntax_tree.Node:
    column = tree.meta.column
    if level > MAX_DEPTH:
        raise _SyntaxError(column, f"nested deeper than {MAX_DEPTH}")

    def inner(index: int) -> syntax_tree.Node:
        return _node(tree.children[index], level + 1)

    match tree.data:
        case "either" | "both":
            members = tuple(_node(child, level + 1) for child in tree.children)
            return syntax_tree.BoolOp(is_any=tree.data == "either", members=members, column=column)
        case "negation":
            return syntax_tree.Not(member=inner(0), column=column)
        case "comparison":
            return syntax_tree.Comparison(left=inner(0), sign=str(tree.children[1]), right=inner(2), column=column)
        case "among" | "not_among":
            choices = tuple(_literal(choice) for choice in tree.children[1].children)
            return syntax_tree.In(item=inner(0), choices=choices, is_negated=tree.data == "not_among", column=column)
        case "any_failed":
            steps = tuple(_unquoted(child) for child in tree.children[1:] if child is not None)
            return syntax_tree.AnyFailed(steps=steps, column=column)
        case "name":
            return _name(str(tree.children[0]), column)
    return _literal(tree)


def _name(path: str, column: int) -> syntax_tree.Name:
    try:
        reference = definition_references.parse(path)
    except errors.UsageError as error:
        raise _SyntaxError(column, str(error)) from error
    if reference.source is definition_references.Source.RUN:
        raise _SyntaxError(column, f"{path} is not available in conditions")
    return syntax_tree.Name(reference=reference, column=column)


def _literal(tree: Any) -> syntax_tree.Literal:
    column = tree.meta.column
    match tree.data:
        case "text":
            return syntax_tree.Literal(content=_unquoted(tree), column=column)
        case "number":
            written = str(tree.children[0])
            return syntax_tree.Literal(content=float(written) if "." in written else int(written), column=column)
    return syntax_tree.Literal(content={"true": True, "false": False, "null": None}[tree.data], column=column)


def _unquoted(tree: Any) -> str:
    return str(tree.children[0])[1:-1]


_ADVICE: Mapping[str, str] = {
    "=": "write == to compare",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != to compare",
    "{": "names have no braces here",
    "'": "the quote is not closed",
    '"': "the quote is not closed",
}
_EXPECTED = (
    ("a value or a name", {"TEXT", "PATH", "NUMBER"}),
    ("and", {"AND"}),
    ("or", {"OR"}),
    ("a comparison such as ==", {"SIGN"}),
    ("“)”", {"RPAR"}),
    ("“]”", {"RSQB"}),
    ("a list in [ ]", {"LSQB"}),
    ("“,”", {"COMMA"}),
    ("the end", {"$END"}),
)


def _explain(error: Any, text: str) -> str:
    """Return lark's error in a sentence."""
    position = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    is_end = token is not None and token.type == "$END"
    if is_end or position is None or position < 0:
        return f"column {len(text) + 1}: it ends too early; expected {_expected(error)}."
    column, found = error.column, str(token) if token is not None else text[position]
    if found in _ADVICE and token is None:
        return f"column {column}: {_ADVICE[found]}."
    if found == "(":
        return f"column {column}: only any_failed can be called."
    return f"column {column}: “{errors.shorten(found, 40)}” is not expected here; expected {_expected(error)}."


def _expected(error: Any) -> str:
    possible = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    named = [name for name, terminals in _EXPECTED if terminals & possible]
    return " or ".join(filter(None, (", ".join(named[:-1]), *named[-1:]))) or "something else"
