"""posbot under the service account of its pod: where a container has it, with the shipped Role, through its turns."""

import asyncio
import dataclasses
import pathlib
import urllib.parse
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox import testbed
from sandbox.slack.scenario import people
from sandbox.slack.state import channels
from tests.integration.deploy import containers
from tests.integration.deploy import manifests as deploy_manifests
from tests.real.kubernetes import accounts, manifests
from tests.real.kubernetes.control_plane import ControlPlane
from tests.real.kubernetes.projected_tokens import TokenFolder
from tests.real.kubernetes.test_deployment import PODS, SERVICE, roll_out, ship

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(180, func_only=True)]

POLL_SECONDS = 0.1
REFUSAL_SECONDS = 40.0
"""The API server believes a token for ten seconds more after it has looked at it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pod:
    """posbot serving as in a pod, and the folder of its account."""

    folder: TokenFolder
    alice: people.Person
    incident: channels.Channel
    session: dict[str, object]
    """The Secret with which the first token ends."""
    first_token: str

    async def asks(self) -> str:
        """Return the response to /pos pods."""
        before = {message.ts for message in self.alice.sees(self.incident)}
        await self.alice.types("/pos pods order", self.incident)
        answer = await self.alice.waits_for_message(
            self.incident, matching=lambda message: message.ts not in before and "Working" not in message.plain_text
        )
        return answer.plain_text


@pytest.fixture
async def pod(cluster: ControlPlane, tmp_path: pathlib.Path) -> AsyncIterator[Pod]:
    writable = tmp_path / "tmp"
    writable.mkdir()
    await cluster.add_namespace(deploy_manifests.SERVICES)
    await ship(cluster)
    await cluster.apply(manifests.deployment(SERVICE, namespace=deploy_manifests.SERVICES))
    await roll_out(cluster, deploy_manifests.SERVICES, SERVICE)
    await cluster.apply(manifests.secret("session", namespace=deploy_manifests.NAMESPACE, values={}))
    session = await cluster.fetch(f"/api/v1/namespaces/{deploy_manifests.NAMESPACE}/secrets/session")
    token = await accounts.make_token(cluster, deploy_manifests.NAMESPACE, deploy_manifests.ACCOUNT, lives_with=session)
    await accounts.wait_for_rights(cluster, token, deploy_manifests.SERVICES, deploy_manifests.rules())
    folder = TokenFolder(
        tmp_path / "account", cluster.authority.path, namespace=deploy_manifests.NAMESPACE, token=token
    )
    address = urllib.parse.urlsplit(cluster.url)
    extra = {"KUBERNETES_SERVICE_HOST": str(address.hostname), "KUBERNETES_SERVICE_PORT": str(address.port)}
    extra |= {"XDG_STATE_HOME": str(writable), "DATABASE_URL": "", "TMPDIR": str(writable), "KUBECONFIG": ""}
    within = containers.entering(writable, account=folder.path)
    async with testbed.set_up(names=[SERVICE], extra=extra, within=within, is_in_pod=True) as stage:
        alice = stage.workspace.person("alice")
        incident = stage.workspace.channel("inc-1", members=[alice])
        yield Pod(folder=folder, alice=alice, incident=incident, session=session, first_token=token)


async def refused(cluster: ControlPlane, token: str) -> None:
    """Return once the API server takes the token no more."""
    async with asyncio.timeout(REFUSAL_SECONDS), cluster.client(token) as client:
        while True:
            if (await client.get(PODS)).status_code == httpx.codes.UNAUTHORIZED:
                return
            await asyncio.sleep(POLL_SECONDS)


async def end_session(cluster: ControlPlane, pod: Pod) -> None:
    """End the first token."""
    finished = await cluster.kubectl("delete", "secret", "session", "-n", deploy_manifests.NAMESPACE)
    assert finished.code == 0
    await refused(cluster, pod.first_token)


async def test_rotated_token_is_read_again_after_a_rejection(cluster: ControlPlane, pod: Pod) -> None:
    first = await pod.asks()
    pod.folder.turn_over(await accounts.make_token(cluster, deploy_manifests.NAMESPACE, deploy_manifests.ACCOUNT))
    await end_session(cluster, pod)

    second = await pod.asks()

    assert "1 of 1 pods ready" in first
    assert "1 of 1 pods ready" in second


async def test_expired_token_is_reported_until_it_is_replaced(cluster: ControlPlane, pod: Pod) -> None:
    await end_session(cluster, pod)

    without = await pod.asks()
    pod.folder.turn_over(await accounts.make_token(cluster, deploy_manifests.NAMESPACE, deploy_manifests.ACCOUNT))
    with_another = await pod.asks()

    assert "Unauthorized: the API server does not accept posbot's credentials (401)." in without
    assert "restart the pod" in without
    assert "1 of 1 pods ready" in with_another
