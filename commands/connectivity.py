"""Check that a service is reachable by its callers and requires authentication: section 4.3 of the runbook."""

from bot import command
from bot.connectivity import checker as connectivity_checker
from bot.connectivity import reports as connectivity_reports
from bot.model import reports


class Parameters(command.ServiceParameters):
    """Service and environment."""


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the connectivity of the service."""
    service = context.catalog.find(parameters.service)
    environment_name = parameters.env or ""
    environment = context.environments.find(environment_name)
    health_url = environment.health_url_of(service)
    if health_url is None:
        return connectivity_reports.without_endpoint(service, environment_name)
    checker = connectivity_checker.Checker(
        actuator=context.actuator, gateway=context.gateway, eureka=context.eureka, now=context.now()
    )
    connectivity = await checker.check(service, environment, environment_name, health_url)
    escalation = () if connectivity_reports.has_problems(connectivity) else (connectivity_reports.ESCALATION_SECTION,)
    return connectivity_reports.report(
        connectivity,
        service.name,
        environment_name,
        runbook=context.runbook.point_to(connectivity_reports.SECTION, *escalation),
    )


COMMAND = command.Command(
    name="connectivity",
    summary="check reachability and authentication: DNS, port, Eureka, gateway route, with and without a token",
    parameters=Parameters,
    run=run,
    hidden_aliases=("access",),
    examples=("connectivity {service}", "connectivity {service} --env {environment}"),
    sections=(connectivity_reports.SECTION,),
    facts=command.facts(
        texts=("service", "environment", *connectivity_reports.FACTS.values(), "problems"),
        numbers=("skipped",),
        truths=("healthy", "is_open"),
    ),
)
