"""
Redact secrets in everything that leaves posbot.

Several nets, because each has holes: values the bot knows from its own environment (`known_secrets`), values behind
names that indicate secrets (`secret_names`, and in sentences `secret_messages`), and the formats of tokens
(`secret_formats`). What is redacted becomes `•••`, so that a reader sees that something was there. A text is cleaned
first, and matched as a reader sees it (`characters`).
"""

import copy
import dataclasses
import datetime
import enum
import functools
import itertools
import time
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bot import errors
from bot.dispatch import known_secrets, secret_values
from bot.model import characters, reports

MASK = "•••"
FAILED = "(could not be redacted, so it is not shown)"
FAILURES = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What code that only computes can raise, RecursionError among it: then the text is not shown."""
CUT = "(not shown from here on: redacting this much text takes too long)"
WINDOW_LENGTH = 64_000
"""Characters searched at once. Between two windows other threads get the interpreter."""
_OVERLAP_LENGTH = 2_000
"""Of two windows: a secret at the end of one is whole in the next."""
_BATCH_LENGTH = 1_000_000
_MAX_REPORT_SECONDS = 10.0
"""Of CPU time for one report; what is left of its texts then is not shown."""
_MAX_SHORT_LENGTH = 300
"""Of a text that is redacted in any case: titles, and the commands of buttons."""
_MAX_FIELD_LENGTH, _MAX_FIELD_DEPTH = 20_000, 8
"""Of a field of a log line, which is redacted on the event loop."""
# Without any of these, no pattern matches. Most lines of a log hold none, though many mention a key or a
# session: those would cost ten times as much.
_HINT = secret_values.latin1(
    rf"(?i){secret_values.STRONG}|"
    r"-----|xox|xapp-|hooks|webhook|discord|ey[jk]|A(?:KI|SI|BI|CC)A|gh[opsur]_|[kb]_(?:live|test|prod)|[a-z0-9]_[\w+/=-]{16}|"
    r"(?:ai|pplx|gl|py|sk|nv|pm|nr|key|hr|goc|sq|pu|xk|pt)[\w.]*-[\w-]{15}|AIza|ya29|1//0|SG\.|hv[sbr]\.|\bs\.[a-z0-9]{20}|dapi|atlasv1|"
    r"AT[AC]TT3|AGE-S|dt0|SK[0-9a-f]{20}|:AA|[MNO][\w-]{23,26}\.|M[IHC][IHG4]|b3Blb|LS0t|tLS0|0tLS|\$[\w-]+\$|SHA|pbkdf2|private-lines|"
    r"bearer|basic|negotiate|ntlm|dpop|@|-u|-p|-a|-w|-k|-U|user|auth|login|requirepass|identified|"
    r"key|session|pass|pw|pin|otp|psk|sid|nonce|seed|contrase|senha|answer|&[lg]t;|mnemonic|role.id|cvv|cvc|iban|ssn|code|cred|hmac|jwt|LTAI|sig=|[A-Za-z0-9+/]{64}"
)
# The kind is ours; pairs, rows and entries are redacted together with what belongs to them.
_MAPPED_APART = frozenset({"kind", "pairs", "rows", "entries"})
_WITHOUT_TEXT = frozenset({bool, int, float, datetime.datetime, type(None)})


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class _Span:
    """A stretch of a text and what is shown in its place."""

    start: int
    end: int
    mask: str = MASK


class Redactor:
    """Takes secrets out; *known* are values that must never leave."""

    def __init__(self, known: Iterable[str]) -> None:
        self._values = frozenset(known)
        self._until: float | None = None
        """In the CPU time of the thread that redacts a report."""

    @functools.cached_property
    def _known(self) -> Any | None:
        return known_secrets.pattern_of(self._values)

    def text(self, text: str) -> str:
        """Return *text* clean and without secrets."""
        return self.texts((text,))[0]

    def texts(self, texts: Sequence[str]) -> list[str]:
        """Return *texts*, which follow each other as lines of one text, clean and without secrets."""
        cleaned = [characters.clean(text) for text in texts]
        redacted: list[str] = []
        for batch in _batches(cleaned):
            whole = "\n".join(batch) if len(batch) > 1 else batch[0]
            spans = _merged(self._spans(whole))
            redacted += _apart(batch, spans) if spans else batch
        return redacted

    def pair(self, name: str, value: str) -> tuple[str, str]:
        """Return a name and its value, the value masked where the name indicates a secret."""
        return self.text(name), self.value(name, value)

    def value(self, name: str, value: str) -> str:
        """Return the value of *name*, masked where the name indicates a secret."""
        try:
            is_secret = value and _names_secret(name) and secret_values.ALGORITHM.fullmatch(value) is None
        except FAILURES:
            return FAILED
        return MASK if is_secret else self.text(value)

    def log(self, log: reports.Log) -> reports.Log:
        """Return *log* without secrets in any of its texts."""
        redacted: reports.Log = _mapped(log, self)
        return redacted

    def report(self, report: reports.Report) -> reports.Report:
        """Return *report* without secrets in any of its texts; those beyond the bound of CPU time are cut."""
        limited = copy.copy(self)
        limited._until = time.thread_time() + _MAX_REPORT_SECONDS  # noqa: SLF001 - its own copy
        redacted: reports.Report = _mapped(report, limited)
        return redacted

    def fields(self, fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
        """Return the fields of a log line without secrets, whatever is nested in them, so that it stays JSON."""
        named = ((str(name), value) for name, value in fields.items())
        return {self.text(name): self._field(name, value, depth) for name, value in named}

    def _field(self, name: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            return MASK if _names_secret(name) else value
        if isinstance(value, Mapping) and depth < _MAX_FIELD_DEPTH:
            return self.fields(value, depth + 1)
        if isinstance(value, (list, tuple, set, frozenset)) and depth < _MAX_FIELD_DEPTH:
            return [self._field(name, one, depth + 1) for one in value]
        try:
            text = str(value)
        except FAILURES:
            return FAILED
        return self.value(name, errors.shorten(text, _MAX_FIELD_LENGTH))

    def _spans(self, text: str) -> Iterator[_Span]:
        done = 0
        for start, end in _windows(text):
            if self._until is not None and len(text) > _MAX_SHORT_LENGTH and time.thread_time() > self._until:
                line = text.find("\n", done) + 1 or len(text)
                yield from (_Span(done, line, CUT), _Span(line, len(text)))
                return
            done = end
            try:
                yield from self._found(text, start, end)
            except FAILURES:
                yield _Span(start, end, FAILED)
            if len(text) > WINDOW_LENGTH:
                # Hands the interpreter to another thread that waits for it, such as the event loop.
                time.sleep(0)

    def _found(self, text: str, start: int, end: int) -> Iterator[_Span]:
        window = characters.fold(text[start:end])
        if self._known is not None:
            for match in self._known.finditer(window):
                yield _Span(start + match.start(), start + match.end())
        if _HINT.search(window) is not None:
            # Compiling their patterns takes longer than most commands of a terminal.
            from bot.dispatch import secret_formats, secret_messages, secret_names  # noqa: PLC0415

            for first, last in itertools.chain(secret_formats.find(window), secret_messages.find(window)):
                yield _Span(start + first, start + last)
            for first, last, quote in secret_names.find(window):
                yield _Span(start + first, start + last, f"{quote.decode()}{MASK}{quote.decode()}")


def is_long(report: reports.Report) -> bool:
    """Return whether *report* has more text than one window."""
    return any(length > WINDOW_LENGTH for length in itertools.accumulate(_lengths(report)))


def _lengths(value: Any) -> Iterator[int]:
    if isinstance(value, str):
        yield len(value)
    elif isinstance(value, (tuple, dict)):
        for one in value.items() if isinstance(value, dict) else value:
            yield from _lengths(one)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _lengths(getattr(value, field.name))


def _names_secret(name: str) -> bool:
    """Return whether a value called *name* is a secret, whatever it looks like."""
    folded = characters.fold(characters.clean(name))
    return secret_values.SECRET_NAME.search(folded) is not None and not secret_values.is_about(folded)


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    first, length = 0, 0
    for index, text in enumerate(texts):
        length += len(text) + 1
        if length >= _BATCH_LENGTH:
            yield texts[first : index + 1]
            first, length = index + 1, 0
    if first < len(texts):
        yield texts[first:]


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the windows of *text*, on line ends where it has some."""
    start = 0
    while len(text) - start > WINDOW_LENGTH:
        end = text.rfind("\n", start + WINDOW_LENGTH // 2, start + WINDOW_LENGTH) + 1 or start + WINDOW_LENGTH
        yield start, end
        line = text.find("\n", end - _OVERLAP_LENGTH, end - 1) + 1
        start = line or end - _OVERLAP_LENGTH
    yield start, len(text)


def _merged(spans: Iterable[_Span]) -> list[_Span]:
    """Return *spans* in their order, those that overlap as one."""
    merged: list[_Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            is_same = (span.start, span.end) == (last.start, last.end)
            mask = max(span.mask, last.mask, key=len) if is_same else last.mask if span.end <= last.end else MASK
            merged[-1] = _Span(last.start, max(span.end, last.end), mask)
        elif span.end > span.start:
            merged.append(span)
    return merged


def _masked(text: str, spans: Iterable[_Span]) -> str:
    parts, position = [], 0
    for span in spans:
        parts += [text[position : span.start], span.mask]
        position = span.end
    return "".join((*parts, text[position:]))


def _apart(texts: Sequence[str], spans: Sequence[_Span]) -> Iterator[str]:
    """Yield each of *texts* with what *spans*, which count through all of them, mask of it."""
    offset, index = 0, 0
    for text in texts:
        end, own = offset + len(text), []
        while index < len(spans) and spans[index].start < end:
            span = spans[index]
            own.append(_Span(max(span.start - offset, 0), min(span.end - offset, len(text)), span.mask))
            if span.end > end:
                break
            index += 1
        while index < len(spans) and spans[index].end <= end + 1:
            index += 1
        yield _masked(text, own) if own else text
        offset = end + 1


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
    elif isinstance(value, reports.Log):
        changes["entries"] = _entries(value.entries, redactor)
    return dataclasses.replace(value, **changes) if changes else value


@functools.cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    """Return the fields that may contain text; the kind of a section is not redacted."""
    fields = [field for field in dataclasses.fields(kind) if field.name not in _MAPPED_APART]
    return tuple(field.name for field in fields if not _WITHOUT_TEXT.issuperset(_types(field.type)))


def _types(annotation: Any) -> tuple[Any, ...]:
    return typing.get_args(annotation) or (annotation,)


def _entries(entries: Sequence[reports.LogEntry], redactor: Redactor) -> tuple[reports.LogEntry, ...]:
    """Return *entries*, most of them as they were: making fifty thousand anew takes longer than searching them."""
    sources = {source: redactor.text(source) for source in {entry.source for entry in entries}}
    texts = redactor.texts([entry.text for entry in entries])
    return tuple(
        entry
        if text == entry.text and sources[entry.source] == entry.source
        else dataclasses.replace(entry, text=text, source=sources[entry.source])
        for entry, text in zip(entries, texts, strict=True)
    )


def _row(row: reports.Row, columns: tuple[str, ...], redactor: Redactor) -> reports.Row:
    """Return *row*, each cell under the name of its column; a cell beyond the last column has none."""
    named = zip(itertools.chain(columns, itertools.repeat("")), row.cells)  # noqa: B905 - as many as there are cells
    return dataclasses.replace(row, cells=tuple(redactor.value(column, cell) for column, cell in named))


def _fact(name: str, value: reports.Scalar, redactor: Redactor) -> tuple[str, reports.Scalar]:
    return redactor.pair(name, value) if isinstance(value, str) else (redactor.text(name), value)
