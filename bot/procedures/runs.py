"""
A run: one execution of a procedure, as it is stored.

A run holds everything that decides what happens next, so that another worker can continue it after a crash.
"""

import dataclasses
import datetime
import enum
import shlex
from collections.abc import Mapping

from bot import command as bot_command
from bot import errors
from bot.model import invocations, reports
from bot.procedures import schema


class StepState(enum.StrEnum):
    """The state of a step; the transitions are drawn in `engine/transitions.py`."""

    PENDING = "pending"
    RUNNING = "running"
    # For a person.
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    # Interrupted by a crash or a cancellation: whether its change was made is not known.
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether the step has ended."""
        return self not in {StepState.PENDING, StepState.RUNNING, StepState.WAITING}

    @property
    def is_failure(self) -> bool:
        """Whether the step ended without the result that it should have."""
        return self in {StepState.FAILED, StepState.TIMED_OUT, StepState.UNKNOWN}


class RunState(enum.StrEnum):
    """The state of a run; the transitions are drawn in `engine/transitions.py`."""

    RUNNING = "running"
    # For a person.
    WAITING = "waiting"
    COMPLETED = "completed"
    # A failed step did not stop it.
    COMPLETED_WITH_FAILURES = "completed with failures"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self not in {RunState.RUNNING, RunState.WAITING}

    @property
    def verdict(self) -> reports.Verdict:
        """How a report marks it."""
        return _VERDICTS[self]


_VERDICTS = {
    RunState.RUNNING: reports.Verdict.UNKNOWN,
    RunState.WAITING: reports.Verdict.UNKNOWN,
    RunState.COMPLETED: reports.Verdict.OK,
    RunState.COMPLETED_WITH_FAILURES: reports.Verdict.WARNING,
    RunState.FAILED: reports.Verdict.FAILED,
    RunState.TIMED_OUT: reports.Verdict.FAILED,
    RunState.CANCELLED: reports.Verdict.FAILED,
}


class ReasonCode(enum.StrEnum):
    """Why a step is in its state."""

    CONDITION_NOT_MET = "condition_not_met"
    EARLIER_STEP = "earlier_step"
    SKIPPED_BY = "skipped_by"
    STOPPED_BY = "stopped_by"
    ESCALATED_BY = "escalated_by"
    CANCELLED_BY = "cancelled_by"
    CANCELLED_WHILE_RUNNING = "cancelled_while_running"
    CONFIRMED_BY = "confirmed_by"
    DECLINED_BY = "declined_by"
    RETRIED_BY = "retried_by"
    DID_NOT_HAPPEN = "did_not_happen"
    NO_ANSWER = "no_answer"
    ATTEMPT_FAILED = "attempt_failed"
    NOT_FINISHED_IN_TIME = "not_finished_in_time"
    RUN_TIMED_OUT = "run_timed_out"
    RESTARTED = "restarted"
    INTERRUPTED = "interrupted"
    ERROR = "error"


_REASONS: Mapping[ReasonCode, str] = {
    ReasonCode.CONDITION_NOT_MET: "condition not met",
    ReasonCode.EARLIER_STEP: "{detail}",
    ReasonCode.SKIPPED_BY: "skipped by {detail}",
    ReasonCode.STOPPED_BY: "stopped by {detail}",
    ReasonCode.ESCALATED_BY: "escalated by {detail}",
    ReasonCode.CANCELLED_BY: "cancelled by {detail}",
    ReasonCode.CANCELLED_WHILE_RUNNING: "cancelled by {detail} while running",
    ReasonCode.CONFIRMED_BY: "confirmed by {detail}",
    ReasonCode.DECLINED_BY: "declined by {detail}",
    ReasonCode.RETRIED_BY: "retried by {detail}",
    ReasonCode.DID_NOT_HAPPEN: "did not happen, says {detail}",
    ReasonCode.NO_ANSWER: "no answer in time",
    ReasonCode.ATTEMPT_FAILED: "attempt {detail} failed",
    ReasonCode.NOT_FINISHED_IN_TIME: "not finished in time",
    ReasonCode.RUN_TIMED_OUT: "the run timed out",
    ReasonCode.RESTARTED: "posbot was restarted",
    ReasonCode.INTERRUPTED: "posbot stopped while it was running",
    ReasonCode.ERROR: "{detail}",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """Why a step is in its state, as code and as text."""

    code: ReasonCode
    detail: str = ""
    """Who, which step, or what went wrong; of a condition the expression, which is only for `run log`."""

    def __str__(self) -> str:
        return _REASONS[self.code].replace("{detail}", self.detail)


class QuestionKind(enum.StrEnum):
    """Why a person is asked."""

    # Before a change, or as a step: may exactly this be done?
    CONFIRM = "confirm"
    # A person does something and answers for the result.
    MANUAL = "manual"
    # A step failed: what now?
    FAILURE = "failure"
    # Whether an interrupted step happened.
    UNKNOWN = "unknown"
    # Before each step of a run that was started with --step-by-step.
    PAUSE = "pause"


YES, NO = "yes", "no"
RETRY, SKIP, STOP, ESCALATE = "retry", "skip", "stop", "escalate"
HAPPENED, DID_NOT = "it happened", "it did not"
CANCELLED = "cancelled"
"""The answer of a question whose run was cancelled."""
TIMEOUT = "timeout"
"""The answer of a question that expired."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to a person, bound to one attempt of one step and to the action that it would start."""

    id: str
    step: str
    attempt: int
    kind: QuestionKind
    text: str
    """The question, with the action rendered."""
    options: tuple[str, ...]
    by: str
    """Who may answer: requester, anyone_with_run, not_requester, or role:NAME."""
    asked_at: datetime.datetime
    expires_at: datetime.datetime
    action: str = ""
    """Digest of the action to confirm; empty if the question is about none."""
    note: str = "none"
    """Whether the answer has a note: none, optional or required."""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of options whose buttons say more than the option."""
    consequences: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What an option ends or changes."""
    answer: str | None = None
    answered_by: str = ""
    """The name of the person."""
    answered_by_id: str = ""
    """Their id; empty where nobody answered, or a version that did not keep ids recorded it."""
    answered_at: datetime.datetime | None = None
    comment: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The state of one step of a run."""

    id: str
    state: StepState = StepState.PENDING
    attempt: int = 1
    reason: Reason | None = None
    """Why it is in this state, where the state alone does not say it."""
    action: str = ""
    """What it does: a command line, or what a person is asked."""
    verdict: reports.Verdict | None = None
    headline: str = ""
    """Its result in one sentence."""
    saved: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)
    invocation: str = ""
    """Id of the audit record of the last attempt, which has the whole report."""
    confirmed: str = ""
    """Digest of the action that a person confirmed."""
    may_start: bool = False
    """In a run with --step-by-step: a person said go on."""
    not_before: datetime.datetime | None = None
    """When the next attempt is due."""
    started_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None

    @property
    def result(self) -> str:
        """The result in words, with the reason where that says more."""
        return " · ".join(filter(None, (self.headline, str(self.reason or "")))) or str(self.state)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An earlier attempt of a run, as it ended; its answers and notes are in the results of its steps."""

    state: RunState
    steps: tuple[StepRecord, ...]
    ended_at: datetime.datetime
    retried_at: datetime.datetime
    """When the next attempt was started, and by whom."""
    retried_by: str
    retried_by_id: str = ""
    cancel: invocations.CancelRequest | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a procedure."""

    id: str
    procedure: schema.Procedure
    """As it was when the run started; later changes of its file have no effect."""
    digest: str
    params: Mapping[str, reports.Scalar]
    requester: invocations.Actor
    conversation: invocations.Conversation
    created_at: datetime.datetime
    steps: tuple[StepRecord, ...]
    """In the order of the procedure, those of `finally` last."""
    state: RunState = RunState.RUNNING
    question: Question | None = None
    """The open one, or the last."""
    lock: str | None = None
    is_step_by_step: bool = False
    active_seconds: float = 0.0
    """Running time, without the time in which it waited for people."""
    cancel: invocations.CancelRequest | None = None
    ending: RunState | None = None
    """The final state, once it is decided and only `finally` is left."""
    ended_at: datetime.datetime | None = None
    earlier: tuple[Attempt, ...] = ()
    """The attempts before this one, the oldest first."""
    version: int = 1
    """Incremented by every change."""

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1 on."""
        return len(self.earlier) + 1

    @property
    def started_at(self) -> datetime.datetime:
        """When this attempt was started."""
        return self.earlier[-1].retried_at if self.earlier else self.created_at

    @property
    def can_be_retried(self) -> bool:
        """Whether it ended before its last step; a run that reached its end has nothing to continue."""
        return self.state in {RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED}

    def at_attempt(self, number: int) -> "Run":
        """
        Return the run as its attempt *number* left it.

        Raises:
            errors.UsageError: there is no such attempt.
        """
        if number == self.attempt:
            return self
        if not 0 < number < self.attempt:
            count = f"{self.attempt} attempts" if self.earlier else "1 attempt"
            raise errors.UsageError(f"The run {self.id} has {count}.", commands=(f"run log {self.id}",))
        attempt = self.earlier[number - 1]
        return dataclasses.replace(
            self,
            state=attempt.state,
            steps=attempt.steps,
            ended_at=attempt.ended_at,
            cancel=attempt.cancel,
            earlier=self.earlier[: number - 1],
        )

    @property
    def line(self) -> str:
        """The command line that starts the same again."""
        return line_of(self.procedure, self.params)

    @property
    def current(self) -> StepRecord | None:
        """The first step that has not ended."""
        return next((step for step in self.steps if not step.state.is_final), None)

    def find(self, step_id: str) -> StepRecord:
        """Return the record of the step with the id *step_id*, which exists."""
        return next(step for step in self.steps if step.id == step_id)


