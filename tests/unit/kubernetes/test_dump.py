"""A cluster dump in place of a cluster, in kubectl's layout."""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from bot import errors, runbook_data
from bot.kubernetes.diagnosis import dump
from bot.model import reports
from sandbox import runbook_folder

pytestmark = pytest.mark.anyio

CASES = runbook_folder.PROJECT / "tests" / "cases" / "failed-starts"
POD = "pos-order-1"


def a_dump(folder: pathlib.Path, *, namespace: str = "shop", log: str = "", **status: Any) -> pathlib.Path:
    """Write a dump of one pod of pos-order with one container in *status*."""
    template = {"spec": {"containers": [{"name": "pos-order", "image": "a:1"}]}}
    labels = {"app": "pos-order", "track": "stable"}
    selector = {
        "matchLabels": {"app": "pos-order"},
        "matchExpressions": [
            {"key": "track", "operator": "In", "values": ["stable", "next"]},
            {"key": "canary", "operator": "DoesNotExist"},
        ],
    }
    container = {"name": "pos-order", "ready": False, "restartCount": 3, "lastState": {}} | status
    documents = {
        "deployments": [{"metadata": {"name": "pos-order"}, "spec": {"selector": selector, "template": template}}],
        "replicasets": [],
        "events": [],
        "pods": [
            {
                "metadata": {"name": POD, "labels": labels, "creationTimestamp": "2026-11-27T10:00:00Z"},
                "spec": {"nodeName": "node-a", **template["spec"]},
                "status": {"phase": "Running", "containerStatuses": [container]},
            },
            {"metadata": {"name": "canary-1", "labels": labels | {"canary": "yes"}}, "spec": {}, "status": {}},
        ],
    }
    (folder / namespace / POD).mkdir(parents=True)
    for kind, items in documents.items():
        (folder / namespace / f"{kind}.json").write_text(json.dumps({"kind": "List", "items": items}))
    head, end = (
        f"==== {word} logs for container pos-order of pod {namespace}/{POD} ====\n" for word in ("START", "END")
    )
    other = "==== START logs for container sidecar of pod a/b ====\nAPPLICATION FAILED TO START\n"
    (folder / namespace / POD / "logs.txt").write_text(f"{head}{log}{end}{other}")
    return folder


def change(folder: pathlib.Path, kind: str, edit: Callable[[list[Any]], object]) -> None:
    path = folder / "shop" / f"{kind}.json"
    document = json.loads(path.read_text())
    edit(document["items"])
    path.write_text(json.dumps(document))


def an_event(reason: str, message: str) -> dict[str, Any]:
    involved = {"kind": "Pod", "name": POD}
    own = {"metadata": {"name": f"{POD}.1"}, "lastTimestamp": "2026-11-27T12:05:00Z"}
    return own | {"type": "Warning", "reason": reason, "message": message, "involvedObject": involved}


async def diagnosed(folder: pathlib.Path, namespace: str = "positivity") -> reports.Report:
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
    service = data.catalog.find("pos-order")
    return await dump.diagnose(service, folder, namespace, data.diagnosis_rules, data.runbook.point_to)


def text_of(report: reports.Report) -> str:
    return json.dumps(reports.to_document(report), ensure_ascii=False)


async def test_log_of_a_crashing_container_is_that_of_its_last_run(tmp_path: pathlib.Path) -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    waiting = {
        "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=pos-order"}
    }
    folder = a_dump(tmp_path, state=waiting, lastState=ended, log="Error: Unable to access jarfile /app.jar\n")

    report = await diagnosed(folder)

    assert (
        report.headline
        == "pos-order · dump: not starting: the jar cannot be started (Unable to access jarfile /app.jar)"
    )
    assert report.next_actions[0].command == f"diagnose pos-order --dump {folder}"


async def test_last_line_without_its_end_is_read(tmp_path: pathlib.Path) -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-27T12:00:00Z"}}

    report = await diagnosed(a_dump(tmp_path, state=ended, log="no main manifest attribute, in /app.jar"))

    assert report.facts["cause"] == "no-main-class"


async def test_missing_previous_log_is_said(tmp_path: pathlib.Path) -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-27T12:00:00Z"}}
    running = {"running": {"startedAt": "2026-11-27T12:00:01Z"}}

    report = await diagnosed(a_dump(tmp_path, state=running, lastState=ended, log="2026-11-27T12:00:02Z  INFO hello\n"))

    assert "A cluster dump holds no previous logs." in text_of(report)


async def test_error_in_place_of_a_log_is_said(tmp_path: pathlib.Path) -> None:
    running = {"running": {"startedAt": "2026-11-27T12:00:01Z"}}

    report = await diagnosed(a_dump(tmp_path, state=running, log="Request log error: the node is gone\n"))

    assert "the node is gone" in text_of(report)


