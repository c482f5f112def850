"""Sections and facts that the diagnoses of a deployment and of a jar share."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import re2

from bot import errors
from bot.kubernetes.diagnosis import attempts as start_attempts
from bot.kubernetes.diagnosis import log_records, matcher, rules
from bot.model import reports

PointTo = Callable[..., tuple[reports.Pointer, ...]]
"""Returns pointers to the runbook sections under the given markers."""
SECTION = "start-failures"
MAX_CAUSES = 5
_MAX_ERRORS = 4
_TAIL_LINES = 12
_MAX_UNREAD_REASONS = 3
_LONG_TITLE = 100
_MAX_TITLE = 140
_PLACE = re2.compile(r"[,:]? defined in (?:URL|file|class path resource) \[[^\]]*\]?,?")
_PACKAGE = re2.compile(r"\b(?:[a-z_][\w$]*\.)+([A-Z][\w$]*)")
_ERROR = re2.compile(r"\b(?:panic|fatal)\b|(?:Exception|Error)\b|(?i:error:)")


def summary(cause: rules.Cause) -> str:
    """Return the state of what *cause* keeps from running, and its title in one line of a headline."""
    state = "not running" if cause.id == start_attempts.NOTHING_KEEPS_RUNNING else "not starting"
    return f"{state}: {short_title(cause)}"


def short_title(cause: rules.Cause) -> str:
    """Return the title of *cause*; a long one without packages and places of classes, which the evidence has."""
    if len(cause.title) <= _LONG_TITLE:
        return cause.title
    return errors.shorten(_PACKAGE.sub(r"\1", _PLACE.sub("", cause.title)), _MAX_TITLE)


def cause_sections(causes: Sequence[rules.Cause], point_to: PointTo, pods: int) -> list[reports.Section]:
    """
    Return each cause with its evidence and advice; *pods* is the number of all pods.

    The headline has the title of the first cause, and the report the runbook's sections of `pointers`.
    """
    shown: list[reports.Section] = []
    for index, cause in enumerate(causes[:MAX_CAUSES]):
        scope = f"{cause.certainty}, {len(cause.pods)} of {pods} pods" if cause.pods else cause.certainty
        title = f"{cause.title[:1].upper()}{cause.title[1:]}" if index else None
        pairs = [("certainty", scope), ("advice", cause.advice)]
        if cause.section not in {SECTION, causes[0].section}:
            [pointer] = point_to(cause.section)
            pairs.append(("runbook", f"{pointer.number} {pointer.title}"))
        shown.append(reports.Fields(title=title, pairs=(*pairs, ("evidence", cause.evidence.source))))
        if cause.evidence.text:
            shown.append(reports.Code(text=cause.evidence.text))
    if len(causes) > MAX_CAUSES:
        omitted = len(causes) - MAX_CAUSES
        shown.append(reports.Text(text=f"{omitted} more {'cause' if omitted == 1 else 'causes'} omitted."))
    return shown


def log_tail(attempts: Sequence[start_attempts.StartAttempt]) -> list[reports.Section]:
    """Return the last errors and the last lines of one attempt, a failed one if there is one."""
    readable = [attempt for attempt in attempts if attempt.entries]
    if not readable:
        return []
    chosen = next((attempt for attempt in readable if attempt.is_previous), readable[0])
    newest = itertools.islice(filter(_is_error, reversed(chosen.records)), _MAX_ERRORS)
    found = [_summarize(record) for record in newest][::-1]
    backwards = (line for entry in reversed(chosen.entries) for line in _lines(entry.text)[::-1] if line.strip())
    lines = list(itertools.islice(backwards, _TAIL_LINES))[::-1]
    tail = "\n".join(errors.shorten(line, matcher.MAX_LINE_LENGTH) for line in lines)
    shown: list[reports.Section] = []
    if any(error not in tail for error in found):
        shown.append(reports.Code(title=f"Last errors in {chosen.source_title}", text="\n".join(found)))
    return [*shown, reports.Code(title=f"End of {chosen.source_title}", text=tail)]


def unread_logs(attempts: Sequence[start_attempts.StartAttempt]) -> list[reports.Section]:
    """Return why logs could not be read, each reason once."""
    reasons = dict.fromkeys(
        f"Could not read the {one.source}: {one.unavailable_reason}" for one in attempts if one.unavailable_reason
    )
    return [reports.Text(text=" ".join(list(reasons)[:_MAX_UNREAD_REASONS]))] if reasons else []


def facts(causes: Sequence[rules.Cause]) -> Mapping[str, reports.Scalar]:
    """Return the facts about *causes*."""
    first = causes[0] if causes else None
    return {
        "cause": first.id if first else None,
        "reason": first.title if first else None,
        "certainty": first.certainty.value if first else None,
        "affected": len(first.pods) if first else 0,
        "causes": ", ".join(cause.id for cause in causes),
    }


def pointers(causes: Sequence[rules.Cause], point_to: PointTo) -> tuple[reports.Pointer, ...]:
    """Return the runbook's section on failed starts, and that of the first cause."""
    return point_to(*dict.fromkeys([SECTION, *(cause.section for cause in causes[:1])]))


def _is_error(record: log_records.Record) -> bool:
    return record.is_error or (record.level is None and _ERROR.search(record.text) is not None)


def _summarize(record: log_records.Record) -> str:
    """Return the message of a record with its root exception, or what Spring Boot says of the failure."""
    if record.analysis is not None:
        return errors.shorten(record.analysis.summary, matcher.MAX_LINE_LENGTH)
    first = next((line.strip() for line in record.text.split("\n") if line.strip()), "")
    text = f"{first} … {record.root}" if record.root not in first else first
    return errors.shorten(text, matcher.MAX_LINE_LENGTH)


def _lines(entry: str) -> list[str]:
    """Return the lines of an entry as they are; of a structured one, its level and what it says."""
    if not entry.startswith("{"):
        return entry.splitlines()
    record = log_records.parse(entry)
    level = record.level.value.upper() if record.level is not None else ""
    return f"{level} {record.text}".strip().splitlines()
