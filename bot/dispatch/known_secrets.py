"""Values that must never leave, as they are written elsewhere: encoded, escaped, broken over lines."""

import base64
import html
from collections.abc import Iterable, Iterator
from typing import Any

import re2

from bot.model import characters

MIN_LENGTH = 6
"""A shorter value would take ordinary words out of every answer."""
_MIN_BASE64_LENGTH = 8
_MAX_HEX = 256
_BREAK = rb"(?:\\*\n[ \t]*|\\+n)?"
"""Where a line may be broken, also in an escaped text."""


def pattern_of(known: Iterable[str]) -> Any | None:
    """Return what finds each of *known* in a folded text; None for no value that is long enough."""
    long_enough = [value for value in known if len(value) >= MIN_LENGTH]
    spellings = _folded(one for value in long_enough for one in (value, *_in_base64(value), *_in_hex(value)))
    if not spellings:
        return None
    encoded = {value: _BREAK.join(_characters(value)) for value in long_enough}
    alternatives = {one: _BREAK.join(re2.escape(bytes([byte])) for byte in one) for one in spellings}
    longest_first = (
        *(encoded[one] for one in sorted(encoded, key=len, reverse=True)),
        *(alternatives[one] for one in sorted(alternatives, key=len, reverse=True)),
    )
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 256_000_000
    return re2.compile(b"|".join(longest_first), options)


def _folded(spellings: Iterable[str]) -> set[bytes]:
    return {one for text in spellings if len(one := characters.fold(characters.clean(text))) >= MIN_LENGTH}


def _characters(value: str) -> Iterator[bytes]:
    """Yield what finds each character of *value*, whether or not it is encoded: any of them may be, the others not."""
    for character in characters.clean(value):
        folded = re2.escape(characters.fold(character))
        utf16 = character.encode("utf-16-be", errors="replace")
        units = (f"{utf16[index]:02x}{utf16[index + 1]:02x}" for index in range(0, len(utf16), 2))
        escaped = b"".join(rb"\\+u" + unit.encode() for unit in units)
        percent = b"".join(b"%%(?:25)*%02x" % byte for byte in character.encode(errors="replace"))
        code = ord(character)
        spellings = [percent, escaped, b"&(?:amp;)?#0*%d;" % code, b"&(?:amp;)?#x0*%x;" % code]
        if code < _MAX_HEX:
            spellings.append(rb"\\+x%02x" % code)
        entity = html.escape(character)
        if entity != character:
            spellings.append(entity.encode())
        spellings += [rb"\+"] if character == " " else []
        # What is no letter may have any number of backslashes in front.
        plain = folded if character.isalnum() else rb"\\*" + folded
        yield b"(?:" + plain + b"|(?i:" + b"|".join(spellings) + b"))"


def _in_hex(value: str) -> Iterator[str]:
    encoded = value.encode(errors="replace")
    for text in (encoded.hex(), encoded.hex(" "), encoded.hex(":")):
        yield from (text, text.upper())


def _in_base64(value: str, depth: int = 2) -> Iterator[str]:
    """Yield *value* in base64, at each alignment, and that in base64 once more."""
    encoded = value.encode(errors="replace")
    if depth > 1:
        yield base64.b64encode(base64.b64encode(encoded)).decode().rstrip("=")
        yield from _in_base64(base64.b64encode(encoded).decode(), depth - 1)
    for offset in range(3):
        # Base64 groups three bytes: what stands before shifts the value, and the characters at its ends are shared.
        text = base64.b64encode(b"\0" * offset + encoded).decode().rstrip("=")
        inner = text[(0, 2, 3)[offset] : len(text) - bool((offset + len(encoded)) % 3)]
        if len(inner) >= _MIN_BASE64_LENGTH:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
