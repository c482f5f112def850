"""Generated files are up to date, and are written from the declarations."""

import pathlib

import pytest

import commands
from bot import errors, generate

CONTENTS = generate.contents(commands.load_all())


@pytest.mark.parametrize("path", CONTENTS)
def test_generated_file_is_up_to_date(path: str) -> None:
    assert (generate.PROJECT / path).read_text() == CONTENTS[path], f"{path} is stale: run make generate"


def test_only_stale_files_are_written(tmp_path: pathlib.Path) -> None:
    for path, content in CONTENTS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    readme = tmp_path / "README.md"
    readme.write_text(readme.read_text().replace("| `version` |", "| `version --old` |"))
    (tmp_path / "deploy/slack/manifest.json").unlink()

    assert generate.write(commands.load_all(), tmp_path) == ("deploy/slack/manifest.json", "README.md")
    assert generate.write(commands.load_all(), tmp_path) == ()
    assert {path: (tmp_path / path).read_text() for path in CONTENTS} == CONTENTS


def test_folder_without_the_markers_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.BadConfiguration, match="markers of the command table are missing"):
        generate.write(commands.load_all(), tmp_path)
