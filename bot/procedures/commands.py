"""
A procedure as a command: its own word, and `run` with its name, begin a run of it.

In Slack a run is begun, and shown by a message of its own; a terminal stays with it.

A terminal that stays with a run: works on it, shows it, and asks whoever sits there what it asks.

Asking a database that is away until it is back, for whoever stays with a run: leaving would cut its step off.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from bot import command, errors
from bot.model import invocations, reports
from bot.procedures import reports as run_reports
from bot.procedures import runs, schema
from bot.procedures.definition import parameters, references, templates


def command_of(procedure: schema.Procedure) -> command.Command[Any]:
    """Give the command that begins runs of *procedure*."""

    async def run(typed: command.Parameters, tools: command.Context) -> reports.Report:
        order = _order(procedure, typed, tools.invocation)
        if parameters.read(procedure.params, typed).is_plan:
            return run_reports.planned(order, tools.runs.plan(order), tools.runbook)
        begun = await tools.runs.start(order)
        if tools.invocation.source is invocations.Source.TERMINAL:
            return await attach(begun, tools)
        return run_reports.started(begun)

    word, *others = procedure.words
    return command.Command(
        name=word,
        summary=procedure.summary.rstrip("."),
        parameters=parameters.model_of(procedure.params),
        run=run,
        examples=procedure.command.examples,
        effect=command.Effect(procedure.effect.value),
        sections=(procedure.doc.section,),
        # A run has a time limit of its own, and whoever waits for a person in a terminal has time.
        deadline=lambda _: None,
        is_step=False,
        aliases=(*others, *(f"run {one}" for one in (word, *others))),
        roles=procedure.access.run,
    )


def _order(
    procedure: schema.Procedure, typed: command.Parameters, invocation: invocations.Invocation
) -> runs.RunRequest:
    given = parameters.read(procedure.params, typed)
    scope = references.Scope(params=given.values)
    lock = str(templates.render(procedure.lock, scope)) if procedure.lock is not None else None
    return runs.RunRequest(
        procedure=procedure,
        params=given.values,
        invocation=invocation,
        lock=lock,
        is_step_by_step=given.is_step_by_step,
    )


_POLL_SECONDS = 0.5
"""How often it is looked whether somebody has answered elsewhere meanwhile."""


async def attach(run: runs.Run, tools: command.Context) -> reports.Report:
    """Give how *run* stands once it has ended, or waits for somebody who is not here."""

    async def show(now: runs.Run) -> None:
        await tools.display.progress(run_reports.live(now, tools.runbook))

    try:
        while True:
            run = await tools.runs.execute_or_follow(run, show)
            if run.state.is_final or run.question is None or not await _settle(run, run.question, tools):
                return run_reports.summary(run, tools.runbook)
    except asyncio.CancelledError:
        headline = f"Left. posbot run follow {run.id} goes on with it, or another posbot does."
        await tools.display.progress(reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline))
        raise


async def _settle(run: runs.Run, question: runs.Question, tools: command.Context) -> bool:
    """Have *question* answered here, or see it answered elsewhere; tell whether the run can go on."""
    if not await tools.runs.may_answer(run, question, by=tools.invocation):
        return False
    asking = asyncio.ensure_future(
        tools.display.ask(
            invocations.Prompt(text=run_reports.prompt(run, question), options=question.options, note=question.note)
        )
    )
    elsewhere = asyncio.ensure_future(_answered_elsewhere(run, tools))
    try:
        await asyncio.wait({asking, elsewhere}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return True
        choice = asking.result()
        if choice is None:
            return False
        await retry_until_available(lambda: _answer(run, question, choice, tools))
        return True
    finally:
        for task in (asking, elsewhere):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})


async def _answer(
    run: runs.Run, question: runs.Question, choice: invocations.Choice, tools: command.Context
) -> runs.Question:
    return await tools.runs.answer(
        run, choice.answer, by=tools.invocation, comment=choice.note, question_id=question.id
    )


async def _answered_elsewhere(run: runs.Run, tools: command.Context) -> None:
    version = now = run.version
    while now == version:
        await asyncio.sleep(_POLL_SECONDS)
        now = (await retry_until_available(lambda: tools.runs.find(run.id))).version


log = structlog.get_logger()
Result = TypeVar("Result")


async def retry_until_available(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Give what *ask*, which may be asked again, gives once the database answers."""
    is_told = False
    while True:
        try:
            return await ask()
        except errors.Unavailable as error:
            if not is_told:
                log.warning("waiting for the database", reason=str(error))
            is_told = True
            await asyncio.sleep(_POLL_SECONDS)
