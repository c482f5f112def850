"""
YAML files, read strictly.

A mistake is reported with file, line, key and what was expected. Keys must not repeat, and the words that YAML 1.1
takes for booleans (`on`, `off`, `yes`, `no`) stay words: a boolean is written true or false. Numbers that
YAML reads otherwise than people do are refused (`yaml_numbers.py`).
"""

import contextlib
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import pydantic
import pydantic_core
import yaml

from bot import errors
from bot.config import yaml_comments, yaml_numbers

Model = TypeVar("Model", bound=pydantic.BaseModel)
_Path = tuple[int | str, ...]
_SHAPES = {
    "expected a valid tuple": "expected a list",
    "expected a valid dictionary": "expected keys with values",
    "expected a valid string": "expected a text; a number, true and false are one in quotes",
}
_OWN_CLASS = re.compile(r"^expected a valid dictionary or instance of \w+$")
_PATTERN = re.compile(r"^String should match pattern '(.*)'$")
_RULES = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": "expected lower-case letters, digits and hyphens, such as pos-order",
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$": "expected lower-case letters, digits and single hyphens, such as post-deployment",
    r"^[a-z][a-z0-9_]{0,31}$": "expected lower-case letters, digits and underscores, such as roll_back",
    r"^/[!-~]*$": "expected a path that begins with /",
    r"^https?://[^\s/]+(/\S*)?$": "expected a URL that begins with http:// or https://",
}
"""The rules behind patterns of models, for people."""
_COUNT = re.compile(r"^Tuple should have (.*) after validation, not \d+$")
_KIND = re.compile(r"^(str|int|float|bool|[A-Z]\w*|.*[\[(].*)$")
"""What pydantic calls in Python's words, and the kinds of value that it names in a place where several may stand."""
_UNREADABLE = (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError)
"""What PyYAML raises: its own, and what slips through it for odd tags (`!!int x`), odd keys and bottomless nesting."""


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's extra booleans and without dates, which would turn names into other types."""


_TAG = "tag:yaml.org,2002:"
_WORDS = frozenset({f"{_TAG}bool", f"{_TAG}timestamp", f"{_TAG}value"})
"""What YAML 1.1 makes of words, dates and a lone `=`, which are texts here."""
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _WORDS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile("^(true|false)$"), list("tf"))
# `<<` is a key that merges; as a value it is a text.
_Loader.add_constructor(f"{_TAG}merge", lambda _, node: str(node.value))


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same by libyaml, fifteen times as fast; it recurses in C, so deep nesting ends the process."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


MAX_FILE_BYTES = 5_000_000
MAX_VALUES = 200_000
"""In one file; aliases make a few lines stand for billions."""
_MAX_FAST_DEPTH = 1_000
"""A twentieth of what libyaml survives."""


def load(
    path: pathlib.Path,
    model: type[Model],
    context: Mapping[str, object] | None = None,
    check: Callable[[Model], Iterable[errors.ValidationError]] | None = None,
    *,
    names_channels: bool = False,
) -> Model:
    """
    Return *model* filled from the YAML file at *path*; *context* is what its validators need to know of other files.

    *check* gives the mistakes that can only be seen in a whole that is sound in itself. In a file that
    *names_channels*, a name with a # that YAML takes for a comment is a mistake.

    Raises:
        errors.BadConfiguration: one line per mistake, `file:line: key: what was expected`.
    """
    if names_channels:
        _refuse_swallowed_names(path)
    node = _compose(path)
    _refuse_repeated_keys(node, path)
    _refuse_ambiguous_numbers(node, path)
    content = _construct(node, path)
    try:
        whole = model.model_validate(content, context=context)
    except pydantic.ValidationError as error:
        raise errors.BadConfiguration(
            "\n".join(
                dict.fromkeys(
                    _explain(_place(problem), problem["msg"], node, path) + _emptiness(problem)
                    for problem in _own(error.errors(), node)
                )
            )
        ) from error
    mistakes = [_explain(mistake.location, str(mistake), node, path) for mistake in (check(whole) if check else ())]
    if mistakes:
        raise errors.BadConfiguration("\n".join(mistakes))
    return whole


