"""Check the health of services: sections 2.2 and 4.3 of the runbook."""

import datetime
from typing import Annotated

import pydantic

from bot import command
from bot.config import catalog
from bot.health import actuator
from bot.health import reports as health_reports
from bot.model import reports

MAX_WAIT = datetime.timedelta(minutes=15)
"""Slack lets a response be updated for half an hour; a rollout that takes longer is a case for section 4.2."""
_REPORT_SECONDS = 5.0


class Parameters(command.Parameters):
    """Services, environment and level of detail."""

    selection: Annotated[
        command.Selection,
        command.Option(positional=True, label="SERVICE|GROUP|all", takes_several=True),
        pydantic.Field(description="services by name or alias, groups, or all"),
    ] = catalog.ALL
    env: command.EnvironmentName
    verbose: Annotated[bool, pydantic.Field(description="show addresses, timings and headers, like curl -v")] = False
    wait: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), le=MAX_WAIT, description="wait until healthy, at most this long (3m)"),
    ] = None


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the health of the selected services."""
    services = context.catalog.select(parameters.selection)
    poller = actuator.Poller(
        services,
        context.environments.find(parameters.env or ""),
        context.actuator,
        with_groups=len(services) == 1 or parameters.verbose,
    )
    async for poll in poller.poll(parameters.wait):
        report = _report(poll, parameters, context)
        if not poll.is_last:
            await context.display.progress(report)
    return report


def _report(poll: actuator.Poll, parameters: Parameters, context: command.Context) -> reports.Report:
    environment = parameters.env or ""
    pointers = context.runbook.point_to(*health_reports.runbook_sections(poll.services))
    if len(poll.services) == 1:
        [health] = poll.services
        report = health_reports.service_report(health, environment, verbose=parameters.verbose, runbook=pointers)
    else:
        report = health_reports.fleet_report(poll.services, parameters.selection, environment, runbook=pointers)
    if parameters.wait is None:
        return report
    suffix = health_reports.wait_suffix(poll, parameters.wait.total_seconds())
    return reports.changed(report, headline=report.headline + suffix)


def _deadline(parameters: Parameters) -> float:
    max_wait = parameters.wait.total_seconds() if parameters.wait else 0.0
    return max_wait + actuator.ROUND_TIMEOUT_SECONDS + _REPORT_SECONDS


COMMAND = command.Command(
    name="health",
    summary="check service health, and optionally wait until healthy",
    parameters=Parameters,
    run=run,
    examples=(
        "health {service}",
        "health all --env {environment}",
        "health {group}",
        "health {services}",
        "health {service} --verbose",
        "health {service} --wait 3m",
    ),
    app_home="health all",
    sections=(health_reports.CHECKS_SECTION, health_reports.FAILING_SECTION),
    deadline=_deadline,
    facts=command.facts(
        texts=("service", "environment", "selection", "finding", "failing", "readiness", "liveness"),
        numbers=("http_status", "seconds", "checked"),
        truths=("healthy",),
    ),
)
