"""
A sandboxed Kubernetes cluster: one strict API server on loopback, over HTTP or HTTPS, with everything in memory.

Here belongs what a cluster shows to someone who looks at services: pods, deployments, events, logs, and the refusals
of an API server, as strictly as the real one. Not here: what a real cluster does by itself (nothing is
scheduled or started unless the scenario does it), and anything of `bot/` or `commands/`.

Each folder imports only itself and those below it: `scenario` (the interface for tests and the demo), `server` (the
API server), `state` (objects, logs, events, accounts). `spring_logs` has the logs of failing services. The methods of
the scenario are in the third person, because they narrate. Start with `running`:

    async with cluster.running() as kube:
        order = await kube.deploys("pos-order", image="registry.example/pos-order:1.4.2", git="5f3c1e2")
        order.pods[0].crash_loops(log=spring_logs.port_in_use())
"""

from sandbox.cluster.scenario.clusters import ADMIN_TOKEN, BOT_TOKEN, Cluster, running
from sandbox.cluster.state.cluster_state import Settings
from sandbox.cluster.state.container_logs import Repeated

__all__ = ["ADMIN_TOKEN", "BOT_TOKEN", "Cluster", "Repeated", "Settings", "running"]
