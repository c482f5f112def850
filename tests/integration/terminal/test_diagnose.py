"""`diagnose` in a terminal, against the sandbox cluster with failing starts."""

import asyncio
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from sandbox import cluster, processes, runbook_folder
from sandbox.cluster import spring_logs
from sandbox.cluster.scenario import failures
from tests import cli_runner, fake_java

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def asked(environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
    code, output, complaint = await cli_runner.run(environment, "diagnose", "order", "--output", "json")
    assert complaint == ""
    return code, json.loads(output)


def shown(report: dict[str, Any]) -> str:
    return json.dumps(report["sections"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("log", "cause", "headline", "evidence"),
    [
        pytest.param(
            spring_logs.unresolved_placeholder, "placeholder", "property pos.order.currency is not set",
            "Could not resolve placeholder 'pos.order.currency'", id="placeholder",
        ),
        pytest.param(
            spring_logs.missing_property, "binding-failed",
            "property pos.catalog.base-url is missing or invalid (must not be blank)",
            "Property: pos.catalog.base-url", id="property",
        ),
        pytest.param(
            spring_logs.missing_data_source, "data-source-missing", "database URL not set or invalid",
            "Failed to configure a DataSource", id="data source",
        ),
        pytest.param(
            spring_logs.port_in_use, "port-in-use", "port 8080 already in use",
            "Web server failed to start. Port 8080 was already in use.", id="port",
        ),
        pytest.param(
            spring_logs.database_refused, "database-refused", "database connection refused by db.example:5432",
            "Caused by: org.postgresql.util.PSQLException: Connection to db.example:5432 refused.", id="refused",
        ),
        pytest.param(
            spring_logs.database_unknown_host, "database-unknown-host",
            "database host db.example does not resolve", "Caused by: java.net.UnknownHostException: db.example",
            id="unknown host",
        ),
        pytest.param(
            spring_logs.database_login_failed, "database-login",
            'database login failed (password authentication failed for user "pos_order")',
            "Caused by: org.postgresql.util.PSQLException: FATAL: password authentication failed", id="login",
        ),
        pytest.param(
            spring_logs.pool_exhausted, "crash-loop", "container pos-order crash looping; Error (exit code 1)",
            "Connection is not available, request timed out after 30001ms", id="errors after the start",
        ),
        pytest.param(
            spring_logs.migration_failed, "migration-failed",
            'schema migration V12__add_discount.sql failed (ERROR: column "discount" of relation "orders" already',
            "V12__add_discount.sql failed", id="migration",
        ),
        pytest.param(
            spring_logs.out_of_memory, "heap-exhausted", "Java out of memory (Java heap space)",
            "java.lang.OutOfMemoryError: Java heap space", id="heap",
        ),
        pytest.param(
            spring_logs.wrong_java, "wrong-java", "compiled for Java 21, running on Java 17",
            "UnsupportedClassVersionError", id="java",
        ),
        pytest.param(
            spring_logs.bean_failure, "bean-missing", "no bean of type com.positivity.order.client.InventoryClient",
            "Caused by: org.springframework.beans.factory.NoSuchBeanDefinitionException", id="bean",
        ),
    ],
)  # fmt: skip
async def test_crash_loop_is_diagnosed_by_its_previous_log(
    kube: cluster.Cluster,
    environment: dict[str, str],
    *,
    log: Callable[[], list[str]],
    cause: str,
    headline: str,
    evidence: str,
) -> None:
    order = await kube.deploys("pos-order")
    for pod in order.pods:
        pod.crash_loops(log=log())

    code, report = await asked(environment)

    assert code == 1
    assert report["facts"]["causes"] == cause
    assert report["facts"]["affected"] == 3
    assert f"pos-order · staging: not starting: {headline}" in report["headline"]
    assert evidence in shown(report)
    assert "previous log of" in shown(report)
    assert "3 of 3 pods" in shown(report)
    assert report["runbook"][0]["number"] == "4.2"


async def test_every_failing_start_of_the_sandbox_is_tested() -> None:
    assert len(spring_logs.FAILURES) == 12


@pytest.mark.parametrize(
    ("befalls", "cause", "headline"),
    [
        pytest.param(
            lambda pod: pod.misses_config(kind="secretKeyRef", name="pos-secrets", key="DB_PASSWORD"),
            "config-key-missing", "key DB_PASSWORD missing in the Secret pos-secrets", id="key of a Secret",
        ),
        pytest.param(
            lambda pod: pod.misses_config(kind="configMapKeyRef", name="pos-config", key="EUREKA_URL"),
            "config-key-missing", "key EUREKA_URL missing in the ConfigMap pos-config", id="key of a ConfigMap",
        ),
        pytest.param(
            lambda pod: pod.misses_config(kind="configMapKeyRef", name="pos-config", key=""),
            "config-object-missing", "the configmap pos-config is missing", id="a whole ConfigMap",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("registry.example/pos-order:9.9.9"),
            "image-missing", "image registry.example/pos-order:9.9.9 not found in the registry", id="no image",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "failed to authorize: unexpected status: 401 Unauthorized"),
            "image-refused", "registry access denied for image r.example/a:1 (401 Unauthorized)", id="registry login",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "dial tcp: lookup r.example: no such host"),
            "image-unreachable", "registry of r.example/a:1 unreachable from the node (no such host)", id="registry",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "429 Too Many Requests - toomanyrequests: rate limit"),
            "image-limited", "registry rate limit reached", id="rate limit",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "the layer is broken"),
            "image-pull", "image r.example/a:1 cannot be pulled", id="another reason",
        ),
        pytest.param(
            lambda pod: pod.crash_loops(exit_code=137, reason="OOMKilled"),
            "out-of-memory", "container pos-order was OOMKilled; its memory limit is",
            id="out of memory",
        ),
        pytest.param(
            lambda pod: pod.crash_loops(exit_code=1, log=["nothing to see"]),
            "crash-loop", "container pos-order crash looping; Error (exit code 1), next restart within 5m0s",
            id="crash loop",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 Insufficient cpu."),
            "no-cpu", "insufficient CPU on all nodes (0/3 nodes are available: 3 Insufficient cpu.)", id="cpu",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 Insufficient memory."),
            "no-memory", "insufficient memory on all nodes", id="memory",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 node(s) had untolerated taint {a: b}."),
            "no-tolerated-node", "untolerated taints on the nodes", id="taint",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity."),
            "no-matching-node", "no node matches the pod’s affinity or selector", id="affinity",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("pod has unbound immediate PersistentVolumeClaims."),
            "no-volume", "no node can attach the pod’s volume", id="claim",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 Too many pods."),
            "unschedulable", "pod unschedulable (0/3 nodes are available: 3 Too many pods.)", id="any other reason",
        ),
        pytest.param(
            lambda pod: pod.is_stuck_creating(),
            "volume-not-mounted", "volume cannot be mounted (MountVolume.SetUp failed", id="volume",
        ),
        pytest.param(
            lambda pod: pod.fails_probe("readiness", "HTTP probe failed with statuscode: 503"),
            "probe-failing", "Readiness probe failing (HTTP probe failed with statuscode: 503)", id="readiness",
        ),
    ],
)  # fmt: skip
async def test_states_and_events_are_diagnosed(
    kube: cluster.Cluster,
    environment: dict[str, str],
    befalls: Callable[[failures.Pod], None],
    cause: str,
    headline: str,
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    befalls(order.pods[0])

    code, report = await asked(environment)

    assert code == 1
    assert report["facts"]["cause"] == cause
    assert headline in report["headline"]


async def test_evicted_pod_counts_if_its_successor_does_not_start(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_evicted()
    succeeded = await asked(environment)
    order.pods[1].is_unschedulable("0/3 nodes are available: 3 Insufficient memory.")

    _, report = await asked(environment)

    assert succeeded[0] == 0
    assert set(report["facts"]["causes"].split(", ")) == {"no-memory", "evicted"}


async def test_failing_init_container_is_diagnosed_by_its_own_log(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1, before=["migrate"])
    order.pods[0].fails_init("migrate", log=["2026-02-11T16:25:03Z ERROR Validate failed: Migrations have failed"])

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "migration-mismatch"
    assert "/migrate" in shown(report)


async def test_undiagnosed_init_container_is_named(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1, before=["migrate"])
    order.pods[0].fails_init("migrate", log=["hello"], exit_code=3)

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "init-container-failing"
    assert "init container migrate failing, Error (exit code 3)" in report["headline"]


async def test_probe_shorter_than_the_start_is_certain(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    pod = order.pods[0]
    late = "2026-02-11T16:25:03.114Z  INFO 1 --- [pos-order] : Started OrderApplication in 412.6 seconds"
    pod.fails_probe("startup", "connection refused", log=[late])

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "probe-too-early"
    assert "fails after 300 s, the application takes 413 s to start" in report["headline"]


async def test_probe_that_kills_a_starting_application_is_likely(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    pod = order.pods[0]
    pod.fails_probe("startup", "connection refused", log=spring_logs.normal_start()[:14])

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "probe-too-early"
    assert report["facts"]["certainty"] == "likely"


async def test_healthy_service_has_started(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order")

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (0, "ok")
    assert report["headline"] == "pos-order · staging: started, 3 of 3 pods ready"
    assert report["facts"]["cause"] is None
    assert report["sections"] == []


async def test_recent_restart_of_a_ready_pod_is_a_warning(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order")
    order.pods[1].restarts(previous_log=spring_logs.out_of_memory(), exit_code=3, reason="Error")

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "warning")
    assert "started, 3 of 3 pods ready, 1 restarted within the last hour: Java out of memory" in report["headline"]
    assert "1 of 3 pods" in shown(report)


async def test_failing_new_pods_warn_while_old_pods_serve(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order")
    await order.rolls_out(image="registry.example/pos-order:2", gets_stuck=True)
    order.new_pods[0].fails_to_pull()

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "warning")
    assert "pos-order · staging: 1 of 4 pods not starting: image" in report["headline"]


async def test_deployment_scaled_to_zero_fails(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=0)

    code, report = await asked(environment)

    assert code == 1
    assert report["headline"] == "pos-order · staging: scaled to 0 pods"


async def test_missing_deployment_is_a_cause(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-orders")

    code, report = await asked(environment)

    assert code == 1
    assert report["facts"]["cause"] == "not-deployed"
    assert "Did you mean “pos-orders”?" in shown(report)


async def test_unknown_cause_is_not_guessed(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=["2026-02-11T16:25:03Z ERROR 1 --- the till is jammed", "so it goes"])

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "failed")
    assert report["headline"] == "pos-order · staging: not starting, no known cause"
    assert report["facts"]["cause"] is None
    assert "the till is jammed" in shown(report)


async def test_crash_loop_without_a_known_cause_shows_its_log_tail(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].crash_loops(log=["2026-02-11T16:25:03Z  INFO 1 --- the licence has run out, good bye"])

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "crash-loop"
    assert "the licence has run out" in shown(report)


async def test_unreadable_log_leaves_the_verdict_unknown(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=["something"])
    kube.forbids(cluster.BOT_TOKEN, "get", "pods/log")

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (3, "unknown")
    assert "Could not read the log of" in shown(report)


async def test_young_pod_is_starting(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1, ago_seconds=5)
    order.pods[0].fails_probe("readiness", "connection refused", count=1)

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "warning")
    assert "starting, 0 of 1 pods ready" in report["headline"]


async def test_errors_before_a_successful_start_are_no_cause(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=[*spring_logs.database_refused(), *spring_logs.normal_start()])

    _, report = await asked(environment)

    assert report["facts"]["cause"] is None


async def test_secrets_are_redacted(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=spring_logs.secrets())

    _, output, _ = await cli_runner.run(environment, "diagnose", "order")

    assert spring_logs.PASSWORD not in output
    assert "no known cause" in output


async def test_cause_is_shown_with_evidence_and_advice(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order")
    for pod in order.pods:
        pod.crash_loops(log=spring_logs.database_refused())

    code, output, _ = await processes.run(environment, "diagnose", "order")

    assert code == 1
    assert "✗ pos-order · staging: not starting: database connection refused by db.example:5432" in output
    assert "certain, 3 of 3 pods" in output
    assert "Is the database up" in output
    assert "4.2 A service fails to start" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(("--limit", "10s"), "--limit requires --jar PATH.", id="limit without a jar"),
        pytest.param(("--jar", "nowhere.jar"), "No such file: nowhere.jar.", id="no file"),
        pytest.param(("--jar", "x.jar", "--limit", "1h"), "limit", id="limit too long"),
        pytest.param(("--log", "nowhere.log"), "nowhere.log cannot be read (No such file or directory).", id="no log"),
        pytest.param(("--dump", "/nowhere"), "/nowhere is no cluster dump", id="no dump"),
        pytest.param(("--dump", "a", "--log", "b"), "Give only one of --dump DIR and --log FILE.", id="dump and log"),
    ],
)
async def test_usage_error_names_the_problem(
    environment: dict[str, str], words: tuple[str, ...], complaint: str
) -> None:
    code, _, told = await cli_runner.run(environment, "diagnose", "order", *words)

    assert code in {2, 3}
    assert complaint in told


async def test_dump_is_diagnosed_without_a_cluster(environment: dict[str, str]) -> None:
    folder = runbook_folder.PROJECT / "tests" / "cases" / "failed-starts" / "p07-never-pull"

    code, output, complaint = await cli_runner.run(environment, "diagnose", "order", "--dump", str(folder))

    assert (code, complaint) == (1, "")
    assert "✗ pos-order · dump: not starting: ErrImageNeverPull" in output
    assert f"posbot diagnose pos-order --dump {folder}" in output


async def test_log_is_diagnosed(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pos-order.log"
    path.write_text("\n".join(spring_logs.database_refused()))

    code, output, complaint = await cli_runner.run(environment, "diagnose", "order", "--log", str(path))

    assert (code, complaint) == (1, "")
    assert "✗ pos-order: not starting: database connection refused by db.example:5432" in output
    assert "pos-order.log" in output


async def test_log_of_a_good_start_is_no_problem(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pos-order.log"
    path.write_text("\n".join(spring_logs.normal_start()))

    code, output, _ = await cli_runner.run(environment, "diagnose", "order", "--log", str(path))

    assert code == 0
    assert "✓ pos-order: started in 8.9 s" in output


async def test_log_of_standard_input_is_diagnosed_without_its_colours(environment: dict[str, str]) -> None:
    lines = "\n".join(f"\x1b[31m{line}\x1b[0m" for line in spring_logs.port_in_use())
    process = await asyncio.create_subprocess_exec(
        *processes.command("diagnose", "order", "--log", "-"), env=environment, stdin=-1, stdout=-1
    )

    output, _ = await process.communicate(lines.encode())

    assert process.returncode == 1
    assert "✗ pos-order: not starting: port 8080 already in use" in output.decode()


async def test_log_without_a_known_cause_shows_its_end(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("the till is jammed\n")

    code, output, _ = await cli_runner.run(environment, "diagnose", "order", "--log", str(path))

    assert code == 3
    assert "no known cause in the log" in output
    assert "the till is jammed" in output


async def test_posbot_settings_do_not_reach_the_jar(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    environment |= {"SLACK_BOT_TOKEN": "xoxb-not-for-others", "SHOP": "corner"}
    environment["JAVA_HOME"] = str(fake_java.home(tmp_path, "env; exit 3"))

    code, output, _ = await processes.run(environment, "diagnose", "order", "--jar", str(fake_java.jar(tmp_path)))

    assert code == 1
    assert "exit code 3" in output
    assert "SHOP=corner" in output
    assert "SLACK" not in output
    assert "POSBOT_RUNBOOK_DATA" not in output


async def test_application_that_exits_after_its_start_has_not_started(
    environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    script = "echo '  INFO 1 --- [main] o.A : Started App in 1.2 seconds (process running for 2)'; sleep 2.5; exit 0"
    environment["JAVA_HOME"] = str(fake_java.home(tmp_path, script))

    code, output, _ = await processes.run(
        environment, "diagnose", "accounting", "--jar", str(fake_java.jar(tmp_path)), "--output", "json"
    )

    report = json.loads(output)
    assert (code, report["verdict"]) == (1, "failed")
    assert report["facts"]["exit_code"] == 0
