"""Why a service does not start, asked of a pretend cluster in which it does not."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from sandbox import cluster, processes
from sandbox.cluster import spring_logs
from sandbox.cluster.scenario import failures
from tests import cli_runner, fake_java

pytestmark = pytest.mark.anyio


async def asked(environment: dict[str, str]) -> tuple[int, dict[str, Any]]:
    code, output, complaint = await cli_runner.run(environment, "startup", "order", "--output", "json")
    assert complaint == ""
    return code, json.loads(output)


def shown(report: dict[str, Any]) -> str:
    return json.dumps(report["sections"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("log", "cause", "headline", "evidence"),
    [
        pytest.param(
            spring_logs.unresolved_placeholder, "placeholder", "the property pos.order.currency has no value",
            "Could not resolve placeholder 'pos.order.currency'", id="placeholder",
        ),
        pytest.param(
            spring_logs.missing_property, "binding-failed",
            "the property pos.catalog.base-url is missing or wrong (must not be blank)",
            "Property: pos.catalog.base-url", id="property",
        ),
        pytest.param(
            spring_logs.missing_data_source, "data-source-missing", "the database’s address is not set, or is none",
            "Failed to configure a DataSource", id="data source",
        ),
        pytest.param(
            spring_logs.port_in_use, "port-in-use", "the port 8080 is already in use",
            "Web server failed to start. Port 8080 was already in use.", id="port",
        ),
        pytest.param(
            spring_logs.database_refused, "database-refused", "the database db.example:5432 refuses connections",
            "Caused by: org.postgresql.util.PSQLException: Connection to db.example:5432 refused.", id="refused",
        ),
        pytest.param(
            spring_logs.database_unknown_host, "database-unknown-host",
            "the database’s name db.example does not resolve", "Caused by: java.net.UnknownHostException: db.example",
            id="unknown host",
        ),
        pytest.param(
            spring_logs.database_login_failed, "database-login", "the database refuses the login pos_order",
            "Caused by: org.postgresql.util.PSQLException: FATAL: password authentication failed", id="login",
        ),
        pytest.param(
            spring_logs.pool_exhausted, "pool-exhausted",
            "no connection to the database came free within 30001 ms (HikariPool-1)",
            "Connection is not available, request timed out after 30001ms", id="pool",
        ),
        pytest.param(
            spring_logs.migration_failed, "migration-failed", "a migration of the database’s schema failed",
            "V12__add_discount.sql failed", id="migration",
        ),
        pytest.param(
            spring_logs.out_of_memory, "heap-exhausted", "Java ran out of memory (Java heap space)",
            "java.lang.OutOfMemoryError: Java heap space", id="heap",
        ),
        pytest.param(
            spring_logs.wrong_java, "wrong-java", "it was compiled for Java 21 and runs on Java 17",
            "UnsupportedClassVersionError", id="java",
        ),
        pytest.param(
            spring_logs.bean_failure, "bean-failed",
            "the bean orderService cannot be made (NoSuchBeanDefinitionException: No qualifying bean of type "
            "'com.positivity.order.client.InventoryClient' available", "Error creating bean with name", id="bean",
        ),
    ],
)  # fmt: skip
async def test_a_crash_loop_is_told_by_what_the_log_before_the_restart_says(
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
    assert f"pos-order in staging does not start: {headline}" in report["headline"]
    assert evidence in shown(report)
    assert "before its restart" in shown(report)
    assert "in 3 of 3 pods" in shown(report)
    assert report["runbook"][0]["number"] == "4.2"


async def test_every_failing_start_that_the_sandbox_knows_has_its_test() -> None:
    assert len(spring_logs.FAILURES) == 12


@pytest.mark.parametrize(
    ("befalls", "cause", "headline"),
    [
        pytest.param(
            lambda pod: pod.misses_config(kind="secretKeyRef", name="pos-secrets", key="DB_PASSWORD"),
            "config-key-missing", "the key DB_PASSWORD is missing in the Secret pos-secrets", id="key of a Secret",
        ),
        pytest.param(
            lambda pod: pod.misses_config(kind="configMapKeyRef", name="pos-config", key="EUREKA_URL"),
            "config-key-missing", "the key EUREKA_URL is missing in the ConfigMap pos-config", id="key of a ConfigMap",
        ),
        pytest.param(
            lambda pod: pod.misses_config(kind="configMapKeyRef", name="pos-config", key=""),
            "config-object-missing", "the configmap pos-config is missing", id="a whole ConfigMap",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("registry.example/pos-order:9.9.9"),
            "image-missing", "the image registry.example/pos-order:9.9.9 does not exist in its registry", id="no image",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "failed to authorize: unexpected status: 401 Unauthorized"),
            "image-refused", "the registry refuses the image r.example/a:1 (401 Unauthorized)", id="registry login",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "dial tcp: lookup r.example: no such host"),
            "image-unreachable", "the node does not reach the registry of r.example/a:1 (no such host)", id="registry",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "429 Too Many Requests - toomanyrequests: rate limit"),
            "image-limited", "the registry gives no more images for now", id="rate limit",
        ),
        pytest.param(
            lambda pod: pod.fails_to_pull("r.example/a:1", "the layer is broken"),
            "image-pull", "the image r.example/a:1 cannot be pulled", id="another reason",
        ),
        pytest.param(
            lambda pod: pod.crash_loops(exit_code=137, reason="OOMKilled"),
            "out-of-memory", "the container pos-order was killed for the memory that it used; its memory limit is",
            id="out of memory",
        ),
        pytest.param(
            lambda pod: pod.crash_loops(exit_code=1, log=["nothing to see"]),
            "crash-loop", "the container pos-order starts and dies; Error (exit code 1), next try within 5m0s",
            id="crash loop",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 Insufficient cpu."),
            "no-cpu", "no node has enough CPU left (0/3 nodes are available: 3 Insufficient cpu.)", id="cpu",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 Insufficient memory."),
            "no-memory", "no node has enough memory left", id="memory",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 node(s) had untolerated taint {a: b}."),
            "no-tolerated-node", "the nodes have taints that the pod does not tolerate", id="taint",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity."),
            "no-matching-node", "no node is one that the pod may run on", id="affinity",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("pod has unbound immediate PersistentVolumeClaims."),
            "no-volume", "no node can have the pod’s volume", id="claim",
        ),
        pytest.param(
            lambda pod: pod.is_unschedulable("0/3 nodes are available: 3 Too many pods."),
            "unschedulable", "no node takes the pod (0/3 nodes are available: 3 Too many pods.)", id="any other reason",
        ),
        pytest.param(
            lambda pod: pod.is_stuck_creating(),
            "volume-not-mounted", "a volume cannot be mounted (MountVolume.SetUp failed", id="volume",
        ),
        pytest.param(
            lambda pod: pod.fails_probe("readiness", "HTTP probe failed with statuscode: 503"),
            "probe-failing", "the Readiness probe fails (HTTP probe failed with statuscode: 503)", id="readiness",
        ),
    ],
)  # fmt: skip
async def test_what_the_cluster_says_is_the_cause(
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


async def test_an_evicted_pod_counts_where_its_successor_does_not_start(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].is_evicted()
    succeeded = await asked(environment)
    order.pods[1].is_unschedulable("0/3 nodes are available: 3 Insufficient memory.")

    _, report = await asked(environment)

    assert succeeded[0] == 0
    assert set(report["facts"]["causes"].split(", ")) == {"no-memory", "evicted"}


async def test_an_init_container_that_fails_is_told_by_its_own_log(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1, before=["migrate"])
    order.pods[0].fails_init("migrate", log=["2026-02-11T16:25:03Z ERROR Validate failed: Migrations have failed"])

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "migration-mismatch"
    assert "/migrate before its restart" in shown(report)


async def test_an_init_container_that_says_nothing_is_named(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1, before=["migrate"])
    order.pods[0].fails_init("migrate", log=["hello"], exit_code=3)

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "init-container-failing"
    assert "the init container migrate fails, Error (exit code 3)" in report["headline"]


async def test_a_probe_that_waits_less_than_the_start_takes(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    pod = order.pods[0]
    late = "2026-02-11T16:25:03.114Z  INFO 1 --- [pos-order] : Started OrderApplication in 412.6 seconds"
    pod.fails_probe("startup", "connection refused", log=[late])

    _, report = await asked(environment)

    assert report["facts"]["causes"] == "probe-impatient"
    assert "gives up after 300 s, the application needs 413 s to start" in report["headline"]


async def test_a_probe_that_kills_while_the_application_starts(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    pod = order.pods[0]
    pod.fails_probe("startup", "connection refused", log=spring_logs.normal_start()[:14])

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "probe-impatient"
    assert report["facts"]["certainty"] == "likely"


async def test_a_healthy_service_did_start(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order")

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (0, "ok")
    assert report["headline"] == "pos-order in staging did start: all 3 pods are ready."
    assert report["facts"]["cause"] is None
    assert report["sections"] == []


async def test_a_pod_that_was_started_again_lately_is_told_although_all_is_well_now(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order")
    order.pods[1].restarts(previous_log=spring_logs.out_of_memory(), exit_code=3, reason="Error")

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "warning")
    assert (
        "did start: all 3 pods are ready, but 1 of them ended within the last hour: Java ran out" in report["headline"]
    )
    assert "in 1 of 3 pods" in shown(report)


async def test_old_pods_that_serve_make_it_less_grave(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order")
    await order.rolls_out(image="registry.example/pos-order:2", gets_stuck=True)
    order.new_pods[0].fails_to_pull()

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "warning")
    assert "1 of 4 pods of pos-order in staging do not start: the image" in report["headline"]


async def test_what_is_scaled_to_nothing_does_not_start(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-order", replicas=0)

    code, report = await asked(environment)

    assert code == 1
    assert report["headline"] == "pos-order in staging does not start: it is scaled to 0 pods."


async def test_what_is_not_deployed_does_not_start(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    await kube.deploys("pos-orders")

    code, report = await asked(environment)

    assert code == 1
    assert report["facts"]["cause"] == "not-deployed"
    assert "Did you mean “pos-orders”?" in shown(report)


async def test_what_nothing_explains_is_not_guessed(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=["2026-02-11T16:25:03Z ERROR 1 --- the till is jammed", "so it goes"])

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "failed")
    assert report["headline"] == "pos-order in staging does not start, and no known cause fits."
    assert report["facts"]["cause"] is None
    assert "the till is jammed" in shown(report)


async def test_a_crash_loop_that_nothing_explains_shows_the_end_of_its_log(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].crash_loops(log=["2026-02-11T16:25:03Z  INFO 1 --- the licence has run out, good bye"])

    _, report = await asked(environment)

    assert report["facts"]["cause"] == "crash-loop"
    assert "the licence has run out" in shown(report)


async def test_a_log_that_cannot_be_read_leaves_the_answer_open(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=["something"])
    kube.forbids(cluster.BOT_TOKEN, "get", "pods/log")

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (3, "unknown")
    assert "could not be read" in shown(report)


async def test_a_pod_that_has_just_begun_is_still_starting(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1, ago_seconds=5)
    order.pods[0].fails_probe("readiness", "connection refused", count=1)

    code, report = await asked(environment)

    assert (code, report["verdict"]) == (1, "warning")
    assert "still starting: 0 of 1 pods are ready." in report["headline"]


async def test_what_went_wrong_before_the_start_succeeded_is_no_cause(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=[*spring_logs.database_refused(), *spring_logs.normal_start()])

    _, report = await asked(environment)

    assert report["facts"]["cause"] is None


async def test_no_secret_gets_out(kube: cluster.Cluster, environment: dict[str, str]) -> None:
    order = await kube.deploys("pos-order", replicas=1)
    order.pods[0].starts(is_ready=False, log=spring_logs.secrets())

    _, output, _ = await cli_runner.run(environment, "startup", "order")

    assert spring_logs.PASSWORD not in output
    assert "no known cause" in output


async def test_in_a_terminal_each_cause_has_its_evidence_and_its_advice(
    kube: cluster.Cluster, environment: dict[str, str]
) -> None:
    order = await kube.deploys("pos-order")
    for pod in order.pods:
        pod.crash_loops(log=spring_logs.database_refused())

    code, output, _ = await processes.run(environment, "startup", "order")

    assert code == 1
    assert "✗ pos-order in staging does not start: the database db.example:5432 refuses connections." in output
    assert "certain, in 3 of 3 pods" in output
    assert "Is the database up" in output
    assert "4.2 A service fails to start" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(("--limit", "10s"), "--limit says how long a jar may take", id="limit without a jar"),
        pytest.param(("--jar", "nowhere.jar"), "There is no file nowhere.jar.", id="no file"),
        pytest.param(("--jar", "x.jar", "--limit", "1h"), "limit", id="limit too long"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    environment: dict[str, str], words: tuple[str, ...], complaint: str
) -> None:
    code, _, told = await cli_runner.run(environment, "startup", "order", *words)

    assert code in {2, 3}
    assert complaint in told


async def test_what_is_meant_for_the_bot_does_not_reach_the_jar(
    environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    environment |= {"SLACK_BOT_TOKEN": "xoxb-not-for-others", "SHOP": "corner"}
    environment["JAVA_HOME"] = str(fake_java.home(tmp_path, "env; exit 3"))

    code, output, _ = await processes.run(environment, "startup", "order", "--jar", str(fake_java.jar(tmp_path)))

    assert code == 1
    assert "exit code 3" in output
    assert "SHOP=corner" in output
    assert "SLACK" not in output
    assert "POSBOT_RUNBOOK_DATA" not in output
