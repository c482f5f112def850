"""The promises that ARCHITECTURE.md makes about the code itself."""

import ast
import pathlib
import tomllib

import pytest

import commands

PROJECT = pathlib.Path(__file__).parent.parent
SOURCES = sorted(
    path for folder in ("bot", "commands", "sandbox", "bench") for path in (PROJECT / folder).rglob("*.py")
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
BROAD = {"bot/dispatch/dispatcher.py", "bot/slack/inbound/tasks.py"}


def test_every_part_of_the_engine_has_its_layer() -> None:
    """A new folder would otherwise escape the import contracts."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["name"] == "Imports point one way")["layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}

    parts = {
        path.stem for path in (PROJECT / "bot").iterdir() if path.name != "__init__.py" and path.suffix in {"", ".py"}
    }

    assert {f"bot.{part}" for part in parts if part != "__pycache__"} <= named


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_files_and_functions_fit_on_a_screen(path: pathlib.Path) -> None:
    text = path.read_text()
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    too_long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION]

    assert text.count("\n") <= LONGEST_FILE
    assert too_long == []


def test_only_the_places_that_may_catch_everything_do() -> None:
    found = {
        str(path.relative_to(PROJECT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    }

    assert found <= BROAD


def test_every_package_says_what_belongs_there() -> None:
    silent = [
        path for path in SOURCES if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


@pytest.mark.parametrize("command", commands.load_all(), ids=lambda command: command.name)
def test_every_command_explains_itself(command) -> None:
    assert command.summary
    assert not command.summary.endswith(".")
    assert command.examples
    assert all(field.description for field in command.parameters.model_fields.values())


def test_every_command_has_a_line_in_the_readme() -> None:
    readme = (PROJECT / "README.md").read_text()

    assert [command.name for command in commands.load_all() if f"`{command.name}" not in readme] == []
