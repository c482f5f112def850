"""Dotted words → what they refer to; one spelling for templates and expressions."""

import re

from bot import errors
from bot.procedures import scopes

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
_BEHIND_A_STEP = "outcome, verdict or saved.NAME"


def refer(path: str) -> scopes.Reference:
    """
    Give what *path*, such as `steps.health.outcome`, refers to; whether there is such a thing is not looked at.

    Raises:
        errors.UsageError: it has no shape of a name; says which shapes there are.
    """
    if not path:
        raise errors.UsageError("a name is missing")
    root, *parts = path.split(".")
    for part in parts:
        if not _NAME.match(part):
            shown = errors.shorten(part, 40)
            raise errors.UsageError(f"“{shown}” is no name; one has small letters, figures and _ only")
    match root, parts:
        case "params", [name]:
            return scopes.Reference(source=scopes.Source.PARAM, name=name)
        case "run", ["id" | "requester" as name]:
            return scopes.Reference(source=scopes.Source.RUN, name=name)
        case "steps", [step, "outcome"]:
            return scopes.Reference(source=scopes.Source.OUTCOME, step=step)
        case "steps", [step, "verdict"]:
            return scopes.Reference(source=scopes.Source.VERDICT, step=step)
        case "steps", [step, "saved", name]:
            return scopes.Reference(source=scopes.Source.SAVED, step=step, name=name)
        case "steps", [step, *_]:
            raise errors.UsageError(
                f"“{errors.shorten(path, 60)}” leads nowhere; behind steps.{step} comes {_BEHIND_A_STEP}"
            )
    shown = errors.shorten(path, 60)
    raise errors.UsageError(
        f"“{shown}” is no name; there are params.NAME, steps.ID.outcome, steps.ID.verdict, steps.ID.saved.NAME"
    )
