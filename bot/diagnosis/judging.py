"""Findings put together: what follows from something else left out, the same in several pods told once."""

import itertools
import re
from collections.abc import Iterable, Sequence

from bot.diagnosis import matching
from bot.model import causes

_AMOUNT = re.compile(r"\b\d+(?:\.\d+)?\s?(?:ms|h|m|s|[KMG]i?B?)(?=\b|\d)")


def conclude(findings: Sequence[matching.Finding]) -> tuple[causes.Cause, ...]:
    """Give the causes, the most certain first, those of more pods before those of fewer."""
    by_pod = [_of_one_pod(group) for _, group in itertools.groupby(sorted(findings, key=_pod), key=_pod)]
    explained = {finding.id for kept, dropped in by_pod for finding in dropped if kept and not kept[0].is_symptom}
    told = [finding for kept, _ in by_pod for finding in kept if not (finding.is_symptom and finding.id in explained)]
    merged = [_merged(list(group)) for _, group in itertools.groupby(sorted(told, key=_kind), key=_kind)]
    return tuple(cause for _, cause in sorted(merged, key=lambda pair: pair[0]))


def _of_one_pod(findings: Iterable[matching.Finding]) -> tuple[list[matching.Finding], list[matching.Finding]]:
    """Give what is told of one pod, and what is left out of it because it follows from that."""
    best: dict[str, matching.Finding] = {}
    for finding in findings:
        known = best.get(finding.id)
        if known is None or finding.detail > known.detail:
            best[finding.id] = finding
    in_order = sorted(best.values(), key=lambda finding: finding.place)
    real = [finding for finding in in_order if not finding.is_symptom]
    kept = real or in_order[:1]
    return kept, [finding for finding in in_order if finding not in kept]


def _merged(same: Sequence[matching.Finding]) -> tuple[tuple[int, bool, int, int], causes.Cause]:
    """Give one cause for findings that are the same but for their pods, and its place among all."""
    first = max(same, key=lambda finding: finding.detail)
    pods = tuple(sorted({finding.pod for finding in same if finding.pod}))
    cause = causes.Cause(
        id=first.id,
        title=first.title,
        certainty=first.certainty,
        section=first.section,
        advice=first.advice,
        evidence=first.evidence,
        pods=pods,
        is_symptom=first.is_symptom,
    )
    return (first.certainty.doubt, first.is_symptom, -len(pods), first.place), cause


def _pod(finding: matching.Finding) -> str:
    return finding.pod


def _kind(finding: matching.Finding) -> tuple[int, str, str]:
    """Give what two findings share that are the same: figures such as the length of a pause may differ."""
    return finding.place, finding.id, _AMOUNT.sub("#", finding.title)
