"""Conversion of Markdown to report sections, without loss."""

import re

import pytest

from bot import runbook_data
from bot.model import reports
from bot.runbook import markdown
from sandbox import runbook_folder


def test_prose_code_and_tables_become_sections() -> None:
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


def test_inline_markup_becomes_span_styles() -> None:
    [prose] = markdown.parse("a **b** *c* `<d>` [e](https://example.com/x) [f](docs/f.md)")

    assert isinstance(prose, reports.Prose)
    words = {span.text: span for span in prose.paragraphs[0].spans if span.text.strip()}
    assert words["b"].is_bold and words["c"].is_italic and words["<d>"].is_code
    assert (words["e"].url, words["f"].url) == ("https://example.com/x", None)


def test_lists_keep_numbers_and_depth() -> None:
    [prose] = markdown.parse("3. x\n4. y\n\n   more of y\n   - z\n5. w\n")

    assert isinstance(prose, reports.Prose)
    assert [(one.bullet, one.depth, one.text) for one in prose.paragraphs] == [
        ("3.", 0, "x"),
        ("4.", 0, "y"),
        ("", 0, "more of y"),
        ("•", 1, "z"),
        ("5.", 0, "w"),
    ]


def test_each_url_is_listed_once() -> None:
    sections = markdown.parse("[a](https://x.example)\n\n- [b](https://y.example) and [c](https://x.example)")

    assert [(span.text, span.url) for span in markdown.links(sections)] == [
        ("a", "https://x.example"),
        ("b", "https://y.example"),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n", "***", "<b>x</b>", "- ", "> quoted", "# Heading", "| a |\n| --- |", "![alt](x.png)", "1) x"]
)
def test_any_markdown_is_accepted(text: str) -> None:
    markdown.parse(text)


def test_every_word_of_the_runbook_is_kept() -> None:
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")

    for section in data.runbook.sections:
        kept = " ".join(
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
        targets = re.compile(r"\]\(\S+\)")
        words = set(re.findall(r"\w+", targets.sub("]", section.body))) - {"bash", "yaml"}
        assert words <= set(re.findall(r"\w+", kept)), section.marker
