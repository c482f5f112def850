"""Reports of `logs`: read once, followed, or an earlier response filtered again."""

import collections
import dataclasses
import datetime
from collections.abc import Awaitable, Callable, Sequence

from bot import errors, text_threads
from bot.kubernetes import model as kubernetes
from bot.kubernetes import subject as report_subject
from bot.kubernetes.logs import follower, parser, reader, tail_buffer
from bot.model import counts, durations, invocations, reports

_MAX_NAMED_PODS = 3
_MEGABYTE = 1e6
_MAX_PATTERN_LENGTH = 60


async def read(
    subject: report_subject.Subject,
    query: reader.LogQuery,
    command_line: str,
    reserve: Callable[[int], Awaitable[None]],
) -> reports.Report:
    """
    Return the newest matching entries of all pods by time; *command_line* repeats the query.

    Memory for them is reserved before they are read.

    Raises:
        errors.BotError: no log could be read.
    """
    deployment = await subject.deployment()
    pods = reader.select_pods(await subject.workloads.pods(deployment.selector), query.pod)
    container = query.container or subject.service.container
    sources = reader.select_sources(pods, container, is_previous=query.is_previous)
    await reserve(reader.max_kept_bytes(query, len(sources)) * len(sources))
    results = await reader.read(subject.workloads, sources, query)
    if results and all(result.error is not None and not result.entries for result in results):
        error = results[0].error or errors.Unavailable("No log could be read.")
        if query.is_previous and isinstance(error, errors.Refused):
            said = f"{subject}: {str(error)[:1].lower()}{str(error)[1:]}"
            commands = tuple(map(subject.command_line, ("logs", "pods")))
            raise errors.MissingResource(said, hint=error.hint, commands=commands) from error
        raise error
    unread = [result for result in results if result.error is not None]
    is_complete = not unread and not any(result.is_incomplete for result in results)
    entries = await text_threads.run(_merge, results, query)
    await reserve(sum(len(entry.text) for entry in entries))
    section = reports.Log(
        entries=tuple(entries), name=f"{subject.service.name}.log", common=f"{subject.service.deployment}-"
    )
    return reports.Report(
        verdict=reports.Verdict.OK if is_complete else reports.Verdict.UNKNOWN,
        headline=f"{subject}: {_summary(pods, results, query)}",
        sections=(*([section] if entries else []), *_unread(unread), _footer(query, results)),
        facts={
            **subject.facts,
            "pods": len(pods),
            "lines_read": sum(result.lines_read for result in results),
            "lines_matched": sum(result.lines_matched for result in results),
            "lines_omitted": sum(result.lines_omitted for result in results),
        },
        next_actions=(
            *subject.next_actions(
                ("Follow", "logs --follow"), ("Errors of 15 min", "logs --level error --since 15m"), ("Pods", "pods")
            ),
            reports.NextAction(label="Run again", command=command_line),
        ),
        is_information=is_complete,
    )


async def follow(
    subject: report_subject.Subject, query: reader.LogQuery, display: invocations.Display, command_line: str
) -> reports.Report:
    """
    Show new entries on *display* until it is stopped; return the totals.

    Raises:
        errors.BotError: the pods cannot be watched, or there is no such pod or container.
    """
    deployment = await subject.deployment()
    pods = reader.select_pods(await subject.workloads.pods(deployment.selector), query.pod)
    container = query.container or subject.service.container
    reader.select_sources(pods, container, is_previous=False)
    following = follower.Follower(
        subject.workloads, deployment.selector, container, query, common=f"{subject.service.deployment}-"
    )
    reason = await following.run(display, name=f"{subject.service.name}.log")
    stats = following.stats
    duration = durations.spoken(datetime.timedelta(seconds=stats.seconds))
    conditions = f" ({wanted})" if (wanted := _wanted(query, "")) else ""
    notes = f" and {counts.counted(stats.notes, 'note')}" if stats.notes else ""
    totals = (
        f"{counts.counted(stats.lines_read, 'line')} read, {stats.lines_shown:,} shown{conditions}{notes},"
        f" {counts.counted(stats.pods, 'pod')}."
    )
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{subject}: followed for {duration}, stopped {reason}",
        sections=(reports.Text(text=totals),),
        facts={**subject.facts, "lines": stats.lines_read, "shown": stats.lines_shown},
        next_actions=(reports.NextAction(label="Follow again", command=command_line),),
        is_information=True,
    )


