"""Findings that no pattern can express: probes that act too early or ask another port, pods that are still starting."""

import datetime
from collections.abc import Sequence

import re2

from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import attempts as start_attempts
from bot.kubernetes.diagnosis import matcher, rules

PROBE_TOO_EARLY, PROBE_OTHER_PORT, STARTING = "probe-too-early", "probe-other-port", "starting"
SECTION, PROBES_SECTION = "start-failures", "health-checks"
START_SECONDS = 60.0
"""Granted to every pod; a startup probe may grant more."""
_KILLED_BY = re2.compile(r"failed (?P<kind>liveness|startup) probe, will be restarted")
_PROBE_PORT = re2.compile(r"(?:GET|TCP) :(?P<port>\d+)")
_REFUSED = "connection refused"
_BEGUN = re2.compile(r"\bStarting \S+ .{0,80}using Java\b")
_INITIAL_REASONS = frozenset({"", "ContainerCreating", "PodInitializing"})


def find(
    pod: kubernetes.Pod, events: Sequence[kubernetes.Event], attempts: Sequence[start_attempts.StartAttempt]
) -> list[matcher.Finding]:
    """Return a finding for each container with a probe that kills it before it has started, or asks another port."""
    found = []
    for container in pod.containers:
        probe = _killing_probe(container)
        own = [attempt for attempt in attempts if (attempt.pod, attempt.container) == (pod.name, container.name)]
        found += [finding for one in container.probes for finding in _other_port(one, own, events)]
        if probe is not None and container.restarts:
            found += _too_early(probe, own, _kills(pod, events, probe.kind))
    return found


def _other_port(
    probe: kubernetes.Probe, attempts: Sequence[start_attempts.StartAttempt], events: Sequence[kubernetes.Event]
) -> list[matcher.Finding]:
    """Return that *probe* is refused because the application listens on other ports."""
    asked = _PROBE_PORT.search(probe.target)
    refused = [one for one in events if _REFUSED in one.message and one.message.lower().startswith(probe.kind)]
    served = next((one.ports for one in attempts if one.ports), ())
    if asked is None or not refused or not served or asked["port"] in served:
        return []
    return [
        matcher.Finding(
            id=PROBE_OTHER_PORT,
            title=f"{probe.kind} probe asks port {asked['port']}, the application listens on {', '.join(served)}",
            certainty=rules.Certainty.CERTAIN,
            section=PROBES_SECTION,
            advice="Set the port of the probe and of the Service to the application’s, or change server.port.",
            evidence=rules.Evidence(source=f"events of {refused[0].name}", text=refused[0].message),
            pod=refused[0].name,
        )
    ]


def find_starting(pod: kubernetes.Pod, now: datetime.datetime) -> list[matcher.Finding]:
    """Return that *pod* is starting, if nothing failed and little time has passed."""
    seconds = (now - pod.created_at).total_seconds()
    allowed = max([START_SECONDS, *(_startup_allowance(container) for container in pod.containers)])
    if not pod.node or seconds > allowed or not all(_has_no_failure(container) for container in pod.containers):
        return []
    evidence = rules.Evidence(source=f"status of {pod.name}", text=f"{pod.status}, created {seconds:.0f} s ago")
    return [
        matcher.Finding(
            id=STARTING,
            title="still starting",
            certainty=rules.Certainty.POSSIBLE,
            section=SECTION,
            advice=f"Run again in a moment; up to {allowed:.0f} s after its creation this is normal.",
            evidence=evidence,
            pod=pod.name,
            is_symptom=True,
        )
    ]


def _has_no_failure(container: kubernetes.Container) -> bool:
    state = container.state
    if container.restarts or container.last_termination is not None:
        return False
    if state is None or state.kind is kubernetes.StateKind.RUNNING:
        return True
    if state.kind is kubernetes.StateKind.TERMINATED:
        return container.is_init and state.exit_code == 0
    return state.reason in _INITIAL_REASONS


def _killing_probe(container: kubernetes.Container) -> kubernetes.Probe | None:
    """Return the probe that kills a slow container: startup, else liveness."""
    by_kind = {probe.kind: probe for probe in container.probes}
    return by_kind.get("startup") or by_kind.get("liveness")


def _startup_allowance(container: kubernetes.Container) -> float:
    probe = _killing_probe(container)
    return float(probe.failure_after_seconds) if probe is not None and probe.kind == "startup" else 0.0


def _kills(pod: kubernetes.Pod, events: Sequence[kubernetes.Event], kind: str) -> list[kubernetes.Event]:
    of_pod = [event for event in events if event.name == pod.name]
    return [event for event in of_pod if (match := _KILLED_BY.search(event.message)) and match["kind"] == kind]


def _too_early(
    probe: kubernetes.Probe, attempts: Sequence[start_attempts.StartAttempt], kills: Sequence[kubernetes.Event]
) -> list[matcher.Finding]:
    slow = [one for one in attempts if (one.started_after_seconds or 0.0) > probe.failure_after_seconds]
    if slow:
        needed = f"the application takes {slow[0].started_after_seconds:.0f} s to start"
        evidence = rules.Evidence(source=slow[0].source, text=slow[0].started_line)
        return [_finding(probe, needed, rules.Certainty.CERTAIN, evidence, slow[0].pod)]
    unfinished = [one for one in attempts if one.started_after_seconds is None and _has_started(one)]
    if kills and unfinished:
        evidence = rules.Evidence(source=f"events of {kills[0].name}", text=kills[0].message)
        needed = "before the application has started"
        return [_finding(probe, needed, rules.Certainty.LIKELY, evidence, kills[0].name)]
    return []


def _has_started(attempt: start_attempts.StartAttempt) -> bool:
    return any(_BEGUN.search(entry.text) for entry in attempt.entries)


def _finding(
    probe: kubernetes.Probe, needed: str, certainty: rules.Certainty, evidence: rules.Evidence, pod: str
) -> matcher.Finding:
    first = "Add a startup probe, or raise" if probe.kind == "liveness" else "Raise"
    return matcher.Finding(
        id=PROBE_TOO_EARLY,
        title=f"the {probe.kind} probe ({probe.target}) fails after {probe.failure_after_seconds} s, {needed}",
        certainty=certainty,
        section=PROBES_SECTION,
        advice=(
            f"{first} the {probe.kind} probe’s failureThreshold (now {probe.failure_threshold}, every "
            f"{probe.period_seconds} s after {probe.initial_delay_seconds} s). A lower CPU limit also slows a start."
        ),
        evidence=evidence,
        pod=pod,
        is_symptom=certainty is not rules.Certainty.CERTAIN,
    )
