"""A terminal that stays with a run: works on it, shows it, and asks whoever sits there what it asks."""

import asyncio
import contextlib

from bot import toolkit
from bot.model import displays, reports, runs
from bot.runs import outlasting, telling

_POLL_SECONDS = 0.5
"""How often it is looked whether somebody has answered elsewhere meanwhile."""


async def stay(run: runs.Run, tools: toolkit.Tools) -> reports.Report:
    """Give how *run* stands once it has ended, or waits for somebody who is not here."""

    async def show(now: runs.Run) -> None:
        await tools.display.progress(telling.live(now, tools.runbook))

    try:
        while True:
            run = await tools.runs.attend(run, show)
            if run.state.is_final or run.question is None or not await _settle(run, run.question, tools):
                return telling.whole(run, tools.runbook)
    except asyncio.CancelledError:
        headline = f"Left. posbot run follow {run.id} goes on with it, or another posbot does."
        await tools.display.progress(reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline))
        raise


async def _settle(run: runs.Run, question: runs.Question, tools: toolkit.Tools) -> bool:
    """Have *question* answered here, or see it answered elsewhere; tell whether the run can go on."""
    if not await tools.runs.may_answer(run, question, by=tools.invocation):
        return False
    asking = asyncio.ensure_future(
        tools.display.ask(
            displays.Prompt(text=telling.prompt(run, question), options=question.options, note=question.note)
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
        await outlasting.outlast(lambda: _answer(run, question, choice, tools))
        return True
    finally:
        for task in (asking, elsewhere):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})


async def _answer(
    run: runs.Run, question: runs.Question, choice: displays.Choice, tools: toolkit.Tools
) -> runs.Question:
    return await tools.runs.answer(
        run, choice.answer, by=tools.invocation, comment=choice.note, question_id=question.id
    )


async def _answered_elsewhere(run: runs.Run, tools: toolkit.Tools) -> None:
    version = now = run.version
    while now == version:
        await asyncio.sleep(_POLL_SECONDS)
        now = (await outlasting.outlast(lambda: tools.runs.find(run.id))).version
