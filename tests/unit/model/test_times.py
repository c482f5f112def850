"""Points in time and durations as people read and write them."""

import datetime

import pytest

from bot.model import durations, times

NOW = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime.datetime(2026, 11, 27, 0, 0, 1, tzinfo=datetime.UTC), "00:00:01"),
        (datetime.datetime(2026, 11, 24, 12, 10, 18, tzinfo=datetime.UTC), "11-24 12:10:18"),
        (datetime.datetime.fromisoformat("2026-11-27T01:30:00+02:00"), "11-26 23:30:00"),
    ],
)
def test_date_is_shown_unless_it_is_today(at: datetime.datetime, text: str) -> None:
    assert times.clock(at, NOW) == text


def test_period_names_the_date_once_where_it_is_the_same() -> None:
    minute, day = datetime.timedelta(minutes=1), datetime.timedelta(days=1)

    assert times.period(NOW - minute, NOW) == "11-27 11:59:00–12:00:00 UTC"
    assert times.period(NOW - day, NOW) == "11-26 12:00:00–11-27 12:00:00 UTC"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("3m", 180), ("1h30m", 5_400), ("7d", 604_800), ("2w", 1_209_600), ("1w1d1h", 694_800)],
)
def test_duration_is_read_and_written(text: str, seconds: int) -> None:
    span = durations.parse(text)

    assert span == datetime.timedelta(seconds=seconds)
    assert isinstance(span, datetime.timedelta)
    assert durations.parse(durations.write(span)) == span


@pytest.mark.parametrize(
    ("text", "example"),
    [
        ("5", "5s, 5m or 5h"),
        ("5 minutes", "5m"),
        ("2 Days", "2d"),
        ("yesterday", "90s, 3m, 1h30m or 7d"),
        ("1m1h", "90s, 3m, 1h30m or 7d"),
        ("", "90s, 3m, 1h30m or 7d"),
    ],
)
def test_invalid_duration_shows_how_to_write_it(text: str, example: str) -> None:
    with pytest.raises(ValueError, match=f"is no duration; write it like {example}"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (45, "45 s"), (900, "15 min"), (5_400, "1 h 30 min"), (604_800, "7 d")]
)
def test_duration_in_a_sentence(seconds: int, text: str) -> None:
    assert durations.spoken(datetime.timedelta(seconds=seconds)) == text
