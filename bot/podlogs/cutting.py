"""Bytes of a log as they come over the wire → blocks of whole lines, whatever is in them."""

import re

LONGEST_LINE = 64_000
"""Bytes of a line that are kept; a line of 20 MB is nothing that anybody reads."""
BLOCK = 256_000
"""Bytes that are worked on at once: enough to make the work per block small, few enough to let the loop breathe."""

_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Cutter:
    """Cuts one log; counts what it has seen."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self.bytes_read = 0
        self.lines_read = 0
        self.bytes_cut = 0
        """Of lines that were longer than is kept."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Take *piece* and give the lines it completes, once there are enough of them to be worth it."""
        self.bytes_read += len(piece)
        self._pieces.append(piece)
        self._held += len(piece)
        return self.flush() if self._held >= BLOCK else []

    def flush(self) -> list[bytes]:
        """Give the complete lines that are held, without waiting for more."""
        held = b"".join(self._pieces)
        whole, newline, rest = held.rpartition(b"\n")
        if not newline:
            self._hold(self._shortened(rest))
            return []
        self._hold(b"")
        lines = self._lines(whole)
        self._hold(self._shortened(rest))
        return lines

    def finish(self) -> list[bytes]:
        """Give what is left when the log has ended, its last line also where no line end follows it."""
        lines = self.flush()
        rest = b"".join(self._pieces)
        self._hold(b"")
        return lines + self._lines(rest) if rest else lines

    def _hold(self, rest: bytes) -> None:
        self._pieces = [rest] if rest else []
        self._held = len(rest)

    def _shortened(self, rest: bytes) -> bytes:
        """Give the beginning of a line that has not ended yet, no longer than is kept."""
        if len(rest) <= LONGEST_LINE:
            return rest
        self.bytes_cut += len(rest) - LONGEST_LINE
        return rest[:LONGEST_LINE]

    def _lines(self, whole: bytes) -> list[bytes]:
        if b"\x1b" in whole:
            whole = _ESCAPES.sub(b"", whole)
        lines = whole.split(b"\n")
        if b"\r" in whole:
            lines = [line.removesuffix(b"\r") for line in lines]
        self.lines_read += len(lines)
        if len(whole) > LONGEST_LINE:
            lines = [line if len(line) <= LONGEST_LINE else self._shortened(line) for line in lines]
        return lines
