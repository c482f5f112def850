"""Numbers that people read differently from YAML are refused with what was meant."""

import pathlib

import pydantic
import pytest

from bot import errors
from bot.config import yaml_files


class Entry(pydantic.BaseModel):
    value: int | float | str | bool | list[int | float | str | bool] | None = None


def load(path: pathlib.Path, text: str) -> object:
    (path / "entry.yaml").write_text(f"value: {text}\n")
    return yaml_files.load(path / "entry.yaml", Entry).value


@pytest.mark.parametrize(
    ("scalar", "meant"),
    [
        ("010", '“010” is read as 8, because a leading zero is octal; write 10 for the number, or "010" in quotes'),
        ("010231", "“010231” is read as 4249, because a leading zero is octal; write 10231 for the number"),
        ("-017", "write -17 for the number"),
        ("08", '“08” begins with a zero; write 8 for the number, or "08" in quotes for the text.'),
        ("0_10", "write 10 for the number"),
        ("1:30", "“1:30” is read as the number 90, because colons are base 60; write a duration like 1m30s"),
        ("12:30:45", "is read as the number 45045"),
        ("-1:30", "is read as the number -90"),
        ("0o17", "“0o17” is read as 15 by some versions of YAML; write 15"),
        ("1e3", "“1e3” is a number to some versions of YAML; write 1000 for the number"),
        ("[1, 0755]", "“0755” is read as 493"),
    ],
)
def test_number_that_people_read_differently_is_refused(tmp_path: pathlib.Path, scalar: str, meant: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        load(tmp_path, scalar)

    assert meant in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/entry.yaml:1: ")


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("8080", 8080),
        ("0", 0),
        ("-3", -3),
        ("0.5", 0.5),
        ("1_000", 1000),
        ("0x1F", 31),
        ('"010"', "010"),
        ("'1:30'", "1:30"),
        ("=", "="),
        ("<<", "<<"),
        ("[=, <]", ["=", "<"]),
        ("yes", "yes"),
        ("8093:8080", "8093:8080"),
        ("1.4.2", "1.4.2"),
        ("2026-11-28", "2026-11-28"),
        ("10s", "10s"),
        ("127.0.0.1", "127.0.0.1"),
        ("0a1b", "0a1b"),
        ('""', ""),
    ],
)
def test_other_scalars_are_what_they_look_like(tmp_path: pathlib.Path, scalar: str, value: object) -> None:
    assert load(tmp_path, scalar) == value


def test_every_number_is_told_with_its_key_at_once(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        load(tmp_path, "010\nport: 010231\n0755: x")

    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["value", "port", "0755"]


def test_foreign_file_is_read_as_yaml_reads_it(tmp_path: pathlib.Path) -> None:
    (tmp_path / "compose.yaml").write_text("mode: 0755\n")

    assert yaml_files.read(tmp_path / "compose.yaml") == {"mode": 493}
