"""How often a message may be edited: as often as wanted, until Slack asks for less."""

_SLOWEST_SECONDS = 15.0


class Pace:
    """The pause between two edits: longer each time Slack takes none, and slowly shorter again while it does."""

    def __init__(self, seconds: float) -> None:
        self._least = seconds
        self.seconds = seconds

    def slow_down(self, asked_seconds: float | None) -> float:
        """Give how long to wait now, at least as long as Slack has asked for."""
        self.seconds = min(self.seconds * 2, max(_SLOWEST_SECONDS, self._least))
        return max(self.seconds, asked_seconds or 0.0)

    def recover(self) -> None:
        """Come a little closer to what is wanted."""
        self.seconds = max(self.seconds * 0.9, self._least)
