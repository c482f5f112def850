"""Diagnosis of a bare log: one start of a service, without its pod, from a file or standard input."""

import asyncio
import pathlib
import shlex
import sys
from typing import BinaryIO

from bot import errors
from bot.config import catalog
from bot.kubernetes.diagnosis import attempts, carriers, matcher, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import parser
from bot.model import reports

STANDARD_INPUT = pathlib.Path("-")
MAX_BYTES = 20_000_000
"""The newest of a longer log; a failed start is at its end."""
_CHUNK_BYTES = 1_000_000


async def read(path: pathlib.Path) -> attempts.StartAttempt:
    """
    Return the log at *path*, or that of standard input for `-`.

    Raises:
        errors.UsageError: it cannot be read.
    """
    try:
        content = await asyncio.to_thread(_read, path)
    except OSError as error:
        raise errors.UsageError(f"{path} cannot be read ({error.strerror}).") from error
    splitter = parser.LineSplitter()
    lines = [*splitter.feed(content), *splitter.finish()]
    source = "standard input" if path == STANDARD_INPUT else path.name
    entries = parser.join_lines(carriers.unwrap([line.decode(errors="replace") for line in lines]))
    return attempts.StartAttempt(pod="", container="", source=source, entries=entries)


def diagnose(
    service: catalog.Service,
    path: pathlib.Path,
    attempt: attempts.StartAttempt,
    ruleset: rules.Rules,
    point_to: diagnosis_reports.PointTo,
) -> reports.Report:
    """Return the causes that the log shows, or that the service started."""
    causes = matcher.rank(attempts.find(ruleset, [attempt]))
    seconds = attempt.started_after_seconds
    if causes:
        summary = f"not starting: {causes[0].title}"
    elif seconds is not None:
        summary = f"started in {seconds:.1f} s"
    else:
        summary = "no known cause in the log" if attempt.entries else "the log is empty"
    verdict = reports.Verdict.OK if seconds is not None else reports.Verdict.UNKNOWN
    is_explained = any(cause.is_explanation for cause in causes)
    return reports.Report(
        verdict=reports.Verdict.FAILED if causes else verdict,
        headline=f"{service.name}: {summary}",
        sections=(
            *diagnosis_reports.cause_sections(causes, point_to, 0),
            *(() if is_explained or (seconds is not None and not causes) else diagnosis_reports.log_tail([attempt])),
        ),
        facts={"service": service.name, "seconds": seconds, **diagnosis_reports.facts(causes)},
        next_actions=(
            reports.NextAction(label="Run again", command=f"diagnose {service.name} --log {shlex.quote(str(path))}"),
        ),
        runbook=diagnosis_reports.pointers(causes, point_to),
    )


def _read(path: pathlib.Path) -> bytes:
    if path == STANDARD_INPUT:
        return _newest(sys.stdin.buffer)
    with path.open("rb") as file:
        return _newest(file)


def _newest(file: BinaryIO) -> bytes:
    """Return the newest bytes, without the line that they begin within."""
    kept = b""
    while chunk := file.read(_CHUNK_BYTES):
        kept += chunk
        if len(kept) > 2 * MAX_BYTES:
            kept = kept[-MAX_BYTES:].partition(b"\n")[2]
    return kept
