"""Parsing of the runbook's sections, and errors with their line."""

import pathlib

import pytest

from bot import errors
from bot.runbook import sections

RUNBOOK = """# Operations

Preface.

<!-- posbot: overview -->
## 1. Overview

Some words.

### Unmarked

More words.
<!-- posbot: health-checks -->
### 2.2 Health & readiness (checks)
curl it
<!-- posbot: appendix -->
# Appendix
"""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "runbook.md"


def load(path: pathlib.Path, text: str, url: str | None = None) -> sections.Runbook:
    path.write_text(text, encoding="utf-8")
    return sections.load(path, url)


def test_section_reaches_from_marker_to_marker(path: pathlib.Path) -> None:
    runbook = load(path, RUNBOOK)

    assert [(s.marker, s.number, s.title, s.level) for s in runbook.sections] == [
        ("overview", "1", "Overview", 2),
        ("health-checks", "2.2", "Health & readiness (checks)", 3),
        ("appendix", "", "Appendix", 1),
    ]
    assert runbook.find("overview").body == "Some words.\n\n### Unmarked\n\nMore words."
    assert runbook.find("appendix").body == ""


def test_pointer_links_to_the_anchor(path: pathlib.Path) -> None:
    runbook = load(path, RUNBOOK, "https://example.com/runbook")

    assert [pointer.url for pointer in runbook.point_to("health-checks", "appendix")] == [
        "https://example.com/runbook#22-health--readiness-checks",
        "https://example.com/runbook#appendix",
    ]


def test_pointer_without_url_has_number_and_title(path: pathlib.Path) -> None:
    (pointer,) = load(path, RUNBOOK).point_to("health-checks")

    assert (pointer.number, pointer.title, pointer.url) == ("2.2", "Health & readiness (checks)", None)


def test_unknown_marker_suggests_the_closest(path: pathlib.Path) -> None:
    with pytest.raises(errors.NotFound, match="Did you mean “health-checks”"):
        load(path, RUNBOOK).find("health-check")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("<!-- posbot: a -->\nwords\n", "2: expected a heading below the marker “a”.", id="words below"),
        pytest.param(
            "<!-- posbot: a -->\n\n# A\n", "2: expected a heading below the marker “a”.", id="empty line below"
        ),
        pytest.param(
            "x\n<!-- posbot: a -->\n", "3: expected a heading below the marker “a”.", id="end of the file below"
        ),
        pytest.param(
            "<!-- posbot: a -->\n<!-- posbot: b -->\n# B\n",
            "2: expected a heading below the marker “a”.",
            id="marker below",
        ),
        pytest.param(
            "<!-- posbot: a -->\n# A\n<!-- posbot: a -->\n# A\n",
            "3: duplicate marker “a”, first in line 1.",
            id="twice",
        ),
        pytest.param(
            "# x\n<!-- posbot: Health_Checks -->\n# A\n",
            "2: invalid marker “<!-- posbot: Health_Checks -->”",
            id="spelling",
        ),
        pytest.param("<!--posbot:a-->\n# A\n", "1: invalid marker “<!--posbot:a-->”", id="no spaces"),
        pytest.param("<!-- posbot a -->\n# A\n", "1: invalid marker “<!-- posbot a -->”", id="no colon"),
        pytest.param(" <!-- posbot: a -->\n# A\n", "1: invalid marker “ <!-- posbot: a -->”", id="indented"),
    ],
)
def test_invalid_marker_is_reported_with_its_line(path: pathlib.Path, text: str, message: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        load(path, text)

    assert str(caught.value).startswith(f"{path}:{message}")


@pytest.mark.parametrize("line_ending", ["\n", "\r\n", "  \n"], ids=["plain", "CRLF", "trailing spaces"])
def test_line_endingings_do_not_matter(path: pathlib.Path, line_ending: str) -> None:
    runbook = load(path, f"<!-- posbot: a -->{line_ending}# A{line_ending}words{line_ending}")

    assert [(s.marker, s.title, s.body) for s in runbook.sections] == [("a", "A", "words")]


def test_runbook_without_markers_has_no_sections(path: pathlib.Path) -> None:
    assert load(path, "# A\n<!-- another comment -->\n").sections == ()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
def test_unreadable_runbook_is_reported(path: pathlib.Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(errors.BadConfiguration, match=r"runbook\.md: the runbook cannot be read"):
        sections.load(path, None)
