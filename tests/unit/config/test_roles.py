"""Mistakes in roles.yaml are told in the words of Slack, with what was expected."""

import pathlib

import pytest

from bot import errors
from bot.config import roles, yaml_files


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'roles: {ops: {members: ["@alice"], may: []}}',
            "“@alice” is no member; expected a Slack user id such as U012",
        ),
        ("roles: {ops: {members: [alice], may: []}}", "(in the person's profile: Copy member ID)"),
        ("roles: {ops: {members: [u012abc], may: []}}", "“u012abc” is no member"),
        ('channels: {reads: ["#sre"]}', "“#sre” begins with #; expected the name alone, sre"),
        ("channels: {reads: [sre team]}", "“sre team” is no name of a channel"),
        ("workspaces: [acme]", "“acme” is no workspace; expected its id, such as T012ABCDEF"),
    ],
)
def test_mistake_in_roles_says_what_is_expected(tmp_path: pathlib.Path, text: str, sentence: str) -> None:
    (tmp_path / "roles.yaml").write_text(text)

    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(tmp_path / "roles.yaml", roles.Roles)

    assert sentence in str(caught.value)
    assert "should match" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/roles.yaml:1: ")


@pytest.mark.parametrize("member", ["U012ABCDEF", "W012ABCDEF", "S012ABCDEF", "terminal:alice", "terminal:*"])
def test_member_is_an_id_or_a_user_of_a_terminal(member: str) -> None:
    assert roles.Role(members=(member,), may=()).members == (member,)
