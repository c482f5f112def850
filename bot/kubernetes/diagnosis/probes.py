"""What no pattern can say of time: whether probes wait as long as the application needs, and who is still starting."""

import datetime
import re
from collections.abc import Sequence

from bot.kubernetes import model as kubernetes
from bot.kubernetes.diagnosis import matcher, observations, rules

IMPATIENT, STARTING = "probe-impatient", "starting"
SECTION, PROBES_SECTION = "start-failures", "health-checks"
START_SECONDS = 60.0
"""A pod that began less long ago has done nothing wrong yet; its startup probe may allow more."""
_KILLED_BY = re.compile(r"failed (?P<kind>liveness|startup) probe, will be restarted")
_BEGUN = re.compile(r"\bStarting \S+ .{0,80}using Java\b")
_EARLY = frozenset({"", "ContainerCreating", "PodInitializing"})


def find(
    pod: kubernetes.Pod, events: Sequence[kubernetes.Event], attempts: Sequence[observations.StartAttempt]
) -> list[matcher.Finding]:
    """Give a finding for each container that a probe kills before the application can have started."""
    found = []
    for container in pod.containers:
        probe = _deciding(container)
        own = [attempt for attempt in attempts if (attempt.pod, attempt.container) == (pod.name, container.name)]
        if probe is not None and container.restarts:
            found += _impatient(probe, own, _kills(pod, events, probe.kind))
    return found


def find_starting(pod: kubernetes.Pod, now: datetime.datetime) -> list[matcher.Finding]:
    """Give that *pod* is still starting, where nothing has gone wrong in it and it has not had much time."""
    seconds = (now - pod.created_at).total_seconds()
    allowed = max([START_SECONDS, *(_deciding_patience(container) for container in pod.containers)])
    if not pod.node or seconds > allowed or not all(_goes_well(container) for container in pod.containers):
        return []
    evidence = rules.Evidence(source=f"status of {pod.name}", text=f"{pod.status}, created {seconds:.0f} s ago")
    return [
        matcher.Finding(
            id=STARTING,
            title="it is still starting",
            certainty=rules.Certainty.POSSIBLE,
            section=SECTION,
            advice=f"Ask again in a moment; up to {allowed:.0f} s after its creation that is as it should be.",
            evidence=evidence,
            pod=pod.name,
            is_symptom=True,
        )
    ]


def _goes_well(container: kubernetes.Container) -> bool:
    state = container.state
    if container.restarts or container.last is not None:
        return False
    if state is None or state.kind is kubernetes.StateKind.RUNNING:
        return True
    if state.kind is kubernetes.StateKind.TERMINATED:
        return container.is_init and state.exit_code == 0
    return state.reason in _EARLY


def _deciding(container: kubernetes.Container) -> kubernetes.Probe | None:
    """Give the probe that kills a container which takes too long: liveness waits where there is one for the start."""
    by_kind = {probe.kind: probe for probe in container.probes}
    return by_kind.get("startup") or by_kind.get("liveness")


def _deciding_patience(container: kubernetes.Container) -> float:
    probe = _deciding(container)
    return float(probe.patience_seconds) if probe is not None and probe.kind == "startup" else 0.0


def _kills(pod: kubernetes.Pod, events: Sequence[kubernetes.Event], kind: str) -> list[kubernetes.Event]:
    of_pod = [event for event in events if event.name == pod.name]
    return [event for event in of_pod if (match := _KILLED_BY.search(event.message)) and match["kind"] == kind]


def _impatient(
    probe: kubernetes.Probe, attempts: Sequence[observations.StartAttempt], kills: Sequence[kubernetes.Event]
) -> list[matcher.Finding]:
    slow = [one for one in attempts if (one.started_after_seconds or 0.0) > probe.patience_seconds]
    if slow:
        needed = f"the application needs {slow[0].started_after_seconds:.0f} s to start"
        line = [entry.text for entry in slow[0].entries if observations.STARTED.search(entry.text)][-1]
        evidence = rules.Evidence(source=slow[0].source, text=line.strip()[-matcher.LONGEST_LINE :])
        return [_finding(probe, needed, rules.Certainty.CERTAIN, evidence, slow[0].pod)]
    unfinished = [one for one in attempts if one.started_after_seconds is None and _has_begun(one)]
    if kills and unfinished:
        evidence = rules.Evidence(source=f"events of {kills[0].name}", text=kills[0].message)
        needed = "the application had not started by then"
        return [_finding(probe, needed, rules.Certainty.LIKELY, evidence, kills[0].name)]
    return []


def _has_begun(attempt: observations.StartAttempt) -> bool:
    return any(_BEGUN.search(entry.text) for entry in attempt.entries)


def _finding(
    probe: kubernetes.Probe, needed: str, certainty: rules.Certainty, evidence: rules.Evidence, pod: str
) -> matcher.Finding:
    first = "Add a startup probe, or raise" if probe.kind == "liveness" else "Raise"
    return matcher.Finding(
        id=IMPATIENT,
        title=f"the {probe.kind} probe ({probe.target}) gives up after {probe.patience_seconds} s, {needed}",
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