def filter_again(report: reports.Report | None, response: str, service: str, query: reader.LogQuery) -> reports.Report:
    """
    Return the stored *report* of *response* with only the entries that match *query*.

    Raises:
        errors.UsageError: it holds no log, or that of another service.
    """
    logs = [section for section in report.sections if isinstance(section, reports.Log)] if report else []
    if report is None or not logs:
        raise errors.UsageError(
            f"None of your responses has a log and the id {response}.",
            hint="The id is in its last line. A response to another person can be filtered where its channel saw it.",
        )
    if report.facts.get("service") != service:
        raise errors.UsageError(f"Response {response} is about {report.facts.get('service')}, not {service}.")
    entries = filter_entries(logs[0].entries, query)
    lines, total = count_lines(entries), count_lines(logs[0].entries)
    conditions = f" ({wanted})" if (wanted := _wanted(query, "")) else ""
    return dataclasses.replace(
        report,
        headline=f"{service}: {lines:,} of {total:,} lines of response {response}{conditions}",
        # Its title says what of it was not recorded, and so could not be searched.
        sections=(dataclasses.replace(logs[0], entries=tuple(entries)),)
        if entries
        else (reports.Text(text=logs[0].title),)
        if logs[0].title
        else (),
    )


def filter_entries(entries: Sequence[reports.LogEntry], query: reader.LogQuery) -> list[reports.LogEntry]:
    """Return the newest of *entries* that match *query*, with their context."""
    selected: list[reports.LogEntry] = []
    before: collections.deque[reports.LogEntry] = collections.deque(maxlen=query.before)
    remaining_after = 0
    for entry in entries:
        if not reader.matches_pod(entry.source, query.pod):
            continue
        if not entry.is_annotation and query.filter.matches(entry.text.encode()):
            selected += [*before, entry]
            before.clear()
            remaining_after = query.after
        elif remaining_after:
            remaining_after -= 1
            selected.append(entry)
        else:
            before.append(entry)
    newest: collections.deque[reports.LogEntry] = collections.deque()
    lines = query.lines
    for entry in reversed(selected):
        lines -= count_lines([entry])
        if lines < 0 and newest:
            break
        newest.appendleft(entry)
    return list(newest)


def count_lines(entries: Sequence[reports.LogEntry]) -> int:
    """Return the number of lines in *entries*."""
    return sum(entry.text.count("\n") + 1 for entry in entries)


def _merge(results: Sequence[reader.LogResult], query: reader.LogQuery) -> list[reports.LogEntry]:
    """Return the entries of all results by time, repeats collapsed unless context is shown, restarts annotated."""
    entries = [entry for result in results for entry in result.entries]
    if not (query.before or query.after):
        entries = tail_buffer.collapse_repeats(entries)
    if not query.is_previous:
        entries += [annotation for result in results if (annotation := _restart(result)) is not None]
    return sorted(entries, key=tail_buffer.sort_key)


def _restart(result: reader.LogResult) -> reports.LogEntry | None:
    """Return an annotation for the place in a log where its container was restarted."""
    source = result.source
    container = source.pod.find_container(source.container)
    if container is None or container.last_termination is None or not result.entries:
        return None
    if not source.is_previous and not container.is_waiting:
        return None
    last = container.last_termination
    then = "waiting for its restart" if container.is_waiting else "restarted"
    text = f"terminated: {last.reason or 'no reason'} (exit code {last.exit_code}), {then}"
    return reports.LogEntry(text=text, source=source.pod.name, at=last.finished_at, is_annotation=True)


