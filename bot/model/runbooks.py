"""The sections of the runbook, found by markers that outlive renumbering."""

import dataclasses
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

    def point_to(self, *markers: str) -> tuple[reports.Pointer, ...]:
        """Give what a report shows of the sections under *markers*."""
        return tuple(self._pointer(self.find(marker)) for marker in markers)

    def _pointer(self, section: Section) -> reports.Pointer:
        url = f"{self.url}#{section.anchor}" if self.url else None
        return reports.Pointer(number=section.number, title=section.title, url=url)
