"""The promises that ARCHITECTURE.md makes about the code itself."""

import ast
import functools
import pathlib
import tomllib
from collections.abc import Iterator
from typing import Any

import commands

PROJECT = pathlib.Path(__file__).parent.parent
FOLDERS = ("bot", "commands", "sandbox", "bench")
NEWLINE = "\n"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
BROAD_EXCEPT = {"bot/dispatch/dispatcher.py", "bot/slack/inbound/listeners.py"}


@functools.cache
def sources() -> dict[pathlib.Path, str]:
    return {path: path.read_text() for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))}


@functools.cache
def trees() -> dict[pathlib.Path, ast.Module]:
    return {path: ast.parse(text) for path, text in sources().items()}


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(PROJECT))


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[pathlib.Path, Any]]:
    return ((path, node) for path, tree in trees().items() for node in ast.walk(tree) if isinstance(node, kinds))


def test_every_package_has_its_layer() -> None:
    """A new folder would otherwise escape the import contracts."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["name"] == "Imports point one way")["layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}

    parts = {
        path.stem for path in (PROJECT / "bot").iterdir() if path.name != "__init__.py" and path.suffix in {"", ".py"}
    }

    assert {f"bot.{part}" for part in parts if part != "__pycache__"} <= named


def test_files_and_functions_are_short() -> None:
    long_files = [
        f"{name(path)}: {text.count(NEWLINE)} lines"
        for path, text in sources().items()
        if text.count(NEWLINE) > MAX_FILE_LINES
    ]
    long_functions = [
        f"{name(path)}:{node.lineno} {node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]

    assert [*long_files, *long_functions] == []


def test_broad_except_is_in_two_places_only() -> None:
    found = {
        name(path)
        for path, node in nodes(ast.ExceptHandler)
        if node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
    }

    assert found <= BROAD_EXCEPT


def test_every_package_says_what_belongs_there() -> None:
    silent = [
        name(path) for path, tree in trees().items() if path.name == "__init__.py" and not ast.get_docstring(tree)
    ]

    assert silent == []


def test_every_command_explains_itself() -> None:
    silent = [
        command.name
        for command in commands.load_all()
        if not command.summary
        or command.summary.endswith(".")
        or not command.examples
        or not all(field.description for field in command.parameters.model_fields.values())
    ]

    assert silent == []


def test_every_command_has_a_line_in_the_readme() -> None:
    readme = (PROJECT / "README.md").read_text()

    assert [command.name for command in commands.load_all() if f"`{command.name}" not in readme] == []


def test_docstrings_and_constants_have_the_usual_words() -> None:
    texts = {(path, node.lineno): node.value.value for path, node in nodes(ast.Expr) if is_text(node.value)}
    begun = [
        f"{name(path)}:{line}" for (path, line), text in texts.items() if text.lstrip().startswith(("Give ", "Tell "))
    ]
    named = [
        f"{name(path)}:{node.lineno} {node.id}"
        for path, node in nodes(ast.Name)
        if node.id.lstrip("_").startswith(("MOST_", "LONGEST_", "LEAST_"))
    ]

    assert [each for each in (*begun, *named) if each.startswith(("bot/", "commands/"))] == []


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
