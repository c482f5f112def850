"""Whatever stands in a file of procedures, posbot starts: the file is either a procedure or disabled with a reason."""

import copy
import pathlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import yaml
from hypothesis import strategies as st

from bot.dispatch import parser
from bot.procedures import commands as procedure_commands
from bot.procedures import loader
from tests.unit.procedures import files
from tests.unit.procedures.test_loading import CONTEXT

FULL = files.a_document(
    params=[
        *files.VALID["params"],
        {"name": "kind", "type": "choice", "help": "x", "choices": ["a", "b"], "default": "a"},
        {"name": "count", "type": "number", "help": "x", "min": 1, "max": 9, "default": 3},
        {"name": "words", "type": "text", "help": "x", "pattern": "[a-z]+", "default": "x"},
        {"name": "deep", "type": "flag", "help": "x"},
        {"name": "since", "type": "duration", "help": "x", "default": "5m"},
    ],
    lock="l:{{ params.service }}",
    steps=[
        {
            **files.VALID["steps"][0],
            "save": {"finding": "finding"},
            "retry": {"attempts": 2, "delay": "1s"},
            "on_failure": {"goto": "read"},
            "confirm": {"text": "{{ params.service }}?", "by": "not_requester"},
        },
        {
            "id": "ask",
            "title": "Ask",
            "uses": "manual",
            "when": "params.deep and steps.health.saved.finding != 'up' or params.count > 3",
            "with": {"instructions": "Look at {{ steps.health.saved.finding }}", "answers": ["a", "b"]},
        },
        files.VALID["steps"][1],
    ],
    **{"finally": [{"id": "end", "title": "End", "uses": "services", "with": {"words": "x"}}]},
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["{{ params.service }}", "{{", "health", "run", "class", "self", "model_fields", "-1s", "role:x"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def places(node: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield before
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from places(child, (*before, key))


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(st.sampled_from([place for place in places(FULL) if place]), VALUES)
def test_any_file_is_valid_or_disabled(tmp_path: pathlib.Path, place: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(FULL)
    node = document
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    (tmp_path / "triage.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    book = loader.load(tmp_path, CONTEXT)

    assert len(book.procedures) + len(book.invalid) == 1
    for procedure in book.procedures:
        command = procedure_commands.command_of(procedure)
        parser.Parser({command.name: command}, CONTEXT.vocabulary)
        assert command.usage


def test_unchanged_file_is_valid(tmp_path: pathlib.Path) -> None:
    (tmp_path / "triage.yaml").write_text(yaml.safe_dump(FULL, sort_keys=False))

    assert loader.load(tmp_path, CONTEXT).invalid == ()
