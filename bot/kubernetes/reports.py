"""Reports of `pods` and `events`."""

import asyncio
import datetime
from collections.abc import Sequence

from bot.kubernetes import messages
from bot.kubernetes import model as kubernetes
from bot.kubernetes import subject as report_subject
from bot.model import counts, durations, reports, times

_Usage = dict[str, tuple[tuple[str, str], ...]]


async def pods(
    subject: report_subject.Subject, now: datetime.datetime, runbook: tuple[reports.Pointer, ...]
) -> reports.Report:
    """
    Return the pods with status, restarts, last termination and, if there is a metrics API, usage.

    Raises:
        errors.BotError
    """
    deployment = await subject.deployment()
    found, usage = await asyncio.gather(
        subject.workloads.pods(deployment.selector), subject.workloads.usage(deployment.selector)
    )
    ready = sum(pod.is_ready for pod in found)
    return reports.Report(
        verdict=_pods_verdict(found, deployment.desired, ready),
        headline=f"{subject}: {ready} of {deployment.desired} pods ready",
        sections=_pod_sections(found, usage, subject.service.container, now),
        facts={
            **subject.facts,
            "desired": deployment.desired,
            "ready": ready,
            "restarts": sum(pod.restarts for pod in found),
        },
        next_actions=subject.next_actions(
            *([] if ready >= deployment.desired else [("Diagnose", "diagnose")]),
            ("Events", "events"),
            ("Logs", "logs"),
            ("Health", "health"),
            ("Run again", "pods"),
        ),
        runbook=runbook,
    )


async def events(
    subject: report_subject.Subject, limit: int, now: datetime.datetime, runbook: tuple[reports.Pointer, ...]
) -> reports.Report:
    """
    Return the events of the deployment, its revisions and its pods: warnings first, newest first.

    Raises:
        errors.BotError
    """
    deployment = await subject.deployment()
    found, revisions = await asyncio.gather(
        subject.workloads.pods(deployment.selector), subject.workloads.replica_sets(deployment.selector)
    )
    names = {deployment.name, *(pod.name for pod in found), *(revision.name for revision in revisions)}
    listed = await subject.workloads.events(frozenset(names))
    warnings = [event for event in listed if event.is_warning]
    return reports.Report(
        verdict=reports.Verdict.WARNING if warnings else reports.Verdict.OK,
        headline=f"{subject}: {_events_summary(warnings, len(listed))}",
        sections=_event_sections(listed[:limit], len(listed), now),
        facts={**subject.facts, "warnings": len(warnings), "events": len(listed)},
        next_actions=subject.next_actions(
            *([("Diagnose", "diagnose")] if warnings else []), ("Pods", "pods"), ("Run again", "events")
        ),
        runbook=runbook,
    )


def _pods_verdict(found: Sequence[kubernetes.Pod], desired: int, ready: int) -> reports.Verdict:
    if ready == 0 and desired > 0:
        return reports.Verdict.FAILED
    is_complete = ready >= desired and all(pod.is_ready or pod.is_terminating for pod in found)
    return reports.Verdict.OK if is_complete else reports.Verdict.WARNING


def _pod_sections(
    found: Sequence[kubernetes.Pod], usage: _Usage | None, container: str, now: datetime.datetime
) -> tuple[reports.Section, ...]:
    if not found:
        return (reports.Text(text="No pods: the deployment desires none, or none could be created. Check its events."),)
    columns = ("pod", "status", "ready", "restarts", "last termination", "age", "node")
    table = reports.Table(
        columns=(*columns, "usage") if usage is not None else columns,
        rows=tuple(_pod_row(pod, usage, container, now) for pod in found),
        figures=("restarts", "age"),
    )
    reasons = tuple((pod.name, messages.brief(reason)) for pod in found for reason in pod.blocked_by)
    images = sorted({one.image for pod in found for one in pod.containers if not one.is_init})
    return (
        table,
        *([reports.Fields(title="Not ready because", pairs=reasons)] if reasons else []),
        reports.Fields(pairs=(("image", ", ".join(images)),)),
    )


def _pod_row(pod: kubernetes.Pod, usage: _Usage | None, container: str, now: datetime.datetime) -> reports.Row:
    containers = [one for one in pod.containers if not one.is_init]
    cells = (
        pod.name,
        pod.status,
        f"{sum(one.is_ready for one in containers)}/{len(containers)}",
        str(pod.restarts),
        _last_termination(pod, container, now),
        durations.brief(now - pod.created_at),
        pod.node or "none",
        *([", ".join(amount for _, amount in usage.get(pod.name, ()))] if usage is not None else []),
    )
    is_fine = pod.is_ready or pod.is_terminating or pod.phase == "Succeeded"
    return reports.Row(cells=cells, verdict=reports.Verdict.OK if is_fine else reports.Verdict.FAILED)


def _last_termination(pod: kubernetes.Pod, container: str, now: datetime.datetime) -> str:
    """Describe the last termination of the service's container, else of any container."""
    candidates = (pod.find_container(container), *pod.containers)
    last = next((one.last_termination for one in candidates if one is not None and one.last_termination), None)
    if last is None:
        return ""
    when = f", {durations.brief(now - last.finished_at)} ago" if last.finished_at else ""
    return f"{last.reason or 'Unknown'} ({last.exit_code}){when}"


def _events_summary(warnings: Sequence[kubernetes.Event], total: int) -> str:
    if not total:
        return "no events (Kubernetes keeps them for an hour)"
    if not warnings:
        return f"no warnings, {counts.counted(total, 'event')}"
    newest = max(warnings, key=lambda event: event.last_at)
    return f"{counts.counted(len(warnings), 'warning')}, newest {newest.reason}"


def _event_sections(
    shown: Sequence[kubernetes.Event], total: int, now: datetime.datetime
) -> tuple[reports.Section, ...]:
    if not shown:
        return ()
    rows = tuple(
        reports.Row(
            cells=(event.reason, _last_seen(event, now), str(event.count), event.name, messages.brief(event.message)),
            verdict=reports.Verdict.WARNING if event.is_warning else reports.Verdict.OK,
        )
        for event in shown
    )
    columns = ("reason", "last seen (UTC) and age", "count", "object", "message")
    table = reports.Table(columns=columns, rows=rows, figures=("count",))
    omitted = total - len(shown)
    return (table, reports.Text(text=f"{omitted} older events omitted; --limit shows more.")) if omitted else (table,)


def _last_seen(event: kubernetes.Event, now: datetime.datetime) -> str:
    return f"{times.clock(event.last_at, now)} ({durations.brief(now - event.last_at)})"
