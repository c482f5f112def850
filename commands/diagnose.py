"""Diagnose why a service does not start, from a cluster, a dump, a log or a jar: runbook section 4.2."""

import datetime
import functools
import pathlib
import shlex
from typing import Annotated

import pydantic

from bot import command, errors, text_threads
from bot.kubernetes import subject
from bot.kubernetes.diagnosis import bare_log, deployment, dump
from bot.kubernetes.diagnosis import jar as diagnosis_jar
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.model import invocations, reports

DEFAULT_START_TIMEOUT = datetime.timedelta(minutes=2)
MAX_START_TIMEOUT = datetime.timedelta(minutes=15)
_SHUTDOWN_SECONDS = 30.0
"""For the last health check and a graceful shutdown of the jar."""


class Parameters(command.ServiceParameters):
    """Service, and what to read: its environment, a dump, a log, or a jar that is started."""

    dump: Annotated[
        pathlib.Path | None,
        command.Option(label="DIR"),
        pydantic.Field(description="read what kubectl cluster-info dump --output-directory DIR wrote (terminal only)"),
    ] = None
    log: Annotated[
        pathlib.Path | None,
        command.Option(label="FILE"),
        pydantic.Field(description="read one log, - for standard input (terminal only)"),
    ] = None

    jar: Annotated[
        pathlib.Path | None,
        command.Option(label="PATH"),
        pydantic.Field(
            description="start this jar here, compare it with the catalog, and stop it again (terminal only)"
        ),
    ] = None
    limit: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(
            gt=datetime.timedelta(0), le=MAX_START_TIMEOUT, description="start timeout of the jar; default 2m"
        ),
    ] = None


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the causes for which the service does not start, or that it started."""
    service = context.catalog.find(parameters.service)
    _validate(parameters, context)
    if parameters.log is not None:
        log = await bare_log.read(parameters.log)
        diagnose = functools.partial(bare_log.diagnose, services=context.catalog.services)
        return await text_threads.run(
            diagnose, service, parameters.log, log, context.diagnosis_rules, context.runbook.point_to
        )
    environment = context.environments.find(parameters.env or "")
    if parameters.dump is not None:
        return await dump.diagnose(
            service, parameters.dump, environment.namespace, context.diagnosis_rules, context.runbook.point_to
        )
    if parameters.jar is None:
        target = subject.Subject(
            service=service, environment=parameters.env or "", workloads=context.workloads(environment)
        )
        return await deployment.diagnose(target, context.diagnosis_rules, context.runbook.point_to, context.now())
    return await _start_jar(parameters.jar, parameters, context)


def _validate(parameters: Parameters, context: command.Context) -> None:
    local = {"--dump DIR": parameters.dump, "--log FILE": parameters.log, "--jar PATH": parameters.jar}
    given = [option for option, value in local.items() if value is not None]
    if len(given) > 1:
        raise errors.UsageError(f"Give only one of {' and '.join(given)}.")
    if parameters.jar is None and parameters.limit is not None:
        raise errors.UsageError("--limit requires --jar PATH.")
    if given and context.invocation.source is not invocations.Source.TERMINAL:
        raise errors.PermissionDenied(
            f"{given[0].partition(' ')[0]} uses files of your machine, so it works only in a terminal.",
            hint=f"Run posbot diagnose {parameters.service} {given[0]} there, or omit it to diagnose the cluster.",
        )


async def _start_jar(jar: pathlib.Path, parameters: Parameters, context: command.Context) -> reports.Report:
    service = context.catalog.find(parameters.service)

    async def check_health(url: str) -> diagnosis_jar.HealthResult:
        reading = await context.actuator.read(service.name, url, with_groups=False)
        return diagnosis_jar.HealthResult(
            finding=reading.finding.value,
            summary=reading.summary,
            is_healthy=reading.is_healthy,
            has_responded=reading.root.is_document,
        )

    limit = f" --limit {parameters.limit.total_seconds():.0f}s" if parameters.limit is not None else ""
    start = diagnosis_jar.JarStart(
        service=service,
        services=context.catalog.services,
        jar=jar,
        timeout=parameters.limit or DEFAULT_START_TIMEOUT,
        java=context.java,
        ruleset=context.diagnosis_rules,
        point_to=context.runbook.point_to,
        run_again=f"diagnose {service.name} --jar {shlex.quote(str(jar))}{limit}",
        display=context.display,
        check_health=check_health,
    )
    return await start.run()


def _deadline(parameters: Parameters) -> float:
    if parameters.jar is None:
        return 30.0
    return (parameters.limit or DEFAULT_START_TIMEOUT).total_seconds() + _SHUTDOWN_SECONDS


COMMAND = command.Command(
    name="diagnose",
    hidden_aliases=("startup",),
    summary="diagnose why a service does not start",
    parameters=Parameters,
    run=run,
    examples=(
        "diagnose {service}",
        "diagnose {service} --env {environment}",
        "diagnose {service} --dump dumps/monday",
        "diagnose {service} --log {service}.log",
        "diagnose {service} --jar {service}/target/{service}-1.0.0.jar",
    ),
    sections=(diagnosis_reports.SECTION,),
    deadline=_deadline,
    facts=command.facts(
        texts=("service", "environment", "cause", "reason", "certainty", "causes", "health"),
        numbers=("desired", "ready", "pods", "affected", "seconds", "exit_code", "port"),
    ),
)
