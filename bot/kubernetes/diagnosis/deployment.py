"""Diagnosis of a deployment: states and events of its pods, and logs from before and after the last restart."""

import asyncio
import dataclasses
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import errors, text_threads
from bot.kubernetes import model as kubernetes
from bot.kubernetes import subject as report_subject
from bot.kubernetes.diagnosis import attempts as start_attempts
from bot.kubernetes.diagnosis import log_sources, matcher, observations, probes, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import reader
from bot.model import reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads


MAX_SHOWN_PODS = 3
LOG_LINES = 1_500
"""Of each log; the stack trace of a failed start may have several hundred."""


async def diagnose(
    subject: report_subject.Subject,
    ruleset: rules.Rules,
    point_to: diagnosis_reports.PointTo,
    now: datetime.datetime,
    *,
    run_again: str | None = None,
) -> reports.Report:
    """
    Return the causes for which the service does not start, or that it started.

    *run_again* is the command line that repeats the diagnosis where there is no environment to ask.

    Raises:
        errors.Refused, errors.Unavailable
    """
    cluster = subject.workloads
    try:
        deployment = await subject.deployment()
    except errors.MissingResource as error:
        if subject.service.library:
            raise
        return _not_deployed(subject, " ".join(filter(None, (str(error), error.hint))), point_to)
    pods, revisions = await asyncio.gather(cluster.pods(deployment.selector), cluster.replica_sets(deployment.selector))
    owners = {deployment.name, *(revision.name for revision in revisions)}
    events = await cluster.events(frozenset({*owners, *(pod.name for pod in pods)}))
    state = log_sources.DeploymentState(deployment=deployment, pods=pods, now=now)
    sources = log_sources.logs_to_read(state.failing, subject.service.container)
    attempts = await asyncio.gather(*(_read(cluster, source) for source in sources))
    findings = await text_threads.run(_findings, state, events, owners, attempts, ruleset)
    causes = matcher.rank(findings)
    diagnosed = _Diagnosis(subject=subject, state=state, causes=causes, attempts=attempts, run_again=run_again)
    return await text_threads.run(diagnosed.report, point_to)


async def _read(cluster: "workloads.Workloads", source: log_sources.LogSource) -> start_attempts.StartAttempt:
    log = reader.Source(pod=source.pod, container=source.container, is_previous=source.is_previous)
    result = await reader.read_tail(cluster, log, lines=LOG_LINES)
    return start_attempts.StartAttempt(
        pod=source.pod.name,
        container=source.container,
        source=source.source,
        entries=result.entries,
        unavailable_reason=result.unavailable_reason,
        is_previous=source.is_previous,
        exit_code=source.exit_code,
    )


def _findings(
    state: log_sources.DeploymentState,
    events: Sequence[kubernetes.Event],
    owners: set[str],
    attempts: Sequence[start_attempts.StartAttempt],
    ruleset: rules.Rules,
) -> list[matcher.Finding]:
    """Return the findings of the deployment, then of each failing pod, repeats included."""
    found: list[matcher.Finding] = []
    if state.is_missing_pods:
        of_owners = observations.of_events(observations.current(event for event in events if event.name in owners))
        found += matcher.find(ruleset, [*observations.of_deployment(state.deployment), *of_owners])
    for pod in state.failing:
        pod_events = [event for event in events if event.name == pod.name]
        pod_attempts = [attempt for attempt in attempts if attempt.pod == pod.name]
        still = observations.current(pod_events, pod)
        observed = [*observations.of_pod(pod, state.now), *observations.of_events(still, pod.name)]
        found += matcher.find(ruleset, observed)
        found += start_attempts.find(ruleset, [*pod_attempts, *log_sources.termination_messages(pod)])
        found += probes.find(pod, pod_events, pod_attempts)
        found += probes.find_starting(pod, state.now)
    return found


