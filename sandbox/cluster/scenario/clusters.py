"""The cluster as tests, the demo and the benchmarks hold it."""

import base64
import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from sandbox.cluster.scenario import controllers, deployments, kubeconfigs, manifests
from sandbox.cluster.server import api, faults
from sandbox.cluster.state import accounts, clocks, cluster_state, container_logs, kinds
from sandbox.cluster.state import events as state_events
from sandbox.cluster.state.kinds import Json
from sandbox.services import certificates, ports
from sandbox.services.states import Listener

BOT_TOKEN = "sandbox-bot-token"  # noqa: S105 - opens nothing but this
ADMIN_TOKEN = "sandbox-admin-token"  # noqa: S105 - as above

_AGE_SECONDS = 90 * 86_400.0
"""Of what was there from the beginning."""
_CONFIG = {"SPRING_PROFILES_ACTIVE": "staging", "EUREKA_URL": "http://pos-service-discovery:8761/eureka"}
_SECRETS = {"DB_URL": "jdbc:postgresql://db.example:5432/pos", "DB_PASSWORD": "kept-in-the-cluster"}


class Cluster:
    """A sandboxed cluster: one API server, three nodes, and what was put on them."""

    def __init__(self, namespace: str, settings: cluster_state.Settings, listener: Listener) -> None:
        self.namespace = namespace
        self.deployments: dict[str, deployments.Deployment] = {}
        """By name; of the same name in two namespaces, the younger."""
        self._world = cluster_state.ClusterState(settings)
        self.faults = faults.Faults(self._world)
        self._certificates = certificates.Certificates()
        self._listener = listener
        self._api = api.Api(self._world, self.faults)
        self._reserved_port = ports.ReservedPort(self._api.answer)
        self._furnish()

    @property
    def url(self) -> str:
        """Return the address; its scheme follows the listener."""
        scheme = "http" if self._listener is Listener.PLAIN else "https"
        return f"{scheme}://{ports.HOST}:{self._reserved_port.port}"

    @property
    def authority(self) -> bytes:
        """Return the PEM of the authority that signs the good certificates."""
        return self._certificates.authority

    @property
    def requests(self) -> tuple[api.Request, ...]:
        """Return the requests that have arrived, oldest first."""
        return tuple(self._api.requests)

    @property
    def clock(self) -> clocks.Clock:
        """Return the cluster's time, which can be moved on."""
        return self._world.clock

    @property
    def settings(self) -> cluster_state.Settings:
        """Return what holds for the cluster as a whole; it may be changed at any time."""
        return self._world.settings

    def kubeconfig(
        self, path: pathlib.Path, *, context: str = "staging", token: str = BOT_TOKEN, namespace: str | None = None
    ) -> pathlib.Path:
        """Write a context into the kubeconfig at *path*; other contexts in it stay."""
        return kubeconfigs.write(
            path,
            context=context,
            server=self.url,
            token=token,
            namespace=self.namespace if namespace is None else namespace,
            authority=b"" if self._listener is Listener.PLAIN else self.authority,
        )

    async def starts(self, listener: Listener | None = None) -> None:
        """Listen on the port, as before or with another listener."""
        self._listener = listener or self._listener
        if self._listener is Listener.CLOSED:
            raise ValueError("stop the cluster to close its port")
        await self._reserved_port.open(self._certificates.context_of(self._listener))

    async def stops(self) -> None:
        """Refuse connections and cut those that exist; the port stays reserved, and what is in the cluster stays."""
        await self._reserved_port.close()

    async def ends(self) -> None:
        """Stop for good."""
        await self._reserved_port.release()

    async def deploys(
        self,
        name: str,
        *,
        replicas: int = 3,
        image: str = "",
        git: str = "",
        port: int = 8080,
        beside: Iterable[str] = (),
        before: Iterable[str] = (),
        change_cause: str = "",
        ago_seconds: float = 3600.0,
        log: container_logs.Content | None = None,
        namespace: str | None = None,
    ) -> deployments.Deployment:
        """
        Deploy a service: a deployment, a ReplicaSet, and pods that have been ready since *ago_seconds*.

        *beside* and *before* name further containers and init containers. *log* is what each pod has written, by
        default that of a Spring Boot application that starts well.
        """
        template = manifests.template(
            name, image or f"registry.example/{name}:1.0.0", git=git, port=port, beside=beside, before=before
        )
        where = self.namespace if namespace is None else namespace
        written = manifests.deployment(name, where, template, replicas)
        written["metadata"]["creationTimestamp"] = clocks.stamp(self.clock.before(ago_seconds))
        if change_cause:
            written["metadata"]["annotations"][manifests.CHANGE_CAUSE] = change_cause
        self._world.objects.put(kinds.DEPLOYMENTS, written)
        beginning = controllers.FirstStart(ago_seconds=ago_seconds, log=log)
        deployment = deployments.Deployment(self._world, where, name, beginning)
        deployment.first_pods()
        self.deployments[name] = deployment
        return deployment

    async def waits_for_request(self, matching: Callable[[api.Request], bool]) -> api.Request:
        """Return the first request that fits, also one that has yet to come."""
        return await self._api.wait_for_request(matching)

    def adds_namespace(self, name: str) -> None:
        """Add a namespace with the configuration that services expect in it."""
        self._found_namespace(name)
        self.configures(_CONFIG, namespace=name)
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in _SECRETS.items()}
        self._world.objects.put(kinds.SECRETS, manifests.secret(manifests.SECRET_NAME, name, encoded))

    def configures(
        self, entries: Mapping[str, str], *, name: str = manifests.CONFIG_NAME, namespace: str | None = None
    ) -> None:
        """Let a ConfigMap hold these entries and no others."""
        where = self.namespace if namespace is None else namespace
        self._world.objects.put(kinds.CONFIG_MAPS, manifests.config_map(name, where, entries))

    def notes(self, about: Json, happening: state_events.EventSpec) -> Json:
        """Write any event about any object, beside those that its troubles make."""
        return self._world.happenings.note(about, happening)

    def events(self, name: str = "", *, namespace: str | None = None) -> Sequence[Json]:
        """Return the events of the object called *name*, or all."""
        where = self.namespace if namespace is None else namespace
        listed = self._world.objects.list(kinds.EVENTS, where)
        return [event for event in listed if name in ("", event["involvedObject"]["name"])]

    def objects(self, kind: kinds.Kind, *, namespace: str | None = None) -> Sequence[Json]:
        """Return the objects of a kind."""
        return self._world.objects.list(kind, self.namespace if namespace is None else namespace)

    def admits(
        self,
        token: str,
        *,
        user: str = "",
        rules: tuple[accounts.Rule, ...] = accounts.READER,
        namespace: str | None = None,
    ) -> None:
        """Accept a token; its rules hold in one namespace, or everywhere where that is an empty text."""
        where = self.namespace if namespace is None else namespace
        named = user or f"system:serviceaccount:{where or 'default'}:posbot"
        self._world.accounts.add(token, accounts.Account(user=named, namespace=where, rules=rules))

    def forbids(self, token: str, verb: str, resource: str, *, group: str = "*") -> None:
        """Take a right away from the account behind a token; *resource* may be `pods/log`."""
        denial = accounts.Rule(verbs=(verb,), resources=(resource,), groups=(group,))
        self._world.accounts.known(token).denials.append(denial)

    def allows(self, token: str, verb: str, resource: str, *, group: str = "") -> None:
        """Return the account behind a token a right, also one that was taken away."""
        account = self._world.accounts.known(token)
        account.denials = [one for one in account.denials if not one.covers(verb, group, resource)]
        account.rules += (accounts.Rule(verbs=(verb,), resources=(resource,), groups=(group,)),)

    def expires(self, token: str) -> None:
        """Accept a token no longer: 401."""
        self._world.accounts.known(token).is_expired = True

    def renews(self, token: str) -> None:
        """Accept a token again."""
        self._world.accounts.known(token).is_expired = False

    def loses_node(self, name: str) -> None:
        """Let a node not answer: what runs there is still listed, and its logs are out of reach."""
        self._world.dead_nodes.add(name)

    def regains_node(self, name: str) -> None:
        """Let a node answer again."""
        self._world.dead_nodes.discard(name)

    def sends_bookmarks(self) -> None:
        """Tell watches that allow it how far they have come."""
        self._world.objects.mark()

    @property
    def _long_ago(self) -> str:
        return clocks.stamp(self.clock.before(_AGE_SECONDS))

    def _found_namespace(self, name: str) -> None:
        namespace = manifests.namespace(name)
        namespace["metadata"]["creationTimestamp"] = self._long_ago
        self._world.objects.put(kinds.NAMESPACES, namespace)

    def _furnish(self) -> None:
        for number, name in enumerate(manifests.NODES, start=1):
            node = manifests.node(name, f"10.0.1.{number}", self.settings.version)
            node["metadata"]["creationTimestamp"] = self._long_ago
            self._world.objects.put(kinds.NODES, node)
        for name in ("default", "kube-system"):
            self._found_namespace(name)
        self.adds_namespace(self.namespace)
        self.admits(BOT_TOKEN)
        self.admits(ADMIN_TOKEN, user="kubernetes-admin", rules=accounts.EVERYTHING, namespace="")


@contextlib.asynccontextmanager
async def running(
    *,
    namespace: str = "positivity",
    listener: Listener = Listener.PLAIN,
    settings: cluster_state.Settings | None = None,
) -> AsyncIterator[Cluster]:
    """Start a cluster on loopback, over HTTP or HTTPS; everything ends with the block."""
    cluster = Cluster(namespace, dataclasses.replace(settings or cluster_state.Settings()), listener)
    await cluster.starts()
    try:
        yield cluster
    finally:
        await cluster.ends()
