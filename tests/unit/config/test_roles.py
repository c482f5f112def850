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
        ("guests: [T012ABCDEF]", "“T012ABCDEF” is no guest; expected a Slack user id such as U012ABCDEF, or *"),
        ('bots: ["*"]', "“*” is no bot; expected the Slack user id of its bot user"),
        ("bots: [B012ABCDEF]", "“B012ABCDEF” is no bot"),
        ("people: {alice: [S012ABCDEF]}", "“S012ABCDEF” is not the id of one person"),
        ('people: {alice: ["terminal:*"]}', "expected a Slack user id such as U012ABCDEF, or terminal:NAME without *"),
        ("people: {a: [U01], b: [U02, U01]}", "people.b.1: U01 is also listed for a; expected each id for one person"),
        ("guests: true", "guests: expected a list."),
        ("roles: {ops: {members: [U012], may: [restart]}}", "roles.ops.may.0: “restart” is no command; expected one"),
        ("channels: {reads: }", "expected a list. The value is empty; a # outside quotes begins a comment."),
    ],
)
def test_mistake_in_roles_says_what_is_expected(tmp_path: pathlib.Path, text: str, sentence: str) -> None:
    (tmp_path / "roles.yaml").write_text(text)

    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(tmp_path / "roles.yaml", roles.Roles, {"commands": ["health", "audit"]}, names_channels=True)

    assert sentence in str(caught.value)
    assert "should match" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/roles.yaml:1: ")


@pytest.mark.parametrize("member", ["U012ABCDEF", "W012ABCDEF", "S012ABCDEF", "terminal:alice", "terminal:*"])
def test_member_is_an_id_or_a_user_of_a_terminal(member: str) -> None:
    assert roles.Role(members=(member,), may=()).members == (member,)


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("channels:\n  reads: [ops, #sre]\n", 2, "sre"),
        ("channels:\n  reads: [#sre]\n", 2, "sre"),
        ("channels:\n  reads: [\n    ops,\n    #sre,\n    inc]\n", 4, "sre"),
        ("channels:\n  reads:\n    - ops\n    - #sre-team\n", 4, "sre-team"),
        ("channels:\n  reads: #sre\n", 2, "sre"),
        ("channels:\n  incidents: [inc, war] #sre\n", 2, "sre"),
        ("channels: {reads: [ops, #sre]}\n", 1, "sre"),
        ("roles: {ops: {members: [U012], may: [] #audit\n  }}\n", 1, "audit"),
    ],
)
def test_name_with_a_hash_that_yaml_takes_for_a_comment_is_a_mistake(
    tmp_path: pathlib.Path, text: str, line: int, name: str
) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(text)

    with pytest.raises(errors.BadConfiguration) as caught:
        yaml_files.load(path, roles.Roles, names_channels=True)

    assert str(caught.value) == (
        f"{path}:{line}: “#{name}” is a comment to YAML and so not read; write {name} for the channel,"
        f" or # {name} for a comment."
    )


@pytest.mark.parametrize(
    "text",
    [
        "# all of them\nchannels:\n  reads: [ops]  # and no others\n",
        "channels:\n  reads:\n    - ops\n    #- sre\n    #sre\n",
        'channels: {reads: [ops, "inc-#1*"]}\n#end\n'.replace("#1", ""),
        "channels:\n  reads: [ops] #see https://example.com\n",
        "people: {alice: [U01, 'terminal:a#b']}\n",
    ],
)
def test_comment_is_no_mistake(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "roles.yaml").write_text(text)

    assert yaml_files.load(tmp_path / "roles.yaml", roles.Roles, names_channels=True)
