"""
Values behind names that indicate a secret: `name=value`, `"name": "value"`, XML, pairs of name and value, options.

A name is searched first; then `secret_values` decides where its value ends and whether it is one. Names that speak
about a secret (`secretName`, `tokenUrl`, `TokenFilter`) hold none.
"""

import enum
import functools
import re
from collections.abc import Iterator

from bot.dispatch import secret_values
from bot.dispatch.secret_values import STRONG, latin1

Found = tuple[int, int, bytes]
"""Begin and end of a secret in a text, and the quotes that its mask needs: a number of JSON becomes a text."""

_WEAK = (
    rf"{secret_values.SHORT}|pin(?:code)?|otp|totp|psk|sid|session|auth|nonce|seed|mnemonic|role[ _-]id|cvv|cvc|iban|"
    r"ssn|creds?|hmac|jwt|bearer"
)
_CAMEL = r"(?-i:[a-z0-9](?:Pass|Pw|Pin|Otp|Psk|Sid))"
_NAME = rf"(?:[\w.$-]*(?:{STRONG})[\w.$-]*|(?:\b|_)(?:[\w$-]+[._-])*(?:{_WEAK})\b|[\w.$-]*{_CAMEL}\b)"
_QUOTE = r"(?:\\*['\"`]?\]?|%22|&quot;|&#34;|\\+u0022)"
_SEPARATOR = r"(?:[ \t]*(?:=>|->|:=|={1,3}|::?|\\+u003[dDaA]|&#61;|&#x3d;|&equals;)[ \t]*|[ \t]+\|[ \t]+)"
_SAID = (
    r"[ \t]+(?:(?:was |is )?(?:changed from \S+ to|(?:re)?set to|changed to)|is now|is|was|are|will be|now)"
    r"[ \t]*[:=]?[ \t]+"
)
_ASSIGNED = latin1(rf"(?i)({_NAME})(?:\[[^\[\]\n]*\])?({_QUOTE})({_SEPARATOR}|{_SAID})")
_OPTION = latin1(rf"(?i)(?:^|[\s'\"=,\[])(--?[\w-]*(?:{STRONG}|pass(?:in|out)?|pw)[\w-]*)(?:[ \t]+|['\"]?,\s*|=)")
_ENCODED = latin1(
    rf"(?i)([\w.-]*(?:{STRONG})[\w.-]*)(?:%(?:25)*2[27])?%(?:25)*3[AD](?:%(?:25)*(?:2[027]|3[AD])|\+)*"
    r"((?:[^\s&%\"'<>]|%(?:25)*(?:[013-9A-F][0-9A-F]|2[01345789ABDEF]))+)"
)
_ENTITY = r"(?:&quot;|&#34;|&#x22;|&apos;|&#39;|\\+u0022|\\+u0027)"
_IN_ENTITIES = latin1(
    rf"(?i)([\w.-]*(?:{STRONG})[\w.-]*){_ENTITY}?\s*(?:[=:]|\\+u003[da])\s*{_ENTITY}((?:[^&\\\n]|&amp;|\\[^u\n])+)"
)
_ELEMENT = latin1(rf"(?i)<(?:\w+:)?([\w.-]*(?:{STRONG})[\w.-]*)(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[)?([^<\s][^<]*)</")
_KEY = r"(?:name|key|id|property|field|attribute|param(?:eter)?|header|option|variable|env)"
_SECRET_NAME = rf"[\w.$ -]*(?:{STRONG})[\w.$-]*"
_NAMED_ELEMENT = latin1(
    rf"(?i)<[\w:.-]+\s[^<>]*?\b{_KEY}\s*=\s*[\"']({_SECRET_NAME})[\"'](?:[^<>]*[^/<>])?>\s*(?:<value>\s*)?(?:<!\[CDATA\[)?([^<\s][^<]*)"
)
_PAIR = latin1(
    rf"(?i)\b{_KEY}\\*[\"']?\s*[:=]\s*\\*[\"']?({_SECRET_NAME})\\*[\"']?(?:[^{{}}<>\n]*?[\s,;]\\*[\"']?|\s*\n[ \t]*)"
    r"value\\*[\"']?[ \t]*[:=][ \t]*"
)
_REVERSED_PAIR = latin1(
    rf"(?i)\bvalue\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?([^\"'\\\n,{{}}]+)\\*[\"']?\s*,?\s*\\*[\"']?{_KEY}\\*[\"']?\s*"
    rf"[:=]\s*\\*[\"']?({_SECRET_NAME})"
)
_ELEMENT_VALUE = latin1(rf"(?i)<[^<>]*?({STRONG})[^<>]*?\svalue\s*=\s*[\"']([^\"'<>]+)")
_ESCAPED_ELEMENT = latin1(
    rf"(?i)(?:&lt;|\\+u003c|%3C)(?:\w+:)?([\w.-]*(?:{STRONG})[\w.-]*)(?:&gt;|\\+u003e|%3E)((?:[^&%\\\n])+)(?:&|%|\\)"
)
_SPOKEN = latin1(r"(?i)([\w.-]*(?:passw(?:or)?d|passphrase|pwd))[ \t]+([^\s,;:=|(){}<>\[\]]{8,})(?:\s|[.,;]|$)")
_CODE = latin1(
    r"(?i)((?:verification|security|authentication|one-?time|2fa|mfa|sms|login|confirmation|reset|access|your) ?"
    r"(?:pass)?code)(?: is|:| ?=)? +(\d{4,8})(?:\D|$)"
)
_CALL = latin1(rf"(?i)([\w.$]*(?:{STRONG})\w*)\(\s*[\"'`]([^\"'`\n]+)")
_TUPLE = latin1(rf"(?i)[(\[]\s*b?[\"']([\w.-]*(?:{STRONG})[\w.-]*)[\"']\s*,\s*b?[\"']([^\"'\n]+)[\"']\s*\)")
_ATOM = latin1(rf"(?i)[{{\[(,\s]:?([\w-]*(?:{STRONG})[\w-]*)(?:\s*,\s*|\s+)(?:<<)?\"([^\"\n]+)\"(?:>>)?\s*[}}\])]")
_NAMED_FIRST = (
    _ENCODED,
    _IN_ENTITIES,
    _ELEMENT,
    _NAMED_ELEMENT,
    _ELEMENT_VALUE,
    _ESCAPED_ELEMENT,
    _CODE,
    _CALL,
    _TUPLE,
    _ATOM,
)

