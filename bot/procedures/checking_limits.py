"""
What is wrong with the words among which people choose, and with the times within which something is to be over.

Not rules of the nouns themselves: those are also held against runs that were stored long ago.
"""

import datetime
from collections.abc import Iterator, Sequence

from bot import errors
from bot.model import procedures, runs, spans

_LEAST = datetime.timedelta(seconds=1)
_Place = tuple[str | int, ...]


def mistakes(procedure: procedures.Procedure) -> Iterator[errors.Misplaced]:
    """Give every mistake in the choices, the answers and the time limits of *procedure*."""
    yield from _limit(procedure.timeout, "timeout")
    for index, param in enumerate(procedure.params):
        yield from _words(param.choices, ("params", index, "choices"))
    for place, step in procedure.placed_steps():
        yield from _limit(step.timeout, *place, "timeout")
        if step.confirm is not None:
            yield from _limit(step.confirm.timeout, *place, "confirm", "timeout")
        if step.is_built_in:
            yield from _asked(step, (*place, "with"))


def _asked(step: procedures.Step, place: _Place) -> Iterator[errors.Misplaced]:
    try:
        limit = spans.parse(step.with_.get("timeout"))
    except ValueError:
        limit = None  # told where the values are held against their model
    yield from _limit(datetime.timedelta(seconds=limit) if isinstance(limit, int | float) else limit, *place, "timeout")
    answers = step.with_.get("answers")
    if step.uses == procedures.MANUAL and isinstance(answers, tuple):
        yield from _words([answer.lower() for answer in answers], (*place, "answers"))
        for index, answer in enumerate(answers):
            if answer.lower() == runs.TIMEOUT:
                message = f"“{answer}” stands for no answer at all; expected another word"
                yield errors.Misplaced(message, *place, "answers", index)


def _limit(limit: object, *place: str | int) -> Iterator[errors.Misplaced]:
    if isinstance(limit, datetime.timedelta) and limit < _LEAST:
        yield errors.Misplaced("expected 1s or more", *place)


def _words(words: Sequence[str], place: _Place) -> Iterator[errors.Misplaced]:
    for index, word in enumerate(words):
        if word.startswith("-"):
            message = f"“{word}” would be taken for an option; expected no - at its beginning"
            yield errors.Misplaced(message, *place, index)
        elif word in words[:index]:
            yield errors.Misplaced(f"“{word}” stands here twice; expected it once", *place, index)
