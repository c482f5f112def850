"""How an answer is shown, beyond what it says."""

import dataclasses

from bot.render import tails


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How an answer is shown, beyond what it says."""

    can_share: bool = False
    """With the button that shows a private answer to the channel."""
    shared_by: str | None = None
    """The id of the person who pressed that button."""
    tail: tails.Tail | None = None
    """The end of the log that was followed for the answer."""
    whereabouts: str = "Narrow it down, or run it in a terminal."
    """Where there is more of a log than is shown."""
    has_plans: bool = True
    """Slack takes blocks for plans here, which not every workspace has."""


PLAIN = Manner()
