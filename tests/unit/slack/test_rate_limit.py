"""Edits become fewer while Slack asks for it, and as many as wanted again afterwards."""

import time

from bot.slack.outbound import rate_limit


def test_retry_after_is_waited_for_and_remembered() -> None:
    pace = rate_limit.Backoff(1.0)

    assert pace.slow_down(30.0) == 30.0
    assert pace.seconds == 2.0
    assert pace.slow_down(None) == 4.0


def test_retry_after_is_bounded() -> None:
    pace = rate_limit.Backoff(1.0)
    slowest = [pace.slow_down(0.0) for _ in range(20)][-1]

    for _ in range(100):
        pace.recover()

    assert slowest == 15.0
    assert pace.seconds == 1.0


def test_edits_burst_and_then_follow_the_rate() -> None:
    budget, start = rate_limit.EditBudget(per_minute=30, burst=3), time.monotonic()

    assert [round(budget.reserve(start), 3) for _ in range(6)] == [0, 0, 0, 2.0, 4.0, 6.0]
    assert round(budget.reserve(start + 8), 3) == 0


def test_no_minute_exceeds_the_edit_rate_limit() -> None:
    budget, start = rate_limit.EditBudget(), time.monotonic()
    due: list[float] = []
    for _ in range(300):
        now = due[-1] if due else start
        due.append(now + budget.reserve(now))

    assert max(sum(start <= one < start + 60 for one in due) for start in due) <= 50


def test_idle_time_earns_at_most_a_burst() -> None:
    budget, later = rate_limit.EditBudget(per_minute=30, burst=2), time.monotonic() + 3_600

    assert [round(budget.reserve(later), 3) for _ in range(3)] == [0, 0, 2.0]


def test_edits_of_one_key_are_spaced_without_delaying_others() -> None:
    limiter = rate_limit.EditLimiter(5.0)

    assert limiter.reserve("run") == 0
    assert 4.9 < limiter.reserve("run") <= 5.0
    assert not limiter.try_acquire("run")
    assert limiter.try_acquire("log")


def test_reservation_is_kept_until_due() -> None:
    limiter = rate_limit.EditLimiter(0.0, rate_limit.EditBudget(per_minute=6, burst=1))
    limiter.reserve("first")

    assert 9 < limiter.reserve("second") <= 10
    assert 9 < limiter.reserve("second") <= 10
    assert 19 < limiter.reserve("third") <= 20
    assert not limiter.try_acquire("fourth")
