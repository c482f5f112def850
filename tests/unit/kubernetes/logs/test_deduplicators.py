"""After a reconnect each line is shown once, and what is remembered of a log is bounded."""

import datetime

import pytest

from bot.kubernetes.logs import deduplicators


def a_line(second: int, text: str = "order priced") -> bytes:
    return f"2026-11-23T10:00:{second:02}.000000000Z {text}".encode()


def test_lines_read_again_are_dropped_as_often_as_they_were_read() -> None:
    own = deduplicators.Deduplicator()
    assert own.filter_new([a_line(1), a_line(1), a_line(2)]) == [a_line(1), a_line(1), a_line(2)]

    start = own.reconnect()

    assert start == datetime.datetime(2026, 11, 23, 10, 0, tzinfo=datetime.UTC)
    assert own.filter_new([a_line(1), a_line(1), a_line(1), a_line(2), a_line(3)]) == [a_line(1), a_line(3)]


def test_lines_before_those_that_were_followed_stay_hidden_after_a_reconnect() -> None:
    own = deduplicators.Deduplicator()
    own.filter_new([a_line(5)])
    own.reconnect()

    assert own.filter_new([a_line(3), a_line(4), a_line(5), a_line(6)]) == [a_line(6)]


def test_log_without_lines_is_read_from_its_beginning() -> None:
    own = deduplicators.Deduplicator()

    assert own.reconnect() is None
    assert own.filter_new([a_line(1)]) == [a_line(1)]


def test_expected_lines_are_forgotten_once_the_log_has_moved_on() -> None:
    own = deduplicators.Deduplicator()
    own.filter_new([a_line(1), a_line(2)])
    own.reconnect()
    own.filter_new([a_line(9)])

    assert not own._expected


def test_remembered_lines_of_one_second_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplicators, "_MAX_RECENT_LINES", 10)
    monkeypatch.setattr(deduplicators, "_MAX_RECENT_PARTS", 3)
    own = deduplicators.Deduplicator()
    own.filter_new([a_line(1, f"order {number}") for number in range(100)])
    own.reconnect()

    assert 0 < sum(own._expected.values()) <= 30
