"""Text of others without anything that a terminal would obey."""

import re

# Everything that could move the cursor, change colours or reorder text, but for tab and line feed.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Give *text* without anything that a terminal would obey."""
    return _CONTROL.sub("", text.expandtabs(4))
