"""The questions that a run puts to people."""

import dataclasses
import datetime
import secrets

from bot.procedures import runs, schema
from bot.procedures.steps import kind

_UNKNOWN_TIMEOUT = datetime.timedelta(hours=24)
"""Whether a change was made is worth waiting a day: nothing else can be said of the run before."""
_ENDS_RUN = "This ends the run: its remaining steps will not run."


def before_step(step: schema.Step) -> kind.QuestionDraft:
    """Return the question before each step of a run with --step-by-step."""
    options = (runs.YES, runs.SKIP, runs.STOP)
    return kind.QuestionDraft(
        kind=runs.QuestionKind.PAUSE,
        text=f"Continue with “{step.title}”?",
        options=options,
        consequences={runs.STOP: _ENDS_RUN},
    )


def after_failure(step: schema.Step, headline: str) -> kind.QuestionDraft:
    """Return the question what to do after *step* failed."""
    again = {} if step.may_be_repeated else {runs.RETRY: f"This runs “{step.title}” again, which changes something."}
    return kind.QuestionDraft(
        kind=runs.QuestionKind.FAILURE,
        text=f"“{step.title}” failed: {headline.rstrip('.')}. What next?",
        options=(runs.RETRY, runs.SKIP, runs.STOP, runs.ESCALATE),
        consequences={**again, runs.STOP: _ENDS_RUN, runs.ESCALATE: _ENDS_RUN},
    )


def after_interruption(step: schema.Step, record: runs.StepRecord, reason: str) -> kind.QuestionDraft:
    """Return the question whether the change that *step* makes was made."""
    return kind.QuestionDraft(
        kind=runs.QuestionKind.UNKNOWN,
        text=f"The result of “{step.title}” is unknown: {reason}.\nCommand: {record.action}\nDid it happen?",
        options=(runs.HAPPENED, runs.DID_NOT, runs.ESCALATE),
        consequences={runs.DID_NOT: f"This runs the command again: {record.action}", runs.ESCALATE: _ENDS_RUN},
        timeout=_UNKNOWN_TIMEOUT,
    )


def ask(run: runs.Run, step: schema.Step, draft: kind.QuestionDraft, now: datetime.datetime) -> runs.Run:
    """Return *run* waiting for the answer to *draft*."""
    question = runs.Question(
        id=secrets.token_hex(5),
        step=step.id,
        attempt=run.find(step.id).attempt,
        kind=draft.kind,
        text=draft.text,
        options=draft.options,
        by=draft.by,
        asked_at=now,
        expires_at=now + draft.timeout,
        action=draft.action,
        note=draft.note,
        labels=draft.labels,
        consequences=draft.consequences,
    )
    steps = tuple(
        dataclasses.replace(record, state=runs.StepState.WAITING) if record.id == step.id else record
        for record in run.steps
    )
    return dataclasses.replace(run, state=runs.RunState.WAITING, question=question, steps=steps)
