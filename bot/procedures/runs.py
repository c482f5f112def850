"""
A run: one execution of a procedure, as it is remembered.

Everything that decides what happens next is in here, so that whoever takes a run over after a crash knows as much as
the one who began it.
"""

import dataclasses
import datetime
import enum
import shlex
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from bot.model import invocations, reports
from bot.procedures import schema


class StepState(enum.StrEnum):
    """How far a step is."""

    PENDING = "pending"
    RUNNING = "running"
    # For a person.
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    # Not done, and the run says why.
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    # It was under way when posbot died, or was told to stop: nobody knows whether it happened.
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Tell whether the step is over."""
        return self not in _OPEN

    @property
    def is_failure(self) -> bool:
        """Tell whether it did not come out as it should."""
        return self in _FAILURES


_OPEN = frozenset({StepState.PENDING, StepState.RUNNING, StepState.WAITING})
_FAILURES = frozenset({StepState.FAILED, StepState.TIMED_OUT, StepState.UNKNOWN})


class RunState(enum.StrEnum):
    """How far a run is."""

    RUNNING = "running"
    # For a person.
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    # It came to its end, but a step on the way failed.
    SUCCEEDED_WITH_FAILURES = "succeeded with failures"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Tell whether the run is over."""
        return self not in {RunState.RUNNING, RunState.WAITING}

    @property
    def verdict(self) -> reports.Verdict:
        """Give how a report marks it."""
        return _VERDICTS[self]


_VERDICTS = {
    RunState.RUNNING: reports.Verdict.UNKNOWN,
    RunState.WAITING: reports.Verdict.UNKNOWN,
    RunState.SUCCEEDED: reports.Verdict.OK,
    RunState.SUCCEEDED_WITH_FAILURES: reports.Verdict.WARNING,
    RunState.FAILED: reports.Verdict.FAILED,
    RunState.TIMED_OUT: reports.Verdict.FAILED,
    RunState.CANCELLED: reports.Verdict.FAILED,
}


class QuestionKind(enum.StrEnum):
    """Why a person is asked."""

    # Before a step: may exactly this be done?
    CONFIRM = "confirm"
    # A person does something and says how it went.
    MANUAL = "manual"
    # A step failed: what now?
    FAILURE = "failure"
    # Nobody knows whether a step happened.
    UNKNOWN = "unknown"
    # The run goes step by step: go on?
    PAUSE = "pause"


