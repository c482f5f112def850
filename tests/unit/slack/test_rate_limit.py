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
    budget, start = rate_limit.EditBudget(per_minute=30, burst=3), time.monotonic()

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
    budget, later = rate_limit.EditBudget(per_minute=30, burst=2), time.monotonic() + 3_600

    assert [round(budget.reserve(later), 3) for _ in range(3)] == [0, 0, 2.0]


def test_edits_of_one_key_keep_their_distance_and_others_do_not_wait() -> None:
    limiter = rate_limit.EditLimiter(5.0)

    assert limiter.reserve("run") == 0
    assert 4.9 < limiter.reserve("run") <= 5.0
    assert not limiter.try_acquire("run")
    assert limiter.try_acquire("log")


def test_turn_is_kept_until_it_has_come() -> None:
    limiter = rate_limit.EditLimiter(0.0, rate_limit.EditBudget(per_minute=6, burst=1))
    limiter.reserve("first")

    assert 9 < limiter.reserve("second") <= 10
    assert 9 < limiter.reserve("second") <= 10
    assert 19 < limiter.reserve("third") <= 20
    assert not limiter.try_acquire("fourth")
