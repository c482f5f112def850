"""
Tests against real servers (kube-apiserver, Spring Boot, PostgreSQL), for what the sandbox only imitates.

All of them are marked `real`, so `make test` leaves them out.
"""

import pathlib

import pytest

_FOLDER = pathlib.Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_FOLDER):
            item.add_marker(pytest.mark.real)
