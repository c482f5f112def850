"""The story: a short incident, in the order in which it happens."""

import re

from sandbox.demo import actors, faults

# Nothing listens there, on any machine.
_NOWHERE = "http://127.0.0.1:9/"
_ENDED = "came to its end"
_RUN_ID = re.compile(r"r\d{4}-[0-9a-f]{8}")
_RECOVERY_SECONDS = 1.5


async def tell(cast: actors.Cast) -> None:
    """Tell the whole story; every step shows what it did. Raises casting.Stuck when something does not come."""
    await _all_is_well(cast)
    await _trouble_begins(cast)
    await _slack_is_down(cast)
    await _the_database_comes_back(cast)
    await _a_service_does_not_start(cast)
    await _a_deployment_is_checked(cast)
    await _the_record_is_read(cast)


async def _all_is_well(cast: actors.Cast) -> None:
    await cast.screen.narrate("alice is on call. Before the evening begins she asks how everything is.")
    await cast.types("/pos health")


async def _trouble_begins(cast: actors.Cast) -> None:
    async with actors.step("change of the services"):
        await faults.lose_database(cast.stage, "pos-order")
        await faults.become_slow(cast.stage, "pos-price")
    await cast.screen.narrate("An hour later pos-order loses its database, and pos-price gets slow.")
    overview = await cast.types("/pos health")
    await cast.screen.narrate("Only she sees this. What is worst stands first, and a button leads to it.")
    order = await cast.clicks("pos-order", overview)
    await cast.screen.narrate("Enough to tell the others.")
    shared = await cast.shares("Share", order)
    await cast.screen.narrate("For herself she looks closer.")
    await cast.clicks("Details", order)
    await cast.screen.narrate("bob joins in the thread. Slack has no commands there, so he mentions the bot.")
    await cast.mentions("health price", thread=shared)
    await cast.screen.narrate("It is late, and fingers slip.")
    await cast.types("/pos helth ordr")


async def _slack_is_down(cast: actors.Cast) -> None:
    await cast.screen.narrate("Now Slack has an outage as well: commands do not arrive any more.")
    cast.stage.workspace.deliver_to(_NOWHERE)
    await cast.types("/pos health order")
    await cast.screen.narrate("The same command works in a terminal.")
    await cast.runs("posbot health order")
    cast.stage.workspace.deliver_to(None)


async def _the_database_comes_back(cast: actors.Cast) -> None:
    await cast.screen.narrate("Slack is back. The database restarts, and alice lets the bot wait for it.")
    async with actors.step("change of the services"):
        await cast.stage.fleet["pos-price"].recovers()
        await cast.stage.fleet["pos-order"].recovers(after_seconds=_RECOVERY_SECONDS)
    waiting = await cast.types("/pos health order --wait 1m")
    async with actors.step("recovery of pos-order"):
        recovered = await cast.alice.waits_for_message(cast.ops, after=waiting, timeout_seconds=actors.STEP_SECONDS)
    await cast.show(recovered)


async def _a_service_does_not_start(cast: actors.Cast) -> None:
    async with actors.step("change of the services"):
        await faults.crash(cast.stage, "pos-catalog")
    await cast.screen.narrate(
        "The database came back with new passwords. pos-catalog has its old one, and does not start."
    )
    found = await cast.types("/pos startup catalog")
    await cast.screen.narrate("The reason stood in a log from before the last restart. The password is put right.")
    async with actors.step("change of the services"):
        await faults.mend(cast.stage, "pos-catalog")
    await cast.clicks("Pods", found)


async def _a_deployment_is_checked(cast: actors.Cast) -> None:
    async with actors.step("change of the services"):
        await faults.ship(cast.stage, "pos-order")
    await cast.screen.narrate(
        "bob has deployed pos-order 1.5.0. The runbook has a procedure for what comes after that."
    )
    begun = await cast.types("/pos post-deployment order", containing="has begun")
    run_id = _RUN_ID.findall(begun.plain_text)[0]
    live = await cast.finds("question of the run", containing="before?” waits for an answer")
    await cast.show(live)
    await cast.screen.narrate(
        "All see how far it is, and why the rollout is stuck. Its thread asks what only people may decide."
    )
    question = await cast.finds("question in the thread", containing="Go back", thread=live)
    await cast.show(question)
    await cast.clicks("Yes", question, by=cast.bob)
    await cast.show(await cast.finds("second question", containing="Take it back", thread=live))
    await cast.screen.narrate("alice goes back to 1.4.2 with kubectl, and answers from the terminal that she sits at.")
    async with actors.step("change of the services"):
        await faults.mend(cast.stage, "pos-order")
    await cast.runs(f'posbot run answer {run_id} taken back --note "1.4.2 again"')
    await cast.screen.narrate("The thread has it as well.")
    await cast.show(await cast.finds("end of the run", containing=_ENDED, thread=live))
    await cast.finds("end of the run in its own message", containing=_ENDED)


async def _the_record_is_read(cast: actors.Cast) -> None:
    await cast.screen.narrate("Who asked for what is on record, but not for everyone.")
    await cast.types("/pos audit")
    await cast.screen.narrate("Whoever has a shell where posbot runs may read it.")
    await cast.runs("posbot audit --limit 10")
