"""A log that is followed in a terminal while the cluster is not as it should be."""

import asyncio
import contextlib
import pathlib
import shutil
from collections.abc import AsyncIterator

import pytest

from sandbox import cluster, processes, runbook_folder

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 30


class Terminal:
    """What a command has said so far, output and complaints in one."""

    def __init__(self, output: asyncio.StreamReader) -> None:
        self._output = output
        self.said = ""

    async def says(self, text: str) -> None:
        """Return once something has been said."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self.said:
                line = await self._output.readline()
                if not line:
                    raise AssertionError(f"it ended without “{text}”: {self.said}")
                self.said += line.decode()


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


def logs_asked_for(kube: cluster.Cluster) -> int:
    return sum(request.path.endswith("/log") for request in kube.requests)


def line(text: str) -> str:
    return f"2026-11-23T10:00:00Z INFO {text}"


async def test_pods_that_came_while_the_history_was_forgotten_are_taken_up(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    async with following(environment, "--tail", "1") as terminal:
        await terminal.says("Started")
        kube.faults.forgets_history()
        await order.rolls_out(image="registry.example/pos-order:2")
        order.pods[0].says(line("of another pod"))
        await terminal.says("of another pod")

    assert terminal.said.count("of another pod") == 1


async def test_an_api_server_that_is_away_for_a_moment_costs_no_line(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    async with following(environment, "--tail", "1") as terminal:
        await terminal.says("Started")
        order.pods[0].says(line("before it went"))
        await terminal.says("before it went")
        await kube.stops()
        order.pods[0].says(line("while it was away"))
        await kube.starts()
        order.pods[0].says(line("after it came back"))
        await terminal.says("after it came back")
        await order.rolls_out(image="registry.example/pos-order:2")
        order.pods[0].says(line("of another pod"))
        await terminal.says("of another pod")

    assert [terminal.said.count(text) for text in ("before it went", "while it was away", "after it came back")] == [
        1
    ] * 3


async def test_a_refusal_that_lasts_is_told_once(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=1)
    kube.forbids(cluster.BOT_TOKEN, "get", "pods/log")
    async with following(environment) as terminal:
        await terminal.says("The bot may not get pods/log")
        await kube.waits_for_request(lambda _: logs_asked_for(kube) >= 3)
        kube.allows(cluster.BOT_TOKEN, "get", "pods/log")
        await terminal.says("Started")

    assert terminal.said.count("cannot be read") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--pod", "nope"), "There is no pod called “nope”."),
        (("-c", "pos-ordr"), "There is no container called “pos-ordr”. Did you mean “pos-order”?"),
    ],
)
async def test_what_is_not_there_cannot_be_followed(
    kube: cluster.Cluster, environment: dict[str, str], words: tuple[str, ...], complaint: str
) -> None:
    await kube.deploys("pos-order", replicas=1)

    code, _, said = await processes.run(environment, "logs", "order", "--follow", *words)

    assert code == 2
    assert complaint in said
