"""The time that everything in the cluster is stamped with."""

import contextlib
import datetime
from collections.abc import Iterator


class Clock:
    """The real time, which can be moved on so that the story of an hour does not take one."""

    def __init__(self) -> None:
        self._ahead = datetime.timedelta()

    def now(self) -> datetime.datetime:
        """Return the present moment."""
        return datetime.datetime.now(datetime.UTC) + self._ahead

    def before(self, seconds: float) -> datetime.datetime:
        """Return the moment that was so many seconds ago."""
        return self.now() - datetime.timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._ahead += datetime.timedelta(seconds=seconds)

    @contextlib.contextmanager
    def earlier(self, seconds: float) -> Iterator[None]:
        """Let what the block does have been done so many seconds ago."""
        self.advance(-seconds)
        try:
            yield
        finally:
            self.advance(seconds)


def stamp(moment: datetime.datetime) -> str:
    """Write a moment as objects carry it: RFC 3339, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(moment: datetime.datetime) -> str:
    """Write a moment as newer events carry it: RFC 3339 with six digits."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def nano_stamp(moment: datetime.datetime) -> str:
    """Write a moment as log lines carry it: RFC 3339 with nine digits."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def moment(text: str) -> datetime.datetime:
    """Read a moment that one of the above has written."""
    return datetime.datetime.fromisoformat(text)
