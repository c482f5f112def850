"""
Why does a service not start: section 4.2 of the runbook.

In a cluster it reads what the section has people read: the states of the pods, their events, and the logs from before
and after their last restart. On a machine it starts the jar itself, watches it, and ends it again.
"""

import asyncio
import dataclasses
import datetime
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import pydantic

from bot import command, errors
from bot.config import catalog
from bot.health import status
from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import log_sources, matcher, observations, probes, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import parser, reader
from bot.model import invocations, reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads
    from bot.kubernetes.diagnosis import java

POLL_SECONDS = 1.0
START_LIMIT = datetime.timedelta(seconds=120)
LONGEST_START = datetime.timedelta(minutes=15)
HERE = "127.0.0.1"
_SECTION = "start-failures"
_ENDING_SECONDS = 30.0
"""For the last question and an orderly end, on top of the time that the start may take."""


class Parameters(command.Parameters):
    """Which service, where, or which jar."""

    service: Annotated[
        command.ServiceName,
        command.Option(positional=True, label="SERVICE"),
        pydantic.Field(description="a service by name or alias"),
    ]
    env: command.EnvironmentName
    jar: Annotated[
        pathlib.Path | None,
        command.Option(label="PATH"),
        pydantic.Field(description="start this jar here instead, on the service’s port, and end it again (terminal)"),
    ] = None
    limit: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(
            gt=datetime.timedelta(0),
            le=LONGEST_START,
            description="how long the jar may take to come up; 2m if not given",
        ),
    ] = None


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the causes for which the service does not start, or that it did."""
    service = tools.catalog.find(parameters.service)
    if parameters.jar is None and parameters.limit is not None:
        raise errors.UsageError("--limit says how long a jar may take; expected --jar PATH with it.")
    if parameters.jar is None:
        return await _ask_the_cluster(service, parameters, tools)
    if tools.invocation.source is not invocations.Source.TERMINAL:
        raise errors.NotAllowed(
            "--jar starts a program on the machine that you sit at, so it is for terminals only.",
            hint=f"Type posbot startup {service.name} --jar PATH in one, or leave --jar out to ask the cluster.",
        )
    return await _Local(service, parameters.jar, parameters.limit or START_LIMIT, tools).start()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A service in an environment."""

    service: str
    environment: str

    def __str__(self) -> str:
        return f"{self.service} in {self.environment}"

    @property
    def words(self) -> str:
        """Give what is typed after a command to mean it."""
        return f"{self.service} --env {self.environment}"

    @property
    def facts(self) -> dict[str, reports.Scalar]:
        """Give its names for procedures."""
        return {"service": self.service, "environment": self.environment}


async def _ask_the_cluster(service: catalog.Service, parameters: Parameters, tools: command.Context) -> reports.Report:
    place = _Place(service=service.name, environment=parameters.env or "")
    cluster = tools.workloads(tools.environments.find(parameters.env or ""))
    try:
        deployment = await cluster.deployment(service.deployment)
    except errors.MissingResource as error:
        return _without_deployment(place, str(error), tools)
    pods, revisions = await asyncio.gather(cluster.pods(deployment.selector), cluster.replica_sets(deployment.selector))
    makers = {deployment.name, *(revision.name for revision in revisions)}
    events = await cluster.events(frozenset({*makers, *(pod.name for pod in pods)}))
    situation = log_sources.PodState(deployment=deployment, pods=pods, now=tools.now())
    wanted = log_sources.logs_to_read(situation.failing, service.container)
    attempts = await asyncio.gather(*(_read(cluster, one) for one in wanted))
    found = matcher.rank(_findings(situation, events, makers, attempts, tools.diagnosis_rules))
    return _Told(place=place, situation=situation, found=found, attempts=attempts, tools=tools).report()


async def _read(cluster: "workloads.Workloads", wanted: log_sources.LogSource) -> observations.StartAttempt:
    portion = await reader.newest(cluster, wanted.pod, wanted.container, is_previous=wanted.is_previous)
    return observations.StartAttempt(
        pod=wanted.pod.name,
        container=wanted.container,
        source=wanted.source,
        entries=portion.entries,
        trouble=portion.problem_text,
        is_previous=wanted.is_previous,
    )


def _findings(
    situation: log_sources.PodState,
    events: Sequence[kubernetes.Event],
    makers: set[str],
    attempts: Sequence[observations.StartAttempt],
    table: rules.Rules,
) -> list[matcher.Finding]:
    """Give what was found, the same thing as often as it was seen."""
    found: list[matcher.Finding] = []
    if situation.is_missing_pods:
        of_makers = observations.of_events(event for event in events if event.name in makers)
        found += matcher.find(table, [*observations.of_deployment(situation.deployment), *of_makers])
    for pod in situation.failing:
        own_events = [event for event in events if event.name == pod.name]
        own_attempts = [attempt for attempt in attempts if attempt.pod == pod.name]
        seen = [*observations.of_pod(pod), *observations.of_events(own_events, pod.name)]
        seen += [one for attempt in own_attempts for one in observations.of_attempt(attempt)]
        found += matcher.find(table, seen)
        found += probes.find(pod, own_events, own_attempts)
        found += probes.find_starting(pod, situation.now)
    return found


