"""
Start attempts: the log of one run of a container, and the records in it that explain a failed start.

A record that ends the start, such as Spring Boot's own analysis, decides. Earlier records count only where that one
merely points to them, or where the log has none. What is logged after a start or by a shutdown hook explains nothing.
"""

import dataclasses
import datetime
import functools
import itertools
from collections.abc import Iterable, Sequence

import re2

from bot.kubernetes.diagnosis import log_records, matcher, rules
from bot.model import reports

NOTHING_KEEPS_RUNNING = "nothing-keeps-it-running"
SECTION = "start-failures"
STARTED = re2.compile(r"\b(?:Started|Restored) \S+ in (?P<seconds>\d+(?:\.\d+)?) seconds\b")
"""Spring Boot's last line of a start; runners follow, whose failure ends it as well."""
_SERVES = re2.compile(r"(?i)\b(?:Tomcat|Netty|Jetty|Undertow|gRPC Server)\b[^\n]{0,40} started\b|\bstarted on ports?\b")
_PORT = re2.compile(r"(?:Tomcat|Netty|Jetty|Undertow) started on port(?:\(?s?\)?:?) (?P<port>\d+)")
_FAILURE = re2.compile(
    r"APPLICATION FAILED TO START|Application (?:run|startup) failed|Exception in thread \"main\""
    r"|Logging system failed to initialize|Could not create the Java Virtual Machine|exec format error"
    r"|^(?:Error: |Error occurred during initialization of VM|Unrecognized |Invalid maximum heap|no main manifest)"
    r"|Terminating due to java\.lang\.OutOfMemoryError|There is insufficient memory for the Java Runtime"
    r"|A fatal error has been detected by the Java Runtime"
)
_CANCELLED = "Exception encountered during context initialization"
"""A warning in which Spring repeats the failure that follows."""
_SHUTDOWN_THREAD = "ShutdownHook"
_SHUTDOWN_THREAD_PLAIN = "ionShutdownHook"
_ALIVE_AFTER = datetime.timedelta(seconds=10)
"""What has nothing to keep it running ends within moments of its start."""
_KEEPING_THREAD = re2.compile(r"\bscheduling-\d|askScheduler-|ntainer#\d|\b\w*Scheduler_Worker-")
"""Threads of schedulers and of listeners of queues: they keep the process running."""
_MAX_ANALYSIS_RECORDS = 60
_MAX_FINDINGS = 500
"""Of one log, its newest."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StartAttempt:
    """The log of one run of a container, or why it could not be read."""

    pod: str
    container: str
    source: str
    entries: tuple[reports.LogEntry, ...] = ()
    unavailable_reason: str | None = None
    is_previous: bool = False
    exit_code: int | None = None
    """None while it runs, or if it is unknown."""

    @property
    def source_title(self) -> str:
        """Its source as a title continues: `the log of pos-order-1`, but `kafka.log`."""
        return f"the {self.source}" if " of " in self.source else self.source

    @functools.cached_property
    def records(self) -> tuple[log_records.Record, ...]:
        """All records, those of Boot's analysis as one."""
        parsed = [log_records.parse(entry.text) for entry in self.entries if not entry.is_annotation]
        return tuple(_joined(parsed))

    @functools.cached_property
    def started_index(self) -> int | None:
        """Index of the record of the last successful start."""
        return max((index for index, one in enumerate(self.records) if STARTED.search(one.text)), default=None)

    @property
    def started_after_seconds(self) -> float | None:
        """Start duration as the application logged it; None if it did not."""
        return None if self.started_index is None else float(STARTED.search(self.started_line)["seconds"])

    @property
    def started_line(self) -> str:
        """The record of the last successful start; empty if there is none."""
        return "" if self.started_index is None else self.records[self.started_index].text.strip()

    @property
    def ports(self) -> tuple[str, ...]:
        """Ports that the application opened."""
        found = [match["port"] for one in self.records if (match := _PORT.search(one.text))]
        return tuple(dict.fromkeys(found))

    @functools.cached_property
    def stayed_running(self) -> bool:
        """Return whether it logged well after its start, or from threads that keep a process running."""
        if self.started_index is None:
            return False
        started_at = self.records[self.started_index].at
        later = [one for one in self.records[self.started_index + 1 :] if not _is_of_shutdown(one)]
        is_late = started_at is not None and any(
            one.at is not None and one.at - started_at >= _ALIVE_AFTER for one in later
        )
        return is_late or any(_KEEPING_THREAD.search(one.thread) for one in later)

    @functools.cached_property
    def failures(self) -> list[log_records.Record]:
        """Records that end the start, the last one first."""
        first = 0 if self.started_index is None else self.started_index + 1
        return [one for one in self.records[first:] if _FAILURE.search(one.text)][::-1]

    @functools.cached_property
    def others(self) -> list[log_records.Record]:
        """Records before a failed start's end, newest first; none of a successful start."""
        if self.started_index is not None:
            return []
        return [one for one in self.records if not _FAILURE.search(one.text) and not _is_of_shutdown(one)][::-1]


