"""Show the Kubernetes events of a service: runbook section 4.2."""

from typing import Annotated

import pydantic

from bot import command
from bot.kubernetes import reports as kubernetes_reports
from bot.kubernetes import subject
from bot.model import reports


class Parameters(command.ServiceParameters):
    """Service, environment and number of events."""

    limit: Annotated[int, command.Option(label="N"), pydantic.Field(ge=1, le=100, description="number of events")] = 20


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the events of the deployment, its revisions and its pods: warnings first, newest first."""
    environment = context.environments.find(parameters.env or "")
    target = subject.Subject(
        service=context.catalog.find(parameters.service),
        environment=parameters.env or "",
        workloads=context.workloads(environment),
    )
    return await kubernetes_reports.events(
        target, parameters.limit, context.now(), context.runbook.point_to("start-failures")
    )


COMMAND = command.Command(
    name="events",
    summary="show Kubernetes events of a service, warnings first",
    parameters=Parameters,
    run=run,
    examples=("events {service}", "events {service} --limit 50"),
    sections=("start-failures",),
    facts=command.facts(texts=("service", "environment"), numbers=("warnings", "events")),
)