YES, NO = "yes", "no"
RETRY, SKIP, STOP, ESCALATE = "retry", "skip", "stop", "escalate"
HAPPENED, DID_NOT = "it happened", "it did not"
NOTE_LIMIT = 1_000
"""Characters of the note that comes with an answer."""
TIMEOUT = "timeout"
"""Stands as the answer where nobody gave one in time."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a run waits for; bound to one attempt of one step and to what would be done."""

    id: str
    step: str
    attempt: int
    kind: QuestionKind
    text: str
    """What is asked, with the action rendered."""
    options: tuple[str, ...]
    by: str
    """Who may answer: requester, anyone_with_run, not_requester, or role:NAME."""
    asked_at: datetime.datetime
    expires_at: datetime.datetime
    action: str = ""
    """Digest of the action that is agreed to; empty where the question is about none."""
    note: str = "none"
    """Whether a note comes with the answer: none, optional or required."""
    answer: str | None = None
    answered_by: str = ""
    answered_at: datetime.datetime | None = None
    comment: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """What is known of one step of a run."""

    id: str
    state: StepState = StepState.PENDING
    attempt: int = 1
    why: str = ""
    """Why it was skipped, failed, or is not known; the end of a sentence."""
    action: str = ""
    """What it does, as a line that could be typed, or in words."""
    verdict: reports.Verdict | None = None
    headline: str = ""
    """What came of it, in one sentence."""
    saved: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)
    invocation: str = ""
    """Id of the audit record of the last attempt, which keeps its whole report."""
    agreed: str = ""
    """Digest of the action that somebody agreed to."""
    may_begin: bool = False
    """In a run that goes step by step: somebody has said go on."""
    not_before: datetime.datetime | None = None
    """When the next attempt is due."""
    began_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a procedure."""

    id: str
    procedure: schema.Procedure
    """As it was when the run began; changes to its file change nothing here."""
    digest: str
    params: Mapping[str, reports.Scalar]
    requester: invocations.Actor
    place: invocations.Conversation
    created_at: datetime.datetime
    steps: tuple[StepRecord, ...]
    """In the order of the procedure, its end included."""
    state: RunState = RunState.RUNNING
    question: Question | None = None
    """The open one, or the last."""
    lock: str | None = None
    is_step_by_step: bool = False
    active_seconds: float = 0.0
    """How long it was worked on, without the time in which it waited for people."""
    cancel: invocations.CancelRequest | None = None
    ending: RunState | None = None
    """How it will end, once that is clear and only the end is still to be done."""
    ended_at: datetime.datetime | None = None
    version: int = 1
    """Grows with every change."""

    @property
    def line(self) -> str:
        """Give what would be typed to run the same again."""
        return line_of(self.procedure, self.params)

    @property
    def current(self) -> StepRecord | None:
        """Give the first step that is not over."""
        return next((step for step in self.steps if not step.state.is_final), None)

    def find(self, step_id: str) -> StepRecord:
        """Give the record of a step that the procedure has."""
        return next(step for step in self.steps if step.id == step_id)


def line_of(procedure: schema.Procedure, params: Mapping[str, reports.Scalar]) -> str:
    """Give what would be typed to run *procedure* with *params*."""
    words = [f"run {procedure.id}"]
    for param in procedure.params:
        value, flag = params.get(param.name), f"--{param.name.replace('_', '-')}"
        if param.is_required:
            words.append(shlex.quote(str(value)))
        elif param.type is schema.Kind.FLAG:
            words += [flag] if value else []
        elif value is not None and value != param.default:
            words.append(f"{flag} {shlex.quote(str(value))}")
    return " ".join(words)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run that somebody wants."""

    procedure: schema.Procedure
    params: Mapping[str, reports.Scalar]
    invocation: invocations.Invocation
    """With which it was asked for; the same one never begins a second run."""
    lock: str | None = None
    is_step_by_step: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What a step of a run would do, as far as that is known before it."""

    step: str
    title: str
    uses: str
    action: str
    """As a line that could be typed, or the words of what a person is asked; names stand for what is not known yet."""
    when: str | None = None
    is_wanted: bool | None = True
    """None where that depends on what steps will tell."""
    depends_on: tuple[str, ...] = ()
    """The steps on which it depends; none where it depends on all that come before."""
    jumped_by: tuple[str, ...] = ()
    """Earlier steps after whose failure it goes on at a later one."""
    asks: str | None = None
    """Who has to answer, as a question says it; None where nobody is asked."""
    is_change: bool = False
    is_end: bool = False
    """It is done at the end, however that comes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs of the past are wanted."""

    procedure: str | None = None
    state: RunState | None = None
    service: str | None = None
    since: datetime.datetime | None = None
    limit: int = 20


class RunService(Protocol):
    """Where runs are begun, looked at and answered; what commands see of the engine. See `bot/runs/desk.py`."""

    async def start(self, order: RunRequest) -> Run:
        """Give the run that *order* began, now or when it came before."""

    def plan(self, order: RunRequest) -> tuple[PlannedStep, ...]:
        """Give what a run of *order* would do."""

    async def find(self, run_id: str) -> Run:
        """Give a run."""

    async def list(self, wanted: RunFilter) -> tuple[Run, ...]:
        """Give runs, the newest first."""

    async def answer(
        self, run: Run, answer: str, *, by: invocations.Invocation, comment: str = "", question_id: str | None = None
    ) -> Question:
        """
        Give the question of *run* as it now stands answered, by this person or by somebody who was faster.

        With *question_id*, only that one question is meant, and not whatever the run asks now.
        """

    async def may_answer(self, run: Run, question: Question, *, by: invocations.Invocation) -> bool:
        """Tell whether this person may answer *question* of *run*."""

    async def cancel(self, run_id: str, *, by: invocations.Invocation) -> Run:
        """Ask for the end of a run; give it."""

    async def retry(self, run_id: str, *, by: invocations.Invocation) -> Run:
        """Let a run that has ended go on where it failed; give it."""

    async def unlock(self, lock: str) -> Run:
        """Free a lock; give the run that held it."""

    async def execute_or_follow(self, run: Run, show: Callable[[Run], Awaitable[None]]) -> Run:
        """Work on *run* here and now, or look at who does, until it ends or waits for a person; give it."""
