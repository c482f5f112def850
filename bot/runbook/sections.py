"""
The sections of the runbook, found by markers that outlive renumbering.

The runbook's Markdown, cut into sections by the marker comments above its headings.
"""

import dataclasses
import hashlib
import pathlib
import re

from bot import errors
from bot.model import reports


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading of the runbook and the text under it."""

    marker: str
    number: str
    title: str
    level: int
    body: str

    @property
    def anchor(self) -> str:
        """Give the anchor under which a browser finds the heading in rendered Markdown."""
        heading = f"{self.number} {self.title}".strip().lower()
        return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")

    @property
    def digest(self) -> str:
        """Give what changes with anything that the section says, but not with its number: twelve figures."""
        return hashlib.sha256(f"{self.title}\n{self.body}".encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Give number and title, as people call it."""
        return f"{self.number} {self.title}".strip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """The whole runbook."""

    sections: tuple[Section, ...]
    url: str | None = None

    def find(self, marker: str) -> Section:
        """
        Give the section under *marker*.

        Raises:
            errors.NotFound: when no heading carries it.
        """
        for section in self.sections:
            if section.marker == marker:
                return section
        raise errors.NotFound("runbook section", marker, [section.marker for section in self.sections])

    def called(self, words: str) -> Section | None:
        """Give the section that *words* name: by its number, its marker, its title, or number and title; else None."""
        wanted = words.strip().removeprefix("§").strip().rstrip(".").lower()
        for section in self.sections:
            if wanted and wanted in {section.number, section.marker, section.title.lower(), section.name.lower()}:
                return section
        return None

    def inside(self, section: Section) -> tuple[Section, ...]:
        """Give the sections that *section* is divided into."""
        after = self.sections[self.sections.index(section) + 1 :]
        ends = next((index for index, one in enumerate(after) if one.level <= section.level), len(after))
        return tuple(one for one in after[:ends] if one.level == section.level + 1)

    def point_to(self, *markers: str) -> tuple[reports.Pointer, ...]:
        """Give what a report shows of the sections under *markers*."""
        return tuple(self._pointer(self.find(marker)) for marker in markers)

    def _pointer(self, section: Section) -> reports.Pointer:
        url = f"{self.url}#{section.anchor}" if self.url else None
        return reports.Pointer(number=section.number, title=section.title, url=url)


_MARKER = re.compile(r"^<!-- posbot: (?P<marker>[a-z0-9-]+) -->$")
_ALMOST_A_MARKER = re.compile(r"^\s*<!--\s*posbot\b", re.IGNORECASE)
_HEADING = re.compile(r"^(?P<hashes>#{1,6}) (?:(?P<number>\d+(?:\.\d+)*)\.? )?(?P<title>.+)$")


def load(path: pathlib.Path, url: str | None) -> Runbook:
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
    return Runbook(sections=tuple(sections), url=url)


def _section(path: pathlib.Path, marker: str, lines: list[str], line_number: int) -> Section:
    heading = _HEADING.match(lines[0]) if lines else None
    if heading is None:
        raise errors.BadConfiguration(f"{path}:{line_number}: expected a heading under the marker “{marker}”.")
    return Section(
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
