"""What one entry of a log says, in whichever format it is written."""

import json

import pytest

from bot.kubernetes.diagnosis import log_records

TRACE = (
    "com.acme.StartException: no till\n\tat com.acme.Till.open(Till.java:3)\n\t... 23 common frames omitted\n"
    "Caused by: java.lang.IllegalStateException: the drawer is jammed\n\tat com.acme.jdbc.Drawer.pull(Drawer.java:7)\n"
)
PLAIN = (
    "2026-11-27T12:01:05.548Z ERROR 1 --- [pos-order] [           main] o.s.boot.SpringApplication               : "
    f"Application run failed\n\n{TRACE}"
)
ECS = {
    "@timestamp": "2026-11-27T12:01:05.548Z",
    "log": {"level": "ERROR", "logger": "org.springframework.boot.SpringApplication"},
    "process": {"pid": 1, "thread": {"name": "main"}},
    "message": "Application run failed",
    "error": {"type": "com.acme.StartException", "message": "no till", "stack_trace": TRACE},
}
LOGSTASH = {"message": "Application run failed", "level": "ERROR", "thread_name": "main", "stack_trace": TRACE}
GELF = {
    "short_message": "Application run failed",
    "level": 3,
    "_process_thread_name": "main",
    "full_message": f"Application run failed\n\n{TRACE}",
    "_error_stack_trace": TRACE,
}
LOG4J = {"level": "ERROR", "thread": "main", "message": "Application run failed", "thrown": {"extendedTrace": TRACE}}
ECS_DOTTED = {
    "log.level": "ERROR",
    "process.thread.name": "main",
    "message": "Application run failed",
    "error.stack_trace": TRACE.splitlines(),
}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(PLAIN, id="Boot 3"),
        pytest.param(PLAIN.replace("[pos-order] ", "").replace("T12", " 12").replace("Z", ""), id="Boot 2"),
        pytest.param(f"12:01:05.548 [main] ERROR a.b.Application -- Application run failed\n{TRACE}", id="Logback"),
        pytest.param(json.dumps(ECS), id="ECS"),
        pytest.param(json.dumps(ECS_DOTTED), id="ECS with dotted keys"),
        pytest.param(json.dumps(LOGSTASH), id="Logstash"),
        pytest.param(json.dumps(GELF), id="GELF"),
        pytest.param(json.dumps(LOG4J), id="Log4j"),
    ],
)  # fmt: skip
def test_every_format_says_the_same(entry: str) -> None:
    record = log_records.parse(entry)

    assert record.is_error
    assert "main" in record.thread
    assert record.root == "IllegalStateException: the drawer is jammed"
    assert record.text.lstrip().startswith("Application run failed")
    assert "Drawer.java" not in record.text


def test_truncated_json_is_read_as_text() -> None:
    record = log_records.parse(json.dumps(LOGSTASH)[:-60])

    assert "com.acme.StartException: no till" in record.text.split("\n")[-1] or record.chain


def test_root_comes_first_where_others_wrap_it() -> None:
    entry = (
        "com.acme.Root: broken\n\tat a.B.c(B.java:1)\nWrapped by: com.acme.Outer: bean\nWrapped by: com.acme.Top: app"
    )

    assert log_records.parse(entry).root == "Root: broken"


def test_suppressed_exceptions_are_no_evidence() -> None:
    entry = (
        "com.acme.Outer: bean\n\tat a.B.c(B.java:1)\n"
        "\tSuppressed: com.acme.Closing: not closed\n\t\tat a.B.d(B.java:2)\n"
        "\tCaused by: com.acme.Hidden: beside the point\n\t\tat a.B.e(B.java:3)\nCaused by: com.acme.Root: broken"
    )

    record = log_records.parse(entry)

    assert record.root == "Root: broken"
    assert "Closing" not in record.text


@pytest.mark.parametrize(
    ("said", "root"),
    [
        pytest.param(
            "Exception encountered during context initialization - cancelling refresh attempt: a.b.BeanException: "
            "Error creating bean with name 'a' defined in class path resource [a/B.class]: "
            "Failed to instantiate [a.B]: Factory method 'b' threw exception with message: the true cause",
            "the true cause",
            id="a warning without a chain",
        ),
        pytest.param(
            "a.BeanException: Injection failed; nested exception is java.lang.IllegalStateException: the true cause",
            "IllegalStateException: the true cause",
            id="nested exceptions of Boot 2",
        ),
    ],
)
def test_root_is_behind_what_repeats_it(said: str, root: str) -> None:
    assert log_records.parse(f"2026-11-27T12:01:05.548Z  WARN 1 --- [main] a.B : {said}").root == root


def test_analysis_is_read_without_values() -> None:
    entry = (
        "2026-11-27T12:01:05.548Z ERROR 1 --- [main] o.s.b.d.LoggingFailureAnalysisReporter : \n\n***\n"
        "APPLICATION FAILED TO START\n***\n\nDescription:\n\nFailed to bind properties under 'a.b' to int:\n\n"
        '    Property: a.b\n    Value: "hunter2"\n    Reason: failed to convert java.lang.String to java.time.Duration '
        "(caused by java.lang.IllegalArgumentException: 'hunter2' is not a valid duration)\n\n"
        "Action:\n\nUpdate your configuration\n"
    )

    analysis = log_records.parse(entry).analysis

    assert analysis is not None
    assert analysis.summary.startswith("Failed to bind properties under 'a.b' to int: Property: a.b")
    assert analysis.text.endswith("Update your configuration")
    assert "hunter2" not in analysis.summary + analysis.text


def test_half_a_character_in_a_json_log_is_replaced() -> None:
    record = log_records.parse(r'{"level": "ERROR", "message": "till \ud83d closed"}')

    assert record.text == "till ? closed"
    assert record.text.encode()