_HEADER_NAME = latin1(r"(?i)(?:^|[._-])(?:set[._-]?)?cookies?2?$|authori[sz]ation$")
_HEADER_VALUE = latin1(r"(?:=\\*\"[^\"\\\r\n]*\\*\"|[^'\"\\\r\n]|\\[^nr\"'\\]|[\w ]\\+[\"'][\w ])+")
_PARAMETERS = latin1(r"(?i)\s*(?:[\w-]+ )?(?:[\w-]+\s*=\s*(?:\\*\"[^\"\\\r\n]*\\*\"|[^\s,\"\\]+)(?:,?[ \t]*))+")
_ATTRIBUTES = latin1(r"(?i)(?:(?:samesite=\w+|path=/[\w/-]*|max-age=\d+|httponly|secure)(?:;\s*|$))+")
_PLAIN_WORDS = latin1(r"[a-z]+(?: [\w'-]+)+")
_SCHEMES = (
    b"basic",
    b"bearer",
    b"digest",
    b"token",
    b"negotiate",
    b"ntlm",
    b"apikey",
    b"aws4",
    b"hawk",
    b"oauth",
    b"dpop",
    b"signature",
    b"key",
)
_WEAK_NAME = latin1(rf"(?i)^(?:.*[._-])?(?:{_WEAK})$|(?:Pass|Pw|Pin|Otp|Psk|Sid)$")
_SHORT_NUMBER, _DIGIT, _LETTER = latin1(r"\d{3,10}"), latin1(r"\d"), latin1("[A-Za-z]")
_NAMES = latin1(r"[a-z]+(?:-[a-z]+)*(?:[\s,]|$)")
_LAST_WORD = latin1(r"[^._ -]*$")
_NUMBER_NAMES, _WORD_NAMES = (b"pin", b"pincode", b"otp", b"totp", b"cvv", b"cvc", b"ssn"), (b"pw", b"psk", b"pass")
_MIN_MIXED_LENGTH, _MIN_SESSION_LENGTH = 6, 8
_RANDOM = latin1(r"[\w+/=:.%~-]{6,}")
_KEY_OR_CODE = latin1(
    r"(?i)(?:^|[\s?&;,({\"'])((?:key|code))\\*[\"']?\s*[=:]\s*\\*[\"']?([A-Za-z0-9_+/=]{10,})(?:[\s,;&\"'\\)}]|$)"
)
_WITHOUT_VALUE = re.compile(
    rb"[:=](?:(?=[ \t]?(?:(?i:null|none|nil|undefined|true|false|yes|no)|\*{1,20})(?:[\s,;&)}\]]|\Z))"
    rb"|(?=[ \t]?\d{1,2}(?:[\s,;&)}\]]|\Z))(?<=(?:pass|auth|seed|\Wpin|\Wotp|\Wsid|\Wcvv|\Wcvc|sion|once).))"
)
"""The separator before a value that is none. Of bounded length, so `re` is linear, and replaces without calls."""
_MAX_SECRETS = 1_500
"""Of one text, which has a window's length; there is nothing left to read between more of them."""
_MAX_NAMES = 5_000
_ECHO_BEFORE = (b"non-existent ", b"nonexistent ", b"no such ")


