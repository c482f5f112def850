"""Where replies and posts go."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTarget:
    """Where a request came from, and so where its response belongs."""

    channel: str
    user: str
    thread: str | None = None
    response_url: str | None = None
    """None where Slack sends none: for mentions."""
    is_private: bool = True
    """Only the requester saw the message that was clicked; a response may replace it."""
    is_click: bool = False
    is_ephemeral: bool = False
    """The click changes a message of its own; the response to it is for the requester alone."""
