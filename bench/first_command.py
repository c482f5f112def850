"""
What the first person pays after a start: the first command of a fresh process against the median of those after it.

Whatever is loaded, opened or compiled only when it is first needed shows here.
"""

import statistics
from collections.abc import Mapping

from bench import results, stages

STARTS = 5
FOLLOWING = 15
_SERVICES = 24
_LINE = "health pos-order"
_PEER = f"median of the {FOLLOWING} after it"


async def run() -> results.Results:
    """Return acknowledgement and answer of the first command against the following ones, for both ways to Slack."""
    acks = {mode: _comparison("ack", mode) for mode in stages.Mode}
    answers = {mode: _comparison("answer", mode) for mode in stages.Mode}
    async with stages.set_up(_SERVICES) as stage:
        for number in range(STARTS):
            results.log(f"first command: start {number + 1} of {STARTS}")
            for mode in stages.Mode:
                await _start(stage, mode, acks, answers)
    return results.Results(comparisons=tuple(rows[mode] for mode in stages.Mode for rows in (acks, answers)))


def _comparison(kind: str, mode: stages.Mode) -> results.Comparison:
    return results.Comparison(what=f"{kind} of the first /pos {_LINE}, {mode.value}", peer=_PEER, target=3.0)


async def _start(
    stage: stages.Stage,
    mode: stages.Mode,
    acks: Mapping[stages.Mode, results.Comparison],
    answers: Mapping[stages.Mode, results.Comparison],
) -> None:
    async with stage.posbot(mode):
        first = await stage.type(_LINE)
        following = [await stage.type(_LINE) for _ in range(FOLLOWING)]
    acks[mode].add(first.ack_seconds, statistics.median(typed.ack_seconds for typed in following))
    answers[mode].add(first.answer_seconds, statistics.median(typed.answer_seconds for typed in following))