def find(data: bytes) -> Iterator[Found]:
    """Yield the secrets in *data*, which is ASCII."""
    yield from _assigned(data)
    for match in _OPTION.finditer(data):
        start = match.end()
        if not secret_values.is_about(match[1]) and data[start : start + 1] not in (b"-", b"", b"\n"):
            yield from _value(data, start, match[1])
    for match in _PAIR.finditer(data):
        if not secret_values.is_about(match[1]):
            yield from _value(data, match.end(), match[1])
    for regex, named, valued in (*((one, 1, 2) for one in _NAMED_FIRST), (_REVERSED_PAIR, 2, 1)):
        for match in regex.finditer(data):
            is_harmless = secret_values.is_harmless(data, match.start(valued), match[named], is_spaced=True)
            if not is_harmless and not secret_values.is_about(match[named]):
                yield (*match.span(valued), b"")
    for match in (*_KEY_OR_CODE.finditer(data), *_SPOKEN.finditer(data)):
        if _is_mixed(match[2]) and not secret_values.is_harmless(data, match.start(2), b"", is_spaced=True):
            yield (*match.span(2), b"")


class _Kind(enum.Enum):
    ABOUT = enum.auto()
    HEADER = enum.auto()
    WEAK = enum.auto()
    PLAIN = enum.auto()


@functools.lru_cache(_MAX_NAMES)
def _kind_of(name: bytes) -> _Kind:
    if secret_values.is_about(name):
        return _Kind.ABOUT
    if _HEADER_NAME.search(name) is not None:
        return _Kind.HEADER
    return _Kind.WEAK if _WEAK_NAME.search(name) is not None else _Kind.PLAIN


def _assigned(data: bytes) -> Iterator[Found]:
    position, count = 0, 0
    # Debug lines are full of names without a value; each costs twenty times as much once it is looked at.
    candidates = _WITHOUT_VALUE.sub(b"\x1a", data)
    while (match := _ASSIGNED.search(candidates, position)) is not None:
        name, quote, separator = match[1], match[2], match[3]
        position, kind = match.end(), _kind_of(name)
        if kind is _Kind.ABOUT:
            continue
        if kind is _Kind.HEADER:
            found = _header(data, position, quote)
        elif b" " in separator.strip() or separator.strip().isalpha():
            found = _said(data, position)
        elif kind is _Kind.WEAK:
            found = _weak(data, position, name, quote.strip(b"]`"))
        else:
            found = _plain(data, match.start(), position, (name, quote, separator))
        for one in found:
            position, count = max(position, one[1]), count + 1
            yield one
        if count > _MAX_SECRETS:
            yield position, len(data), b""
            return


def _plain(data: bytes, begin: int, start: int, parts: tuple[bytes, bytes, bytes]) -> Iterator[Found]:
    name, quote, separator = parts
    if secret_values.is_arn(data, begin, start) or secret_values.is_other(data, name, begin, start):
        return
    if data[max(begin - 20, 0) : begin].lower().endswith(_ECHO_BEFORE):
        return
    is_plural = name.lower().endswith((b"secrets", b"tokens"))
    first = data[start : start + 1]
    if is_plural and (first in (b"[", b"{") or first.isdigit() or _NAMES.match(data, start) is not None):
        return
    if first in (b"\n", b"\r", b""):
        line = secret_values.continued_line(data, start)
        if line is not None and separator.strip() == b":":
            yield (*line, b"")
        return
    if quote == b"]" and separator.strip() != b"=":
        # A class in brackets, for example, and then a message.
        return
    quote = quote.strip(b"]`") if separator.strip() == b":" else b""
    is_spaced = separator.endswith((b" ", b"\t"))
    yield from _value(data, start, name, quote=quote, may_continue=not quote, is_spaced=is_spaced)


