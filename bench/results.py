"""What was measured, side by side with its peer, and how it is printed."""

import dataclasses
import math
import statistics
import sys
from collections.abc import Iterable, Sequence

Row = Sequence[str]


@dataclasses.dataclass(slots=True, kw_only=True)
class Comparison:
    """One figure of posbot's and the same figure of a peer, from rounds in which both had their turn."""

    what: str
    peer: str
    unit: str = "ms"
    """`ms`, for which rounds are given in seconds, or `MB`."""
    target: float | None = None
    """The ratio that is wanted at most; None where the figure only informs."""
    rounds: list[tuple[float, float]] = dataclasses.field(default_factory=list)

    def add(self, ours: float, peer: float) -> None:
        """Record the figures of one round."""
        self.rounds.append((ours, peer))

    def row(self) -> Row:
        """Return the row of the table; the ratio is the median of the rounds' own ratios."""
        ratios = [ours / peer for ours, peer in self.rounds]
        return (
            self.what,
            self.peer,
            self._written(statistics.median(ours for ours, _ in self.rounds)),
            self._written(statistics.median(peer for _, peer in self.rounds)),
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
            "" if self.target is None else f"≤ {self.target:g}",
            str(len(self.rounds)),
        )

    def _written(self, value: float) -> str:
        return f"{value * 1000:.1f} ms" if self.unit == "ms" else f"{value:.1f} {self.unit}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of one benchmark."""

    comparisons: tuple[Comparison, ...] = ()
    tables: tuple[tuple[str, ...], ...] = ()
    """Tables of another kind, as lines."""
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the lines to print."""
        head = ("what", "peer", "posbot, median", "peer, median", "ratio (min–max)", "target", "rounds")
        lines = table(head, [comparison.row() for comparison in self.comparisons]) if self.comparisons else []
        for other in self.tables:
            lines += ["", *other] if lines else other
        return lines + ([""] if self.remarks else []) + [f"* {remark}" for remark in self.remarks]


def table(head: Row, rows: Iterable[Row]) -> list[str]:
    """Return the lines of a Markdown table with aligned columns."""
    filled = [head, *rows]
    widths = [max(len(row[column]) for row in filled) for column in range(len(head))]
    lines = [_line(row, widths) for row in filled]
    return [lines[0], _line(["-" * width for width in widths], widths), *lines[1:]]


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that *percent* of all values do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100) - 1, 0)]


def log(text: str) -> None:
    """Log progress to stderr."""
    print(text, file=sys.stderr, flush=True)


def _line(cells: Row, widths: Sequence[int]) -> str:
    return "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)) + " |"
