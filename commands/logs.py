"""Show or follow the logs of a service's pods: runbook section 4.2, `kubectl logs` over all pods."""

import dataclasses
import datetime
import re
from typing import Annotated

import pydantic

from bot import command, text_threads
from bot.kubernetes import subject
from bot.kubernetes.logs import filters, levels, reader
from bot.kubernetes.logs import reports as log_reports
from bot.model import reports

DEFAULT_LINES = 200
DEFAULT_FOLLOW_LINES = 20
MAX_LINES = 50_000
_MAX_CONTEXT = 100
_MARGIN_SECONDS = 20.0
_RESPONSE_ID = re.compile(r"\d{4}-[0-9a-f]{10}")


def _validate_pattern(pattern: str) -> str:
    filters.compile_pattern(pattern)
    return pattern


def _validate_id(text: str) -> str:
    if not _RESPONSE_ID.fullmatch(text):
        raise ValueError(f"Invalid response id “{text[:40]}”; expected one such as 1123-0a1b2c3d4e.")
    return text


Pattern = Annotated[str, pydantic.AfterValidator(_validate_pattern)]
ContextSize = Annotated[int, pydantic.Field(ge=0, le=_MAX_CONTEXT)]


class Parameters(command.ServiceParameters):
    """Service, environment, and which of its log lines."""

    container: Annotated[
        str | None,
        command.Option(label="CONTAINER", short="-c"),
        pydantic.Field(description="another container than the service's own"),
    ] = None
    pod: Annotated[
        str | None, command.Option(label="POD"), pydantic.Field(description="one pod, by its name or the end of it")
    ] = None
    tail: Annotated[
        int | None,
        command.Option(label="N"),
        pydantic.Field(
            ge=1,
            le=MAX_LINES,
            description=f"newest lines of each pod; default {DEFAULT_LINES}, or {DEFAULT_FOLLOW_LINES} with --follow",
        ),
    ] = None
    since: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), description="only newer lines, such as 15m"),
    ] = None
    grep: Annotated[
        Pattern | None, command.Option(label="RE"), pydantic.Field(description="only entries that match")
    ] = None
    exclude: Annotated[
        Pattern | None, command.Option(label="RE"), pydantic.Field(description="no entries that match")
    ] = None
    level: Annotated[
        levels.Level | None,
        command.Option(label="LEVEL"),
        pydantic.BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
        pydantic.Field(description="minimum level: trace, debug, info, warn, error, fatal"),
    ] = None
    after: Annotated[
        ContextSize, command.Option(label="N", short="-A"), pydantic.Field(description="entries after each match")
    ] = 0
    before: Annotated[
        ContextSize, command.Option(label="N", short="-B"), pydantic.Field(description="entries before each match")
    ] = 0
    previous: Annotated[bool, pydantic.Field(description="only logs from before the last restart")] = False
    follow: Annotated[bool, command.Option(short="-f"), pydantic.Field(description="stream until stopped")] = False
    response: Annotated[
        Annotated[str, pydantic.AfterValidator(_validate_id)] | None,
        command.Option(label="ID"),
        pydantic.Field(description="filter an earlier response instead of reading the cluster"),
    ] = None

    @pydantic.model_validator(mode="after")
    def _check_combination(self) -> "Parameters":
        if self.follow and (self.previous or self.response):
            raise ValueError("--follow cannot be combined with --previous or --response.")
        if self.response and (self.container or self.previous or self.since):
            raise ValueError("--response filters what was read: it cannot be combined with -c, --previous or --since.")
        return self

    @property
    def query(self) -> reader.LogQuery:
        """The query for each log."""
        return reader.LogQuery(
            lines=self.tail or (DEFAULT_FOLLOW_LINES if self.follow else DEFAULT_LINES),
            filter=filters.Filter(
                grep=filters.compile_pattern(self.grep) if self.grep else None,
                exclude=filters.compile_pattern(self.exclude) if self.exclude else None,
                level=self.level,
            ),
            before=self.before,
            after=self.after,
            since_seconds=max(int(self.since.total_seconds()), 1) if self.since else None,
            container=self.container,
            pod=self.pod,
            is_previous=self.previous,
        )


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the newest matching entries of all pods, follow them, or filter an earlier response."""
    service, query = context.catalog.find(parameters.service), parameters.query
    if parameters.response is not None:
        query = dataclasses.replace(query, lines=parameters.tail or MAX_LINES)
        stored = await context.audit.find_visible_report(parameters.response, reader=context.invocation)
        return await text_threads.run(log_reports.filter_again, stored, parameters.response, service.name, query)
    environment = context.environments.find(parameters.env or "")
    target = subject.Subject(
        service=service, environment=parameters.env or "", workloads=context.workloads(environment)
    )
    command_line = command.command_line("logs", parameters)
    if parameters.follow:
        return await log_reports.follow(target, query, context.display, command_line)
    return await log_reports.read(target, query, command_line, context.reserve)


def _deadline(parameters: Parameters) -> float | None:
    return None if parameters.follow else command.MAX_RESERVE_SECONDS + reader.MAX_READ_SECONDS + _MARGIN_SECONDS


COMMAND = command.Command(
    name="logs",
    summary="show or follow the logs of a service",
    parameters=Parameters,
    run=run,
    examples=(
        "logs {service}",
        "logs {service} --level warn --since 15m",
        "logs {service} --grep OutOfMemory -B 2",
        "logs {service} --previous --tail 500",
        "logs {service} --follow",
    ),
    sections=("start-failures",),
    deadline=_deadline,
    is_followed=lambda parameters: parameters.follow,
    facts=command.facts(
        texts=("service", "environment"), numbers=("pods", "lines_read", "lines_matched", "lines_omitted")
    ),
)
