"""The arguments of a Web API call, whichever way they came."""

import json
import typing

from sandbox.slack.blocks import shapes
from sandbox.slack.state import errors as slack_errors


class Arguments:
    """
    Reads arguments as the kind that a method needs, and refuses what cannot be read so.

    Forms carry structures as JSON in a string; JSON bodies carry them either way, as Slack allows.
    """

    def __init__(self, values: shapes.Json) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}

    def has(self, name: str) -> bool:
        """Return whether the argument was sent."""
        return name in self.values

    def text(self, name: str) -> str | None:
        """Return a string, or None when it was not sent."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise slack_errors.of_argument(name, f"must be a string: {name}")

    def required(self, name: str, error: str | None = None) -> str:
        """Return a string that must be there; *error* is the answer when it is not."""
        value = self.text(name)
        if not value:
            missing = slack_errors.of_argument(name, f"missing required field: {name}")
            raise slack_errors.Refusal(error) if error else missing
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value; forms write it as true, 1, false or 0."""
        value = self.values.get(name, default)
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("1", "true"):
            return True
        if str(value).lower() in ("0", "false", ""):
            return False
        raise slack_errors.of_argument(name, f"must be a boolean: {name}")

    def number(self, name: str, default: int, maximum: int) -> int:
        """Return a whole number from 1 to *maximum*."""
        value = str(self.values.get(name, default))
        if not value.isdecimal() or not 1 <= int(value) <= maximum:
            raise slack_errors.Refusal("invalid_limit" if name == "limit" else "invalid_arguments")
        return int(value)

    def structure(self, name: str, error: str) -> typing.Any:
        """Return a JSON value, or None; *error* is the answer to text that is not JSON."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise slack_errors.Refusal(error) from None

    def names(self, name: str) -> tuple[str, ...]:
        """Return a list of ids that was sent as one string with commas, as JSON, or as a list."""
        value = self.values.get(name, "")
        if isinstance(value, str) and value.startswith("["):
            value = self.structure(name, "invalid_arguments")
        parts = value if isinstance(value, list) else str(value).split(",")
        return tuple(part.strip() for part in parts if part.strip())