async def test_probe_of_another_port_is_told(tmp_path: pathlib.Path) -> None:
    probe = {"readinessProbe": {"httpGet": {"path": "/actuator/health", "port": 9007}}}
    message = (
        'Readiness probe failed: Get "http://10.1.1.1:9007/x": dial tcp 10.1.1.1:9007: connect: connection refused'
    )
    folder = a_dump(
        tmp_path,
        state={"running": {"startedAt": "2026-11-27T12:00:01Z"}},
        log="2026-11-27T12:00:09.114Z  INFO 1 --- [main] a.b.C : Tomcat started on port 8080 (http)\n"
        "2026-11-27T12:00:09.115Z  INFO 1 --- [main] a.b.C : Started Order in 8.9 seconds\n",
    )
    change(folder, "pods", lambda pods: pods[0]["spec"]["containers"][0].update(probe))
    change(folder, "events", lambda events: events.append(an_event("Unhealthy", message)))

    report = await diagnosed(folder)

    assert report.headline.endswith("readiness probe asks port 9007, the application listens on 8080")
    assert report.facts["certainty"] == "certain"


async def test_node_that_does_not_report_is_told(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, ready=True, state={"running": {"startedAt": "2026-11-27T12:00:01Z"}})
    change(folder, "events", lambda events: events.append(an_event("NodeNotReady", "Node is not ready")))
    change(folder, "pods", lambda pods: pods[0]["status"].update(conditions=[{"type": "Ready", "status": "False"}]))

    report = await diagnosed(folder)

    assert report.headline.endswith("not starting: the pod’s node is not ready (Node is not ready)")


async def test_terminating_pod_of_a_lost_node_is_told(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, ready=True, state={"running": {"startedAt": "2026-11-27T12:00:01Z"}})
    lost = {"phase": "Running", "reason": "NodeLost", "message": "Node node-a which was running pod a is unresponsive"}
    change(folder, "pods", lambda pods: pods[0]["status"].update(lost))
    change(folder, "pods", lambda pods: pods[0]["metadata"].update(deletionTimestamp="2026-11-27T12:10:00Z"))

    report = await diagnosed(folder)

    assert "the pod lost its node: NodeLost (Node node-a which was running pod a" in report.headline


async def test_pull_that_has_not_ended_is_told(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, state={"waiting": {"reason": "ContainerCreating"}})
    pulling = an_event("Pulling", 'Pulling image "registry.example/pos-order:2"') | {"type": "Normal"}
    change(folder, "events", lambda events: events.append(pulling))

    report = await diagnosed(folder)

    assert report.headline.endswith("not starting: image registry.example/pos-order:2 is still being pulled")


async def test_unknown_state_is_shown_with_the_end_of_the_log(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, state={"running": {"startedAt": "2026-11-27T12:00:01Z"}}, log="the till is jammed\n")

    report = await diagnosed(folder)

    assert report.headline.endswith("not starting, no known cause")
    assert [section.title for section in report.sections] == ["Pods", f"End of the log of {POD}"]


async def test_namespace_of_the_environment_is_preferred(tmp_path: pathlib.Path) -> None:
    a_dump(tmp_path, namespace="a", state={"waiting": {"reason": "ErrImageNeverPull", "message": "first"}})
    a_dump(tmp_path, namespace="b", state={"waiting": {"reason": "ErrImageNeverPull", "message": "second"}})

    assert "second" in (await diagnosed(tmp_path, "b")).headline
    assert "first" in (await diagnosed(tmp_path, "elsewhere")).headline


async def test_now_is_the_newest_time_in_the_dump() -> None:
    dumped = dump.Dump(CASES / "c01-bean-not-found")

    assert f"{await dumped.newest_time('positivity'):%FT%TZ}" == "2026-11-27T12:01:31Z"


async def test_folder_that_is_no_dump_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.UsageError, match="is no cluster dump") as caught:
        await diagnosed(tmp_path)

    assert "kubectl cluster-info dump" in str(caught.value.hint)


async def test_broken_file_of_a_dump_is_named(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, state={})
    (folder / "shop" / "pods.json").write_text("items: []")

    with pytest.raises(errors.UsageError, match=r"pods\.json cannot be read"):
        await diagnosed(folder)


@pytest.mark.parametrize(
    "content",
    ['{"items": 5}', '{"items": [1, null]}', '{"items": [{"metadata": null}]}', "[" * 200_000],
    ids=["number", "numbers", "nameless", "bottomless"],
)
async def test_file_without_objects_is_named(tmp_path: pathlib.Path, content: str) -> None:
    folder = a_dump(tmp_path, state={})
    (folder / "shop" / "pods.json").write_text(content)

    with pytest.raises(errors.UsageError, match=r"pods\.json"):
        await diagnosed(tmp_path)


async def test_pipe_in_a_dump_is_not_read(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, state={})
    (folder / "shop" / "pods.json").unlink()
    os.mkfifo(folder / "shop" / "pods.json")

    with pytest.raises(errors.UsageError, match=r"pods\.json cannot be read"):
        await diagnosed(tmp_path)


async def test_dump_without_the_namespace_names_its_own(tmp_path: pathlib.Path) -> None:
    folder = a_dump(tmp_path, namespace="default")
    path = folder / "default" / "deployments.json"
    path.write_text(path.read_text().replace('"pos-order"}, "spec": {"selector"', '"shop"}, "spec": {"selector"'))

    report = await diagnosed(folder)

    assert report.headline == "pos-order · dump: not deployed"
    assert "The dump has the namespaces default." in text_of(report)
