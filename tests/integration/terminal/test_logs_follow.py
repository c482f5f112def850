"""`logs --follow` in a terminal while the sandbox cluster fails."""

import asyncio
import contextlib
import pathlib
import shutil
from collections.abc import AsyncIterator

import pytest

from sandbox import cluster, processes, runbook_folder

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TIMEOUT_SECONDS = 30


class Terminal:
    """The output of a command so far, stdout and stderr in one."""

    def __init__(self, output: asyncio.StreamReader) -> None:
        self._stream = output
        self.output = ""

    async def wait_for(self, text: str) -> None:
        """Return once *text* was written."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while text not in self.output:
                line = await self._stream.readline()
                if not line:
                    raise AssertionError(f"exited without “{text}”: {self.output}")
                self.output += line.decode()


@pytest.fixture
async def kube() -> AsyncIterator[cluster.Cluster]:
    async with cluster.running() as running:
        yield running


@pytest.fixture
def environment(kube: cluster.Cluster, tmp_path: pathlib.Path) -> dict[str, str]:
    shutil.copytree(runbook_folder.PROJECT / "runbook_data", tmp_path / "runbook_data")
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "KUBECONFIG": str(kube.kubeconfig(tmp_path / "kubeconfig")),
    }


@contextlib.asynccontextmanager
async def following(environment: dict[str, str], *words: str) -> AsyncIterator[Terminal]:
    process = await asyncio.create_subprocess_exec(
        *processes.command("logs", "order", "--follow", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        yield Terminal(process.stdout)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


def count_log_requests(kube: cluster.Cluster) -> int:
    return sum(request.path.endswith("/log") for request in kube.requests)


def line(text: str) -> str:
    return f"2026-11-23T10:00:00Z INFO {text}"


async def test_new_pods_are_followed_after_an_expired_watch(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    async with following(environment, "--tail", "1") as terminal:
        await terminal.wait_for("Started")
        kube.faults.forgets_history()
        await order.rolls_out(image="registry.example/pos-order:2")
        order.pods[0].says(line("of another pod"))
        await terminal.wait_for("of another pod")

    assert terminal.output.count("of another pod") == 1


async def test_short_outage_of_the_api_server_loses_no_line(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    async with following(environment, "--tail", "1") as terminal:
        await terminal.wait_for("Started")
        order.pods[0].says(line("before it went"))
        await terminal.wait_for("before it went")
        await kube.stops()
        order.pods[0].says(line("while it was away"))
        await kube.starts()
        order.pods[0].says(line("after it came back"))
        await terminal.wait_for("after it came back")
        await order.rolls_out(image="registry.example/pos-order:2")
        order.pods[0].says(line("of another pod"))
        await terminal.wait_for("of another pod")

    assert [terminal.output.count(text) for text in ("before it went", "while it was away", "after it came back")] == [
        1
    ] * 3


async def test_lasting_refusal_is_shown_once(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=1)
    kube.forbids(cluster.BOT_TOKEN, "get", "pods/log")
    async with following(environment) as terminal:
        await terminal.wait_for("Forbidden: posbot cannot get pods/log")
        await kube.waits_for_request(lambda _: count_log_requests(kube) >= 3)
        kube.allows(cluster.BOT_TOKEN, "get", "pods/log")
        await terminal.wait_for("Started")

    assert terminal.output.count("cannot be read") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--pod", "nope"), "There is no pod called “nope”."),
        (("-c", "pos-ordr"), "There is no container called “pos-ordr”. Did you mean “pos-order”?"),
    ],
)
async def test_missing_pod_or_container_is_a_usage_error(
    kube: cluster.Cluster, environment: dict[str, str], words: tuple[str, ...], complaint: str
) -> None:
    await kube.deploys("pos-order", replicas=1)

    code, _, said = await processes.run(environment, "logs", "order", "--follow", *words)

    assert code == 2
    assert complaint in said
