"""The story: a short incident, in the order in which it happens."""

import re

from sandbox.demo import actors, faults

# Nothing listens there, on any machine.
_NOWHERE = "http://127.0.0.1:9/"
_ENDED = "completed in"
_RUN_ID = re.compile(r"r\d{4}-[0-9a-f]{8}")
_RECOVERY_SECONDS = 1.5


async def play(team: actors.Actors) -> None:
    """Play the whole story; every step shows its result. Raises actors.StepFailed."""
    await _everything_is_healthy(team)
    await _two_services_degrade(team)
    await _slack_is_down(team)
    await _database_recovers(team)
    await _service_fails_to_start(team)
    await _deployment_is_verified(team)
    await _audit_log_is_read(team)


async def _everything_is_healthy(team: actors.Actors) -> None:
    await team.screen.narrate("alice is on call. Before the evening starts she checks the health of all services.")
    await team.types("/pos health")


async def _two_services_degrade(team: actors.Actors) -> None:
    async with actors.step("change of the services"):
        await faults.lose_database(team.bed, "pos-order")
        await faults.become_slow(team.bed, "pos-price")
    await team.screen.narrate("An hour later pos-order loses its database, and pos-price becomes slow.")
    overview = await team.types("/pos health")
    await team.screen.narrate("Only she sees this. The worst finding comes first, with a button for details.")
    order = await team.clicks("pos-order", overview)
    await team.screen.narrate("She shares it with the channel.")
    shared = await team.shares("Share", order)
    await team.screen.narrate("Privately she looks at the details.")
    await team.clicks("Details", order)
    await team.screen.narrate("bob joins in the thread. Slack has no commands there, so he mentions the bot.")
    await team.mentions("health price", thread=shared)
    await team.screen.narrate("It is late, and alice mistypes.")
    await team.types("/pos helth ordr")


async def _slack_is_down(team: actors.Actors) -> None:
    await team.screen.narrate("Now Slack has an outage as well: commands are not delivered.")
    team.bed.workspace.deliver_to(_NOWHERE)
    await team.types("/pos health order")
    await team.screen.narrate("The same command works in a terminal.")
    await team.runs("posbot health order")
    team.bed.workspace.deliver_to(None)


async def _database_recovers(team: actors.Actors) -> None:
    await team.screen.narrate("Slack is back. The database restarts, and alice waits for pos-order to recover.")
    async with actors.step("change of the services"):
        await team.bed.fleet["pos-price"].recovers()
        await team.bed.fleet["pos-order"].recovers(after_seconds=_RECOVERY_SECONDS)
    waiting = await team.types("/pos health order --wait 1m")
    async with actors.step("recovery of pos-order"):
        recovered = await team.alice.waits_for_message(team.ops, after=waiting, timeout_seconds=actors.STEP_SECONDS)
    await team.show(recovered)


async def _service_fails_to_start(team: actors.Actors) -> None:
    async with actors.step("change of the services"):
        await faults.crash(team.bed, "pos-catalog")
    await team.screen.narrate(
        "The database came back with new passwords. pos-catalog still uses the old one and does not start."
    )
    found = await team.types("/pos diagnose catalog")
    await team.screen.narrate("The cause was in the log before the last restart. The password is fixed.")
    async with actors.step("change of the services"):
        await faults.repair(team.bed, "pos-catalog")
    await team.clicks("Pods", found)


async def _deployment_is_verified(team: actors.Actors) -> None:
    async with actors.step("change of the services"):
        await faults.ship(team.bed, "pos-order")
    await team.screen.narrate("bob has deployed pos-order 1.5.0. The runbook has a post-deployment procedure.")
    begun = await team.types("/pos post-deployment order", containing=": started")
    run_id = _RUN_ID.findall(begun.plain_text)[0]
    live = await team.finds("question of the run", containing="waiting for input, Roll back?")
    await team.show(live)
    await team.screen.narrate(
        "Everyone sees its progress, and why the rollout is stuck. The thread asks what only people may decide."
    )
    question = await team.finds("question in the thread", containing="Roll back?", thread=live)
    await team.show(question)
    await team.clicks("Roll back", question, by=team.bob)
    await team.show(await team.finds("second question", containing="rollout undo", thread=live))
    await team.screen.narrate("alice rolls back to 1.4.2 with kubectl, and answers in her terminal.")
    async with actors.step("change of the services"):
        await faults.repair(team.bed, "pos-order")
    await team.runs(f'posbot run answer {run_id} rolled back --note "1.4.2 is live"')
    await team.screen.narrate("The thread shows the result.")
    await team.show(await team.finds("end of the run", containing=_ENDED, thread=live))
    await team.finds("end of the run in its own message", containing=_ENDED)


async def _audit_log_is_read(team: actors.Actors) -> None:
    await team.screen.narrate("Every command is in the audit log, which not everyone may read.")
    await team.types("/pos audit")
    await team.screen.narrate("In a shell on posbot's host it is readable.")
    await team.runs("posbot audit --limit 10")
