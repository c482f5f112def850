"""The sections of the runbook, identified by marker comments above their headings, which survive renumbering."""

import dataclasses
import hashlib
import pathlib
import re

from bot import errors
from bot.model import reports

_MARKER = re.compile(r"^<!-- posbot: (?P<marker>[a-z0-9-]+) -->$")
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")
_MARKER_LIKE = re.compile(r"^\s*<!--\s*posbot\b", re.IGNORECASE)
_HEADING = re.compile(r"^(?P<hashes>#{1,6}) (?:(?P<number>\d+(?:\.\d+)*)\.? )?(?P<title>.+)$")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading of the runbook and the text below it."""

    marker: str
    number: str
    title: str
    level: int
    body: str

    @property
    def anchor(self) -> str:
        """Return the anchor of the heading in rendered Markdown."""
        heading = f"{self.number} {self.title}".strip().lower()
        return _NOT_IN_ANCHOR.sub("", heading).replace(" ", "-")

    @property
    def digest(self) -> str:
        """Return twelve hex digits that change with the title and the text, and not with the number."""
        return hashlib.sha256(f"{self.title}\n{self.body}".encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Return number and title."""
        return f"{self.number} {self.title}".strip()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """All sections of the runbook."""

    sections: tuple[Section, ...]
    url: str | None = None

    def find(self, marker: str) -> Section:
        """
        Return the section with *marker*.

        Raises:
            errors.NotFound: if no heading has it.
        """
        for section in self.sections:
            if section.marker == marker:
                return section
        raise errors.NotFound("runbook section", marker, [section.marker for section in self.sections])

    def lookup(self, name: str) -> Section | None:
        """Return the section whose number, marker, title, or number and title is *name*, or None."""
        wanted = name.strip().removeprefix("§").strip().rstrip(".").lower()
        for section in self.sections:
            if wanted and wanted in {section.number, section.marker, section.title.lower(), section.name.lower()}:
                return section
        return None

    def subsections(self, section: Section) -> tuple[Section, ...]:
        """Return the direct subsections of *section*."""
        following = self.sections[self.sections.index(section) + 1 :]
        end = next((index for index, one in enumerate(following) if one.level <= section.level), len(following))
        return tuple(one for one in following[:end] if one.level == section.level + 1)

    def point_to(self, *markers: str) -> tuple[reports.Pointer, ...]:
        """Return a report's pointers to the sections with *markers*."""
        return tuple(
            reports.Pointer(
                number=section.number,
                title=section.title,
                url=f"{self.url}#{section.anchor}" if self.url else None,
            )
            for section in map(self.find, markers)
        )


def load(path: pathlib.Path, url: str | None) -> Runbook:
    """
    Return the runbook at *path*; *url* is its address in a browser.

    Raises:
        errors.BadConfiguration: for an unreadable file, and a duplicate, misspelt or misplaced marker.
    """
    try:
        lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise errors.BadConfiguration(f"{path}: the runbook cannot be read ({error}).") from error
    for number, line in enumerate(lines, start=1):
        # Taken for an ordinary comment, it would leave commands without their section.
        if _MARKER_LIKE.match(line) and not _MARKER.match(line):
            shown = errors.shorten(line, 60)
            raise errors.BadConfiguration(
                f"{path}:{number}: invalid marker “{shown}”; expected <!-- posbot: a-name -->."
            )
    starts = [(index, match["marker"]) for index, line in enumerate(lines) if (match := _MARKER.match(line))]
    ends = [*(index for index, _ in starts), len(lines)][1:]
    sections = [
        _parse_section(path, marker, lines[start + 1 : end], line_number=start + 2)
        for (start, marker), end in zip(starts, ends, strict=True)
    ]
    first_lines: dict[str, int] = {}
    for index, marker in starts:
        if (first := first_lines.setdefault(marker, index + 1)) != index + 1:
            raise errors.BadConfiguration(f"{path}:{index + 1}: duplicate marker “{marker}”, first in line {first}.")
    return Runbook(sections=tuple(sections), url=url)


def _parse_section(path: pathlib.Path, marker: str, lines: list[str], *, line_number: int) -> Section:
    heading = _HEADING.match(lines[0]) if lines else None
    if heading is None:
        raise errors.BadConfiguration(f"{path}:{line_number}: expected a heading below the marker “{marker}”.")
    return Section(
        marker=marker,
        number=heading["number"] or "",
        title=heading["title"],
        level=len(heading["hashes"]),
        body="\n".join(lines[1:]).strip(),
    )
