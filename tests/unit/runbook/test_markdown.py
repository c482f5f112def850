"""Markdown becomes sections of a report; nothing of what it says is lost."""

import re

import pytest

from bot import runbook_data
from bot.model import reports
from bot.runbook import markdown
from sandbox import runbook_folder


def test_running_text_code_and_tables_are_told_apart() -> None:
    sections = markdown.parse(
        "One.\nStill one.\n\nTwo.\n\n```bash\nls -l\n```\n\n| a | b |\n| --- | --- |\n| `x` | y |\n"
    )

    assert sections == (
        reports.Prose(
            paragraphs=(
                reports.Paragraph(
                    spans=(reports.Span(text="One."), reports.Span(text=" "), reports.Span(text="Still one."))
                ),
                reports.Paragraph(spans=(reports.Span(text="Two."),)),
            )
        ),
        reports.Code(text="ls -l"),
        reports.Table(columns=("a", "b"), rows=(reports.Row(cells=("x", "y")),)),
    )


def test_what_stands_out_is_marked() -> None:
    [prose] = markdown.parse("a **b** *c* `<d>` [e](https://example.com/x) [f](docs/f.md)")

    assert isinstance(prose, reports.Prose)
    words = {span.text: span for span in prose.paragraphs[0].spans if span.text.strip()}
    assert words["b"].is_bold and words["c"].is_italic and words["<d>"].is_code
    assert (words["e"].url, words["f"].url) == ("https://example.com/x", None)


def test_lists_keep_their_numbers_and_their_depth() -> None:
    [prose] = markdown.parse("3. x\n4. y\n\n   more of y\n   - z\n5. w\n")

    assert isinstance(prose, reports.Prose)
    assert [(one.bullet, one.depth, one.text) for one in prose.paragraphs] == [
        ("3.", 0, "x"),
        ("4.", 0, "y"),
        ("", 0, "more of y"),
        ("•", 1, "z"),
        ("5.", 0, "w"),
    ]


def test_a_link_stands_once_however_often_it_is_made() -> None:
    sections = markdown.parse("[a](https://x.example)\n\n- [b](https://y.example) and [c](https://x.example)")

    assert [(span.text, span.url) for span in markdown.links(sections)] == [
        ("a", "https://x.example"),
        ("b", "https://y.example"),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", "***", "<b>x</b>", "- ", "> quoted", "# Heading", "| a |\n| --- |", "![alt](x.png)", "1) x"]
)
def test_anything_can_be_read(text: str) -> None:
    markdown.parse(text)


def test_nothing_of_the_runbook_is_lost() -> None:
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")

    for section in data.runbook.sections:
        told = " ".join(
            [
                *markdown.sentences(markdown.parse(section.body)),
                *(
                    column
                    for one in markdown.parse(section.body)
                    if isinstance(one, reports.Table)
                    for column in one.columns
                ),
            ]
        )
        addresses = re.compile(r"\]\(\S+\)")
        words = set(re.findall(r"\w+", addresses.sub("]", section.body))) - {"bash", "yaml"}
        assert words <= set(re.findall(r"\w+", told)), section.marker
