"""Logs in the formats that people report, each with a command and what its response shows (`tests/cases/logs`)."""

import datetime
import io
import pathlib
from collections.abc import AsyncIterator, Sequence

import pytest
import rich.console
import yaml

from bot.kubernetes.logs import levels, parser
from bot.terminal import rendering
from sandbox.cluster.state import container_logs
from tests import builders
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio

CASES = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((pathlib.Path(__file__).parents[3] / "cases" / "logs").glob("*.yaml"))
}
BEGIN = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[app_fixture.AppFixture]:
    async with app_fixture.running(tmp_path_factory.mktemp("app"), names=["pos-order"], is_alone=True) as running:
        await running.kube.deploys("pos-order", replicas=2)
        yield running


def write(app: app_fixture.AppFixture, pods: Sequence[Sequence[str]]) -> None:
    """Let each pod have written its lines, each `+SECONDS TEXT`; further pods have written nothing."""
    for index, pod in enumerate(app.kube.deployments["pos-order"].pods):
        log = pod.log_of("")
        log.clear()
        for line in pods[index] if index < len(pods) else ():
            seconds, _, text = line.partition(" ")
            at = BEGIN + datetime.timedelta(seconds=float(seconds))
            log.append([container_logs.Line(at, text.encode())])


async def shown(app: app_fixture.AppFixture, line: str) -> str:
    report = await app.run(line)
    console = rich.console.Console(file=io.StringIO(), width=1_000, color_system=None)
    with console.capture() as captured:
        console.print(rendering.render(builders.an_answer(report)), crop=False)
    return captured.get()


@pytest.mark.parametrize("name", CASES)
async def test_log_is_shown_as_expected(app: app_fixture.AppFixture, name: str) -> None:
    case = CASES[name]
    write(app, case["pods"])

    text = await shown(app, case["line"])

    expect = case["expect"]
    assert [words for words in expect.get("has", ()) if words not in text] == [], text
    assert [words for words in (*expect.get("hasnt", ()), *expect.get("hasnt_raw", ())) if words in text] == [], text
    lines = [line.partition("│ ")[2] for line in text.splitlines()]
    for block in expect.get("blocks", ()):
        written = [rendering.clean(line) for line in block]
        start = lines.index(written[0])
        assert lines[start : start + len(block)] == written


