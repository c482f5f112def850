"""Lengths of time as people read them."""

import datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def brief(span: datetime.timedelta) -> str:
    """Give a span as kubectl would, in its largest unit; what lies in the future is no time at all."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
