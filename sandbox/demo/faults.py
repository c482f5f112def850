"""What befalls services and their pods in the demo; each gives the sentence that tells it."""

from collections.abc import Awaitable, Callable, Mapping

from sandbox import testbed
from sandbox.cluster import spring_logs
from sandbox.cluster.scenario import deployments

SLOW_SECONDS = 0.7
NEXT_VERSION = "1.5.0"
_SHIPPED_SECONDS = 720.0
"""How long ago a rollout began that is stuck: some minutes more than the deadline of ten."""
_LAST_RUN_SECONDS = 25.0


async def lose_database(bed: testbed.TestBed, name: str) -> str:
    """Let a service run without its database."""
    await bed.fleet[name].goes_down()
    return f"{name} has lost its database."


async def become_slow(bed: testbed.TestBed, name: str) -> str:
    """Let a service take longer to answer than it should."""
    await bed.fleet[name].slows_to(seconds=SLOW_SECONDS)
    return f"{name} now takes {SLOW_SECONDS:g} s to answer."


async def crash(bed: testbed.TestBed, name: str) -> str:
    """Let all pods of a service fail to start, because its database does not accept its password any more."""
    at = bed.kube.clock.before(_LAST_RUN_SECONDS)
    log = spring_logs.database_login_failed(name, user=name.replace("-", "_"), at=at)
    for pod in bed.kube.deployments[name].pods:
        pod.crash_loops(log=log)
    await bed.fleet[name].refuses()
    return f"The pods of {name} do not start any more."


async def ship(bed: testbed.TestBed, name: str) -> str:
    """Have rolled out the next version of a service, which lacks a property: it is stuck, and the old pods serve on."""
    deployment = bed.kube.deployments[name]
    await _roll_back(deployment)
    with bed.kube.clock.earlier(_SHIPPED_SECONDS):
        await deployment.rolls_out(image=f"registry.example/{name}:{NEXT_VERSION}", gets_stuck=True)
    at = bed.kube.clock.before(_LAST_RUN_SECONDS)
    log = spring_logs.unresolved_placeholder(name, key=f"{name.replace('-', '.')}.currency", at=at)
    for pod in deployment.new_pods:
        pod.crash_loops(log=log)
    return f"{name} {NEXT_VERSION} was rolled out, and its new pod does not start."


async def repair(bed: testbed.TestBed, name: str) -> str:
    """Take the version of before again where a rollout is stuck, and have service and pods in good order."""
    deployment = bed.kube.deployments[name]
    await _roll_back(deployment)
    for pod in deployment.pods:
        if not pod.is_ready:
            pod.recovers()
    await bed.fleet[name].recovers()
    return f"{name} is in good order."


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
"""What somebody at the prompt can have happen."""
