"""Show the pods of a service: runbook section 4.2."""

from bot import command
from bot.kubernetes import reports as kubernetes_reports
from bot.kubernetes import subject
from bot.model import reports


class Parameters(command.ServiceParameters):
    """Service and environment."""


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return every pod with its status, restarts and last termination."""
    environment = context.environments.find(parameters.env or "")
    target = subject.Subject(
        service=context.catalog.find(parameters.service),
        environment=parameters.env or "",
        workloads=context.workloads(environment),
    )
    return await kubernetes_reports.pods(target, context.now(), context.runbook.point_to("start-failures"))


COMMAND = command.Command(
    name="pods",
    summary="show the pods of a service: status, restarts, last termination",
    parameters=Parameters,
    run=run,
    examples=("pods {service}", "pods {service} --env {environment}"),
    sections=("start-failures",),
    facts=command.facts(texts=("service", "environment"), numbers=("desired", "ready", "restarts")),
)