LEVELS = {
    "fatal": (
        "F1127 09:00:02.114123       1 main.go:12] declined",
        '{"version":"1.1","short_message":"declined","timestamp":1795827602.114,"level":2}',
        "2026-11-27 09:00:02.114 UTC [1] FATAL:  password authentication failed",
        '{"level":60,"time":1795827602114,"msg":"declined"}',
        "panic: runtime error: index out of range",
    ),
    "error": (
        "2026-11-27T09:00:02.114+01:00 ERROR 1 --- [pos-order] [           main] c.p.Payments : declined",
        "2026-11-27 09:00:02.114 ERROR 1 --- [           main] c.p.Payments : declined",
        "2026-11-27 09:00:02.114 ERROR [pos-order,4bf92f3577b34da6,00f067aa0ba902b7] 1 --- [main] c.p.P : declined",
        "09:00:02.114 [main] ERROR c.p.Payments -- declined",
        "2026-11-27 09:00:02,114 [main] ERROR c.p.Payments - declined",
        "2026-11-27 09:00:02,114 main ERROR Unable to locate appender",
        "123 [main] ERROR c.p.Payments  - declined",
        "27-Nov-2026 09:00:02.114 SEVERE [main] org.apache.catalina.startup.Catalina.start declined",
        "Nov 27, 2026 9:00:02 AM com.positivity.order.Payments decline\nSEVERE: declined",
        "Nov 27, 2026, 9:00:02\u202fAM com.positivity.order.Payments decline\nSEVERE: declined",
        '{"@timestamp":"2026-11-27T09:00:02.114Z","log.level":"ERROR","message":"declined"}',
        '{"@timestamp":"2026-11-27T09:00:02.114Z","log":{"level":"ERROR","logger":"c.p.P"},"message":"declined"}',
        '{"@timestamp":"2026-11-27T09:00:02Z","message":"x","mdc":{"level":"gold"},"level":"ERROR","level_value":40000}',
        '{"version":"1.1","short_message":"declined","level":3,"_level_name":"ERROR"}',
        '{"instant":{"epochSecond":1795827602},"thread":"main","level":"ERROR","message":"declined"}',
        '{"severity":"ERROR","time":"2026-11-27T09:00:02Z","message":"declined"}',
        '{"level":"error","ts":1795827602.114,"msg":"declined"}',
        '{"level":50,"time":1795827602114,"msg":"declined"}',
        '{"t":{"$date":"2026-11-27T09:00:02.114Z"},"s":"E","c":"NETWORK","msg":"declined"}',
        '{"log":"2026-11-27 09:00:02.114 ERROR 1 --- [main] c.p.P : declined\\n","stream":"stdout"}',
        '{"text":"declined","record":{"level":{"name":"ERROR","no":40},"message":"declined"}}',
        "E1127 09:00:02.114123       1 reflector.go:123] declined",
        'time="2026-11-27T09:00:02Z" level=error msg="declined"',
        'ts=2026-11-27T09:00:02.114Z caller=main.go:1 level=error msg="declined"',
        "2026-11-27T09:00:02.114Z\terror\tcontroller\tdeclined",
        "2026/11/27 09:00:02 [error] 7#7: *1 connect() failed (111: Connection refused)",
        "[Fri Nov 27 09:00:02.114 2026] [core:error] [pid 1] declined",
        "[2026-11-27 09:00:02.114][1][error][upstream] declined",
        "[2026-11-27T09:00:02,114][ERROR][o.e.b.Bootstrap] [node-1] declined",
        "[2026-11-27 09:00:02,114] ERROR [KafkaServer id=0] declined (kafka.server.KafkaServer)",
        "2026-11-27 09:00:02,114 [myid:1] - ERROR [main:QuorumPeer@1] - declined",
        "2026-11-27 09:00:02.114 [error] <0.123.0> declined",
        "2026-11-27T09:00:02.114Z 0 [ERROR] [MY-010000] declined",
        "[2026-11-27 09:00:02 +0000] [1] [ERROR] declined",
        "2026-11-27 09:00:02,114 - payments - ERROR - declined",
        "[2026-11-27 09:00:02,114: ERROR/MainProcess] declined",
        "ERROR:root:declined",
        "fail: Payments[0]",
        "[09:00:02 ERR] declined",
        "9:00AM ERR declined",
        "[2026-11-27T09:00:02Z ERROR payments] declined",
        "[0.015s][error][cds] declined",
        "27 Nov 2026 09:00:02,392 [main] ERROR c.p.Payments - declined",
        "[main] 2026-11-27 09:00:02,114 ERROR c.p.Payments - declined",
        "2026-11-27 09:00:02|ERROR|main|declined",
        "2026-11-27 09:00:02 (ERROR) declined",
        "ERROR [2026-11-27 09:00:02,114] com.positivity.Payments: declined",
        '2026-11-27T09:00:02.114Z {"level":"error","msg":"declined"}',
        '{"@timestamp":"2026-11-27T09:00:02Z","level":"ERROR","message":"a line that was trunca',
        "java.lang.IllegalStateException: declined",
        'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
        "Traceback (most recent call last):",
    ),
    "warn": (
        "W1127 09:00:02.114123       1 reflector.go:123] declined",
        "OpenJDK 64-Bit Server VM warning: Sharing is only supported for boot loader classes",
        '{"version":"1.1","short_message":"declined","level":4}',
        "Nov 27, 2026 9:00:02 AM com.positivity.order.Payments decline\nWARNING: declined",
        "warn: Payments[0]",
        "[0.015s][warning][cds] declined",
        '{"@timestamp":"2026-11-27T09:00:02Z","level":"WARN","level_value":30000,"message":"{\\"level\\":\\"ERROR\\"}"}',
    ),
    "info": (
        "2026-11-27T09:00:02.114Z  INFO 1 --- [pos-order] [main] c.p.P : an ERROR was told of",
        '{"@timestamp":"2026-11-27T09:00:02Z","level":"INFO","message":"ERROR declined","stack":"java.lang.Error"}',
        '{"version":"1.1","short_message":"ERROR","level":6}',
        "2026-11-27 09:00:02 INFO [main] ERROR is what the till said",
        "I1127 09:00:02.114123       1 reflector.go:123] error budget is fine",
        'level=info msg="level=error is next"',
        "2026-11-27 09:00:02.114 UTC [1] LOG:  database system is ready",
        "failed orders are tried again",
        "Alert rules loaded, no error found",
        "order 4711 error code 0",
    ),
}