def line_of(procedure: schema.Procedure, params: Mapping[str, reports.Scalar]) -> str:
    """Return the command line that runs *procedure* with *params*."""
    words = [f"run {procedure.id}"]
    for param in procedure.params:
        value, flag = params.get(param.name), f"--{param.name.replace('_', '-')}"
        if param.is_required:
            words.append(shlex.quote(str(value)))
        elif param.type is schema.ParamType.FLAG:
            words += [flag] if value else []
        elif value is not None and value != param.default:
            words.append(bot_command.option(param.name, str(value)))
    return " ".join(words)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A request to start a run."""

    procedure: schema.Procedure
    params: Mapping[str, reports.Scalar]
    invocation: invocations.Invocation
    """The one that requests it; it never starts a second run."""
    lock: str | None = None
    is_step_by_step: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What a step would do, as far as that is known before the run."""

    step: str
    title: str
    uses: str
    action: str
    """A command line, or what a person is asked; with the name of a value that is not known yet."""
    when: str | None = None
    is_condition_met: bool | None = True
    """None if that depends on results of earlier steps."""
    depends_on: tuple[str, ...] = ()
    """Titles of the steps on which that depends; empty if on all earlier steps."""
    skipped_after: tuple[str, ...] = ()
    """Titles of the earlier steps whose failure skips it."""
    asks: str | None = None
    """Who has to answer, as in a question; None if no person is asked."""
    is_change: bool = False
    is_end: bool = False
    """A step of `finally`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list."""

    procedure: str | None = None
    state: RunState | None = None
    service: str | None = None
    since: datetime.datetime | None = None
    limit: int = 20
    offset: int = 0
