"""
The table of causes against what was observed: of the entries that fit a text, the first is meant.

Findings put together: what follows from something else left out, the same in several pods told once.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bot import errors
from bot.kubernetes.diagnosis import observations, rules

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
    certainty: rules.Certainty
    section: str
    advice: str
    evidence: rules.Evidence
    pod: str
    is_symptom: bool = False
    """It follows from something else, where there is something else."""
    place: int = 0
    """Where it stands in the table; what is computed stands before it."""
    detail: int = 0
    """How much of what the cause wants to know was there to see."""


def find(table: rules.Rules, seen: Iterable[observations.Observation]) -> list[Finding]:
    """Give what each observation shows, where it shows anything."""
    found = (_first(table, observation) for observation in seen)
    return [finding for finding in found if finding is not None]


def _first(table: rules.Rules, observation: observations.Observation) -> Finding | None:
    for place, entry in enumerate(table.causes, start=1):
        if observation.where not in entry.where:
            continue
        matches = list(itertools.islice(entry.regex.finditer(observation.text), _MOST_MATCHES))
        if matches:
            # In a chain of exceptions the last is the one that the others come from.
            return _finding(entry, place, matches[-1], observation)
    return None


def _finding(entry: rules.Rule, place: int, match: Any, observation: observations.Observation) -> Finding:
    values = {name: errors.shorten(value, _LONGEST_VALUE) for name, value in rules.values_of(match).items()}
    detail = sum(bool(value) for value in values.values())
    values.setdefault(rules.INNERMOST, root_exception(observation.text))
    return Finding(
        id=entry.id,
        title=entry.filled_in(entry.title, values),
        certainty=entry.certainty,
        section=entry.section,
        advice=entry.filled_in(entry.advice, values),
        evidence=rules.Evidence(source=observation.source, text=_line_at(observation.text, _place(match))),
        pod=observation.pod,
        is_symptom=entry.symptom,
        place=place,
        detail=detail,
    )


def root_exception(text: str) -> str:
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


_AMOUNT = re.compile(r"\b\d+(?:\.\d+)?\s?(?:ms|h|m|s|[KMG]i?B?)(?=\b|\d)")


def rank(findings: Sequence[Finding]) -> tuple[rules.Cause, ...]:
    """Give the causes, the most certain first, those of more pods before those of fewer."""
    by_pod = [_of_one_pod(group) for _, group in itertools.groupby(sorted(findings, key=_pod), key=_pod)]
    explained = {finding.id for kept, dropped in by_pod for finding in dropped if kept and not kept[0].is_symptom}
    told = [finding for kept, _ in by_pod for finding in kept if not (finding.is_symptom and finding.id in explained)]
    merged = [_merged(list(group)) for _, group in itertools.groupby(sorted(told, key=_kind), key=_kind)]
    return tuple(cause for _, cause in sorted(merged, key=lambda pair: pair[0]))


def _of_one_pod(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Give what is told of one pod, and what is left out of it because it follows from that."""
    best: dict[str, Finding] = {}
    for finding in findings:
        known = best.get(finding.id)
        if known is None or finding.detail > known.detail:
            best[finding.id] = finding
    in_order = sorted(best.values(), key=lambda finding: finding.place)
    real = [finding for finding in in_order if not finding.is_symptom]
    kept = real or in_order[:1]
    return kept, [finding for finding in in_order if finding not in kept]


def _merged(same: Sequence[Finding]) -> tuple[tuple[int, bool, int, int], rules.Cause]:
    """Give one cause for findings that are the same but for their pods, and its place among all."""
    first = max(same, key=lambda finding: finding.detail)
    pods = tuple(sorted({finding.pod for finding in same if finding.pod}))
    cause = rules.Cause(
        id=first.id,
        title=first.title,
        certainty=first.certainty,
        section=first.section,
        advice=first.advice,
        evidence=first.evidence,
        pods=pods,
        is_symptom=first.is_symptom,
    )
    return (first.certainty.uncertainty, first.is_symptom, -len(pods), first.place), cause


def _pod(finding: Finding) -> str:
    return finding.pod


def _kind(finding: Finding) -> tuple[int, str, str]:
    """Give what two findings share that are the same: figures such as the length of a pause may differ."""
    return finding.place, finding.id, _AMOUNT.sub("#", finding.title)
