"""
The logs of the sandboxed cluster come, stop and fail as those of a kubelet behind an API server.
"""

import asyncio
import contextlib
import datetime
import re
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest

from sandbox import cluster
from sandbox.cluster.scenario.deployments import Deployment
from sandbox.cluster.scenario.failures import Pod
from tests import plain_http

pytestmark = pytest.mark.anyio

HEADERS = {"Authorization": f"Bearer {cluster.BOT_TOKEN}"}
LINES = [f"line {number}" for number in range(10)]


@pytest.fixture
async def order(kube: cluster.Cluster) -> Deployment:
    return await kube.deploys("pos-order", replicas=1)


@pytest.fixture
async def pod(order: Deployment) -> Pod:
    order.pods[0].logs(LINES)
    return order.pods[0]


async def fetch(kube: cluster.Cluster, pod: Pod, **query: str) -> httpx.Response:
    async with plain_http.client(base_url=kube.url, headers=HEADERS) as client:
        return await client.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log", params=query)


async def refusal(kube: cluster.Cluster, pod: Pod, **query: str) -> tuple[int, str]:
    response = await fetch(kube, pod, **query)
    return response.status_code, response.json()["message"]


@contextlib.asynccontextmanager
async def following(kube: cluster.Cluster, pod: Pod, **query: str) -> AsyncIterator[aiohttp.StreamReader]:
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log"
    async with (
        aiohttp.ClientSession(kube.url, headers=HEADERS) as session,
        session.get(path, params={"follow": "true", **query}) as response,
    ):
        yield response.content


async def test_log_is_plain_text_in_chunks(kube: cluster.Cluster, pod: Pod) -> None:
    response = await fetch(kube, pod)

    assert response.headers["content-type"] == "text/plain"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.text == "".join(f"{line}\n" for line in LINES)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"tailLines": "2"}, "line 8\nline 9\n"),
        ({"tailLines": "0"}, ""),
        ({"tailLines": "99", "limitBytes": "10"}, "line 0\nlin"),
        ({"tailLines": "1", "follow": "false"}, "line 9\n"),
        ({"tailLines": "1", "container": "pos-order"}, "line 9\n"),
    ],
)
async def test_part_of_log_is_chosen(kube: cluster.Cluster, pod: Pod, query: dict[str, str], text: str) -> None:
    assert (await fetch(kube, pod, **query)).text == text


async def test_timestamps_have_nine_digits(kube: cluster.Cluster, pod: Pod) -> None:
    response = await fetch(kube, pod, timestamps="true", tailLines="1")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 9\n", response.text)


async def test_log_since_moment_has_precision_of_seconds(kube: cluster.Cluster, pod: Pod) -> None:
    kube.clock.advance(600)
    pod.says("later")
    moment = (kube.clock.now() - datetime.timedelta(seconds=300)).isoformat()

    assert (await fetch(kube, pod, sinceSeconds="60")).text == "later\n"
    assert (await fetch(kube, pod, sinceTime=moment.replace("+00:00", "Z"))).text == "later\n"
    assert len((await fetch(kube, pod, sinceSeconds="6000")).text.splitlines()) == 11
    # The tail is counted first, what is too old in it falls away.
    assert (await fetch(kube, pod, sinceSeconds="60", tailLines="5")).text == "later\n"


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"sinceSeconds": "0"}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"limitBytes": "0"}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"tailLines": "many"}, 400, 'strconv.ParseInt: parsing "many": invalid syntax'),
        ({"sinceTime": "yesterday"}, 400, 'parsing time "yesterday"'),
        (
            {"sinceTime": "2026-02-11T00:00:00Z", "sinceSeconds": "1"},
            422,
            "at most one of `sinceTime` or `sinceSeconds`",
        ),
        ({"container": "nope"}, 400, "container nope is not valid for pod"),
        ({"previous": "true"}, 400, 'previous terminated container "pos-order" in pod'),
    ],
)
async def test_options_that_make_no_sense_are_refused(
    kube: cluster.Cluster, pod: Pod, query: dict[str, str], status: int, message: str
) -> None:
    code, told = await refusal(kube, pod, **query)

    assert code == status
    assert message in told


async def test_of_several_containers_one_must_be_named(kube: cluster.Cluster) -> None:
    price = await kube.deploys("pos-price", replicas=1, beside=["proxy"], before=["migrate"])
    pod = price.pods[0]

    assert await refusal(kube, pod) == (
        400,
        f"a container name must be specified for pod {pod.name}, choose one of: [migrate pos-price proxy]",
    )
    assert (await fetch(kube, pod, container="migrate")).text == "migrate: done\n"


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (Pod.misses_config, "CreateContainerConfigError"),
        (Pod.fails_to_pull, "trying and failing to pull image"),
        (Pod.is_stuck_creating, "ContainerCreating"),
    ],
    ids=["missing key", "no image", "no volume"],
)
async def test_what_has_not_started_has_no_log(kube: cluster.Cluster, pod: Pod, trouble: object, why: str) -> None:
    assert callable(trouble)
    trouble(pod)

    expected = f'container "pos-order" in pod "{pod.name}" is waiting to start: {why}'
    assert await refusal(kube, pod) == (400, expected)


async def test_pod_without_node_has_empty_answer(kube: cluster.Cluster, pod: Pod) -> None:
    pod.is_unschedulable()

    response = await fetch(kube, pod)

    assert (response.status_code, response.content) == (204, b"")


async def test_log_of_evicted_pod_is_not_available(kube: cluster.Cluster, pod: Pod) -> None:
    pod.is_evicted()

    assert await refusal(kube, pod) == (400, f'container "pos-order" in pod "{pod.name}" is not available')


