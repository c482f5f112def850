"""
What containers are said to have written: files in the format of container runtimes, which the kubelet reads.
"""

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterable, Iterator

SECOND = 1_000_000_000
"""In nanoseconds, which are what container runtimes count in."""

_SERVICE_LINE = (
    "2026-07-01T08:00:00.000Z  INFO 1 --- [pos-order] [nio-8080-exec-7] c.d.p.order.OrderController"
    "              : order {:09} accepted, 3 lines, 42.50 EUR"
)
_SERVICE_LINE_BYTES = len(_SERVICE_LINE.format(0)) + 1
_SERVICE_LINES_PER_SECOND = 2000
_SERVICE_STEP = SECOND // _SERVICE_LINES_PER_SECOND
_SERVICE_STARTED = 1_782_892_800 * SECOND
"""2026-07-01T08:00:00Z"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """
    One line of a log file; a partial one continues in the next, as runtimes break lines of more than 16 KiB.
    """

    text: str | bytes
    at: int
    """When it was written, in nanoseconds since 1970."""
    stream: str = "stdout"
    is_partial: bool = False

    def encoded(self) -> bytes:
        text = self.text if isinstance(self.text, bytes) else self.text.encode()
        return f"{timestamp(self.at)} {self.stream} {'P' if self.is_partial else 'F'} ".encode() + text + b"\n"


@dataclasses.dataclass(frozen=True)
class ContainerLog:
    """
    The logs of one container, one for each time that it was started, and what goes wrong when they are read.
    """

    folder: pathlib.Path

    def path(self, attempt: int = 0) -> pathlib.Path:
        """
        Return the file of one attempt: 0 before the first restart, 1 after it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{attempt}.log"

    def write(self, lines: Iterable[Line], *, attempt: int = 0) -> None:
        """
        Add lines to what an attempt has written; who follows the log sees them at once.
        """
        with self.path(attempt).open("ab") as file:
            file.write(b"".join(line.encoded() for line in lines))

    def fill(self, size_bytes: int, *, attempt: int = 0) -> int:
        """
        Write lines of a busy service until their texts come to this size; give how many lines it took.
        """
        count, at = 0, ""
        with self.path(attempt).open("wb", buffering=1 << 20) as file:
            while count * _SERVICE_LINE_BYTES < size_bytes:
                second, rest = divmod(count, _SERVICE_LINES_PER_SECOND)
                at = timestamp(_SERVICE_STARTED + second * SECOND)[:-10] if not rest else at
                file.write(f"{at}{rest * _SERVICE_STEP:09}Z stdout F {_SERVICE_LINE.format(count)}\n".encode())
                count += 1
        return count

    def rotate(self, *, attempt: int = 0) -> None:
        """
        Begin a new file, as a kubelet does when the old one has grown too large.
        """
        full = self.path(attempt)
        full.rename(full.with_name(f"{full.name}.rotated"))
        full.touch()

    def goes_wrong(self, *, removed: bool = False, cut_after_bytes: int = 0, bytes_per_second: int = 0) -> None:
        """
        Let every later request for these logs go wrong: no longer there, cut in the middle, or slow. 0 is never.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        faults = {"removed": removed, "cutAfterBytes": cut_after_bytes, "bytesPerSecond": bytes_per_second}
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def goes_well(self) -> None:
        """
        Let requests be answered as they should be.
        """
        (self.folder / "faults.json").unlink(missing_ok=True)


class ContainerLogs:
    """
    The logs of all containers of a cluster.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def of(self, namespace: str, pod: str, container: str) -> ContainerLog:
        """
        Return the logs of one container, which need not exist yet.
        """
        return ContainerLog(self.folder / namespace / pod / container)


def timestamp(nanoseconds: int) -> str:
    """
    Return a time as container runtimes write it.
    """
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def lines(texts: Iterable[str], *, start: int, step: int = SECOND, stream: str = "stdout") -> Iterator[Line]:
    """
    Return lines whose times differ by one step, in nanoseconds.
    """
    for count, text in enumerate(texts):
        yield Line(text=text, at=start + count * step, stream=stream)
