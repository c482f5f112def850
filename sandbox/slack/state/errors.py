"""The one way in which Slack says no."""

from sandbox.slack.blocks import shapes


class Refusal(Exception):
    """An answer with `ok: false`; *error* is Slack's name for the reason."""

    def __init__(self, error: str, *, status: int = 200, **extra: object) -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        """The HTTP status; the Web API answers 200 to nearly everything."""
        self.extra = extra

    def to_json(self) -> shapes.Json:
        """Return the body of the answer."""
        return {"ok": False, "error": self.error, **self.extra}


def of_problems(error: str, problems: list[shapes.Problem]) -> Refusal:
    """Refuse with every problem named by its JSON pointer, as Slack reports invalid blocks."""
    messages = [f"{problem.message} [json-pointer:{problem.pointer}]" for problem in problems]
    return Refusal(
        error,
        errors=messages,
        response_metadata={"messages": [f"[ERROR] {message}" for message in messages]},
    )


def of_argument(name: str, message: str) -> Refusal:
    """Refuse because the argument *name* is missing or of the wrong kind."""
    text = f"[ERROR] {message} [json-pointer:/{name}]"
    return Refusal("invalid_arguments", response_metadata={"messages": [text]})


def of_rate(retry_after_seconds: float) -> Refusal:
    """Refuse because of too many calls; the header Retry-After is set from the extra value."""
    return Refusal("ratelimited", status=429, retry_after=retry_after_seconds)
