"""The table of causes against what was observed: of the entries that fit a text, the first is meant."""

import dataclasses
import itertools
import re
from collections.abc import Iterable
from typing import Any

from bot import errors
from bot.diagnosis import observations
from bot.model import causes

LONGEST_LINE = 400
_BEFORE = 120
"""Of a line that is too long, so much is kept before what was found in it."""
_MOST_MATCHES = 50
_LONGEST_VALUE = 200
_CAUSED_BY = re.compile(r"^[ \t]{0,9}Caused by: (?P<what>.+)$", re.MULTILINE)
_NESTED = re.compile(r"; nested exception is (?P<what>\S+(?:Exception|Error)\b.*)$", re.MULTILINE)
_EXCEPTION = re.compile(r"^(?:Exception in thread \S{1,100} )?(?P<what>[\w.$]+(?:Exception|Error)\b.*)$", re.MULTILINE)
_PACKAGE = re.compile(r"^(?:[a-z][\w]*\.)+(?=[A-Z])")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause seen once."""

    id: str
    title: str
    certainty: causes.Certainty
    section: str
    advice: str
    evidence: causes.Evidence
    pod: str
    is_symptom: bool = False
    """It follows from something else, where there is something else."""
    place: int = 0
    """Where it stands in the table; what is computed stands before it."""
    detail: int = 0
    """How much of what the cause wants to know was there to see."""


def find(table: causes.Table, seen: Iterable[observations.Observation]) -> list[Finding]:
    """Give what each observation shows, where it shows anything."""
    found = (_first(table, observation) for observation in seen)
    return [finding for finding in found if finding is not None]


def _first(table: causes.Table, observation: observations.Observation) -> Finding | None:
    for place, entry in enumerate(table.causes, start=1):
        if observation.where not in entry.where:
            continue
        matches = list(itertools.islice(entry.regex.finditer(observation.text), _MOST_MATCHES))
        if matches:
            # In a chain of exceptions the last is the one that the others come from.
            return _finding(entry, place, matches[-1], observation)
    return None


def _finding(entry: causes.Entry, place: int, match: Any, observation: observations.Observation) -> Finding:
    values = {name: errors.shorten(value, _LONGEST_VALUE) for name, value in causes.values_of(match).items()}
    detail = sum(bool(value) for value in values.values())
    values.setdefault(causes.INNERMOST, innermost(observation.text))
    return Finding(
        id=entry.id,
        title=entry.filled_in(entry.title, values),
        certainty=entry.certainty,
        section=entry.section,
        advice=entry.filled_in(entry.advice, values),
        evidence=causes.Evidence(source=observation.source, text=_line_at(observation.text, _place(match))),
        pod=observation.pod,
        is_symptom=entry.symptom,
        place=place,
        detail=detail,
    )


def innermost(text: str) -> str:
    """Give the exception that the others in an entry of a log come from, without its package."""
    chain = [match["what"] for match in _CAUSED_BY.finditer(text)] or [one["what"] for one in _EXCEPTION.finditer(text)]
    last = chain[-1] if chain else text.strip().partition("\n")[0]
    nested = _NESTED.search(last)
    while nested is not None:
        last = nested["what"]
        nested = _NESTED.search(last)
    return errors.shorten(_PACKAGE.sub("", last.strip()), _LONGEST_VALUE)


def _place(match: Any) -> int:
    """Give where the first named part of a match begins, which tells more than the begin of a long match."""
    starts = [match.start(index) for index in sorted(match.re.groupindex.values()) if match.start(index) >= 0]
    return int(starts[0] if starts else match.start())


def _line_at(text: str, position: int) -> str:
    """Give the line of *text* at *position*, and no more: the next may hold a value that nobody should see."""
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[begin : end if end >= 0 else len(text)]
    skipped = max(position - begin - _BEFORE, 0) if len(line) > LONGEST_LINE else 0
    return ("…" if skipped else "") + errors.shorten(line[skipped:].strip(), LONGEST_LINE)
