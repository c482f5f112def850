"""
Secrets in messages: sentences that name one, and what frameworks and databases print of a value that they reject.

Between brackets, and after `is`, stands as often a word about a secret as the secret: there a value counts that looks
random.
"""

from collections.abc import Iterator

from bot.dispatch import secret_values
from bot.dispatch.secret_values import STRONG, latin1

_NAME = rf"[\w.$-]*(?:{STRONG})[\w.$-]*"
_WORD = r"passw(?:or)?d|passphrase|passcode|pwd|token|api ?key|credential"
_COOKIE = "sess|sid|token|auth|remember|csrf|xsrf|jwt"
_FOR = rf"((?:{_WORD})s?)(?: (?:is|was))?(?: \w+)? for (?:(?:the )?\w+ )?[\w.@%'\"-]+"
# Each finds the name as its first group, and the value as its second.
_REJECTED = tuple(
    latin1(one)
    for one in (
        # Spring's binding errors, and Hibernate Validator's violations.
        rf"(?i)field '({_NAME})': rejected value \[([^\]\n]+)\]",
        rf"(?i)propertyPath=['\"]?({_NAME})['\"]?,[^\n]*?invalidValue=['\"]?([^\s,'\"}}\])]+)",
        # PostgreSQL's and MySQL's unique constraints.
        rf"(?i)Key \(([^()\n]*(?:{STRONG})[^()\n]*)\)=\(([^\n]*?)\) (?:already|is |conflicts)",
        rf"(?i)(\w*(?:{_WORD}|secret)\w*)[\[({{](?:[\w]+=[^\s,]+, )*(?:token_?)?value=['\"]?([^\s,'\"\])}}]+)",
        rf"(?i)cookie\W{{1,3}}name=['\"]?([\w.-]*(?:{_COOKIE})[\w.-]*)['\"]?,\s*value=['\"]?([^\s,'\"\])}}]+)",
        r"(?i)((?:un)?seal key) \d+: (\S+)",
        rf"(?i){_FOR}(?: \([^()\n]*\))?:[ \t]+([^\s,;]{{6,}})[ \t]*(?:\r?\n|$)",
        r"(?i)\b(credentials?) [\w.@-]+:([^\s:,;/]{8,})(?:\s|$)",
    )
)
_REJECTED_FIRST = tuple(
    latin1(one)
    for one in (
        rf"(?i)rejected value \[([^\]\n]+)\][^\n;]{{0,40}}\bfield '?({_NAME})",
        rf"(?i)Duplicate entry '([^\n]+?)' for key '([^'\n]*(?:{STRONG})[^'\n]*)'",
    )
)
_RANDOM = tuple(
    latin1(one)
    for one in (
        rf"(?i)((?:{_WORD})s?)(?:[ \t]*[:=])?[ \t]?[\[(<]([\w+/=.:$@!%^*~#&-]{{8,}})[\])>,]",
        rf"(?i){_FOR} (?:is|was|=|to) (?:now )?([^\s,;]{{6,}})",
        r"(?i)\b(credentials?) [\w.@-]+[:/]([^\s:,;/]{8,})",
    )
)
_LETTER, _DIGIT, _ID = latin1("[A-Za-z]"), latin1(r"\d"), latin1(r"(?i)[_.-]?id$")


def find(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each secret in *data*, which is ASCII."""
    for regexes, named, valued in ((_REJECTED, 1, 2), (_REJECTED_FIRST, 2, 1)):
        for regex in regexes:
            for match in regex.finditer(data):
                is_id = _ID.search(match[named]) is not None and match[valued].isdigit()
                if not is_id and _is_secret(data, match[named], match.start(valued)):
                    yield match.span(valued)
    for regex in _RANDOM:
        for match in regex.finditer(data):
            is_random = _LETTER.search(match[2]) is not None and _DIGIT.search(match[2]) is not None
            if is_random and _is_secret(data, match[1], match.start(2)):
                yield match.span(2)


def _is_secret(data: bytes, name: bytes, start: int) -> bool:
    return not secret_values.is_about(name) and not secret_values.is_harmless(data, start, b"", is_spaced=True)
