"""The logs of a service, read in a terminal from a pretend cluster over its real API."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping

import pytest

from sandbox import cluster, processes, runbook_folder
from sandbox.cluster import spring_logs
from tests import cli_runner

pytestmark = pytest.mark.anyio


async def asked(environment: Mapping[str, str], *words: str) -> dict[str, object]:
    _, output, complaint = await cli_runner.run(environment, "logs", *words, "--output", "json")
    assert complaint == ""
    document: dict[str, object] = json.loads(output)
    return document


def entries_of(document: dict[str, object]) -> list[dict[str, object]]:
    sections = document["sections"]
    assert isinstance(sections, list)
    return [entry for section in sections if section["kind"] == "log" for entry in section["entries"]]


async def test_all_pods_are_read_and_each_line_names_its_own(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=3)

    code, output, _ = await processes.run(environment, "logs", "order", "--tail", "5")

    assert code == 0
    assert "15 lines of 3 pods" in output
    for pod in order.pods:
        assert output.count(f"{pod.name.removeprefix('pos-order-')} │ ") == 5


async def test_at_a_terminal_a_line_keeps_its_end_however_long_it_is(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([f"2026-11-23T10:00:00Z INFO 1 --- {'x' * 200} the end"])

    _, output, _ = await processes.run({**environment, "FORCE_COLOR": "1", "COLUMNS": "80"}, "logs", "order")

    assert f"{'x' * 200} the end\n" in output


async def test_a_trace_that_repeats_is_shown_once_and_found_by_any_of_its_lines(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs(spring_logs.repeated_traces(times=20))

    [entry] = entries_of(await asked(environment, "order", "--grep", "PriceClient.fetch"))

    assert entry["count"] == 20
    assert str(entry["text"]).count("\n") >= 3
    assert entry["first_at"] != entry["at"]


async def test_what_was_written_before_a_restart_stands_before_it(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].crash_loops(
        exit_code=137, reason="OOMKilled", times=3, log=["2026-11-23T10:00:00Z ERROR 1 --- memory ran out"]
    )

    code, output, _ = await cli_runner.run(environment, "logs", "order")

    assert code == 0
    assert "memory ran out" in output
    assert "ended: OOMKilled (137), waits to be started again" in output


async def test_a_pod_that_cannot_be_read_does_not_hide_the_others(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=3)
    order.pods[0].misses_config()

    code, output, _ = await cli_runner.run(environment, "logs", "order", "--tail", "2")

    assert code == 3
    assert "Not read" in output
    assert f"{order.pods[0].name}" in output
    assert "It has not started yet" in output
    assert output.count(" │ ") == 4


async def test_an_evicted_pod_says_why_it_has_no_log(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_evicted()

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert "The pod was evicted, and its log went with it. The node was low on resource" in output


async def test_a_pod_without_a_node_says_so(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_unschedulable()

    code, _, complaint = await cli_runner.run(environment, "logs", "order")

    assert code == 3
    assert "It has no node yet: 0/3 nodes are available: 3 Insufficient cpu." in complaint
    assert "See its events" in complaint


async def test_a_node_that_does_not_answer_is_told_without_its_address(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    kube.loses_node(order.pods[0].node)

    code, _, complaint = await cli_runner.run(environment, "logs", "order")

    assert code == 3
    assert "The node does not answer" in complaint and ":10250" not in complaint


async def test_secrets_escapes_and_markup_in_lines_do_nothing(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([*spring_logs.secrets(), *spring_logs.escapes(), *spring_logs.markup()])

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert spring_logs.PASSWORD not in output
    assert spring_logs.TOKEN not in output
    assert "\x1b" not in output
    assert "<!channel>" in output


async def test_bytes_that_are_no_text_and_endless_lines_come_out_as_text(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    endless = "2026-11-23T10:00:00Z INFO " + "x" * 20_000_000
    no_text = b"2026-11-23T10:00:01Z INFO caf\xe9 \xff\xfe\x00\x07 bytes"
    order.pods[0].logs([endless, no_text, "2026-11-23T10:00:02Z INFO after it"])

    code, output, _ = await cli_runner.run(environment, "logs", "order")

    assert code == 0
    assert "INFO after it" in output
    assert "INFO caf\N{REPLACEMENT CHARACTER} " in output and " bytes" in output
    assert not {"\0", "\a"} & set(output)
    assert len(output) < 100_000
    assert "Lines longer than 64,000 bytes are cut there (19.9 MB left out)." in output


async def test_what_is_left_out_for_the_memory_is_said_with_a_way_out(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs(f"2026-11-23T10:00:00Z INFO {number} {'x' * 10_000}" for number in range(600))

    _, output, _ = await cli_runner.run(environment, "logs", "order", "--tail", "600")
    _, fewer, _ = await cli_runner.run(environment, "logs", "order", "--tail", "5", "--grep", "INFO 1")

    assert "older ones left out (of each log no more than 4 MB are shown; narrow it down with --grep)." in output
    assert "106 older ones left out (--tail shows more)." in fewer


async def test_a_line_is_shown_whole_however_long_it_is(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([f"2026-11-23T10:00:00Z INFO {'x' * 30_000} the end"])

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert f"INFO {'x' * 30_000} the end\n" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--tail", "-1"), "tail: “-1” does not fit, expected greater than or equal to 1."),
        (("--tail", "10000000"), "tail: “10000000” does not fit, expected less than or equal to 50000."),
        (("--since", "yesterday"), "“yesterday” is no duration; write it like 90s, 3m or 1h30m."),
        (("--since", "0s"), "since: “0s” does not fit"),
        (("--grep", "(a"), "“(a” is no regular expression that can be used"),
        (("--level", "loud"), "level: “loud” does not fit"),
        (("--follow", "--previous"), "--follow shows what comes"),
        (("--pod", "nope"), "There is no pod called “nope”."),
        (("-c", "pos-ordr"), "There is no container called “pos-ordr”. Did you mean “pos-order”?"),
        (("--answer", "foo"), "“foo” is no id of an answer; expected one such as 1123-0a1b2c3d4e"),
        (("--grep", "("), "[--grep RE] [--exclude RE]"),
        (("--answer", "1123-0a1b2c3d4e"), "No answer with a log has the id 1123-0a1b2c3d4e."),
    ],
)
async def test_what_does_not_fit_is_refused_in_words(
    kube: cluster.Cluster, environment: dict[str, str], words: tuple[str, ...], complaint: str
) -> None:
    await kube.deploys("pos-order", replicas=1)

    code, _, said = await cli_runner.run(environment, "logs", "order", *words)

    assert code == 2
    assert complaint in said


async def test_no_previous_log_is_said_in_words(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=1)

    code, _, said = await cli_runner.run(environment, "logs", "order", "--previous")

    assert code == 3
    assert "It was not started again, so there is no earlier log." in said


async def test_an_answer_is_filtered_again_without_asking_the_cluster(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([*spring_logs.normal_start("pos-order"), *spring_logs.repeated_traces(times=3)])
    first = await asked(environment, "order")
    await kube.stops()

    again = await asked(environment, "order", "--answer", str(first["invocation"]), "--level", "error")

    assert len(entries_of(first)) > 10
    assert [entry["count"] for entry in entries_of(again)] == [3]


async def test_a_followed_log_survives_a_cut_a_rollout_and_ends_by_ctrl_c(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=2)
    command = (sys.executable, "-m", "bot", "logs", "order", "--follow", "--tail", "1")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=runbook_folder.PROJECT, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    seen: list[str] = []

    async def until(text: str) -> None:
        assert process.stdout is not None
        while not (seen and text in seen[-1]):
            seen.append((await asyncio.wait_for(process.stdout.readline(), 20)).decode())

    try:
        await until("Started")
        order.pods[0].says("2026-11-23T10:00:00Z INFO before the cut")
        await until("before the cut")
        kube.faults.cuts_streams()
        order.pods[0].says("2026-11-23T10:00:00Z INFO after the cut")
        await until("after the cut")
        old = order.pods[0].name.removeprefix("pos-order-")
        await order.rolls_out(image="registry.example/pos-order:2")
        await until("the pod is gone")
        process.send_signal(signal.SIGINT)
        rest, said = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    text = "".join(seen) + rest.decode()
    assert text.count("before the cut") == text.count("after the cut") == 1
    assert f"{old} │ " in text
    assert "── new pod ──" in text
    assert process.returncode == 0
    assert "stopped by Ctrl-C" in said.decode()


async def test_what_came_before_every_log_broke_off_is_shown(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    await kube.deploys("pos-order", replicas=1)
    kube.faults.breaks_off(after_bytes=700)

    code, output, _ = await cli_runner.run(environment, "logs", "order")

    assert code == 3
    assert ":: Spring Boot ::" in output
    assert "The connection to the API server broke" in output


async def test_many_long_logs_share_what_is_kept_for_one_answer(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=12)
    for pod in order.pods:
        pod.logs([f"2026-11-23T10:00:00Z INFO {number} {'x' * 50_000}" for number in range(30)])

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert len(output) < 13_000_000
    assert "of each log no more than 1 MB are shown" in output
