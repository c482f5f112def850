"""The index of commands, which a terminal reads in place of their modules."""

import pytest

import commands


@pytest.mark.parametrize("entry", commands.INDEX, ids=lambda entry: entry.name)
def test_index_repeats_the_declaration(entry: commands.Entry) -> None:
    command = commands.load(entry)

    names = (command.name, *command.aliases)
    assert (entry.name, *entry.aliases)[: len(names)] == names
    assert entry.hidden_aliases == command.hidden_aliases
    assert (entry.summary, entry.needs_procedures) == (command.summary, command.needs_procedures)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("health pos-order", "health"),
        ("HEALTH", "health"),
        ("run list", "run list"),
        ("run x", "run"),
        ("Deploy status pos-order", "rollout"),
        ("", None),
        ("nosuch", None),
    ],
)
def test_command_line_finds_its_command(line: str, name: str | None) -> None:
    entry = commands.find(line.split())

    assert (entry.name if entry is not None else None) == name


def test_names_and_aliases_are_unique() -> None:
    names = [name for entry in commands.INDEX for name in (entry.name, *entry.aliases, *entry.hidden_aliases)]

    assert len(names) == len(set(names))
