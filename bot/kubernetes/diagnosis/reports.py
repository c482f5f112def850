"""Sections and facts that the diagnoses of a deployment and of a jar share."""

import re
from collections.abc import Callable, Mapping, Sequence

from bot import errors
from bot.kubernetes.diagnosis import matcher, observations, rules
from bot.model import reports

PointTo = Callable[..., tuple[reports.Pointer, ...]]
"""Returns pointers to the runbook sections under the given markers."""
SECTION = "start-failures"
MAX_CAUSES = 5
_MAX_ERRORS = 4
_TAIL_LINES = 12
_MAX_UNREAD_REASONS = 3
_ERROR = re.compile(r"\b(?:ERROR|FATAL|SEVERE|panic)\b|(?:Exception|Error)\b|APPLICATION FAILED")


def cause_sections(causes: Sequence[rules.Cause], point_to: PointTo, pods: int) -> list[reports.Section]:
    """Return each cause with its evidence and advice; *pods* is the number of all pods."""
    shown: list[reports.Section] = []
    for cause in causes[:MAX_CAUSES]:
        [pointer] = point_to(cause.section)
        scope = f"{cause.certainty}, {len(cause.pods)} of {pods} pods" if cause.pods else cause.certainty
        pairs = (
            ("certainty", scope),
            ("advice", cause.advice),
            ("runbook", f"{pointer.number} {pointer.title}"),
            ("evidence", cause.evidence.source),
        )
        shown.append(reports.Fields(title=f"{cause.title[:1].upper()}{cause.title[1:]}", pairs=pairs))
        if cause.evidence.text:
            shown.append(reports.Code(text=cause.evidence.text))
    if len(causes) > MAX_CAUSES:
        omitted = len(causes) - MAX_CAUSES
        shown.append(reports.Text(text=f"{omitted} more {'cause' if omitted == 1 else 'causes'} omitted."))
    return shown


def log_tail(attempts: Sequence[observations.StartAttempt]) -> list[reports.Section]:
    """Return the last errors and the last lines of one attempt, a failed one if there is one."""
    readable = [attempt for attempt in attempts if attempt.entries]
    if not readable:
        return []
    chosen = next((attempt for attempt in readable if attempt.is_previous), readable[0])
    found = [_summarize(entry.text) for entry in chosen.entries if _ERROR.search(entry.text)][-_MAX_ERRORS:]
    lines = [line for entry in chosen.entries for line in entry.text.splitlines() if line.strip()][-_TAIL_LINES:]
    shown: list[reports.Section] = []
    if found:
        shown.append(reports.Code(title=f"Last errors in the {chosen.source}", text="\n".join(found)))
    tail = "\n".join(errors.shorten(line, matcher.MAX_LINE_LENGTH) for line in lines)
    return [*shown, reports.Code(title=f"End of the {chosen.source}", text=tail)]


def unread_logs(attempts: Sequence[observations.StartAttempt]) -> list[reports.Section]:
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


def _summarize(text: str) -> str:
    """Return the first line of an entry with its root exception."""
    first = text.strip().partition("\n")[0]
    root = matcher.root_exception(text) if "\n" in text.strip() else ""
    return errors.shorten(f"{first} … {root}" if root and root not in first else first, matcher.MAX_LINE_LENGTH)