def _summary(pods: Sequence[kubernetes.Pod], results: Sequence[reader.LogResult], query: reader.LogQuery) -> str:
    """Return what a headline says of a log; its filter too, because a shared report stands without its command."""
    if not pods:
        return "no pods, so no logs"
    lines = count_lines([entry for result in results for entry in result.entries])
    if not lines:
        read = sum(result.lines_read for result in results)
        total = "" if query.filter.is_empty else f" ({counts.counted(read, 'line')} read)"
        return f"no {_wanted(query, 'lines')}{_period(query)}{total}"
    count = f"{counts.counted(lines, 'line')} of {counts.counted(len(pods), 'pod')}"
    conditions = f"{_wanted(query, '')}{_period(query)}".strip()
    return f"{count} ({conditions})" if conditions else count


def _wanted(query: reader.LogQuery, noun: str) -> str:
    """Return what a query looks for, such as `WARN or above matching “till”`; *noun* where it names no level."""
    condition = query.filter
    parts = [noun if condition.level is None else f"{condition.level.upper()} or above"]
    if condition.grep is not None:
        parts.append(f"matching “{_pattern(condition.grep.pattern)}”")
    if condition.exclude is not None:
        parts.append(f"without “{_pattern(condition.exclude.pattern)}”")
    return " ".join(filter(None, parts))


def _pattern(pattern: bytes) -> str:
    return errors.shorten(pattern.decode(errors="replace").removeprefix("(?m)"), _MAX_PATTERN_LENGTH)


def _period(query: reader.LogQuery) -> str:
    since = datetime.timedelta(seconds=query.since_seconds) if query.since_seconds is not None else None
    span = f" in {durations.spoken(since)}" if since is not None else ""
    return f"{span} before the last restart" if query.is_previous else span


def _unread(results: Sequence[reader.LogResult]) -> tuple[reports.Section, ...]:
    """Return why logs could not be read, each reason once with its pods."""
    pods_by_reason: dict[str, list[str]] = {}
    for result in results:
        pods_by_reason.setdefault(f"{result.unavailable_reason}", []).append(result.source.pod.name)
    pairs = []
    for reason, names in pods_by_reason.items():
        more = f" and {len(names) - _MAX_NAMED_PODS} more" if len(names) > _MAX_NAMED_PODS else ""
        pairs.append((", ".join(names[:_MAX_NAMED_PODS]) + more, reason))
    return (reports.Fields(title="Not read", pairs=tuple(pairs)),) if pairs else ()


def _footer(query: reader.LogQuery, results: Sequence[reader.LogResult]) -> reports.Text:
    lines_read, bytes_read = sum(one.lines_read for one in results), sum(one.bytes_read for one in results)
    omitted, truncated = sum(one.lines_omitted for one in results), sum(one.bytes_truncated for one in results)
    size = f"{bytes_read / _MEGABYTE:,.1f} MB" if bytes_read >= _MEGABYTE / 10 else f"{bytes_read / 1e3:,.1f} kB"
    parts = [f"{counts.counted(lines_read, 'line')} read ({size})"]
    if not query.filter.is_empty:
        parts.append(f"{sum(one.lines_matched for one in results):,} matched")
    if omitted and any(one.is_memory_limited for one in results):
        limit = reader.max_kept_bytes(query, len(results)) / 1e6
        parts.append(f"{omitted:,} older ones omitted (at most {limit:.2g} MB of each log; narrow down with --grep)")
    elif omitted:
        parts.append(f"{omitted:,} older ones omitted (--tail shows more)")
    text = ", ".join(parts) + "."
    if truncated:
        text += f" Lines are truncated at {parser.MAX_LINE_BYTES:,} bytes ({truncated / 1e6:,.1f} MB omitted)."
    if any(one.is_incomplete for one in results):
        text += " The read limit was reached before the newest lines; narrow down with --since."
    return reports.Text(text=text)
