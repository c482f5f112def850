"""Where an answer comes into being: what can be shown of it before it is complete."""

import dataclasses
from typing import Protocol

from bot.model import reports


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Something to ask whoever sits there."""

    text: str
    options: tuple[str, ...]
    note: str = "none"
    """Whether a note comes with the answer: none, optional or required."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody has answered."""

    answer: str
    note: str = ""


class Display(Protocol):
    """Shows what there is before the answer is complete, as often as the place allows."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report in place of the one before."""

    async def append(self, log: reports.Log, status: str) -> None:
        """Show what was added to a log, and how things stand with it; waits where the reader is slower."""

    async def until_stopped(self) -> str:
        """Wait until nobody wants to see more of a log, and give why, as the end of a sentence."""

    async def ask(self, prompt: Prompt) -> Choice | None:
        """Give what somebody answers who sits there; None where nobody does, or nobody wants to."""
