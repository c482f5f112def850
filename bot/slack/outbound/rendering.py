"""The messages about a run, drawn from how it stands."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from bot.dispatch import redaction
from bot.durable import live_messages as message_store
from bot.model import invocations
from bot.procedures import reports as run_reports
from bot.procedures import runs
from bot.runbook import sections
from bot.slack.blocks import message as blocks_message
from bot.slack.blocks import options

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
class Renderer:
    """Draws what is said of runs, without secrets."""

    redactor: redaction.Redactor
    runbook: sections.Runbook

    def render(
        self, standing: message_store.Standing, post: message_store.Post, *, is_elsewhere: bool, has_plans: bool
    ) -> blocks_message.Message:
        """Give the message for *post*; *is_elsewhere* tells that it does not stand where the run was begun."""
        notice = self._notice(standing, post)
        footer = (*notice.footer, *(["here because the channel takes no messages of posbot"] if is_elsewhere else []))
        notice = dataclasses.replace(
            notice,
            report=self.redactor.report(notice.report),
            footer=tuple(self.redactor.text(part) for part in footer),
        )
        return blocks_message.notice(notice, options.RenderOptions(has_plans=has_plans))

    def _notice(self, standing: message_store.Standing, post: message_store.Post) -> blocks_message.Notice:
        run = standing.run
        if post.is_live:
            return blocks_message.Notice(
                report=run_reports.live(run, self.runbook), mark=_MARKS[run.state], footer=run_reports.footer(run)
            )
        if post.question is None:
            report = run_reports.ended(run, self.runbook)
            return blocks_message.Notice(report=report, mark=_MARKS[run.state], mention=_person(run.requester))
        question = standing.questions[post.question]
        is_open = question.answer is None
        return blocks_message.Notice(
            report=run_reports.asked(run, question),
            mark=_ASKED if is_open else _ANSWERED,
            mention=_person(run.requester) if is_open else None,
            note=question.note if is_open else "none",
        )


def _person(actor: invocations.Actor) -> str | None:
    return None if actor.is_local else actor.id


def digest(message: blocks_message.Message) -> str:
    """Give what changes with anything that *message* shows."""
    content = json.dumps([message.text, message.blocks], sort_keys=True)
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()[:16]
