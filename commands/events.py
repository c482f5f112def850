"""Show what the cluster says of a service: section 4.2 of the runbook."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import pydantic

from bot import command
from bot.kubernetes import model as kubernetes
from bot.model import reports


class Parameters(command.Parameters):
    """Which service, where, and how much."""

    service: Annotated[
        command.ServiceName,
        command.Option(positional=True, label="SERVICE"),
        pydantic.Field(description="a service by name or alias"),
    ]
    env: command.EnvironmentName
    limit: Annotated[int, command.Option(label="N"), pydantic.Field(ge=1, le=100, description="how many events")] = 20


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the events of the service's deployment, revisions and pods: warnings first, newest first."""
    service = tools.catalog.find(parameters.service)
    cluster = tools.workloads(tools.environments.find(parameters.env or ""))
    deployment = await cluster.deployment(service.deployment)
    pods, revisions = await asyncio.gather(cluster.pods(deployment.selector), cluster.replica_sets(deployment.selector))
    names = {deployment.name, *(pod.name for pod in pods), *(revision.name for revision in revisions)}
    events = await cluster.events(frozenset(names))
    warnings = [event for event in events if event.is_warning]
    words = f"{service.name} --env {parameters.env}"
    return reports.Report(
        verdict=reports.Verdict.WARNING if warnings else reports.Verdict.OK,
        headline=_headline(f"{service.name} in {parameters.env}", warnings, events),
        sections=_sections(events[: parameters.limit], len(events)),
        facts={
            "service": service.name,
            "environment": parameters.env,
            "warnings": len(warnings),
            "events": len(events),
        },
        next_actions=(
            reports.NextAction(label="Run again", command=f"events {words}"),
            reports.NextAction(label="Pods", command=f"pods {words}"),
        ),
        runbook=tools.runbook.point_to("start-failures"),
    )


def _headline(place: str, warnings: Sequence[kubernetes.Event], events: Sequence[kubernetes.Event]) -> str:
    if not events:
        return f"{place}: no events. The cluster forgets them after an hour."
    if not warnings:
        return f"{place}: no warnings among {len(events)} events."
    newest = max(warnings, key=lambda event: event.last_at)
    return f"{place}: {len(warnings)} warning{'s' * (len(warnings) > 1)}, the last {newest.reason}."


def _sections(events: Sequence[kubernetes.Event], total: int) -> tuple[reports.Section, ...]:
    if not events:
        return ()
    rows = tuple(
        reports.Row(
            cells=(event.reason, f"{event.last_at:%H:%M:%S}", str(event.count), event.name, event.message),
            verdict=reports.Verdict.WARNING if event.is_warning else reports.Verdict.OK,
        )
        for event in events
    )
    table = reports.Table(columns=("reason", "last (UTC)", "times", "object", "message"), rows=rows, figures=("times",))
    if total > len(events):
        return (table, reports.Text(text=f"{total - len(events)} older ones are left out; --limit shows more."))
    return (table,)


COMMAND = command.Command(
    name="events",
    summary="show what the cluster says of a service",
    parameters=Parameters,
    run=run,
    examples=("events pos-order", "events order --limit 50"),
    sections=("start-failures",),
    facts=command.facts(texts=("service", "environment"), numbers=("warnings", "events")),
)
