"""
The processes of a control plane, each with its command line and the way it tells that it is ready.
"""

import contextlib
import pathlib
import signal
import ssl
from collections.abc import AsyncIterator, Sequence

import httpx

from tests.real.kubernetes import certificates, toolchain
from tests.real.spring import processes

STAGES = pathlib.Path(__file__).parent / "stages.yaml"

_ANSWER_SECONDS = 5.0


class Component(processes.Server):
    """
    A program of the build that serves its health over TLS, with a certificate of the cluster's authority.
    """

    health = "/healthz"

    def __init__(
        self, name: str, build: toolchain.Build, authority: certificates.Authority, *, folder: pathlib.Path
    ) -> None:
        super().__init__(name, folder=folder)
        self._program = build.program(name)
        self._authority = authority
        self._identity = authority.issue(name, group=certificates.ADMINISTRATORS)
        self._trust = authority.trusting(self._identity)

    @property
    def url(self) -> str:
        return f"https://{processes.HOST}:{self.port}"

    async def _is_ready(self) -> bool:
        return await _answers_ok(f"{self.url}{self.health}", self._trust)

    def _serving(self) -> list[str]:
        return [
            f"--bind-address={processes.HOST}",
            f"--secure-port={self.port}",
            f"--tls-cert-file={self._identity.certificate}",
            f"--tls-private-key-file={self._identity.key}",
        ]


class Etcd(processes.Server):
    """
    The database behind the API server, over plain HTTP on loopback; its data go with the folder.
    """

    def __init__(self, build: toolchain.Build, *, folder: pathlib.Path) -> None:
        super().__init__("etcd", folder=folder)
        self._program = build.program("etcd")
        self._peers = f"http://{processes.HOST}:{processes.free_port()}"

    @property
    def url(self) -> str:
        return f"http://{processes.HOST}:{self.port}"

    def _command(self) -> Sequence[str]:
        return [
            self._program,
            *("--data-dir", str(self._folder / "etcd"), "--unsafe-no-fsync", "--log-level", "warn"),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", self._peers, "--initial-advertise-peer-urls", self._peers),
            *("--initial-cluster", f"default={self._peers}"),
        ]

    async def _is_ready(self) -> bool:
        return await _answers_ok(f"{self.url}/health", ssl.create_default_context())


class ApiServer(Component):
    """
    The API server: RBAC decides, nodes' kubelets are believed by their certificate only.
    """

    health = "/readyz"

    def __init__(
        self, build: toolchain.Build, authority: certificates.Authority, etcd: Etcd, *, folder: pathlib.Path
    ) -> None:
        super().__init__("kube-apiserver", build, authority, folder=folder)
        self._etcd = etcd
        self.accounts_key = authority.issue("service-accounts").key
        """Signs the tokens of service accounts."""

    def _command(self) -> Sequence[str]:
        return [
            self._program,
            *self._serving(),
            f"--etcd-servers={self._etcd.url}",
            f"--client-ca-file={self._authority.path}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.accounts_key}",
            f"--service-account-signing-key-file={self.accounts_key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            # A server on loopback cannot be an endpoint of the service `kubernetes`.
            "--endpoint-reconciler-type=none",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={self._authority.path}",
            f"--kubelet-client-certificate={self._identity.certificate}",
            f"--kubelet-client-key={self._identity.key}",
        ]


class Controllers(Component):
    """
    The controller manager or the scheduler: alone, so without an election, and not slowed down on its own side.
    """

    def __init__(
        self,
        name: str,
        build: toolchain.Build,
        authority: certificates.Authority,
        *,
        kubeconfig: pathlib.Path,
        folder: pathlib.Path,
    ) -> None:
        super().__init__(name, build, authority, folder=folder)
        self._kubeconfig = kubeconfig

    def _command(self) -> Sequence[str]:
        return [
            self._program,
            *self._serving(),
            f"--kubeconfig={self._kubeconfig}",
            "--leader-elect=false",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ]


class Kubelet(Component):
    """
    The kubelet of all nodes, which serves logs from files; frozen, it neither answers nor refuses.
    """

    def __init__(
        self,
        build: toolchain.Build,
        authority: certificates.Authority,
        *,
        kubeconfig: pathlib.Path,
        logs: pathlib.Path,
        folder: pathlib.Path,
    ) -> None:
        super().__init__("kubelet", build, authority, folder=folder)
        self._kubeconfig = kubeconfig
        self._logs = logs

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """
        Let the kubelet hang, as one does on a node that is out of memory.
        """
        if self._process is None:
            raise RuntimeError("the kubelet does not run, so it cannot hang")
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _command(self) -> Sequence[str]:
        return [
            self._program,
            f"-address={processes.HOST}:{self.port}",
            f"-kubeconfig={self._kubeconfig}",
            f"-logs={self._logs}",
            f"-tls-cert-file={self._identity.certificate}",
            f"-tls-private-key-file={self._identity.key}",
            f"-client-ca-file={self._authority.path}",
        ]


class Kwok(processes.Server):
    """
    The pretence of nodes and of the life of pods on them, by the stages of `stages.yaml`.
    """

    def __init__(
        self, build: toolchain.Build, *, kubeconfig: pathlib.Path, kubelet_port: int, folder: pathlib.Path
    ) -> None:
        super().__init__("kwok", folder=folder)
        self._program = build.program("kwok")
        self._kubeconfig = kubeconfig
        self._kubelet_port = kubelet_port

    def _command(self) -> Sequence[str]:
        return [
            self._program,
            f"--kubeconfig={self._kubeconfig}",
            f"--config={STAGES}",
            "--manage-all-nodes=true",
            "--cidr=10.64.0.1/16",
            f"--node-ip={processes.HOST}",
            f"--node-port={self._kubelet_port}",
            f"--server-address={processes.HOST}:{self.port}",
        ]

    async def _is_ready(self) -> bool:
        return await _answers_ok(f"http://{processes.HOST}:{self.port}/healthz", ssl.create_default_context())


async def _answers_ok(url: str, trust: ssl.SSLContext) -> bool:
    async with httpx.AsyncClient(verify=trust, timeout=_ANSWER_SECONDS, trust_env=False) as client:
        try:
            return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False