def _not_deployed(subject: report_subject.Subject, reason: str, point_to: diagnosis_reports.PointTo) -> reports.Report:
    return reports.Report(
        verdict=reports.Verdict.FAILED,
        headline=f"{subject}: not deployed",
        sections=(reports.Text(text=reason),),
        facts={
            **subject.facts,
            **diagnosis_reports.facts(()),
            "cause": "not-deployed",
            "reason": "not deployed",
            "certainty": rules.Certainty.CERTAIN.value,
        },
        next_actions=subject.next_actions(("Run again", "diagnose")),
        runbook=point_to("deployment", diagnosis_reports.SECTION),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Diagnosis:
    """The report of a deployment's diagnosis."""

    subject: report_subject.Subject
    state: log_sources.DeploymentState
    causes: tuple[rules.Cause, ...]
    attempts: Sequence[start_attempts.StartAttempt]
    run_again: str | None

    def report(self, point_to: diagnosis_reports.PointTo) -> reports.Report:
        return reports.Report(
            verdict=self._verdict(),
            headline=f"{self.subject}: {self._summary()}",
            sections=tuple(self._sections(point_to)),
            facts={
                **self.subject.facts,
                "desired": self.state.deployment.desired,
                "ready": self.state.ready,
                "pods": len(self.state.live),
                **diagnosis_reports.facts(self.causes),
            },
            next_actions=self._next_actions(),
            runbook=diagnosis_reports.pointers(self.causes, point_to),
        )

    @property
    def _is_starting(self) -> bool:
        return bool(self.causes) and all(cause.id == probes.STARTING for cause in self.causes)

    def _verdict(self) -> reports.Verdict:
        if self.state.deployment.desired == 0:
            return reports.Verdict.FAILED
        if self.state.has_started:
            return reports.Verdict.WARNING if self.causes else reports.Verdict.OK
        if self._is_starting or (self.causes and self.state.ready):
            return reports.Verdict.WARNING
        has_evidence = bool(self.causes) or any(attempt.entries for attempt in self.attempts)
        return reports.Verdict.FAILED if has_evidence else reports.Verdict.UNKNOWN

    def _summary(self) -> str:
        ready, live, desired = self.state.ready, len(self.state.live), self.state.deployment.desired
        cause = f": {diagnosis_reports.short_title(self.causes[0])}" if self.causes else ""
        if desired == 0:
            return "scaled to 0 pods"
        if self.state.has_started:
            started, restarted = f"started, {ready} of {desired} pods ready", len(self.state.restarted)
            return f"{started}, {restarted} restarted within the last hour{cause}" if restarted else started
        if self._is_starting:
            return f"starting, {ready} of {desired} pods ready"
        summary = diagnosis_reports.summary(self.causes[0]) if self.causes else "not starting, no known cause"
        return f"{f'{live - ready} of {live} pods ' if ready else ''}{summary}"

    def _sections(self, point_to: diagnosis_reports.PointTo) -> list[reports.Section]:
        shown = diagnosis_reports.cause_sections(self.causes, point_to, max(len(self.state.live), 1))
        is_explained = any(cause.is_explanation for cause in self.causes) or self._is_starting
        if not is_explained and not self.state.has_started:
            shown += [] if self.causes else self._pods()
            shown += diagnosis_reports.log_tail(self.attempts)
            if not self.causes and not self.state.pods:
                shown.append(reports.Text(text="No pods, for an unknown reason. Check the events and the controllers."))
        shown += diagnosis_reports.unread_logs(self.attempts)
        skipped = len(self.state.failing) - log_sources.MAX_PODS
        if skipped > 0:
            shown.append(reports.Text(text=f"The logs of {skipped} more failing pods were not read."))
        return shown

    def _pods(self) -> list[reports.Section]:
        """Return the state of failing pods and the reason that Kubernetes gives for it."""
        failing = self.state.failing[:MAX_SHOWN_PODS]
        pairs = tuple((pod.name, ": ".join([pod.status, *pod.blocked_by[:1]])) for pod in failing)
        return [reports.Fields(title="Pods", pairs=pairs)] if pairs else []

    def _next_actions(self) -> tuple[reports.NextAction, ...]:
        if self.run_again is not None:
            return (reports.NextAction(label="Run again", command=self.run_again),)
        first = ("Health", "health") if self.state.has_started else ("Previous logs", "logs --previous")
        return self.subject.next_actions(first, ("Events", "events"), ("Pods", "pods"), ("Run again", "diagnose"))
