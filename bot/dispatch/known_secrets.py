"""Values that must never leave, as they are written elsewhere: encoded, escaped, broken over lines."""

import base64
import html
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

import re2

from bot.model import characters

MIN_LENGTH = 6
"""A shorter value would take ordinary words out of every answer."""
_MIN_BASE64_LENGTH = 8
_BREAK = rb"(?:\\*\n[ \t]*|\\+n)?"
"""Where a line may be broken, also in an escaped text."""


def pattern_of(known: Iterable[str]) -> Any | None:
    """Return what finds each of *known* in a folded text; None for no value that is long enough."""
    long_enough = [value for value in known if len(value) >= MIN_LENGTH]
    broken = _folded(one for value in long_enough for one in (value, *_in_base64(value)))
    whole = _folded(one for value in long_enough for one in _spellings(value)) - broken
    if not broken:
        return None
    alternatives = {one: re2.escape(one) for one in whole}
    alternatives |= {one: _BREAK.join(re2.escape(bytes([byte])) for byte in one) for one in broken}
    longest_first = (alternatives[one] for one in sorted(alternatives, key=len, reverse=True))
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 256_000_000
    return re2.compile(b"|".join(longest_first), options)


def _folded(spellings: Iterable[str]) -> set[bytes]:
    return {one for text in spellings if len(one := characters.fold(characters.clean(text))) >= MIN_LENGTH}


def _spellings(value: str) -> Iterator[str]:
    encoded = value.encode(errors="replace")
    percent = urllib.parse.quote(value, safe="", errors="replace")
    yield from (percent, percent.lower(), urllib.parse.quote(value, errors="replace"))
    yield urllib.parse.quote_plus(value, errors="replace")
    yield urllib.parse.quote(percent, safe="")
    escaped = json.dumps(value)[1:-1]
    yield from (escaped, json.dumps(escaped)[1:-1], html.escape(value), value.replace("'", "\\'"))
    # Gson and others escape what HTML would read.
    yield "".join(f"\\u{ord(one):04x}" if one in "<>&='" else one for one in value)
    yield from (encoded.hex(), encoded.hex().upper())


def _in_base64(value: str) -> Iterator[str]:
    encoded = value.encode(errors="replace")
    for offset in range(3):
        # Base64 groups three bytes: what stands before shifts the value, and the characters at its ends are shared.
        text = base64.b64encode(b"\0" * offset + encoded).decode().rstrip("=")
        inner = text[(0, 2, 3)[offset] : len(text) - bool((offset + len(encoded)) % 3)]
        if len(inner) >= _MIN_BASE64_LENGTH:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
