"""The sections of the runbook, found by markers that outlive renumbering."""

import dataclasses
import hashlib
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
