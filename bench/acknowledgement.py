"""
How long Slack waits for the acknowledgement of fifty commands that come at the same moment.

The peer does nothing but acknowledge; posbot begins fifty pieces of work meanwhile, and must not let them come first.
A burst begins when everything that the one before it has caused is over.
"""

import contextlib
import dataclasses
from collections.abc import Sequence

from bench import results, signed_requests, stages

CONCURRENT = 50
ROUNDS = 7
BURSTS = 4
"""In each round and for each server: 200 figures, so that p99 is the third largest of them and not one accident."""
_SERVICES = 24
_PEER = "bare Bolt AsyncApp"
_COMMANDS = ("health pos-order", "version")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """Something that acknowledges, and whether it answers as well."""

    client: signed_requests.Client
    answers: bool


async def run() -> results.Results:
    """Return p50 and p99 of both commands against the peer."""
    async with contextlib.AsyncExitStack() as at_the_end:
        stage = await at_the_end.enter_async_context(stages.set_up(_SERVICES))
        bare = await at_the_end.enter_async_context(stage.bare_app(stages.Mode.HTTP))
        bot = await at_the_end.enter_async_context(stage.posbot(stages.Mode.HTTP))
        to_bare = await at_the_end.enter_async_context(signed_requests.connected(bare.hello["port"], CONCURRENT))
        to_bot = await at_the_end.enter_async_context(signed_requests.connected(bot.port, CONCURRENT))
        return await _measure(stage, _Server(client=to_bare, answers=False), _Server(client=to_bot, answers=True))


async def _measure(stage: stages.Stage, peer: _Server, bot: _Server) -> results.Results:
    medians = {text: _comparison(text, "p50") for text in _COMMANDS}
    tails = {text: _comparison(text, "p99", target=1.3) for text in _COMMANDS}
    for text in _COMMANDS:
        await _seconds(stage, peer, text)
        await _seconds(stage, bot, text)
    for number in range(ROUNDS):
        results.log(f"acknowledgement: round {number + 1} of {ROUNDS}")
        for text in _COMMANDS:
            theirs = await _seconds(stage, peer, text)
            ours = await _seconds(stage, bot, text)
            medians[text].add(results.percentile(ours, 50), results.percentile(theirs, 50))
            tails[text].add(results.percentile(ours, 99), results.percentile(theirs, 99))
    return results.Results(
        comparisons=tuple(rows[text] for text in _COMMANDS for rows in (medians, tails)),
        remarks=(f"{CONCURRENT} signed requests at once, {BURSTS} times a round, on connections that stay open.",),
    )


def _comparison(text: str, percentile: str, target: float | None = None) -> results.Comparison:
    return results.Comparison(what=f"ack of /pos {text}, {percentile}", peer=f"{_PEER}, {percentile}", target=target)


async def _seconds(stage: stages.Stage, server: _Server, text: str) -> Sequence[float]:
    seconds: list[float] = []
    for _ in range(BURSTS):
        written = await stage.write_down(text, CONCURRENT)
        seconds += await server.client.burst(written)
        if server.answers:
            await stage.wait_for_answers(CONCURRENT)
    return seconds
