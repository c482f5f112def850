"""Lines of posbot's own log: JSON, clean, and without secrets, whatever their fields hold."""

import io
import json
import logging

import pytest
import structlog

from bot import logs
from bot.dispatch import redaction


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure("info", redaction.Redactor(["known-secret"]).fields)
    yield written
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_line_stays_json_where_something_is_masked(output: io.StringIO) -> None:
    structlog.get_logger().info(
        "called",
        token=12345,
        password="hunter2",
        nested={"secret": [1, {"pin": 4711}], "count": 3},
        url="postgresql://a:hunter2@db/x",
        said="pass\x1b[1mword=hunter2 \u202e",
    )

    line = json.loads(output.getvalue())

    assert "hunter2" not in output.getvalue()
    assert (line["token"], line["nested"]["count"]) == (redaction.MASK, 3)
    assert "\\u001b" not in output.getvalue()
    assert "\u202e" not in output.getvalue()


def test_names_of_fields_are_redacted_too(output: io.StringIO) -> None:
    structlog.get_logger().info("called", **{"known-secret": 1}, nested={"of known-secret": "x"})

    assert "known-secret" not in output.getvalue()
    assert redaction.MASK in output.getvalue()


def test_bottomless_and_endless_fields_are_bounded() -> None:
    deep: object = "x"
    for _ in range(200):
        deep = {"a": deep}

    fields = redaction.Redactor(()).fields({"deep": deep, "long": "x" * 1_000_000})

    levels, inner = 0, fields["deep"]
    while isinstance(inner, dict):
        levels, inner = levels + 1, inner["a"]
    assert levels == redaction._MAX_FIELD_DEPTH
    assert len(str(fields["long"])) == redaction._MAX_FIELD_LENGTH


def test_lines_of_libraries_are_redacted(output: io.StringIO) -> None:
    logging.getLogger("library").warning("Authorization: Bearer %s, known-secret", "abcdef123456")

    line = json.loads(output.getvalue())

    assert line["event"] == f"Authorization: {redaction.MASK}"


def test_exception_is_redacted(output: io.StringIO) -> None:
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        structlog.get_logger().exception("crashed")

    assert "hunter2" not in output.getvalue()
    assert "ValueError" in json.loads(output.getvalue())["exception"]