async def test_logs_of_dead_node_are_out_of_reach(kube: cluster.Cluster, pod: Pod) -> None:
    kube.loses_node(pod.node)

    status, message = await refusal(kube, pod, tailLines="5")

    assert status == 500
    assert re.fullmatch(
        rf'Get "https://10\.0\.1\.\d:10250/containerLogs/positivity/{pod.name}/pos-order\?tailLines=5": '
        r"dial tcp 10\.0\.1\.\d:10250: connect: connection refused",
        message,
    )
    kube.regains_node(pod.node)
    assert (await fetch(kube, pod)).status_code == 200


async def test_removed_log_is_sentence_with_status_200(kube: cluster.Cluster, pod: Pod) -> None:
    pod.restarts(log=["new"])
    pod.loses_log(previous=True)

    response = await fetch(kube, pod, previous="true")

    assert response.status_code == 200
    assert re.fullmatch(r"unable to retrieve container logs for containerd://[0-9a-f]{64}", response.text)
    assert (await fetch(kube, pod)).text == "new\n"


async def test_log_before_restart_is_kept(kube: cluster.Cluster, pod: Pod) -> None:
    pod.restarts(previous_log=["last words"], log=["hello again"])

    assert (await fetch(kube, pod, previous="true")).text == "last words\n"
    assert (await fetch(kube, pod)).text == "hello again\n"


async def test_crashing_container_shows_its_last_run(kube: cluster.Cluster, pod: Pod) -> None:
    pod.crash_loops(log=["no database"])

    assert (await fetch(kube, pod)).text == "no database\n"
    assert (await fetch(kube, pod, previous="true")).text == "no database\n"


async def test_following_brings_what_is_written_next(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod, tailLines="1") as lines:
        assert await lines.readline() == b"line 9\n"
        pod.says("one", "two")
        assert [await lines.readline() for _ in range(2)] == [b"one\n", b"two\n"]
        pod.restarts(log=["of the next run"])

        assert await lines.read() == b""


async def test_following_goes_on_over_rotation(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod, tailLines="0") as lines:
        pod.rotates_log()
        pod.says("in the new file")
        assert await lines.readline() == b"in the new file\n"

    assert (await fetch(kube, pod)).text == "in the new file\n"


async def test_following_ends_with_pod(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod) as lines:
        pod.ends()
        assert len((await lines.read()).splitlines()) == 10

    assert await refusal(kube, pod) == (404, f'pods "{pod.name}" not found')


async def test_following_stops_at_limit(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod, tailLines="0", limitBytes="5") as lines:
        pod.says("0123456789")

        assert await lines.read() == b"01234"


async def test_stream_is_cut_in_middle(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod, tailLines="1") as lines:
        assert await lines.readline() == b"line 9\n"
        assert kube.faults.open_streams == 1
        kube.faults.cuts_streams("pods/log")
        with pytest.raises(aiohttp.ClientPayloadError):
            await lines.read()


async def test_stream_is_cut_after_so_many_bytes(kube: cluster.Cluster, pod: Pod) -> None:
    kube.faults.breaks_off(after_bytes=9)

    async with following(kube, pod) as lines:
        assert await lines.readline() == b"line 0\n"
        with pytest.raises(aiohttp.ClientPayloadError):
            await lines.read()
    assert len((await fetch(kube, pod)).text.splitlines()) == 10


async def test_silent_stream_stays_open(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod, tailLines="0") as lines:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await lines.readline()
        kube.clock.advance(300)
        pod.says("still here")

        assert await lines.readline() == b"still here\n"


async def test_client_that_goes_away_leaves_nothing_behind(kube: cluster.Cluster, pod: Pod) -> None:
    async with following(kube, pod, tailLines="1") as lines:
        await lines.readline()

    async with asyncio.timeout(2):
        await kube.faults.waits_for_streams_to_close()
    assert kube.faults.open_streams == 0


async def test_log_may_hold_any_bytes(kube: cluster.Cluster, pod: Pod) -> None:
    odd = [b"\xff\xfe\x00 not UTF-8", bytes(range(11, 256)), "snow ☃".encode(), b""]
    pod.logs(odd)

    assert (await fetch(kube, pod)).content == b"".join(line + b"\n" for line in odd)


async def test_line_of_twenty_megabytes_comes_in_blocks(kube: cluster.Cluster, pod: Pod) -> None:
    pod.logs([b"x" * 20_000_000, b"the next"])
    sizes = []

    async with following(kube, pod) as stream:
        while sum(sizes) < 20_000_010:
            block, _ = await stream.readchunk()
            sizes.append(len(block))

    assert max(sizes) <= 32_768


async def test_each_line_can_be_chunk_of_its_own(kube: cluster.Cluster, pod: Pod) -> None:
    kube.settings.block_bytes = 0

    async with following(kube, pod) as stream:
        assert [await stream.readchunk() for _ in range(2)] == [(b"line 0\n", True), (b"line 1\n", True)]


async def test_two_hundred_megabytes_are_made_while_they_are_read(kube: cluster.Cluster, pod: Pod) -> None:
    line = "2026-02-11T16:25:03.114Z  INFO 1 --- [pos-order] a line like any other" + "." * 86
    count = 200_000_000 // (len(line) + 1)
    pod.logs(
        cluster.Repeated([f"{number:04}{line[4:]}" for number in range(500)], count=count, last_at=kube.clock.now())
    )
    received = 0

    async with following(kube, pod) as stream:
        while received < count * (len(line) + 1):
            received += len(await stream.readany())

    tail = (await fetch(kube, pod, tailLines="2", timestamps="true")).text.splitlines()
    assert [row[31:35] for row in tail] == [f"{(count - 2) % 500:04}", f"{(count - 1) % 500:04}"]
    assert len((await fetch(kube, pod, sinceSeconds="1")).content) < 200_000
