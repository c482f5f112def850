"""Who a person at a terminal is: their user id, whatever the environment says."""

import os
import pwd

import pytest

from bot.terminal import cli


def actor_id() -> str:
    return cli._invocation(["version"]).actor.id


def test_person_at_a_terminal_is_the_user_id_and_not_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")

    assert actor_id() == f"terminal:{pwd.getpwuid(os.getuid()).pw_name}"


def test_user_id_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_242_424)

    assert actor_id() == "terminal:4242424"