@pytest.mark.parametrize(("level", "text"), [(level, text) for level, texts in LEVELS.items() for text in texts])
def test_level_is_recognised_in_every_layout(level: str, text: str) -> None:
    assert levels.level_of(text.encode()) == level


@pytest.mark.parametrize(("level", "text"), [(level, text) for level, texts in LEVELS.items() for text in texts])
def test_block_search_finds_the_level_of_every_layout(level: str, text: str) -> None:
    for minimum in levels.Level:
        pattern = levels.PREFILTERS[minimum]
        is_wanted = levels.Level(level).rank >= minimum.rank
        assert not is_wanted or pattern is None or pattern.search(text.encode()) is not None


@pytest.mark.parametrize(
    "text", [text for texts in LEVELS.values() for text in texts if not text.startswith("java.lang.")]
)
def test_each_layout_starts_an_entry_of_its_own(text: str) -> None:
    lines = text.split("\n")

    entries = parser.join_lines([*lines, "\tat com.positivity.order.Payments.decline(Payments.java:12)", *lines])

    assert len(entries) == 2


QUIET = [["+0 2026-11-27T09:00:00.114Z  INFO 1 --- [pos-order] begun", "+1 2026-11-27T09:00:01Z  INFO 1 --- done"]]


@pytest.mark.parametrize(
    ("line", "headline"),
    [
        ("logs order", "pos-order · sandbox: 2 lines of 2 pods"),
        ("logs order --level warn", "pos-order · sandbox: no WARN or above (2 lines read)"),
        ("logs order --level warn --since 15m", "pos-order · sandbox: no WARN or above in 15 min (0 lines read)"),
        ("logs order --since 7d --level info", "pos-order · sandbox: 2 lines of 2 pods (INFO or above in 7 d)"),
        ("logs order --grep till", "pos-order · sandbox: no lines matching “till” (2 lines read)"),
        (
            "logs order --grep e --exclude gun --tail 5",
            "pos-order · sandbox: 1 line of 2 pods (matching “e” without “gun”)",
        ),
        ("logs order --since 90s", "pos-order · sandbox: no lines in 1 min 30 s"),
    ],
)
async def test_headline_names_the_filter(app: app_fixture.AppFixture, line: str, headline: str) -> None:
    write(app, QUIET)

    assert (await app.run(line)).headline == headline


BOOT_LOGS = pathlib.Path(__file__).parents[3] / "cases" / "boot-logs"
"""Spring Boot 3.5 as it starts and loses its database, recorded by `tests/real/spring/test_posbot_formats.py`."""


@pytest.mark.parametrize(("name", "warnings"), [("ansi", 1), ("ecs", 1), ("gelf", 1), ("logstash", 0)])
def test_recorded_log_of_spring_boot_is_split_and_graded(name: str, warnings: int) -> None:
    splitter = parser.LineSplitter()
    lines = splitter.feed((BOOT_LOGS / f"{name}.log").read_bytes()) + splitter.finish()

    entries = parser.join_lines([line.decode() for line in lines])

    found = [levels.level_of(entry.text.encode()) for entry in entries]
    assert len(entries) == 20 + warnings
    assert (found.count(levels.Level.WARN), found.count(levels.Level.INFO)) == (warnings, 20)
