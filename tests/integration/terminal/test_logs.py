"""`logs` in a terminal, against the sandbox cluster's API."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping

import pytest

from sandbox import cluster, processes, runbook_folder
from sandbox.cluster import spring_logs
from tests import cli_runner

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def asked(environment: Mapping[str, str], *words: str) -> dict[str, object]:
    _, output, complaint = await cli_runner.run(environment, "logs", *words, "--output", "json")
    assert complaint == ""
    document: dict[str, object] = json.loads(output)
    return document


def entries_of(document: dict[str, object]) -> list[dict[str, object]]:
    sections = document["sections"]
    assert isinstance(sections, list)
    return [entry for section in sections if section["kind"] == "log" for entry in section["entries"]]


async def test_all_pods_are_read_and_each_line_names_its_pod(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=3)

    code, output, _ = await processes.run(environment, "logs", "order", "--tail", "5")

    assert code == 0
    assert "15 lines of 3 pods" in output
    for pod in order.pods:
        assert output.count(f"{pod.name.removeprefix('pos-order-')} │ ") == 5


async def test_long_line_is_not_cut_at_the_terminal_width(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([f"2026-11-23T10:00:00Z INFO 1 --- {'x' * 200} the end"])

    _, output, _ = await cli_runner.run({**environment, "FORCE_COLOR": "1", "COLUMNS": "80"}, "logs", "order")

    assert f"{'x' * 200} the end\n" in output


async def test_repeated_trace_is_shown_once_and_matched_by_any_line(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs(spring_logs.repeated_traces(times=20))

    [entry] = entries_of(await asked(environment, "order", "--grep", "PriceClient.fetch"))

    assert entry["count"] == 20
    assert str(entry["text"]).count("\n") >= 3
    assert entry["first_at"] != entry["at"]


async def test_previous_log_precedes_the_restart(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].crash_loops(
        exit_code=137, reason="OOMKilled", times=3, log=["2026-11-23T10:00:00Z ERROR 1 --- memory ran out"]
    )

    code, output, _ = await cli_runner.run(environment, "logs", "order")

    assert code == 0
    assert "memory ran out" in output
    assert "terminated: OOMKilled (exit code 137), waiting for its restart" in output


async def test_unreadable_pod_does_not_hide_the_others(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=3)
    order.pods[0].misses_config()

    code, output, _ = await cli_runner.run(environment, "logs", "order", "--tail", "2")

    assert code == 3
    assert "Not read" in output
    assert f"{order.pods[0].name}" in output
    assert "Container not started" in output
    assert output.count(" │ ") == 4


async def test_evicted_pod_explains_its_missing_log(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_evicted()

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert "Pod evicted, its log was removed. The node was low on resource" in output


async def test_unscheduled_pod_explains_its_missing_log(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_unschedulable()

    code, _, complaint = await cli_runner.run(environment, "logs", "order")

    assert code == 3
    assert "Pod not scheduled yet: 0/3 nodes are available: 3 Insufficient cpu." in complaint
    assert "Check its events" in complaint


async def test_silent_node_is_reported_without_its_address(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    kube.loses_node(order.pods[0].node)

    code, _, complaint = await cli_runner.run(environment, "logs", "order")

    assert code == 3
    assert "The node does not respond" in complaint and ":10250" not in complaint


async def test_secrets_escapes_and_markup_are_harmless(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([*spring_logs.secrets(), *spring_logs.escapes(), *spring_logs.markup()])

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert spring_logs.PASSWORD not in output
    assert spring_logs.TOKEN not in output
    assert "\x1b" not in output
    assert "<!channel>" in output


async def test_binary_and_endless_lines_become_text(kube: cluster.Cluster, environment: dict[str, str]) -> None:
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
    assert "Lines are truncated at 64,000 bytes (19.9 MB omitted)." in output


async def test_omitted_lines_are_counted_with_the_option_to_use(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs(f"2026-11-23T10:00:00Z INFO {number} {'x' * 10_000}" for number in range(600))

    _, output, _ = await cli_runner.run(environment, "logs", "order", "--tail", "5000")
    _, fewer, _ = await cli_runner.run(environment, "logs", "order", "--tail", "5", "--grep", "INFO 1")

    assert "older ones omitted (at most 4 MB of each log; narrow down with --grep)." in output
    assert "106 older ones omitted (--tail shows more)." in fewer


async def test_long_line_is_shown_whole(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([f"2026-11-23T10:00:00Z INFO {'x' * 30_000} the end"])

    _, output, _ = await cli_runner.run(environment, "logs", "order")

    assert f"INFO {'x' * 30_000} the end\n" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--tail", "-1"), "--tail must be at least 1."),
        (("--tail", "10000000"), "--tail must be at most 50000."),
        (("--since", "yesterday"), "--since: “yesterday” is no duration; write it like 90s, 3m, 1h30m or 7d."),
        (("--since", "0s"), "--since must be greater than 0s."),
        (("--grep", "(a"), "Invalid regular expression “(a”"),
        (("--level", "loud"), "--level must be "),
        (("--follow", "--previous"), "--follow cannot be combined with --previous or --response."),
        (("--pod", "nope"), "There is no pod called “nope”."),
        (("-c", "pos-ordr"), "There is no container called “pos-ordr”. Did you mean “pos-order”?"),
        (("--response", "foo"), "Invalid response id “foo”; expected one such as 1123-0a1b2c3d4e"),
        (("--grep", "("), "[--grep RE] [--exclude RE]"),
        (("--response", "1123-0a1b2c3d4e"), "None of your responses has a log and the id 1123-0a1b2c3d4e."),
    ],
)
async def test_usage_error_names_the_problem(
    kube: cluster.Cluster, environment: dict[str, str], words: tuple[str, ...], complaint: str
) -> None:
    await kube.deploys("pos-order", replicas=1)

    code, _, said = await cli_runner.run(environment, "logs", "order", *words)

    assert code == 2
    assert complaint in said


async def test_missing_previous_log_is_explained(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=1)

    code, _, said = await cli_runner.run(environment, "logs", "order", "--previous")

    assert code == 3
    assert "pos-order · staging: no previous log: the container was never restarted." in said


async def test_response_is_filtered_again_without_the_cluster(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].logs([*spring_logs.normal_start("pos-order"), *spring_logs.repeated_traces(times=3)])
    first = await asked(environment, "order")
    await kube.stops()

    again = await asked(environment, "order", "--response", str(first["invocation"]), "--level", "error")

    assert len(entries_of(first)) > 10
    assert [entry["count"] for entry in entries_of(again)] == [3]


async def test_followed_log_survives_a_disconnect_and_a_rollout(
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
        await until("pod deleted")
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
    assert process.returncode == 130
    assert "stopped by Ctrl-C" in said.decode()


async def test_lines_before_a_lost_connection_are_shown(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=1)
    kube.faults.breaks_off(after_bytes=700)

    code, output, _ = await cli_runner.run(environment, "logs", "order")

    assert code == 3
    assert ":: Spring Boot ::" in output
    assert "The connection to the API server " in output


async def test_many_long_logs_share_the_memory_limit(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=12)
    for pod in order.pods:
        pod.logs([f"2026-11-23T10:00:00Z INFO {number} {'x' * 50_000}" for number in range(30)])

    _, output, _ = await cli_runner.run(environment, "logs", "order", "--tail", "1000")

    assert len(output) < 13_000_000
    assert "at most 1 MB of each log" in output
