"""Diagnosis of a bare log: one start of a service, without its pod, from a file or standard input."""

import asyncio
import codecs
import collections
import contextlib
import dataclasses
import os
import pathlib
import shlex
import sys
import threading
from collections.abc import Sequence

from bot import errors, text_threads
from bot.config import catalog
from bot.kubernetes.diagnosis import attempts, carriers, log_owner, matcher, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import parser
from bot.model import reports

STANDARD_INPUT = pathlib.Path("-")
MAX_BYTES = 20_000_000
"""The newest of a longer log; a failed start is at its end."""
MAX_LINES = 100_000
_CHUNK_BYTES = 256_000
_SAMPLE_BYTES = 8_192
_MAX_CONTROL_SHARE = 0.03
_READABLE = "Give a log as text, or - for standard input: kubectl logs POD | posbot diagnose SERVICE --log -"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BareLog:
    """A log that was read, and what of it was omitted."""

    attempt: attempts.StartAttempt
    omitted: tuple[str, ...] = ()
    """Sentences; none where all of it was read."""


async def read(path: pathlib.Path) -> BareLog:
    """
    Return the log at *path*, or that of standard input for `-`.

    Raises:
        errors.UsageError: it cannot be read.
    """
    try:
        content, dropped_bytes = await _newest(path)
    except OSError as error:
        raise errors.UsageError(f"{path} cannot be read ({error.strerror}).", hint=_READABLE) from error
    content = _as_utf8(content)
    if _is_binary(content):
        raise errors.UsageError(f"{path} is not a text file.", hint=f"Unpack it if it is an archive. {_READABLE}")
    return await text_threads.run(_split, path, content, dropped_bytes)


def _as_utf8(content: bytes) -> bytes:
    """Return *content* without the NULs of a file truncated while written; PowerShell writes UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace").encode()
    return content.lstrip(b"\0")


def _is_binary(content: bytes) -> bool:
    """Return whether *content* begins with more control characters than a text has."""
    sample = content[:_SAMPLE_BYTES]
    return sum(one < ord(" ") and one not in b"\t\n\r\v\f\b\x1b" for one in sample) > _MAX_CONTROL_SHARE * len(sample)


def _split(path: pathlib.Path, content: bytes, dropped_bytes: int) -> BareLog:
    splitter = parser.LineSplitter()
    lines = [*splitter.feed(content), *splitter.finish()]
    dropped_lines = len(lines) - MAX_LINES
    lines = lines[-MAX_LINES:]
    source = "standard input" if path == STANDARD_INPUT else path.name
    entries = parser.join_lines(carriers.unwrap([line.decode(errors="replace") for line in lines]))
    omitted = []
    if dropped_bytes:
        omitted.append(
            f"Only the newest {MAX_BYTES / 1e6:.0f} MB were read, {dropped_bytes / 1e6:,.1f} MB before them not."
        )
    if dropped_lines > 0:
        omitted.append(f"Only the newest {MAX_LINES:,} lines were read, {dropped_lines:,} before them not.")
    if splitter.bytes_truncated:
        truncated = splitter.bytes_truncated / 1e6
        omitted.append(f"Lines are truncated at {parser.MAX_LINE_BYTES:,} bytes ({truncated:,.1f} MB omitted).")
    attempt = attempts.StartAttempt(pod="", container="", source=source, entries=entries)
    return BareLog(attempt=attempt, omitted=tuple(omitted))


def diagnose(
    service: catalog.Service,
    path: pathlib.Path,
    log: BareLog,
    ruleset: rules.Rules,
    point_to: diagnosis_reports.PointTo,
    *,
    services: Sequence[catalog.Service] = (),
) -> reports.Report:
    """Return the causes that the log shows, or that the service started; and if it is the log of another service."""
    attempt = log.attempt
    causes = matcher.rank(attempts.find(ruleset, [attempt]))
    seconds = attempt.started_after_seconds
    if causes:
        summary = diagnosis_reports.summary(causes[0])
    elif seconds is not None:
        summary = f"started in {seconds:.1f} s"
    else:
        summary = "no known cause in the log" if attempt.entries else "the log is empty"
    owner = log_owner.find(attempt, service, services)
    is_ok = seconds is not None and owner is None
    verdict = reports.Verdict.OK if is_ok else reports.Verdict.UNKNOWN
    subject = service.name if owner is None else f"{service.name}: the log is of {owner.name}"
    again = f"--log {shlex.quote(str(path))}"
    actions = [reports.NextAction(label="Run again", command=f"diagnose {service.name} {again}")]
    if not causes and seconds is None:
        actions.insert(0, reports.NextAction(label="Diagnose in the cluster", command=f"diagnose {service.name}"))
    if owner is not None:
        actions.insert(0, reports.NextAction(label=f"Diagnose {owner.name}", command=f"diagnose {owner.name} {again}"))
    is_explained = any(cause.is_explanation for cause in causes)
    return reports.Report(
        verdict=reports.Verdict.FAILED if causes else verdict,
        headline=f"{subject}: {summary}",
        sections=(
            *diagnosis_reports.cause_sections(causes, point_to, 0),
            *(() if is_explained or (seconds is not None and not causes) else diagnosis_reports.log_tail([attempt])),
            *([reports.Text(text=" ".join(log.omitted))] if log.omitted else []),
        ),
        facts={"service": service.name, "seconds": seconds, **diagnosis_reports.facts(causes)},
        next_actions=tuple(actions),
        runbook=diagnosis_reports.pointers(causes, point_to),
    )


async def _newest(path: pathlib.Path) -> tuple[bytes, int]:
    """Return the newest bytes, without the line that they begin within, and the number of bytes before them."""
    loop = asyncio.get_running_loop()
    # A pipe may stay open and silent for ever: a thread of the pool would keep the process from ending at Ctrl-C.
    tail, done, is_abandoned = _Tail(), loop.create_future(), threading.Event()

    def finish(error: OSError | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(None)

    def follow() -> None:
        error = tail.read(path, is_abandoned)
        with contextlib.suppress(RuntimeError):
            # The loop is closed where the command was interrupted.
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=follow, daemon=True, name="log").start()
    try:
        await done
    finally:
        is_abandoned.set()
    return tail.content()


class _Tail:
    """The newest bytes of a file, kept in the chunks in which they were read."""

    def __init__(self) -> None:
        self._chunks: collections.deque[bytes] = collections.deque()
        self._bytes = 0
        self._dropped = 0

    def read(self, path: pathlib.Path, is_abandoned: threading.Event) -> OSError | None:
        """Read to the end of *path*; return the error that prevents it."""
        try:
            descriptor = sys.stdin.fileno() if path == STANDARD_INPUT else os.open(path, os.O_RDONLY)
            while not is_abandoned.is_set() and (chunk := os.read(descriptor, _CHUNK_BYTES)):
                self._add(chunk)
            if path != STANDARD_INPUT:
                os.close(descriptor)
        except OSError as error:
            return error
        return None

    def content(self) -> tuple[bytes, int]:
        """Return what is kept, from the beginning of a line unless it is all one line, and how much was dropped."""
        content = b"".join(self._chunks)
        if not self._dropped:
            return content, 0
        _, newline, rest = content.partition(b"\n")
        kept = rest if newline else content
        return kept, self._dropped + len(content) - len(kept)

    def _add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        while self._bytes - len(self._chunks[0]) >= MAX_BYTES:
            first = self._chunks.popleft()
            self._bytes -= len(first)
            self._dropped += len(first)
