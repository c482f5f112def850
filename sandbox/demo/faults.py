"""Faults of services and their pods in the demo; each returns the sentence that describes it."""

from collections.abc import Awaitable, Callable, Mapping

from sandbox import testbed
from sandbox.cluster import spring_logs
from sandbox.cluster.scenario import deployments

SLOW_SECONDS = 0.7
NEXT_VERSION = "1.5.0"
_SHIPPED_SECONDS = 720.0
"""The age of the stuck rollout: longer than its progress deadline of ten minutes."""
_LAST_RUN_SECONDS = 25.0


async def lose_database(bed: testbed.TestBed, name: str) -> str:
    """Disconnect a service from its database."""
    await bed.fleet[name].goes_down()
    return f"{name} has lost its database."


async def become_slow(bed: testbed.TestBed, name: str) -> str:
    """Slow a service down beyond its target."""
    await bed.fleet[name].slows_to(seconds=SLOW_SECONDS)
    return f"{name} now takes {SLOW_SECONDS:g} s to answer."


async def crash(bed: testbed.TestBed, name: str) -> str:
    """Let all pods of a service fail to start, because its database rejects its password."""
    at = bed.kube.clock.before(_LAST_RUN_SECONDS)
    log = spring_logs.database_login_failed(name, user=name.replace("-", "_"), at=at)
    for pod in bed.kube.deployments[name].pods:
        pod.crash_loops(log=log)
    await bed.fleet[name].refuses()
    return f"The pods of {name} are in CrashLoopBackOff."


async def ship(bed: testbed.TestBed, name: str) -> str:
    """Roll out a version that lacks a property: the rollout is stuck, and the old pods keep serving."""
    deployment = bed.kube.deployments[name]
    await _roll_back(deployment)
    with bed.kube.clock.earlier(_SHIPPED_SECONDS):
        await deployment.rolls_out(image=f"registry.example/{name}:{NEXT_VERSION}", gets_stuck=True)
    at = bed.kube.clock.before(_LAST_RUN_SECONDS)
    log = spring_logs.unresolved_placeholder(name, key=f"{name.replace('-', '.')}.currency", at=at)
    for pod in deployment.new_pods:
        pod.crash_loops(log=log)
    return f"{name} {NEXT_VERSION} was deployed; its new pod does not start."


async def repair(bed: testbed.TestBed, name: str) -> str:
    """Roll back a stuck rollout, and make service and pods healthy."""
    deployment = bed.kube.deployments[name]
    await _roll_back(deployment)
    for pod in deployment.pods:
        if not pod.is_ready:
            pod.recovers()
    await bed.fleet[name].recovers()
    return f"{name} is healthy."


async def _roll_back(deployment: deployments.Deployment) -> None:
    if deployment.old_pods:
        await deployment.rolls_back()


BY_COMMAND: Mapping[str, Callable[[testbed.TestBed, str], Awaitable[str]]] = {
    "break": lose_database,
    "slow": become_slow,
    "crash": crash,
    "ship": ship,
    "mend": repair,
}
"""Faults by the command of the prompt."""
