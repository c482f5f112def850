"""
Characters of foreign text: which ones no output may carry, and what a text looks like to a reader.

Every output cleans first, then redacts, then renders: a word with an invisible character inside would otherwise be no
name of a secret to a pattern, and one to a reader.
"""

import re
import unicodedata

_CHUNK_LENGTH = 64_000
"""Cleaned at once: the interpreter's lock is held for no longer."""
_IGNORABLE = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's default ignorable code points, and format characters (category Cf) that show nothing by themselves."""
_REMOVED = re.compile(
    # Escape sequences (ECMA-48): strings that end on their line, such as a title; control sequences; short ones.
    rf"\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?"
    rf"|[\x00-\x08\x0b-\x1f\x7f-\x9f{_IGNORABLE}]+"
)
_SEPARATORS = re.compile("[\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_LOOK_ALIKES = dict(
    zip(
        "аеорсухіјѕԁһӏкмтвнАЕОРСУХІЈЅКМТВНЗαοερτυνκιΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɡ",
        "aeopcyxijsdhlkmtbhAEOPCYXIJSKMTBHEaoeptuvkiABEZHIKMNOPTYXig",
        strict=True,
    )
)
"""Cyrillic and Greek letters that a reader takes for Latin ones."""
_MAX_FOLDINGS = 20_000
_OTHER = "\x1a"
"""Stands for any other character in a folded text: neither a letter nor a space."""


def clean(text: str) -> str:
    """Return *text* without control, format and escape characters, but for tabs and line feeds."""
    if len(text) <= _CHUNK_LENGTH:
        return _clean(text)
    return "".join(_clean(text[start : start + _CHUNK_LENGTH]) for start in range(0, len(text), _CHUNK_LENGTH))


def _clean(text: str) -> str:
    if _REMOVED.search(text) is not None:
        text = _REMOVED.sub("", text)
    if text.isascii():
        return text
    return _SURROGATES.sub("?", _SEPARATORS.sub(" ", text))


class _Folding(dict[int, str]):
    """One ASCII character for each character; those of a text are looked up once."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        normalized = unicodedata.normalize("NFKC", character)
        folded = _LOOK_ALIKES.get(normalized, normalized)
        folded = " " if folded.isspace() else folded
        folded = folded if len(folded) == 1 and folded.isascii() else _OTHER
        if len(self) < _MAX_FOLDINGS:
            self[code] = folded
        return folded


_FOLDING = _Folding({code: chr(code) for code in range(128)})


def fold(text: str) -> bytes:
    """
    Return *text* as ASCII of the same length, for matching.

    Compatibility forms (NFKC), such as full-width letters, and letters that look alike become the plain letter.
    """
    return text.encode() if text.isascii() else text.translate(_FOLDING).encode("ascii")
