"""Instructions: code between backticks, and lines of code that can be copied."""

from bot.model import reports
from bot.procedures import instructions

LINE = "kubectl --context prod -n shop rollout undo deployment/checkout --to-revision=1"


def test_line_of_code_is_a_block_of_its_own() -> None:
    text = f"Run this:\n`{LINE}`\nWrite the version in the note."

    assert instructions.sections("For alice", text) == (
        reports.Text(title="For alice", text="Run this:"),
        reports.Code(text=LINE),
        reports.Text(text="Write the version in the note."),
    )


def test_code_within_a_sentence_is_code() -> None:
    (prose,) = instructions.sections(None, "Compare `pos-config` with it.")

    assert isinstance(prose, reports.Prose)
    assert [(span.text, span.is_code) for span in prose.paragraphs[0].spans] == [
        ("Compare ", False),
        ("pos-config", True),
        (" with it.", False),
    ]


def test_text_without_code_and_a_lone_backtick_are_text() -> None:
    for text in ("Really?", "a ` b", "two\nlines"):
        assert instructions.sections("t", text) == (reports.Text(title="t", text=text),)


def test_title_stands_above_a_leading_block() -> None:
    assert instructions.sections("t", "`x`") == (reports.Text(title="t", text=""), reports.Code(text="x"))


def test_plain_text_has_no_backticks() -> None:
    assert instructions.plain(f"Run:\n`{LINE}`") == f"Run:\n{LINE}"
