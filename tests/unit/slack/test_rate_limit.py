"""Edits become fewer while Slack asks for it, and as many as wanted again afterwards."""

import time

from bot.slack.outbound import rate_limit


def test_it_waits_as_long_as_slack_asks_for_and_remembers() -> None:
    pace = rate_limit.Backoff(1.0)

    assert pace.slow_down(30.0) == 30.0
    assert pace.seconds == 2.0
    assert pace.slow_down(None) == 4.0


def test_it_stays_within_bounds_both_ways() -> None:
    pace = rate_limit.Backoff(1.0)
    slowest = [pace.slow_down(0.0) for _ in range(20)][-1]

    for _ in range(100):
        pace.recover()

    assert slowest == 15.0
    assert pace.seconds == 1.0


def test_edits_come_in_a_burst_and_then_at_the_pace_that_slack_allows() -> None:
    budget, start = rate_limit.EditBudget(a_minute=30, burst=3), time.monotonic()

    assert [round(budget.reserve(start), 3) for _ in range(6)] == [0, 0, 0, 2.0, 4.0, 6.0]
    assert round(budget.reserve(start + 8), 3) == 0


def test_in_no_minute_there_are_more_edits_than_slack_allows() -> None:
    budget, start = rate_limit.EditBudget(), time.monotonic()
    due: list[float] = []
    for _ in range(300):
        now = due[-1] if due else start
        due.append(now + budget.reserve(now))

    assert max(sum(start <= one < start + 60 for one in due) for start in due) <= 50


def test_a_long_rest_earns_no_more_than_a_burst() -> None:
    budget, later = rate_limit.EditBudget(a_minute=30, burst=2), time.monotonic() + 3_600

    assert [round(budget.reserve(later), 3) for _ in range(3)] == [0, 0, 2.0]
