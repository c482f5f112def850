"""Messages of kubelet and controllers as people read them."""

import re2

# kuberuntime.doBackOff names the pod as NAME_NAMESPACE(UID): "back-off 5m0s restarting failed container=app pod=…" and
# "Back-off restarting failed container app in pod …" (kubernetes/pkg/kubelet/kuberuntime/kuberuntime_manager.go).
_POD_WITH_UID = re2.compile(r"(?: in pod | pod=)[a-z0-9.-]+_[a-z0-9-]+\([0-9a-f-]{36}\)")
_MAX_LENGTH = 2_000


def brief(message: str) -> str:
    """Return *message* on one line, without the pod that it is about anyway."""
    return str(_POD_WITH_UID.sub("", " ".join(message[:_MAX_LENGTH].split())))
