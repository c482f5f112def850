"""
`when`: a small closed language that says whether a step is wanted.

There are names, values, comparisons, and, or, not, lists behind in, and one question, any_failed. There is nothing to
call, nothing to compute, and an end to length and depth, so that whoever reads a procedure sees all that it can do.
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

LENGTH_LIMIT = 500
DEPTH_LIMIT = 20
"""Parts within each other; people lose the thread long before."""

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
    """What is known of an expression before the run."""

    value: bool | None
    """None where it depends on what steps will tell."""
    steps: tuple[str, ...] = ()
    """The steps on which it depends; none where it depends on all that come before."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One that has been read."""

    text: str
    root: syntax_tree.Node

    @property
    def references(self) -> tuple[definition_references.Reference, ...]:
        """Give every name in it, each once, in the order in which they stand."""
        found = (node.reference for node in syntax_tree.walk(self.root) if isinstance(node, syntax_tree.Name))
        return tuple(dict.fromkeys(found))

    @property
    def steps(self) -> tuple[str, ...]:
        """Give the ids of the steps that it speaks of, each once."""
        found: list[str] = []
        for node in syntax_tree.walk(self.root):
            if isinstance(node, syntax_tree.Name) and node.reference.step:
                found.append(node.reference.step)
            elif isinstance(node, syntax_tree.AnyFailed):
                found += node.steps
        return tuple(dict.fromkeys(found))

    def evaluate(self, scope: definition_references.Scope) -> bool:
        """Tell whether it holds; a null where a truth is expected does not."""
        return self.root.value(dataclasses.replace(scope, is_forecast=False)) is True

    def forecast(self, scope: definition_references.Scope) -> Forecast:
        """Give what is known of it while the steps that are not in *scope* have not run."""
        value = self.root.value(dataclasses.replace(scope, is_forecast=True))
        if isinstance(value, definition_references.Unknown):
            asks_all = any(
                isinstance(node, syntax_tree.AnyFailed) and not node.steps for node in syntax_tree.walk(self.root)
            )
            open_steps = () if asks_all else tuple(step for step in self.steps if step not in scope.steps)
            return Forecast(value=None, steps=open_steps)
        return Forecast(value=value is True)

    def check(self, known: definition_references.Names) -> list[str]:
        """Give every mistake in it as a sentence with its column."""
        problems = [problem for node in syntax_tree.walk(self.root) for problem in node.check(known)]
        return [*problems, *syntax_tree.is_false(self.root, known)]


@functools.lru_cache(maxsize=512)
def parse(text: str) -> Expression:
    """
    Give what *text* says.

    Raises:
        errors.BadConfiguration: one sentence with the column at which it cannot be understood.
    """
    if len(text) > LENGTH_LIMIT:
        raise errors.BadConfiguration(f"it has {len(text):,} characters; expected at most {LENGTH_LIMIT}.")
    # Takes as long to load as a terminal command may take to start, and few of them need it.
    import lark  # noqa: PLC0415

    try:
        return Expression(text=text, root=_node(_parser().parse(text).children[0]))
    except lark.UnexpectedInput as error:
        raise errors.BadConfiguration(_explain(error, text)) from error
    except _Unreadable as error:
        raise errors.BadConfiguration(str(error)) from error


class _Unreadable(Exception):
    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}.")


@functools.cache
def _parser() -> "lark.Lark":
    import lark  # noqa: PLC0415 - see above

    # The basic lexer, because the contextual one would read “orders” as “or” where only that fits.
    return lark.Lark(_GRAMMAR, parser="lalr", lexer="basic", propagate_positions=True)


def _node(tree: Any, level: int = 1) -> syntax_tree.Node:
    column = tree.meta.column
    if level > DEPTH_LIMIT:
        raise _Unreadable(column, f"more than {DEPTH_LIMIT} parts stand within each other")

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
        reference = definition_references.refer(path)
    except errors.UsageError as error:
        raise _Unreadable(column, str(error)) from error
    if reference.source is definition_references.Source.RUN:
        raise _Unreadable(column, f"{path} says nothing that a step could depend on")
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


_MEANT: Mapping[str, str] = {
    "=": "write == to compare",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != to compare",
    "{": "names stand here without braces",
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
    """Give what a person should know of what lark found."""
    place = getattr(error, "pos_in_stream", None)
    token = getattr(error, "token", None)
    is_end = token is not None and token.type == "$END"
    if is_end or place is None or place < 0:
        return f"column {len(text) + 1}: it ends too soon; expected {_expected(error)}."
    column, found = error.column, str(token) if token is not None else text[place]
    if found in _MEANT and token is None:
        return f"column {column}: {_MEANT[found]}."
    if found == "(":
        return f"column {column}: nothing can be called but any_failed."
    return f"column {column}: “{errors.shorten(found, 40)}” does not fit; expected {_expected(error)}."


def _expected(error: Any) -> str:
    possible = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    named = [words for words, terminals in _EXPECTED if terminals & possible]
    return " or ".join(filter(None, (", ".join(named[:-1]), *named[-1:]))) or "something else"
