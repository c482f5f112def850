"""Edits become fewer while Slack asks for it, and as many as wanted again afterwards."""

from bot.frontends import pacing


def test_it_waits_as_long_as_slack_asks_for_and_remembers() -> None:
    pace = pacing.Pace(1.0)

    assert pace.slow_down(30.0) == 30.0
    assert pace.seconds == 2.0
    assert pace.slow_down(None) == 4.0


def test_it_stays_within_bounds_both_ways() -> None:
    pace = pacing.Pace(1.0)
    slowest = [pace.slow_down(0.0) for _ in range(20)][-1]

    for _ in range(100):
        pace.recover()

    assert slowest == 15.0
    assert pace.seconds == 1.0
