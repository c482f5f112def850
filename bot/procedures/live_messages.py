"""The live messages of a run: how far it is, each question that it asks, and its end."""

import dataclasses
from collections.abc import Mapping

from bot.durable import live_messages
from bot.model import invocations
from bot.procedures import reports as run_reports
from bot.procedures import runs
from bot.procedures.engine import store as run_store
from bot.runbook import sections

_MARKS: Mapping[runs.RunState, str] = {
    runs.RunState.RUNNING: "⏳",
    runs.RunState.WAITING: "✋",
    runs.RunState.COMPLETED: "🟢",
    runs.RunState.COMPLETED_WITH_FAILURES: "🟡",
    runs.RunState.FAILED: "🔴",
    runs.RunState.TIMED_OUT: "🔴",
    runs.RunState.CANCELLED: "⚫",
}
_ASKED, _ANSWERED = "✋", "☑️"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """A run, as its live messages show it; a `live_messages.Subject`."""

    run: runs.Run
    questions: Mapping[str, runs.Question]
    runbook: sections.Runbook

    @property
    def conversation(self) -> invocations.Conversation:
        """Return where the run was started."""
        return self.run.conversation

    @property
    def owner(self) -> str:
        """Return who started it."""
        return self.run.requester.id

    @property
    def is_active(self) -> bool:
        """Return whether its steps are being worked on."""
        return self.run.state is runs.RunState.RUNNING

    def content(self, purpose: str) -> live_messages.Content:
        """Return what the message of *purpose* says now."""
        if purpose == live_messages.MAIN:
            report = run_reports.live(self.run, self.runbook)
            return live_messages.Content(
                report=report, mark=_MARKS[self.run.state], footer=run_reports.footer(self.run)
            )
        if purpose.startswith(run_store.QUESTION):
            return self._question(self.questions[purpose.removeprefix(run_store.QUESTION)])
        is_last = purpose == f"{run_store.END}{self.run.version}"
        return live_messages.Content(
            report=run_reports.ended(self.run, self.runbook),
            mark=_MARKS[self.run.state],
            mention=_person(self.run.requester),
            is_needed=self.run.state.is_final and is_last,
            is_final=True,
        )

    def _question(self, question: runs.Question) -> live_messages.Content:
        is_open = question.answer is None
        return live_messages.Content(
            report=run_reports.asked(self.run, question),
            mark=_ASKED if is_open else _ANSWERED,
            mention=_person(self.run.requester) if is_open else None,
            note=question.note if is_open else "none",
            is_needed=is_open,
            is_final=not is_open,
        )


def loader(store: run_store.RunStore, runbook: sections.Runbook) -> live_messages.Load:
    """Return what loads the subject of a run's messages."""

    async def load(run_id: str) -> live_messages.Subject | None:
        run = await store.find(run_id)
        if run is None:
            return None
        return RunSubject(run=run, questions=await store.questions(run_id), runbook=runbook)

    return load


def _person(actor: invocations.Actor) -> str | None:
    return None if actor.is_local else actor.id
