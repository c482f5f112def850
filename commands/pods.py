"""Show the pods of a service as the cluster sees them: section 4.2 of the runbook."""

import asyncio
import datetime
from collections.abc import Sequence
from typing import Annotated

import pydantic

from bot import command
from bot.config import catalog
from bot.kubernetes import model as kubernetes
from bot.model import durations, reports


class Parameters(command.Parameters):
    """Which service, where."""

    service: Annotated[
        command.ServiceName,
        command.Option(positional=True, label="SERVICE"),
        pydantic.Field(description="a service by name or alias"),
    ]
    env: command.EnvironmentName


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give every pod of the service: what it does, how often it was started again, and how it last ended."""
    service = tools.catalog.find(parameters.service)
    cluster = tools.workloads(tools.environments.find(parameters.env or ""))
    deployment = await cluster.deployment(service.deployment)
    pods, usage = await asyncio.gather(cluster.pods(deployment.selector), cluster.usage(deployment.selector))
    ready = sum(pod.is_ready for pod in pods)
    return reports.Report(
        verdict=_verdict(pods, deployment),
        headline=f"{service.name} in {parameters.env}: {ready} of {deployment.desired} pods ready.",
        sections=tuple(_sections(pods, usage, service, tools.now())),
        facts={
            "service": service.name,
            "environment": parameters.env,
            "wanted": deployment.desired,
            "ready": ready,
            "restarts": sum(pod.restarts for pod in pods),
        },
        next_actions=_next(service, parameters),
        runbook=tools.runbook.point_to("start-failures"),
    )


def _verdict(pods: Sequence[kubernetes.Pod], deployment: kubernetes.Deployment) -> reports.Verdict:
    ready = sum(pod.is_ready for pod in pods)
    if ready == 0 and deployment.desired > 0:
        return reports.Verdict.FAILED
    is_whole = ready >= deployment.desired and all(pod.is_ready or pod.is_ending for pod in pods)
    return reports.Verdict.OK if is_whole else reports.Verdict.WARNING


def _sections(
    pods: Sequence[kubernetes.Pod],
    usage: dict[str, tuple[tuple[str, str], ...]] | None,
    service: catalog.Service,
    now: datetime.datetime,
) -> list[reports.Section]:
    if not pods:
        return [reports.Text(text="There is no pod: the deployment wants none, or none could be made. See its events.")]
    rows = tuple(_row(pod, usage, service, now) for pod in pods)
    used = ("uses",) if usage is not None else ()
    columns = ("pod", "status", "ready", "restarts", "last end", "age", "node", *used)
    table = reports.Table(columns=columns, rows=rows, figures=("restarts", "age"))
    images = sorted({container.image for pod in pods for container in pod.containers if not container.is_init})
    return [table, *_reasons(pods), reports.Fields(pairs=(("image", ", ".join(images)),))]


def _row(
    pod: kubernetes.Pod,
    usage: dict[str, tuple[tuple[str, str], ...]] | None,
    service: catalog.Service,
    now: datetime.datetime,
) -> reports.Row:
    containers = [container for container in pod.containers if not container.is_init]
    ready = sum(container.is_ready for container in containers)
    cells = (
        pod.name,
        pod.status,
        f"{ready}/{len(containers)}",
        str(pod.restarts),
        _last_end(pod, service, now),
        durations.brief(now - pod.created_at),
        pod.node or "none",
        *([", ".join(amount for _, amount in usage.get(pod.name, ()))] if usage is not None else []),
    )
    is_fine = pod.is_ready or pod.is_ending or pod.phase == "Succeeded"
    return reports.Row(cells=cells, verdict=reports.Verdict.OK if is_fine else reports.Verdict.FAILED)


def _last_end(pod: kubernetes.Pod, service: catalog.Service, now: datetime.datetime) -> str:
    """Give how the service's own container ended before, or any other's where that one never did."""
    own = pod.find_container(service.container)
    ended = [container.last for container in (own, *pod.containers) if container is not None and container.last]
    if not ended:
        return ""
    last = ended[0]
    when = f", {durations.brief(now - last.finished_at)} ago" if last.finished_at else ""
    return f"{last.reason or 'ended'} ({last.exit_code}){when}"


def _reasons(pods: Sequence[kubernetes.Pod]) -> list[reports.Section]:
    pairs = tuple((pod.name, reason) for pod in pods for reason in pod.blockers)
    return [reports.Fields(title="What keeps them", pairs=pairs)] if pairs else []


def _next(service: catalog.Service, parameters: Parameters) -> tuple[reports.NextAction, ...]:
    words = f"{service.name} --env {parameters.env}"
    return (
        reports.NextAction(label="Run again", command=f"pods {words}"),
        reports.NextAction(label="Events", command=f"events {words}"),
        reports.NextAction(label="Health", command=f"health {words}"),
    )


COMMAND = command.Command(
    name="pods",
    summary="show the pods of a service",
    parameters=Parameters,
    run=run,
    examples=("pods pos-order", "pods order --env prod"),
    sections=("start-failures",),
    facts=command.facts(texts=("service", "environment"), numbers=("wanted", "ready", "restarts")),
)
