"""Ages as Kubernetes writes them: two units at most, and only while the smaller one says something."""

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_STEPS = (
    (2 * _MINUTE, 1, "s", 0, ""),
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Below so many seconds: the unit and its sign, and the smaller unit and its sign."""


def human(seconds: float) -> str:
    """Write an age."""
    whole = max(int(seconds), 0)
    for below, unit, sign, smaller_unit, smaller_sign in _STEPS:
        if whole < below:
            rest = whole % unit // smaller_unit if smaller_unit else 0
            return f"{whole // unit}{sign}" + (f"{rest}{smaller_sign}" if rest else "")
    return f"{whole // _YEAR}y"
