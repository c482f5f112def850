"""Shell completion: the names of the commands, which need no module of a command to be imported."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import cyclopts

_FORMATS = Literal["json", "text"]


def script(shell: Literal["bash", "zsh", "fish"], summaries: Mapping[str, str]) -> str:
    """Return the completion script of *shell* for the commands whose names and summaries are given."""
    app = cyclopts.App(name="posbot", version_flags=[])
    for name, summary in summaries.items():
        app.command(_command(), name=name, help=summary)
    return app.generate_completion(shell=shell)


def _command() -> Callable[..., None]:
    def command(*, output: Annotated[_FORMATS, cyclopts.Parameter(name=["--output", "-o"])] = "text") -> None:
        raise NotImplementedError("only its signature is used")

    return command
