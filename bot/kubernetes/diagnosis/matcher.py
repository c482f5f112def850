"""
Observations matched against the rules, and findings ranked into causes.

The first rule that matches an observation wins. Ranking drops symptoms of pods that have a cause, and merges what
several pods have in common.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import re2

from bot import errors
from bot.kubernetes.diagnosis import log_records, observations, rules

MAX_LINE_LENGTH = 400
_CONTEXT_LENGTH = 120
"""Kept before the match in a line that is too long."""
_MAX_MATCHES = 50
_MAX_VALUE_LENGTH = 300


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A match of one rule in one observation."""

    id: str
    title: str
    certainty: rules.Certainty
    section: str
    advice: str
    evidence: rules.Evidence
    pod: str
    is_symptom: bool = False
    """A consequence of another cause, if there is one."""
    topic: str = ""
    """Where it is a symptom, an earlier record on the same topic explains it."""
    is_warning: bool = False
    """Logged as less than an error."""
    rule_index: int = 0
    """Index of its rule, from 1; computed findings come first."""
    captured_groups: int = 0
    """Number of template fields with a value: more are better evidence."""

    @property
    def is_explanation(self) -> bool:
        """Return whether it explains a failed start: neither a symptom nor merely possible."""
        return not self.is_symptom and self.certainty is not rules.Certainty.POSSIBLE


def find(ruleset: rules.Rules, observed: Iterable[observations.Observation]) -> list[Finding]:
    """Return the findings of the observations that match a rule."""
    found = (_match_observation(ruleset, observation) for observation in observed)
    return [finding for finding in found if finding is not None]


def match_record(ruleset: rules.Rules, record: log_records.Record, source: str, pod: str) -> Finding | None:
    """Return what a log record shows."""
    if not ruleset.may_match(rules.Location.LOG, record.text) or ruleset.is_noise(record.text):
        return None
    seen = observations.Observation(where=rules.Location.LOG, text=record.text, source=source, pod=pod)
    analysis = record.analysis
    said = {
        rules.INNERMOST: record.root,
        rules.DESCRIPTION: analysis.summary if analysis else record.root,
        rules.ACTION: " ".join(analysis.action.split()) if analysis else "",
    }
    finding = _match_first(ruleset, seen, said)
    if finding is None:
        return None
    text = finding.evidence.text
    if analysis is not None:
        text = analysis.text if said[rules.ACTION] not in finding.advice else analysis.description_text
    elif record.chain and record.root not in text:
        text = f"{text}\n… {record.root}"
    return dataclasses.replace(finding, evidence=rules.Evidence(source=source, text=text))


def _match_observation(ruleset: rules.Rules, observation: observations.Observation) -> Finding | None:
    if observation.where is rules.Location.LOG:
        return match_record(ruleset, log_records.parse(observation.text), observation.source, observation.pod)
    return _match_first(ruleset, observation, {rules.INNERMOST: "", rules.DESCRIPTION: "", rules.ACTION: ""})


def _match_first(
    ruleset: rules.Rules, observation: observations.Observation, said: Mapping[str, str]
) -> Finding | None:
    for index, rule in enumerate(ruleset.rules, start=1):
        if observation.where not in rule.where:
            continue
        matches = list(itertools.islice(rule.regex.finditer(observation.text), _MAX_MATCHES))
        if matches:
            # The last exception of a chain is the root.
            return _finding(rule, index, matches[-1], observation, said)
    return None


def _finding(
    rule: rules.Rule, index: int, match: Any, observation: observations.Observation, said: Mapping[str, str]
) -> Finding:
    values = {name: errors.shorten(value, _MAX_VALUE_LENGTH) for name, value in rules.values_of(match).items()}
    captured_groups = sum(bool(value) for value in values.values())
    values = {**said, **values}
    return Finding(
        id=rule.id,
        title=rule.render(rule.title, values),
        certainty=rule.certainty,
        section=rule.section,
        advice=rule.render(rule.advice, values),
        evidence=rules.Evidence(source=observation.source, text=_line_at(observation.text, _position(match))),
        pod=observation.pod,
        is_symptom=rule.symptom,
        topic=rule.topic,
        rule_index=index,
        captured_groups=captured_groups,
    )


def _position(match: Any) -> int:
    """Return where the first named group begins, which is more specific than the begin of a long match."""
    starts = [match.start(index) for index in sorted(match.re.groupindex.values()) if match.start(index) >= 0]
    return int(starts[0] if starts else match.start())


def _line_at(text: str, position: int) -> str:
    """Return only the line at *position*: the next one may hold a secret value."""
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[begin : end if end >= 0 else len(text)]
    skipped = max(position - begin - _CONTEXT_LENGTH, 0) if len(line) > MAX_LINE_LENGTH else 0
    return ("…" if skipped else "") + errors.shorten(line[skipped:].strip(), MAX_LINE_LENGTH)


_AMOUNT = re2.compile(r"\b(?:\d+(?:\.\d+)?\s?(?:ms|h|m|s|[KMG]i?B?))+\b")


def rank(findings: Sequence[Finding]) -> tuple[rules.Cause, ...]:
    """Return the causes: those that explain it, then symptoms, then what is merely possible."""
    by_pod = [_select_of_pod(group) for _, group in itertools.groupby(sorted(findings, key=_pod), key=_pod)]
    explained = {one.id for selected, dropped in by_pod for one in dropped if selected and not selected[0].is_symptom}
    reported = [
        finding for kept, _ in by_pod for finding in kept if not (finding.is_symptom and finding.id in explained)
    ]
    merged = [_merged(list(group)) for _, group in itertools.groupby(sorted(reported, key=_merge_key), key=_merge_key)]
    return tuple(cause for _, cause in sorted(merged, key=lambda pair: pair[0]))


def _select_of_pod(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Return the findings of one pod to report, and those dropped as their consequences."""
    best: dict[str, Finding] = {}
    for finding in findings:
        known = best.get(finding.id)
        if known is None or finding.captured_groups > known.captured_groups:
            best[finding.id] = finding
    in_order = sorted(best.values(), key=lambda finding: finding.rule_index)
    kept = [finding for finding in in_order if finding.is_explanation]
    if not kept:
        possible = [finding for finding in in_order if not finding.is_symptom]
        kept = [*[finding for finding in in_order if finding.is_symptom][:1], *possible]
    return kept, [finding for finding in in_order if finding not in kept]


def _merged(same: Sequence[Finding]) -> tuple[tuple[bool, bool, int, int, int], rules.Cause]:
    """Return one cause for equal findings of several pods, with its sort key."""
    first = max(same, key=lambda finding: finding.captured_groups)
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
    is_possible = not first.is_symptom and not first.is_explanation
    return (is_possible, first.is_symptom, first.certainty.uncertainty, -len(pods), first.rule_index), cause


def _pod(finding: Finding) -> str:
    return finding.pod


def _merge_key(finding: Finding) -> tuple[int, str, str]:
    """Return what equal findings have in common; amounts such as a back-off may differ."""
    return finding.rule_index, finding.id, _AMOUNT.sub("#", finding.title)
