"""Questions that a run puts to people, and who may answer them."""

import dataclasses
import datetime
import secrets

from bot.procedures import runs, schema
from bot.procedures.engine import steps

_PATIENCE = datetime.timedelta(hours=1)
_LONG_PATIENCE = datetime.timedelta(hours=24)
"""Whether a change happened is worth a day; nothing else can be said of the run before."""
ANYONE = "anyone_with_run"


def pause(run: runs.Run, step: schema.Step, now: datetime.datetime) -> runs.Run:
    """Give *run* waiting for somebody to say go on."""
    text = f"Go on with “{step.title}”?"
    return _wait(run, step, now, _draft(runs.QuestionKind.PAUSE, text, (runs.YES, runs.SKIP, runs.STOP)))


def agreement(run: runs.Run, step: schema.Step, action: steps.Action, now: datetime.datetime) -> runs.Run:
    """Give *run* waiting for somebody to agree to *action*."""
    assert step.confirm is not None  # noqa: S101 - the caller has looked
    draft = _Draft(
        kind=runs.QuestionKind.CONFIRM,
        text=f"{action.confirmation}\nThis would be done: {action.text}",
        options=(runs.YES, runs.NO),
        by=step.confirm.by,
        patience=step.confirm.timeout,
        action=action.digest,
    )
    return _wait(run, step, now, draft)


def person(run: runs.Run, step: schema.Step, action: steps.Action, now: datetime.datetime) -> runs.Run:
    """Give *run* waiting for what only a person can do or decide."""
    content = action.content
    if isinstance(content, schema.Manual):
        draft = _Draft(
            kind=runs.QuestionKind.MANUAL,
            text=content.instructions,
            options=content.answers,
            by=content.by,
            patience=content.timeout,
            action=action.digest,
            note=content.note,
        )
    else:
        assert isinstance(content, schema.Confirm)  # noqa: S101 - links ask nothing
        draft = _Draft(
            kind=runs.QuestionKind.CONFIRM,
            text=content.text,
            options=(runs.YES, runs.NO),
            by=content.by,
            patience=content.timeout,
            action=action.digest,
        )
    return _wait(run, step, now, draft)


def after_failure(run: runs.Run, step: schema.Step, why: str, now: datetime.datetime) -> runs.Run:
    """Give *run* waiting for somebody to say what is to be done about a failed step."""
    options = (runs.RETRY, runs.SKIP, runs.STOP, runs.ESCALATE)
    return _wait(
        run,
        step,
        now,
        _draft(runs.QuestionKind.FAILURE, f"“{step.title}” failed: {why.rstrip('.')}. What now?", options),
    )


def whether_it_happened(run: runs.Run, step: schema.Step, why: str, now: datetime.datetime) -> runs.Run:
    """Give *run* waiting for somebody to find out whether a step happened."""
    record = run.find(step.id)
    text = f"Nobody knows whether “{step.title}” happened ({record.action}): {why}. Did it?"
    draft = _Draft(
        kind=runs.QuestionKind.UNKNOWN,
        text=text,
        options=(runs.HAPPENED, runs.DID_NOT, runs.ESCALATE),
        by=ANYONE,
        patience=_LONG_PATIENCE,
    )
    return _wait(run, step, now, draft)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    kind: runs.QuestionKind
    text: str
    options: tuple[str, ...]
    by: str
    patience: datetime.timedelta
    action: str = ""
    note: str = "none"


def _draft(kind: runs.QuestionKind, text: str, options: tuple[str, ...]) -> _Draft:
    return _Draft(kind=kind, text=text, options=options, by=ANYONE, patience=_PATIENCE)


def _wait(run: runs.Run, step: schema.Step, now: datetime.datetime, draft: _Draft) -> runs.Run:
    question = runs.Question(
        id=secrets.token_hex(5),
        step=step.id,
        attempt=run.find(step.id).attempt,
        kind=draft.kind,
        text=draft.text,
        options=draft.options,
        by=draft.by,
        asked_at=now,
        expires_at=now + draft.patience,
        action=draft.action,
        note=draft.note,
    )
    return dataclasses.replace(
        run,
        state=runs.RunState.WAITING,
        question=question,
        steps=tuple(
            dataclasses.replace(record, state=runs.StepState.WAITING) if record.id == step.id else record
            for record in run.steps
        ),
    )
