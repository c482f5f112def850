"""The runbook's Markdown, cut into sections by the marker comments above its headings."""

import pathlib
import re

from bot import errors
from bot.model import runbooks

_MARKER = re.compile(r"^<!-- posbot: (?P<marker>[a-z0-9-]+) -->$")
_ALMOST_A_MARKER = re.compile(r"^\s*<!--\s*posbot\b", re.IGNORECASE)
_HEADING = re.compile(r"^(?P<hashes>#{1,6}) (?:(?P<number>\d+(?:\.\d+)*)\.? )?(?P<title>.+)$")


def load(path: pathlib.Path, url: str | None) -> runbooks.Runbook:
    """
    Give the runbook at *path*; *url* is where people read it in a browser.

    Raises:
        errors.BadConfiguration: a marker twice, one that stands above no heading, or one that is misspelt.
    """
    try:
        lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise errors.BadConfiguration(f"{path}: the runbook cannot be read ({error}).") from error
    _refuse_misspelt_markers(path, lines)
    starts = [(number, match["marker"]) for number, line in enumerate(lines) if (match := _MARKER.match(line))]
    ends = [*(number for number, _ in starts), len(lines)][1:]
    sections = [
        _section(path, marker, lines[start + 1 : end], start + 2)
        for (start, marker), end in zip(starts, ends, strict=True)
    ]
    _refuse_repeated_markers(path, starts)
    return runbooks.Runbook(sections=tuple(sections), url=url)


def _section(path: pathlib.Path, marker: str, lines: list[str], line_number: int) -> runbooks.Section:
    heading = _HEADING.match(lines[0]) if lines else None
    if heading is None:
        raise errors.BadConfiguration(f"{path}:{line_number}: expected a heading under the marker “{marker}”.")
    return runbooks.Section(
        marker=marker,
        number=heading["number"] or "",
        title=heading["title"],
        level=len(heading["hashes"]),
        body="\n".join(lines[1:]).strip(),
    )


def _refuse_misspelt_markers(path: pathlib.Path, lines: list[str]) -> None:
    # Read as an ordinary comment, it would leave commands pointing at a section that is not there.
    for number, line in enumerate(lines, start=1):
        if _ALMOST_A_MARKER.match(line) and not _MARKER.match(line):
            raise errors.BadConfiguration(
                f"{path}:{number}: “{errors.shorten(line, 60)}” is no marker; expected <!-- posbot: a-name -->."
            )


def _refuse_repeated_markers(path: pathlib.Path, starts: list[tuple[int, str]]) -> None:
    first_lines: dict[str, int] = {}
    for line, marker in starts:
        if marker in first_lines:
            raise errors.BadConfiguration(
                f"{path}:{line + 1}: the marker “{marker}” already stands in line {first_lines[marker] + 1}."
            )
        first_lines[marker] = line
