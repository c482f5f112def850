"""Durations as people write them."""

import datetime

import pytest

from bot.model import durations


@pytest.mark.parametrize("text", ["100000w", "999999d", "12345h", "1234567s", "1h9999999m", "1000w"])
def test_duration_that_is_too_long_is_told_as_that(text: str) -> None:
    with pytest.raises(ValueError, match="is too long; the longest are 999w"):
        durations.parse(text)


@pytest.mark.parametrize(("text", "hours"), [("999w", 167_832), ("9999d", 239_976), ("1h30m", 1.5)])
def test_duration_is_read(text: str, hours: float) -> None:
    assert durations.parse(text) == datetime.timedelta(hours=hours)
