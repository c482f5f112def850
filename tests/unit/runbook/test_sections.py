"""The runbook's sections: found by their markers, told by line where a marker is wrong."""

import pathlib

import pytest

from bot import errors
from bot.runbook import sections

RUNBOOK = """# Operations

Words in front.

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


def test_each_marker_begins_a_section_that_ends_at_the_next(path: pathlib.Path) -> None:
    runbook = load(path, RUNBOOK)

    assert [(s.marker, s.number, s.title, s.level) for s in runbook.sections] == [
        ("overview", "1", "Overview", 2),
        ("health-checks", "2.2", "Health & readiness (checks)", 3),
        ("appendix", "", "Appendix", 1),
    ]
    assert runbook.find("overview").body == "Some words.\n\n### Unmarked\n\nMore words."
    assert runbook.find("appendix").body == ""


def test_a_pointer_leads_to_the_heading_as_browsers_know_it(path: pathlib.Path) -> None:
    runbook = load(path, RUNBOOK, "https://example.com/runbook")

    assert [pointer.url for pointer in runbook.point_to("health-checks", "appendix")] == [
        "https://example.com/runbook#22-health--readiness-checks",
        "https://example.com/runbook#appendix",
    ]


def test_without_an_address_a_pointer_is_number_and_title(path: pathlib.Path) -> None:
    (pointer,) = load(path, RUNBOOK).point_to("health-checks")

    assert (pointer.number, pointer.title, pointer.url) == ("2.2", "Health & readiness (checks)", None)


def test_an_unknown_marker_is_answered_with_the_nearest(path: pathlib.Path) -> None:
    with pytest.raises(errors.NotFound, match="Did you mean “health-checks”"):
        load(path, RUNBOOK).find("health-check")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("<!-- posbot: a -->\nwords\n", "2: expected a heading under the marker “a”.", id="words below"),
        pytest.param(
            "<!-- posbot: a -->\n\n# A\n", "2: expected a heading under the marker “a”.", id="empty line below"
        ),
        pytest.param(
            "x\n<!-- posbot: a -->\n", "3: expected a heading under the marker “a”.", id="end of the file below"
        ),
        pytest.param(
            "<!-- posbot: a -->\n<!-- posbot: b -->\n# B\n",
            "2: expected a heading under the marker “a”.",
            id="marker below",
        ),
        pytest.param(
            "<!-- posbot: a -->\n# A\n<!-- posbot: a -->\n# A\n",
            "3: the marker “a” already stands in line 1.",
            id="twice",
        ),
        pytest.param(
            "# x\n<!-- posbot: Health_Checks -->\n# A\n", "2: “<!-- posbot: Health_Checks -->” is no", id="spelling"
        ),
        pytest.param("<!--posbot:a-->\n# A\n", "1: “<!--posbot:a-->” is no marker", id="no spaces"),
        pytest.param("<!-- posbot a -->\n# A\n", "1: “<!-- posbot a -->” is no marker", id="no colon"),
        pytest.param(" <!-- posbot: a -->\n# A\n", "1: “ <!-- posbot: a -->” is no marker", id="indented"),
    ],
)
def test_a_wrong_marker_is_told_with_its_line(path: pathlib.Path, text: str, mistake: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        load(path, text)

    assert str(caught.value).startswith(f"{path}:{mistake}")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "  \n"], ids=["plain", "foreign", "spaces at the end"])
def test_line_ends_do_not_matter(path: pathlib.Path, line_end: str) -> None:
    runbook = load(path, f"<!-- posbot: a -->{line_end}# A{line_end}words{line_end}")

    assert [(s.marker, s.title, s.body) for s in runbook.sections] == [("a", "A", "words")]


def test_a_runbook_without_markers_has_no_sections(path: pathlib.Path) -> None:
    assert load(path, "# A\n<!-- another comment -->\n").sections == ()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
def test_a_runbook_that_cannot_be_read_is_told(path: pathlib.Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(errors.BadConfiguration, match=r"runbook\.md: the runbook cannot be read"):
        sections.load(path, None)
