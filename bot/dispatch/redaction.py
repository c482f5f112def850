"""
Redact secrets in everything that leaves posbot.

Three nets, because each has holes: values the bot knows from its own environment, values behind names that indicate
secrets, and the formats of tokens. What is redacted becomes `•••`, so that a reader sees that something was there.
"""

import dataclasses
import datetime
import enum
import functools
import itertools
import re
import typing
from collections.abc import Iterable
from typing import Any

import re2

from bot.model import reports

MASK = "•••"
_MIN_SECRET_LENGTH = 6
"""A shorter known value would take ordinary words out of every answer."""

_SENSITIVE_NAME = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[ ._-]?key|access[ ._-]?key|private[ ._-]?key|"
    r"account[ ._-]?key|session[ ._-]?id|credential|authorization|signature|cookie|passcode|passwort|\bpass(?=['\"]?=))"
)
_VALUE = r"(?:\\+\"[^\"]*\"|\"(?:[^\"\\]|\\.)*\"|'[^']*'|\{[^{}]*\}|\[[^\[\]]*\]|[^\s,;&<]+)"
# Values that say something and are no secret, of which on-call needs each word.
_ALGORITHM = (
    r"(?:(?:hmac-?)?sha-?(?:1|224|256|384|512)(?:/\d{3})?(?:with(?:rsa|ecdsa|dsa)(?:andmgf1)?)?|md5(?:withrsa)?|"
    r"(?:hmac-?md5|[hrpe]s(?:256|384|512)k?|eddsa|ed25519|ecdsa|rsa(?:ssa-pss|-oaep(?:-\d{3})?|-pss)?|bcrypt|scrypt|"
    r"argon2(?:id|i|d)?|pbkdf2(?:withhmacsha\d{1,3})?|aes(?:[-_/][a-z0-9]{1,20}){0,3}|a(?:128|192|256)(?:gcm)?(?:kw)?|"
    r"aws4-hmac-sha256))"
)
_MESSAGE = (
    r"(?:rpc error|err(?:or)?|failed|failure|unable to|cannot|could not|couldn't|can't|invalid|malformed|missing|"
    r"expired|unauthorized|forbidden|denied|unknown|unsupported|timeout|timed out|eof|dial tcp|i/o timeout|references|"
    r"mount|(?:must|should|is|was|has) (?:not|be|have|match|required|missing|empty|expired|been)|no such|"
    r"not (?:found|set|valid|allowed|authorized|provided)|context (?:deadline|canceled)|access (?:is )?denied|"
    r"unexpected (?:status|end|eof|error)|status(?: code)?:? \d{3}|"
    r"(?:secrets?|configmaps?|object) \\*\"[\w./-]{1,100}\\*\" (?:not|is))(?:[\s,;]|:\s|[.)'\"]{1,2}(?:\s|$)|$)|"
    r"(?:get|post|head|put) \\*\"https?:"
)
_END = r"[)\]}'\".]{0,3}(?:[\s,;&<]|$)"
# IAM's names of what a secret store does (AWS service authorization reference), and the ARNs of its secrets.
_AWS = (
    rf"(?<=secretsmanager:)(?-i:(?:[A-Z][a-z]{{2,20}}){{1,5}}\*{_END}|(?:[A-Z][a-z]{{2,20}}){{2,5}}{_END}|"
    r"[a-z]{2}(?:-[a-z]{2,9}){1,3}-\d:\d{0,12}:secret:)|"
    r"(?<=\d:secret:)[\w/+=.@!-]{1,600}" + _END
)
_HARMLESS = rf"(?:\\*['\"]?{_ALGORITHM}{_END}|(?<=\s)(?:{_MESSAGE})|{_AWS})"
# All repetitions that could begin at many places are bounded: a log line of a megabyte must not hold up the loop.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"(?s:-----BEGIN [A-Z ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----.*?(?:-----END [A-Z ]{0,60}-----|\Z))", MASK),
        (r"\bxox[a-z](?:\.xox[a-z])?-[\w-]{8,}", MASK),
        (r"\bxapp-\d-[\w-]{8,}", MASK),
        (r"\b(hooks\.slack\.com/[a-z]{1,20}/)[\w/.-]+", rf"\1{MASK}"),
        (r"\bey[JK][\w-]{8,1000}+\.[\w-]{4,}\.[\w-]*", MASK),
        (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", MASK),
        (r"\bgh[opsur]_[A-Za-z0-9]{20,}\b", MASK),
        (r"\b(?:[spr]k_(?:live|test)_\w{10}|AIza[\w-]{30}|glpat-[\w-]{15}|npm_\w{30}|github_pat_\w{20})[\w-]*", MASK),
        (r"\bSG\.[\w-]{10,100}\.[\w-]{20,100}", MASK),
        # These two hold several values; all of them go, up to the end of the line or of the quoted text.
        (r"(\b(?:authorization|cookie)\\*['\"]?\s{0,9}[=:]\s{0,9}\\*['\"]?)[^'\"\\\r\n]+", rf"\1{MASK}"),
        (r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", rf"\1 {MASK}"),
        (r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,200}):(?!\d{1,5}(?:[/?#]|$))\S{1,200}@", rf"\1:{MASK}@"),
        (r"(\b[a-z][a-z0-9+.-]{0,30}://)[\w-]{16,200}@", rf"\1{MASK}@"),
        (r"(\s-u\s{1,9}[^\s:]{1,60}:)\S+", rf"\1{MASK}"),
        (r"(\bjdbc:oracle:[a-z0-9]{1,20}:[^\s/@]{0,200})/[^\s/]+@", rf"\1/{MASK}@"),
        # name=value, "name": "value" (also escaped, within a JSON text), <name>value</name>
        (
            # The class of an exception is no name of a value.
            rf"({_SENSITIVE_NAME}[\w.-]{{0,40}}(?<!error)(?<!exception)\\*['\"]?\s*[=:>]++\s*+)(?!{_HARMLESS}){_VALUE}",
            rf"\1{MASK}",
        ),
        # --name value
        (rf"((?<![\w-])--[\w-]{{0,40}}{_SENSITIVE_NAME}[\w-]{{0,40}}\s+){_VALUE}", rf"\1{MASK}"),
    )
)
# Without any of these, none of the patterns above matches. Most lines of a log hold none, though many a line speaks of
# a key or a session: those would cost ten times as much.
_HINT = re2.compile(
    r"(?i)-----BEGIN|xox|xapp-|hooks\.slack|ey[jk]|AKIA|ASIA|gh[opsur]_|k_live|k_test|AIza|glpat-|npm_|github_pat_|SG\.|"
    r"bearer|basic|@|-u[\s\pZ]|" + _SENSITIVE_NAME.replace(r"(?=['\"]?=)", r"['\"]?=")
)
# The kind is ours; pairs and rows are redacted together with their names.
_MAPPED_APART = frozenset({"kind", "pairs", "rows"})
_WITHOUT_TEXT = frozenset({bool, int, float, datetime.datetime, type(None)})
_SENSITIVE_KEY = re.compile(_SENSITIVE_NAME, re.IGNORECASE)
_ALGORITHM_NAME = re.compile(_ALGORITHM, re.IGNORECASE)


class Redactor:
    """Takes secrets out; *known* are values that must never leave."""

    def __init__(self, known: Iterable[str]) -> None:
        longest_first = sorted((value for value in known if len(value) >= _MIN_SECRET_LENGTH), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        # Neither a database nor UTF-8 takes NUL and halves of surrogate pairs, which JSON of others may well hold.
        if not text.isascii():
            text = text.encode(errors="replace").decode()
        text = text.replace("\0", "␀")
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if _HINT.search(text) is None:
            return text
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def pair(self, name: str, value: str) -> tuple[str, str]:
        """Return a name and its value, the value masked where the name indicates a secret."""
        return self.text(name), self.value(name, value)

    def value(self, name: str, value: str) -> str:
        """Return the value of *name*, masked where the name indicates a secret."""
        is_secret = value and _SENSITIVE_KEY.search(name) and _ALGORITHM_NAME.fullmatch(value) is None
        return MASK if is_secret else self.text(value)

    def log(self, log: reports.Log) -> reports.Log:
        """Return *log* without secrets in any of its texts."""
        redacted: reports.Log = _mapped(log, self)
        return redacted

    def report(self, report: reports.Report) -> reports.Report:
        """Return *report* without secrets in any of its texts."""
        redacted: reports.Report = _mapped(report, self)
        return redacted


def _mapped(value: Any, redactor: Redactor) -> Any:
    """Return *value* with every text in it redacted, whatever fields its type gets in the future."""
    if isinstance(value, str):
        return value if isinstance(value, enum.Enum) else redactor.text(value)
    if isinstance(value, tuple):
        return tuple(_mapped(item, redactor) for item in value)
    if isinstance(value, dict):
        return dict(_fact(key, content, redactor) for key, content in value.items())
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changes = {}
    for name in _names(type(value)):
        before = getattr(value, name)
        after = _mapped(before, redactor)
        if after is not before:
            changes[name] = after
    if isinstance(value, reports.Fields):
        changes["pairs"] = tuple(redactor.pair(name, content) for name, content in value.pairs)
    elif isinstance(value, reports.Table):
        changes["rows"] = tuple(_row(row, value.columns, redactor) for row in value.rows)
    # Most lines of a log are as they were; making fifty thousand anew takes longer than looking at them.
    return dataclasses.replace(value, **changes) if changes else value


@functools.cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """Return the fields that may contain text; the kind of a section is not redacted."""
    fields = [field for field in dataclasses.fields(kind) if field.name not in _MAPPED_APART]
    return tuple(field.name for field in fields if not _WITHOUT_TEXT.issuperset(_types(field.type)))


def _types(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) or (annotation,)


def _row(row: reports.Row, columns: tuple[str, ...], redactor: Redactor) -> reports.Row:
    """Return *row*, each cell under the name of its column; a cell beyond the last column has none."""
    named = zip(itertools.chain(columns, itertools.repeat("")), row.cells)  # noqa: B905 - as many as there are cells
    return dataclasses.replace(row, cells=tuple(redactor.value(column, cell) for column, cell in named))


def _fact(name: str, value: reports.Scalar, redactor: Redactor) -> tuple[str, reports.Scalar]:
    return redactor.pair(name, value) if isinstance(value, str) else (redactor.text(name), value)