def read(path: pathlib.Path) -> object:
    """
    Return the content of a foreign YAML file, without validating it against a model.

    Raises:
        errors.BadConfiguration: when it is not YAML.
    """
    return _construct(_compose(path), path)


def parse_all(text: str, path: pathlib.Path) -> list[object]:
    """
    Return the content of every document in *text*, which was read from a foreign YAML file at *path*.

    Raises:
        errors.BadConfiguration: when it is not YAML.
    """
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=_loader_for(text)) if node is not None]
    except _UNREADABLE as error:
        raise errors.BadConfiguration(f"{path}: this cannot be read as YAML ({error}).") from error
    return [_construct(node, path) for node in nodes]


def _compose(path: pathlib.Path) -> yaml.Node:
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise errors.BadConfiguration(f"{path}: larger than {MAX_FILE_BYTES:,} bytes.")
        node = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise errors.BadConfiguration(f"{path}: the file is missing.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise errors.BadConfiguration(f"{path}: the file cannot be read ({error}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise errors.BadConfiguration(f"{path}:{line}: this is not YAML: {error.problem}.") from error
    except _UNREADABLE as error:
        raise errors.BadConfiguration(f"{path}: this is not YAML: {error}.") from error
    if node is None:
        raise errors.BadConfiguration(f"{path}: the file is empty.")
    return node


def _parse(text: str) -> yaml.Node | None:
    """Return the root node of *text*; the slow loader has the words for what is wrong."""
    loader = _loader_for(text)
    if loader is _FastLoader:
        with contextlib.suppress(*_UNREADABLE):
            return yaml.compose(text, Loader=loader)
    return yaml.compose(text, Loader=_Loader)


def _loader_for(text: str) -> type[_Loader] | type[_FastLoader]:
    """
    Return the fast loader if *text* cannot be too deep for it.

    Each level of nesting takes a bracket, or one of the columns before the first word of a line; two for its own value.
    """
    lines = [_without_comment(line) for line in text.splitlines()]
    columns = max((len(line) - len(line.lstrip(" \t-?:")) for line in lines), default=0)
    brackets = sum(line.count("[") + line.count("{") for line in lines)
    return _FastLoader if columns + brackets + 2 <= _MAX_FAST_DEPTH else _Loader


def _without_comment(line: str) -> str:
    """Return *line*, of a comment only what follows a quote: within a quoted text it is none."""
    if not line.lstrip(" \t").startswith("#"):
        return line
    quotes = [at for at in (line.find('"'), line.find("'")) if at >= 0]
    return line[min(quotes) :] if quotes else ""


def _construct(node: yaml.Node, path: pathlib.Path) -> object:
    try:
        if _expanded_size(node, {}) > MAX_VALUES:
            raise errors.BadConfiguration(f"{path}: its aliases (*name) stand for more than {MAX_VALUES:,} values.")
        return _Loader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise errors.BadConfiguration(f"{path}:{line}: {error.problem}.") from error
    except _UNREADABLE as error:
        raise errors.BadConfiguration(f"{path}: a value does not fit its tag or key: {error}.") from error


def _refuse_swallowed_names(path: pathlib.Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        # `_compose` says why it cannot be read.
        return
    mistakes = [
        f"{path}:{line}: “#{name}” is a comment to YAML and so not read; write {name} for the channel,"
        f" or # {name} for a comment."
        for line, name in yaml_comments.swallowed_names(text)
    ]
    if mistakes:
        raise errors.BadConfiguration("\n".join(mistakes))


def _expanded_size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values *node* has where each alias counts like what it stands for; one within itself counts 1."""
    if id(node) not in known:
        known[id(node)] = 1
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        flat = [one for child in children for one in (child if isinstance(child, tuple) else (child,))]
        known[id(node)] = 1 + sum(_expanded_size(child, known) for child in flat)
    return known[id(node)]


def _refuse_repeated_keys(root: yaml.Node, path: pathlib.Path) -> None:
    for node in _walk(root):
        if not isinstance(node, yaml.MappingNode):
            continue
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise errors.BadConfiguration(
                    f"{path}:{key.start_mark.line + 1}: expected a single word as the key; "
                    "a value that begins with { is written in quotes."
                )
            if key.value in seen:
                raise errors.BadConfiguration(
                    f"{path}:{key.start_mark.line + 1}: {key.value}: the key stands here twice; expected it once."
                )
            seen.add(key.value)


def _refuse_ambiguous_numbers(root: yaml.Node, path: pathlib.Path) -> None:
    mistakes = []
    for node in _walk(root):
        if isinstance(node, yaml.MappingNode):
            pairs = [(child, key.value) for key, value in node.value for child in (key, value)]
        elif isinstance(node, yaml.SequenceNode):
            pairs = [(child, "") for child in node.value]
        else:
            continue
        for child, key in pairs:
            if not isinstance(child, yaml.ScalarNode) or child.style:
                # In quotes, or in a block, it is a text.
                continue
            problem = yaml_numbers.ambiguity(child.value)
            if problem is not None:
                mistakes.append(f"{path}:{child.start_mark.line + 1}: {key or child.value}: {problem}")
    if mistakes:
        raise errors.BadConfiguration("\n".join(dict.fromkeys(mistakes)))


def _walk(root: yaml.Node) -> Iterator[yaml.Node]:
    # An anchor may stand in many places and may even contain itself: each node is visited once.
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting += [child for pair in reversed(node.value) for child in reversed(pair)]
        elif isinstance(node, yaml.CollectionNode):
            waiting += reversed(node.value)


def _own(problems: list[pydantic_core.ErrorDetails], root: yaml.Node) -> Iterator[pydantic_core.ErrorDetails]:
    """Return *problems* without those that are there only because something within them is not as it should be."""
    places = [_bare(problem["loc"], root) for problem in problems]
    for problem, place in zip(problems, places, strict=True):
        is_inside = any(other[: len(place)] == place and other != place for other in places)
        is_of_several = place != problem["loc"]
        if not is_inside or not (is_of_several or problem["type"] == "too_short"):
            yield problem


def _bare(location: _Path, root: yaml.Node) -> _Path:
    """Return *location* without the kinds of value in it, which the file does not have."""
    parts, node = [], root
    for part in location:
        child = _child(node, part)
        if child is not None:
            node = child[1]
        elif _KIND.match(str(part)):
            continue
        parts.append(part)
    return tuple(parts)


def _place(problem: pydantic_core.ErrorDetails) -> _Path:
    cause = problem.get("ctx", {}).get("error")
    return problem["loc"] + (cause.location if isinstance(cause, errors.ValidationError) else ())


def _emptiness(problem: pydantic_core.ErrorDetails) -> str:
    is_empty = problem["type"] != "missing" and problem.get("input") is None
    return " The value is empty; a # outside quotes begins a comment." if is_empty else ""


def _explain(location: _Path, message: str, root: yaml.Node, path: pathlib.Path) -> str:
    line = _line_of(root, location)
    key = ".".join(str(part) for part in _bare(location, root)) or "the whole file"
    expected = message.removeprefix("Value error, ").replace("Input should be", "expected")
    expected = _COUNT.sub(r"expected \1", _SHAPES.get(expected, expected))
    expected = _OWN_CLASS.sub("expected keys with values", expected)
    pattern = _PATTERN.match(message)
    if pattern is not None:
        expected = _RULES.get(pattern[1], f"expected a text of the form {pattern[1]}")
    if message == "Extra inputs are not permitted":
        expected = "this key is not known here; check its spelling"
    elif message == "Field required":
        expected = "this key is missing"
    # A sentence that ends in a question keeps its mark.
    return f"{path}:{line}: {key}: {expected}".rstrip(".") + ("" if expected.endswith("?") else ".")


def _line_of(node: yaml.Node, location: _Path) -> int:
    """Return the line of the deepest part of *location* that the file has."""
    line: int = node.start_mark.line + 1
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    return None
