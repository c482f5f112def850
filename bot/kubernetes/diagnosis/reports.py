"""Causes as sections of a report; and where none is known, the lines of a log that tell most."""

import re
from collections.abc import Mapping, Sequence

from bot import errors
from bot.kubernetes.diagnosis import matcher, observations, rules
from bot.model import reports
from bot.runbook import sections as runbook_sections

MOST_CAUSES = 5
_MOST_ERRORS = 4
_LAST_LINES = 12
_ERROR = re.compile(r"\b(?:ERROR|FATAL|SEVERE|panic)\b|(?:Exception|Error)\b|APPLICATION FAILED")


def sections(found: Sequence[rules.Cause], runbook: runbook_sections.Runbook, pods: int) -> list[reports.Section]:
    """Give each cause with its evidence and what to do; *pods* is how many there are in all."""
    told: list[reports.Section] = []
    for cause in found[:MOST_CAUSES]:
        [pointer] = runbook.point_to(cause.section)
        pairs = (
            ("certainty", f"{cause.certainty}, in {len(cause.pods)} of {pods} pods" if cause.pods else cause.certainty),
            ("what to do", cause.advice),
            ("runbook", f"{pointer.number} {pointer.title}"),
            ("seen in", cause.evidence.source),
        )
        told.append(reports.Fields(title=headline(cause.title), pairs=pairs))
        if cause.evidence.text:
            told.append(reports.Code(text=cause.evidence.text))
    if len(found) > MOST_CAUSES:
        others = len(found) - MOST_CAUSES
        told.append(reports.Text(text=f"{others} more {'cause is' if others == 1 else 'causes are'} left out."))
    return told


def log_tail(attempts: Sequence[observations.StartAttempt]) -> list[reports.Section]:
    """Give the last errors and the last lines of one run, the one that died where there is such."""
    written = [attempt for attempt in attempts if attempt.entries]
    if not written:
        return []
    chosen = next((attempt for attempt in written if attempt.is_previous), written[0])
    complaints = [_short(entry.text) for entry in chosen.entries if _ERROR.search(entry.text)][-_MOST_ERRORS:]
    lines = [line for entry in chosen.entries for line in entry.text.splitlines() if line.strip()][-_LAST_LINES:]
    told: list[reports.Section] = []
    if complaints:
        told.append(reports.Code(title=f"Last errors in the {chosen.source}", text="\n".join(complaints)))
    shown = "\n".join(errors.shorten(line, matcher.LONGEST_LINE) for line in lines)
    return [*told, reports.Code(title=f"End of the {chosen.source}", text=shown)]


def unread(attempts: Sequence[observations.StartAttempt]) -> list[reports.Section]:
    """Give why logs could not be read, each reason once."""
    reasons = dict.fromkeys(f"The {one.source} could not be read: {one.trouble}" for one in attempts if one.trouble)
    return [reports.Text(text=" ".join(list(reasons)[:3]))] if reasons else []


def facts(found: Sequence[rules.Cause]) -> Mapping[str, reports.Scalar]:
    """Give what procedures and scripts want to know of the causes."""
    first = found[0] if found else None
    return {
        "cause": first.id if first else None,
        "certainty": first.certainty.value if first else None,
        "affected": len(first.pods) if first else 0,
        "causes": ", ".join(cause.id for cause in found),
    }


def headline(words: str) -> str:
    """Give *words* as a sentence of their own."""
    return f"{words[:1].upper()}{words[1:]}."


def _short(text: str) -> str:
    """Give the first line of an entry, and what its exceptions come from."""
    first = text.strip().partition("\n")[0]
    origin = matcher.root_exception(text) if "\n" in text.strip() else ""
    line = f"{first} … {origin}" if origin and origin not in first else first
    return errors.shorten(line, matcher.LONGEST_LINE)
