"""The state of a cluster: served by the server, changed by the scenario."""

import dataclasses

from sandbox.cluster.state import accounts, clocks, container_logs, events, store


@dataclasses.dataclass(kw_only=True)
class Settings:
    """What holds for the cluster as a whole."""

    version: str = "v1.32.4"
    has_metrics: bool = True
    """metrics.k8s.io is installed."""
    metrics_answer: bool = True
    """What is behind metrics.k8s.io is up."""
    block_bytes: int = 32_768
    """Logs go out in blocks up to this size; 0 sends every line by itself."""


class ClusterState:
    """Everything that exists."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = clocks.Clock()
        self.objects = store.Store(self.clock)
        self.happenings = events.EventRecorder(self.objects, self.clock)
        self.accounts = accounts.Accounts()
        self.logs: dict[str, container_logs.Log] = {}
        """By container id, as the status of the pod names it."""
        self.dead_nodes: set[str] = set()
        """Nodes whose kubelet does not answer."""
