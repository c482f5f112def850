"""Refused requests: counted by reason, and logged at a bounded rate."""

import prometheus_client
import structlog.testing

from bot.slack.inbound import refusals


def counted(reason: str) -> float:
    return prometheus_client.REGISTRY.get_sample_value("posbot_slack_refused_requests_total", {"reason": reason}) or 0.0


def test_refused_requests_are_counted_and_logged_once_a_minute() -> None:
    refused, before = refusals.Refusals(), counted("old timestamp")

    with structlog.testing.capture_logs() as lines:
        for _ in range(1_000):
            refused.count("old timestamp")

    assert counted("old timestamp") == before + 1_000
    assert [line["reasons"] for line in lines] == ["1 old timestamp"]


def test_wrong_signature_hints_at_the_secret_until_one_was_right() -> None:
    new, working = refusals.Refusals(), refusals.Refusals()
    working.has_valid_signature = True

    with structlog.testing.capture_logs() as lines:
        new.count(refusals.WRONG_SIGNATURE)
        working.count(refusals.WRONG_SIGNATURE)
        refusals.Refusals().count("no signature")

    assert [line.get("hint") for line in lines] == [
        "No request has had a valid signature yet: check SLACK_SIGNING_SECRET.",
        None,
        None,
    ]
