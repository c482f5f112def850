"""Numbers of things as people read them."""


def counted(number: int, noun: str) -> str:
    """Return *number* with *noun*, in the plural unless it is one: `1 pod`, `2,310 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