def _value(
    data: bytes, start: int, name: bytes, *, quote: bytes = b"", may_continue: bool = False, is_spaced: bool = True
) -> Iterator[Found]:
    """Yield the value at *start*; where its name was in *quote*, a bare value gets them too, to stay JSON."""
    for prefix in (b"pass:", b"b'", b'b"'):
        if data.startswith(prefix, start):
            start += len(prefix) if prefix == b"pass:" else 1
    if secret_values.is_harmless(data, start, name.lower(), is_spaced=is_spaced):
        return
    begin, end = secret_values.span_of(data, start, is_json=bool(quote), may_continue=may_continue)
    if end > begin:
        yield begin, end, quote if begin == start else b""


def _said(data: bytes, start: int) -> Iterator[Found]:
    """Yield what a sentence names, such as `password is x1`, if it is no word of the sentence."""
    begin, end = secret_values.span_of(data, start, is_json=False, may_continue=False)
    is_quoted = data[start : start + 1] in (b'"', b"'", b"`")
    is_value = is_quoted or _is_mixed(data[begin:end].rstrip(b".,"), _MIN_MIXED_LENGTH)
    if end > begin and is_value and not secret_values.is_harmless(data, start, b"", is_spaced=True):
        yield begin, end, b""


def _weak(data: bytes, start: int, name: bytes, quote: bytes) -> Iterator[Found]:
    """Yield the value of a name that often means something else, if it looks like a secret."""
    begin, end = secret_values.span_of(data, start, is_json=bool(quote), may_continue=False)
    value, last = data[begin:end], _LAST_WORD.search(name.lower())[0]
    if secret_values.is_harmless(data, start, name, is_spaced=True):
        is_secret = False
    elif last in _NUMBER_NAMES:
        is_secret = _SHORT_NUMBER.fullmatch(value) is not None or _is_mixed(value, _MIN_MIXED_LENGTH)
    elif last.endswith(_WORD_NAMES):
        is_secret = not value.isdigit() and b" " not in value
    else:
        is_secret = _RANDOM.fullmatch(value) is not None and (_is_mixed(value, _MIN_SESSION_LENGTH) or b":" in value)
    if is_secret and end > begin:
        yield begin, end, quote if begin == start else b""


def _is_mixed(word: bytes, length: int = 10) -> bool:
    """Return whether *word* has letters and digits, as random texts do."""
    return len(word) >= length and _LETTER.search(word) is not None and _DIGIT.search(word) is not None


def _header(data: bytes, start: int, quote: bytes) -> Iterator[Found]:
    """Yield the value of a header that may hold several; all of them go, up to the end of the line or of the quotes."""
    opening = data[start : start + 1]
    if opening in (b'"', b"'", b"[", b"{") or data[start : start + 2] in (b'\\"', b"\\'", b"\\\\"):
        begin, end = secret_values.span_of(data, start, is_json=bool(quote), may_continue=False)
    else:
        scheme = data[start : start + 30].lower()
        parameters = _PARAMETERS.match(data, start) if scheme.startswith(_SCHEMES) else None
        value = _HEADER_VALUE.match(data, start)
        end = max(one.end() for one in (parameters, value) if one is not None) if parameters or value else start
        begin = start
    said = data[begin:end]
    if _ATTRIBUTES.fullmatch(said) is not None:
        return
    if secret_values.is_harmless(data, start, b"", is_spaced=True) or _is_sentence(said):
        return
    if end > begin and said.strip():
        yield begin, end, b""


def _is_sentence(said: bytes) -> bool:
    """Return whether the value of a header is a message about it: words, none of which looks random."""
    words = said.split() or [said]
    if len(words) == 1 or words[0].lower().rstrip(b":").startswith(_SCHEMES) or b"=" in said or b";" in said:
        return False
    return _PLAIN_WORDS.match(said) is not None and not any(_is_mixed(word) for word in words)