def find(ruleset: rules.Rules, attempts: Sequence[StartAttempt]) -> list[matcher.Finding]:
    """Return what the logs of one pod show; those of a run that failed count more than those of any other."""
    failed = [finding for attempt in attempts if (finding := _failure(ruleset, attempt)) is not None]
    if failed:
        return failed
    return [finding for attempt in attempts for finding in _without_failure(ruleset, attempt)]


def _failure(ruleset: rules.Rules, attempt: StartAttempt) -> matcher.Finding | None:
    """Return the cause by the record that ended the start."""
    found = [_match(ruleset, record, attempt) for record in attempt.failures]
    findings = [finding for finding in found if finding is not None]
    explained = next((finding for finding in findings if finding.is_explanation), None)
    if explained is not None or not findings:
        return explained
    symptom = next((finding for finding in findings if finding.is_symptom), findings[0])
    root = next((one.root for one in attempt.failures if one.chain), None)
    cancelled = [one for one in attempt.others if _CANCELLED in one.text]
    relevant = attempt.others if symptom.topic else cancelled if root else [*cancelled, *_errors(attempt.others)]
    for finding in _matches(ruleset, attempt, relevant):
        if symptom.topic and finding.topic == symptom.topic and not finding.is_symptom:
            return _confirmed(finding, symptom)
        if finding.is_explanation and not symptom.topic:
            return finding
    return symptom


def _confirmed(finding: matcher.Finding, symptom: matcher.Finding) -> matcher.Finding:
    """Return *finding*, which alone is merely possible, as certain as the symptom that it explains."""
    if finding.certainty is not rules.Certainty.POSSIBLE:
        return finding
    return dataclasses.replace(finding, certainty=symptom.certainty, advice=symptom.advice)


def _without_failure(ruleset: rules.Rules, attempt: StartAttempt) -> Iterable[matcher.Finding]:
    if attempt.started_index is not None:
        return _exited(attempt)
    found = itertools.islice(_matches(ruleset, attempt, attempt.others), _MAX_FINDINGS)
    return [_weakened(finding) for finding in found]


def _matches(
    ruleset: rules.Rules, attempt: StartAttempt, records: Iterable[log_records.Record]
) -> Iterable[matcher.Finding]:
    for record in records:
        finding = _match(ruleset, record, attempt) if record.text else None
        if finding is not None:
            yield dataclasses.replace(finding, is_warning=record.level is not None and not record.is_error)


def _match(ruleset: rules.Rules, record: log_records.Record, attempt: StartAttempt) -> matcher.Finding | None:
    return matcher.match_record(ruleset, record, attempt.source, attempt.pod)


def _weakened(finding: matcher.Finding) -> matcher.Finding:
    """Return *finding* as likely at most where it was not logged as an error: the application went on."""
    if finding.is_warning and finding.certainty is rules.Certainty.CERTAIN:
        return dataclasses.replace(finding, certainty=rules.Certainty.LIKELY)
    return finding


def _exited(attempt: StartAttempt) -> list[matcher.Finding]:
    """Return that nothing kept an application running that ended by itself after its start."""
    first = attempt.started_index or 0
    serves = any(_SERVES.search(one.text) for one in attempt.records)
    is_unknown = attempt.exit_code is None and not attempt.pod
    has_shut_down = any(_is_of_shutdown(one) for one in attempt.records[first:])
    is_alive = attempt.stayed_running and not has_shut_down
    if serves or not (attempt.exit_code == 0 or (is_unknown and not is_alive)):
        return []
    has_ended = attempt.exit_code == 0 or (has_shut_down and not attempt.stayed_running)
    ending = "ended with exit code 0" if attempt.exit_code == 0 else "opened no port"
    return [
        matcher.Finding(
            id=NOTHING_KEEPS_RUNNING,
            title=f"the application started and {ending}: no web server, so nothing keeps it running",
            certainty=rules.Certainty.CERTAIN if has_ended else rules.Certainty.LIKELY,
            section=SECTION,
            advice=(
                "Add a web server to its class path (spring-boot-starter-web, or webflux) and do not set "
                "spring.main.web-application-type=none. A batch job is deployed as a Job, not as a service."
            ),
            evidence=rules.Evidence(source=attempt.source, text=attempt.started_line),
            pod=attempt.pod,
        )
    ]


def _errors(records: Iterable[log_records.Record]) -> list[log_records.Record]:
    return [one for one in records if one.is_error]


def _is_of_shutdown(record: log_records.Record) -> bool:
    return _SHUTDOWN_THREAD in record.thread or _SHUTDOWN_THREAD_PLAIN in record.thread


def _joined(records: Iterable[log_records.Record]) -> Iterable[log_records.Record]:
    """Yield *records*, with Boot's analysis as one record also in a log that does not date its lines."""
    open_analysis: list[log_records.Record] = []
    for record in records:
        is_open = bool(open_analysis) and len(open_analysis) < _MAX_ANALYSIS_RECORDS
        if is_open and record.level is None and not record.chain:
            open_analysis.append(record)
            continue
        yield from _merged(open_analysis)
        open_analysis = [record] if "APPLICATION FAILED TO START" in record.text and not record.analysis else []
        if not open_analysis:
            yield record
    yield from _merged(open_analysis)


def _merged(records: Sequence[log_records.Record]) -> Iterable[log_records.Record]:
    if records:
        yield dataclasses.replace(records[0], text="\n".join(record.text for record in records))
