"""What no output carries, and what a reader sees."""

import pytest

from bot.model import characters


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x1b[1mb\x1b[0m", "ab"),
        ("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("\x1bPdevice\x1b\\a\x1b(Bb", "ab"),
        ("a\x9b31mb\x9dc", "a31mbc"),
        ("a\rb\x08c\x7f\x00d\x85", "abcd"),
        ("a\u200b\u200f\u061c\u202e\u2066\ufeff\u00ad\U000e0061b", "ab"),
        ("a\u2028b\u2029c", "a b c"),
        ("a\tb\nc é ✓ 😀", "a\tb\nc é ✓ 😀"),
        ("a\ud800b", "a?b"),
        ("\x1b]not a title\na", "not a title\na"),
    ],
)
def test_control_format_and_escape_characters_are_out(text: str, cleaned: str) -> None:
    assert characters.clean(text) == cleaned


def test_folded_text_has_the_same_length() -> None:
    text = "ｐаssword\u00a0＝ é 😀 \ufb01"

    assert characters.fold(text).startswith(b"password =")
    assert len(characters.fold(text)) == len(text)
