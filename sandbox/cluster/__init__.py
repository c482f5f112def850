"""
A pretend Kubernetes cluster: one strict API server on loopback, over HTTP or HTTPS, with everything in memory.

Here belongs what a cluster shows to someone who looks at services: pods, deployments, events, logs, and the refusals
of an API server, so truly that kubectl works against it. Not here: what a real cluster does by itself (nothing is
scheduled or started but by the story), and anything of `bot/` or `commands/`.

Each folder imports only itself and those below it: `story` (the interface), `wire` (the API server), `world` (what
exists). `spring_logs` has the words of failing services. Start with `running`:

    async with cluster.running() as kube:
        order = await kube.deploys("pos-order", image="registry.example/pos-order:1.4.2", git="5f3c1e2")
        order.pods[0].crash_loops(log=spring_logs.port_in_use())
"""

from sandbox.cluster.scenario.clusters import ADMIN_TOKEN, BOT_TOKEN, Cluster, running
from sandbox.cluster.state.cluster_state import Settings
from sandbox.cluster.state.container_logs import Repeated

__all__ = ["ADMIN_TOKEN", "BOT_TOKEN", "Cluster", "Repeated", "Settings", "running"]