def _without_deployment(place: _Place, why: str, tools: command.Context) -> reports.Report:
    return reports.Report(
        verdict=reports.Verdict.FAILED,
        headline=f"{place} does not start: it is not deployed.",
        sections=(reports.Text(text=why),),
        facts={
            **place.facts,
            **diagnosis_reports.facts(()),
            "cause": "not-deployed",
            "certainty": rules.Certainty.CERTAIN.value,
        },
        next_actions=(reports.NextAction(label="Run again", command=f"startup {place.words}"),),
        runbook=tools.runbook.point_to("deployment", _SECTION),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What was found in the cluster, as a report."""

    place: _Place
    situation: log_sources.PodState
    found: tuple[rules.Cause, ...]
    attempts: Sequence[observations.StartAttempt]
    tools: command.Context

    def report(self) -> reports.Report:
        """Give the whole answer."""
        deployment = self.situation.deployment
        markers = dict.fromkeys([_SECTION, *(cause.section for cause in self.found[:1])])
        return reports.Report(
            verdict=self._verdict(),
            headline=self._headline(),
            sections=tuple(self._sections()),
            facts={
                **self.place.facts,
                "wanted": deployment.desired,
                "ready": self.situation.ready,
                "pods": len(self.situation.live),
                **diagnosis_reports.facts(self.found),
            },
            next_actions=self._next(),
            runbook=self.tools.runbook.point_to(*markers),
        )

    @property
    def _is_only_starting(self) -> bool:
        return bool(self.found) and all(cause.id == probes.STARTING for cause in self.found)

    def _verdict(self) -> reports.Verdict:
        if self.situation.deployment.desired == 0:
            return reports.Verdict.FAILED
        if self.situation.has_started:
            return reports.Verdict.WARNING if self.found else reports.Verdict.OK
        if self._is_only_starting or (self.found and self.situation.ready):
            return reports.Verdict.WARNING
        is_blind = not self.found and not any(attempt.entries for attempt in self.attempts)
        return reports.Verdict.UNKNOWN if is_blind else reports.Verdict.FAILED

    def _headline(self) -> str:
        ready, live = self.situation.ready, len(self.situation.live)
        if self.situation.deployment.desired == 0:
            return f"{self.place} does not start: it is scaled to 0 pods."
        if self.situation.has_started:
            counted = f"{self.place} did start: all {ready} pods are ready"
            again = len(self.situation.restarted)
            if not again:
                return f"{counted}."
            why = f": {self.found[0].title}" if self.found else ""
            return f"{counted}, but {again} of them ended within the last hour{why}."
        if self._is_only_starting:
            return f"{self.place} is still starting: {ready} of {self.situation.deployment.desired} pods are ready."
        failing = (
            f"{live - ready} of {live} pods of {self.place} do not start" if ready else f"{self.place} does not start"
        )
        return f"{failing}: {self.found[0].title}." if self.found else f"{failing}, and no known cause fits."

    def _sections(self) -> list[reports.Section]:
        shown = diagnosis_reports.sections(self.found, self.tools.runbook, max(len(self.situation.live), 1))
        is_explained = any(not cause.is_symptom for cause in self.found) or self._is_only_starting
        if not is_explained and not self.situation.has_started:
            shown += diagnosis_reports.log_tail(self.attempts)
            shown += [] if self.found or self.situation.pods else [_NO_POD]
        shown += diagnosis_reports.unread(self.attempts)
        skipped = len(self.situation.failing) - log_sources.MOST_PODS
        if skipped > 0:
            shown.append(reports.Text(text=f"The logs of {skipped} more pods in trouble were not read."))
        return shown

    def _next(self) -> tuple[reports.NextAction, ...]:
        words = self.place.words
        lines = (
            ("Run again", f"startup {words}"),
            ("Log before the restart", f"logs {words} --previous"),
            ("Events", f"events {words}"),
            ("Pods", f"pods {words}"),
        )
        if self.situation.has_started:
            lines = (*lines[:1], ("Health", f"health {words}"), *lines[2:])
        known = [(label, line) for label, line in lines if line.partition(" ")[0] in self.tools.commands]
        return tuple(reports.NextAction(label=label, command=line) for label, line in known)


_NO_POD = reports.Text(
    text="There is no pod, and nothing says why: look at the events and at the cluster’s controllers."
)


class _Local:
    """One start of a jar on this machine."""

    def __init__(
        self, service: catalog.Service, jar: pathlib.Path, limit: datetime.timedelta, tools: command.Context
    ) -> None:
        self._service = service
        self._jar = jar
        self._limit_seconds = limit.total_seconds()
        self._tools = tools
        self._reading: status.ServiceHealth | None = None
        """What its health last said."""

    async def start(self) -> reports.Report:
        """
        Give how the start went.

        The jar gets the port of the catalogue also where somebody else holds it: a conflict shall be seen. Then its
        health is not asked, because that somebody would answer.
        """
        port = self._service.port
        is_taken = port is not None and await self._tools.java.is_taken(port)
        url = None if port is None or is_taken else f"http://{HERE}:{port}{self._service.health_path}"
        arguments = () if port is None else (f"--server.port={port}",)
        async with self._tools.java.running(self._jar, arguments) as running:
            await self._watch(running, url)
            ended, seconds = running.exit_code, running.seconds
        attempt = observations.StartAttempt(
            pod="", container="", source=f"output of {self._jar.name}", entries=parser.join_lines(running.lines)
        )
        return self._report(attempt, ended, seconds)

    async def _watch(self, running: "java.JarProcess", url: str | None) -> None:
        """Come back when it is up, has ended, or has taken too long."""
        while running.seconds < self._limit_seconds:
            if await running.ends_within(POLL_SECONDS):
                return
            if url is not None:
                self._reading = await self._tools.actuator.read(self._service.name, url, with_groups=False)
            if self._reading is not None and self._reading.is_healthy:
                return
            if url is None and any(observations.STARTED.search(line) for line in running.lines):
                return
            headline = f"{self._service.name} is starting, for {running.seconds:.0f} s."
            await self._tools.display.progress(reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline))

    def _report(self, attempt: observations.StartAttempt, exit_code: int | None, seconds: float) -> reports.Report:
        is_up = exit_code is None and self._is_well(attempt)
        found = (
            () if is_up else matcher.rank(matcher.find(self._tools.diagnosis_rules, observations.of_attempt(attempt)))
        )
        shown = diagnosis_reports.sections(found, self._tools.runbook, 0)
        if not found and not is_up:
            shown += diagnosis_reports.log_tail([attempt])
        started = attempt.started_after_seconds
        return reports.Report(
            verdict=reports.Verdict.OK if is_up else reports.Verdict.FAILED,
            headline=self._headline(started if is_up and started else seconds, exit_code, found, is_up=is_up),
            sections=tuple(shown),
            facts={
                "service": self._service.name,
                "seconds": round(seconds, 1),
                "exit_code": exit_code,
                "health": self._reading.finding.value if self._reading is not None else None,
                **diagnosis_reports.facts(found),
            },
            next_actions=(
                reports.NextAction(label="Run again", command=f"startup {self._service.name} --jar {self._jar}"),
            ),
            runbook=self._tools.runbook.point_to(*dict.fromkeys([_SECTION, *(cause.section for cause in found[:1])])),
        )

    def _is_well(self, attempt: observations.StartAttempt) -> bool:
        if self._reading is not None:
            return self._reading.is_healthy
        return attempt.started_after_seconds is not None

    def _headline(self, seconds: float, exit_code: int | None, found: Sequence[rules.Cause], *, is_up: bool) -> str:
        name = self._service.name
        if is_up:
            asked = "health UP" if self._reading is not None else "by its own words; its health was not asked"
            return f"{name} started in {seconds:.1f} s, {asked}."
        why = f": {found[0].title}" if found else ", and no known cause fits"
        if exit_code is not None:
            return f"{name} does not start{why} (it ended after {seconds:.1f} s, exit code {exit_code})."
        if self._reading is not None and self._reading.root.is_document:
            why = f": {found[0].title}" if found else f": it is {self._reading.summary}"
        return f"{name} did not come up in {self._limit_seconds:.0f} s{why}."


def _deadline(parameters: Parameters) -> float:
    if parameters.jar is None:
        return 30.0
    return (parameters.limit or START_LIMIT).total_seconds() + _ENDING_SECONDS


COMMAND = command.Command(
    name="startup",
    summary="find out why a service does not start",
    parameters=Parameters,
    run=run,
    examples=(
        "startup pos-order",
        "startup order --env prod",
        "startup order --jar pos-order/target/pos-order-1.0.0.jar",
    ),
    sections=(_SECTION,),
    deadline=_deadline,
    facts=command.facts(
        texts=("service", "environment", "cause", "certainty", "causes", "health"),
        numbers=("wanted", "ready", "pods", "affected", "seconds", "exit_code"),
    ),
)
