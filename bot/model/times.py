"""Points in time as people read them: in UTC, with the date unless it is today's."""

import datetime


def clock(at: datetime.datetime, now: datetime.datetime) -> str:
    """Return *at* to the second in UTC, such as `12:10:18`, or `11-24 12:10:18` if that is not today."""
    at, now = at.astimezone(datetime.UTC), now.astimezone(datetime.UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%m-%d %H:%M:%S}"


def period(first: datetime.datetime, last: datetime.datetime) -> str:
    """Return a stretch of time in UTC with its date, which is written once where both ends have it."""
    first, last = first.astimezone(datetime.UTC), last.astimezone(datetime.UTC)
    end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%m-%d %H:%M:%S}"
    return f"{first:%m-%d %H:%M:%S}–{end} UTC"
