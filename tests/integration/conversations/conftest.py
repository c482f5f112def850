"""Conversations with a `posbot serve` process behind a sandboxed Slack, for what only the whole of posbot shows."""

import pathlib

import pytest

_FOLDER = pathlib.Path(__file__).parent
QUICK = {"test_health.py", "test_bad_input.py"}
"""The modules of the quick suite, one for each transport; all others are slow, because each starts a process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _FOLDER and item.path.name not in QUICK:
            item.add_marker(pytest.mark.slow)
