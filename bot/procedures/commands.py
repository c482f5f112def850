"""
A procedure as a command: its own name, and `run` with it, start a run.

Slack shows a run in a live message. A terminal attaches to it: it executes the run, shows its progress, and asks its
questions.
"""

import asyncio
import contextlib
from typing import Any

from bot import command
from bot.model import invocations, reports
from bot.procedures import dry_run, headlines, runs, schema
from bot.procedures import reports as run_reports
from bot.procedures.definition import parameters, references, templates
from bot.store import database

_POLL_SECONDS = 0.5
"""Between looks whether a question was answered elsewhere."""


def command_of(procedure: schema.Procedure) -> command.Command[Any]:
    """Return the command that starts runs of *procedure*."""

    async def run(typed: command.Parameters, context: command.Context) -> reports.Report:
        order = _request(procedure, typed, context)
        if parameters.read(procedure.params, typed).is_plan:
            return dry_run.planned(order, context.runs.plan(order), context.runbook)
        started = await context.runs.start(order)
        if context.invocation.source is invocations.Source.TERMINAL:
            return await attach(started, context)
        return run_reports.started(started)

    def reply_to(typed: command.Parameters) -> invocations.Reply:
        is_dry_run = parameters.read(procedure.params, typed).is_plan
        return invocations.Reply.PRIVATE if is_dry_run else invocations.Reply.ACKNOWLEDGEMENT

    name, *others = procedure.names
    return command.Command(
        name=name,
        summary=procedure.summary.rstrip("."),
        parameters=parameters.model_of(procedure.params),
        run=run,
        examples=procedure.command.examples,
        effect=procedure.effect,
        sections=(procedure.doc.section,),
        # A run has its own timeout, and a terminal may wait for a person.
        deadline=lambda _: None,
        reply=reply_to,
        is_step=False,
        aliases=(*others, *(f"run {one}" for one in (name, *others))),
        roles=procedure.access.run,
    )


def _request(procedure: schema.Procedure, typed: command.Parameters, context: command.Context) -> runs.RunRequest:
    arguments = parameters.read(procedure.params, typed)
    properties = parameters.properties_of(procedure.params, arguments.values, context.catalog, context.environments)
    scope = references.Scope(params=arguments.values)
    lock = str(templates.render(procedure.lock, scope)) if procedure.lock is not None else None
    return runs.RunRequest(
        procedure=procedure,
        params={**arguments.values, **properties},
        invocation=context.invocation,
        lock=lock,
        is_step_by_step=arguments.is_step_by_step,
    )


async def attach(run: runs.Run, context: command.Context) -> reports.Report:
    """Return the summary of *run* once it has ended, or waits for a person who is not at this terminal."""

    async def show(now: runs.Run) -> None:
        await context.display.progress(run_reports.live(now, context.runbook))

    try:
        while True:
            run = await context.runs.execute_or_follow(run, show)
            if run.state.is_final or run.question is None or not await _resolve(run, run.question, context):
                return run_reports.summary(run, context.runbook, context.now())
    except asyncio.CancelledError:
        headline = f"Detached. Another replica continues the run; reattach with `posbot run watch {run.id}`."
        await context.display.progress(reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline))
        raise


async def follow_or_confirm(run: runs.Run, text: str, context: command.Context) -> reports.Report:
    """Attach to *run* at a terminal; elsewhere return *text*, because a live message shows the progress."""
    if context.invocation.source is invocations.Source.TERMINAL:
        return await attach(await context.runs.find(run.id), context)
    return run_reports.confirmation(run, f"{headlines.subject(run)}: {text}")


async def _resolve(run: runs.Run, question: runs.Question, context: command.Context) -> bool:
    """Ask *question* here until it is answered here or elsewhere; return whether the run continues."""
    if not await context.runs.may_answer(run, question, by=context.invocation):
        return False
    prompt = invocations.Prompt(
        text=run_reports.prompt(run, question),
        options=question.options,
        note=question.note,
        consequences=question.consequences,
        labels=question.labels,
    )
    asking = asyncio.ensure_future(context.display.ask(prompt))
    elsewhere = asyncio.ensure_future(_wait_for_change(run, context))
    try:
        await asyncio.wait((asking, elsewhere), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            return True
        choice = asking.result()
        if choice is None:
            return False
        await database.retry_until_available(
            lambda: context.runs.answer(
                run, choice.answer, by=context.invocation, comment=choice.note, question_id=question.id
            )
        )
        return True
    finally:
        for task in (asking, elsewhere):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((task,))


async def _wait_for_change(run: runs.Run, context: command.Context) -> None:
    version = run.version
    while version == run.version:
        await asyncio.sleep(_POLL_SECONDS)
        version = (await database.retry_until_available(lambda: context.runs.find(run.id))).version
