"""Where an answer comes into being: what can be shown of it before it is complete."""

from typing import Protocol

from bot.model import reports


class Display(Protocol):
    """Shows what there is before the answer is complete, as often as the place allows."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report in place of the one before."""

    async def append(self, log: reports.Log, status: str) -> None:
        """Show what was added to a log, and how things stand with it; waits where the reader is slower."""

    async def until_stopped(self) -> str:
        """Wait until nobody wants to see more of a log, and give why, as the end of a sentence."""
