"""
Logs come from files, through a kubelet's own reader and the API server, as they come from containers.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.real.kubernetes import container_logs, manifests, pod_states
from tests.real.kubernetes.container_logs import SECOND, ContainerLog, Line
from tests.real.kubernetes.control_plane import ControlPlane

START = 1_782_892_800 * SECOND
"""2026-07-01T08:00:00Z"""
LINES = [
    Line(text="one", at=START + 100),
    Line(text="two", at=START + SECOND // 2),
    Line(text="three", at=START + SECOND, stream="stderr"),
    Line(text="in two ", at=START + 2 * SECOND, is_partial=True),
    Line(text="parts", at=START + 2 * SECOND + 5),
]
WAIT_SECONDS = 10

pytestmark = [pytest.mark.real, pytest.mark.anyio, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture
async def web(cluster: ControlPlane, namespace: str) -> ContainerLog:
    """
    The logs of the container `main` of a pod `web` that runs, empty so far.
    """
    await cluster.apply(manifests.pod("web", namespace=namespace, containers=["main", "side"]))
    await cluster.wait_for(path_of(namespace), lambda pod: pod["status"]["phase"] == "Running")
    return cluster.logs.of(namespace, "web", "main")


def path_of(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/web"


async def ask(cluster: ControlPlane, namespace: str, *, container: str = "main", **query: str) -> httpx.Response:
    async with cluster.client() as client:
        return await client.get(f"{path_of(namespace)}/log", params={"container": container} | query)


@contextlib.asynccontextmanager
async def following(cluster: ControlPlane, namespace: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """
    Run `kubectl logs --follow` for as long as the test reads from it.
    """
    command = cluster.kubectl_command("logs", "web", "--container=main", "--follow", f"--namespace={namespace}")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={"HOME": str(cluster.folder)}
    )
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def read_line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        pytest.param({}, "one\ntwo\nthree\nin two parts\n", id="all"),
        pytest.param({"tailLines": "3"}, "three\nin two parts\n", id="parts count as lines of their own"),
        pytest.param({"tailLines": "0"}, "", id="no lines"),
        pytest.param({"limitBytes": "6"}, "one\ntw", id="limited bytes cut a line"),
        pytest.param({"sinceTime": "2026-07-01T08:00:01Z"}, "three\nin two parts\n", id="since is inclusive"),
        pytest.param(
            {"sinceTime": "2026-07-01T08:00:00.9Z"}, "one\ntwo\nthree\nin two parts\n", id="since loses its fraction"
        ),
        pytest.param({"sinceSeconds": "5"}, "", id="nothing new"),
        pytest.param(
            {"timestamps": "true", "tailLines": "3"},
            "2026-07-01T08:00:01.000000000Z three\n2026-07-01T08:00:02.000000000Z in two parts\n",
            id="timestamps have nine digits",
        ),
    ],
)
async def test_log_options_select_lines(
    cluster: ControlPlane, namespace: str, web: ContainerLog, query: dict[str, str], text: str
) -> None:
    web.write(LINES)

    response = await ask(cluster, namespace, **query)

    assert (response.status_code, response.text) == (200, text)
    assert response.headers["content-type"] == "text/plain"


async def test_each_container_has_its_own_logs(cluster: ControlPlane, namespace: str, web: ContainerLog) -> None:
    web.write([Line(text="from main", at=START)])
    cluster.logs.of(namespace, "web", "side").write([Line(text="from side", at=START)])

    finished = await cluster.kubectl("logs", "web", "--all-containers", "--prefix", "-n", namespace)
    unnamed = await ask(cluster, namespace, container="")

    assert set(finished.out.splitlines()) == {"[pod/web/main] from main", "[pod/web/side] from side"}
    assert unnamed.status_code == 400
    assert unnamed.json()["message"] == "a container name must be specified for pod web, choose one of: [main side]"


async def test_follower_sees_new_lines_and_the_end(cluster: ControlPlane, namespace: str, web: ContainerLog) -> None:
    web.write([Line(text="old", at=START)])

    async with following(cluster, namespace) as kubectl:
        old = await read_line(kubectl)
        web.write([Line(text="new", at=START + SECOND)])
        new = await read_line(kubectl)
        web.rotate()
        web.write([Line(text="newest", at=START + 2 * SECOND)])
        newest = await read_line(kubectl)
        await pod_states.put(cluster, namespace, "web", pod_states.completed)
        end = await read_line(kubectl)
        code = await kubectl.wait()

    assert (old, new, newest, end, code) == (b"old\n", b"new\n", b"newest\n", b"", 0)


async def test_previous_log_is_kept(cluster: ControlPlane, namespace: str, web: ContainerLog) -> None:
    web.write([Line(text="java.lang.OutOfMemoryError", at=START)], attempt=1)
    web.write([Line(text="started", at=START + SECOND)], attempt=2)
    never = await ask(cluster, namespace, previous="true")
    await pod_states.put(cluster, namespace, "web", pod_states.running, restarts=2, ended=pod_states.OUT_OF_MEMORY)

    now, before = await ask(cluster, namespace), await ask(cluster, namespace, previous="true")

    assert (now.text, before.text) == ("started\n", "java.lang.OutOfMemoryError\n")
    assert never.status_code == 400
    assert never.json()["message"] == 'previous terminated container "main" in pod "web" not found'


async def test_removed_log_is_reported_in_the_log_itself(
    cluster: ControlPlane, namespace: str, web: ContainerLog
) -> None:
    web.goes_wrong(removed=True)

    response = await ask(cluster, namespace)

    assert response.status_code == 200
    assert response.text.startswith("unable to retrieve container logs for containerd://")


async def test_interrupted_connection_looks_like_the_end(
    cluster: ControlPlane, namespace: str, web: ContainerLog
) -> None:
    web.write(LINES)
    web.goes_wrong(cut_after_bytes=6)

    response = await ask(cluster, namespace)
    finished = await cluster.kubectl("logs", "web", "--container=main", "-n", namespace)

    assert (response.status_code, response.text) == (200, "one\ntw")
    assert (finished.code, finished.out, finished.err) == (0, "one\ntw", "")


async def test_stopped_kubelet_is_a_server_error(cluster: ControlPlane, namespace: str, web: ContainerLog) -> None:
    await cluster.kubelet.stop()

    response = await ask(cluster, namespace)
    await cluster.kubelet.start()

    assert response.status_code == 500
    assert f"dial tcp 127.0.0.1:{cluster.kubelet.port}: connect: connection refused" in response.json()["message"]


async def test_hanging_kubelet_blocks_the_client(cluster: ControlPlane, namespace: str, web: ContainerLog) -> None:
    web.write(LINES)

    async with cluster.kubelet.frozen():
        finished = await cluster.kubectl("logs", "web", "--container=main", "-n", namespace, "--request-timeout=1s")

    assert finished.code == 1
    assert (await ask(cluster, namespace)).status_code == 200


async def test_large_log_arrives_whole(cluster: ControlPlane, namespace: str, web: ContainerLog) -> None:
    count = web.fill(10_000_000)

    finished = await cluster.kubectl("logs", "web", "--container=main", "-n", namespace)

    assert finished.out.count("\n") == count
    assert len(finished.out) >= 10_000_000


def test_timestamps_match_the_format_of_container_runtimes() -> None:
    assert container_logs.timestamp(START + 42) == "2026-07-01T08:00:00.000000042Z"
