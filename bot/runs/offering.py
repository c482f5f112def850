"""
A procedure as a command: its own word, and `run` with its name, begin a run of it.

In Slack a run is begun, and shown by a message of its own; a terminal stays with it.
"""

from typing import Any

from bot import toolkit
from bot.model import invocations, procedures, reports, runs
from bot.procedures import params, scopes, templates
from bot.runs import staying, telling


def command_of(procedure: procedures.Procedure) -> toolkit.Command[Any]:
    """Give the command that begins runs of *procedure*."""

    async def run(typed: toolkit.Parameters, tools: toolkit.Tools) -> reports.Report:
        order = _order(procedure, typed, tools.invocation)
        if params.read(procedure.params, typed).is_plan:
            return telling.planned(order, tools.runs.plan(order), tools.runbook)
        begun = await tools.runs.begin(order)
        if tools.invocation.door is invocations.Door.TERMINAL:
            return await staying.stay(begun, tools)
        return telling.begun(begun)

    word, *others = procedure.words
    return toolkit.Command(
        word=word,
        summary=procedure.summary.rstrip("."),
        parameters=params.model_of(procedure.params),
        run=run,
        examples=procedure.command.examples,
        effect=toolkit.Effect(procedure.effect.value),
        sections=(procedure.doc.section,),
        # A run has a time limit of its own, and whoever waits for a person in a terminal has time.
        deadline=lambda _: None,
        is_step=False,
        aliases=(*others, *(f"run {one}" for one in (word, *others))),
        roles=procedure.access.run,
    )


def _order(
    procedure: procedures.Procedure, typed: toolkit.Parameters, invocation: invocations.Invocation
) -> runs.Order:
    given = params.read(procedure.params, typed)
    scope = scopes.Scope(params=given.values)
    lock = str(templates.render(procedure.lock, scope)) if procedure.lock is not None else None
    return runs.Order(
        procedure=procedure,
        params=given.values,
        invocation=invocation,
        lock=lock,
        is_step_by_step=given.is_step_by_step,
    )
