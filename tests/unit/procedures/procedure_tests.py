"""
Rehearsals of procedures: runs in which everything that comes of a step is written down beforehand.

The files in `rehearsals/` say what comes of which step, and then which steps are done and how the run ends. Decided
is by the engine itself; only the world is pretended. A step of a command that is not named comes out well; a person
who is asked has to be given an answer. What a file says:

    procedure: post-deployment
    rehearsals:
      - name: nobody wants to go back
        params: {service: pos-order}
        outcomes:
          rollout: {comes: failed, facts: {stage: stuck}}   # or simply: failed
          go_back: no                                       # an answer; a list where it is asked again
        path: [rollout, cause, go_back, stays]
        ends: succeeded with failures
"""

import collections
import dataclasses
import datetime
import pathlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pydantic

import commands
from bot import command as bot_command
from bot import errors, runbook_data
from bot.config import yaml_files
from bot.dispatch import parser as dispatch_parser
from bot.model import invocations, reports
from bot.procedures import runs, schema
from bot.procedures.definition import references
from bot.procedures.engine import steps, transitions
from sandbox import runbook_folder

FOLDER = pathlib.Path(__file__).parent / "rehearsals"
PROCEDURES = runbook_folder.PROJECT / "runbook_data" / "procedures"
NOW = datetime.datetime(2026, 11, 24, 3, 0, tzinfo=datetime.UTC)
_MOST_MOVES = 200
_ALICE = invocations.Actor(id="U0ALICE", name="alice")


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Outcome(_Strict):
    """What comes of a step."""

    comes: Literal["ok", "warning", "failed", "unknown", "timed out"] = "ok"
    facts: dict[str, reports.Scalar] = {}


class Rehearsal(_Strict):
    """One run, from what is given to how it ends."""

    name: str
    params: dict[str, reports.Scalar] = {}
    outcomes: dict[str, Outcome | str | tuple[str, ...]] = {}
    path: tuple[str, ...]
    """The steps that are done, in their order; those that are left out are not."""
    ends: runs.RunState


class Rehearsals(_Strict):
    """A whole file."""

    procedure: schema.Id
    rehearsals: Annotated[tuple[Rehearsal, ...], pydantic.Field(min_length=1)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a rehearsal came to."""

    run: runs.Run
    path: tuple[str, ...]
    branches: frozenset[str]
    """Those that were taken, as `branches` calls them."""


class Unanswered(Exception):
    """A rehearsal does not say what a person answers."""


def load(path: pathlib.Path) -> Rehearsals:
    return yaml_files.load(path, Rehearsals)


def shipped(procedure_id: str) -> schema.Procedure:
    return yaml_files.load(PROCEDURES / f"{procedure_id}.yaml", schema.Procedure)


def parser() -> dispatch_parser.Parser:
    """The parser of the shipped commands and data, so that what a step hands over has to be right."""
    data = runbook_data.load(runbook_folder.PROJECT / "runbook_data")
    table = {command.name: command for command in commands.COMMANDS}
    vocabulary = bot_command.Vocabulary(catalog=data.catalog, environments=data.environments, commands=tuple(table))
    return dispatch_parser.Parser(table, vocabulary)


def branches(procedure: schema.Procedure) -> list[str]:
    """Every way in which a run can go on at some step."""
    return [branch for step in procedure.all_steps() for branch in _branches(step)]


def _branches(step: schema.Step) -> Iterator[str]:
    if step.when is not None:
        yield from (f"{step.id}: wanted", f"{step.id}: not wanted")
    for answer in _answers(step):
        yield f"{step.id}: answered {answer}"
    if not step.is_built_in:
        yield from (f"{step.id}: comes out well", f"{step.id}: fails")
    if step.on_failure == "ask":
        asked = (runs.RETRY, runs.SKIP, runs.STOP, runs.ESCALATE)
        yield from (f"{step.id}: after its failure {answer}" for answer in asked)


def _answers(step: schema.Step) -> tuple[str, ...]:
    if step.uses == schema.MANUAL:
        return schema.Manual.model_validate(step.with_).answers
    return (runs.YES, runs.NO) if step.uses == schema.CONFIRM or step.confirm is not None else ()


class Stage:
    """Where one rehearsal takes place."""

    def __init__(self, procedure: schema.Procedure, rehearsal: Rehearsal, words: dispatch_parser.Parser) -> None:
        self._procedure = procedure
        self._rehearsal = rehearsal
        self._words = words
        self._seen: set[str] = set()
        self._branches: set[str] = set()
        self._asked: collections.Counter[str] = collections.Counter()

    def play(self) -> Course:
        """What comes of the rehearsal."""
        run = _begun(self._procedure, self._rehearsal.params)
        for _ in range(_MOST_MOVES):
            move = transitions.decide(run, NOW, self._prepare)
            match move:
                case transitions.StartStep():
                    outcome = self._outcome(move.step)
                    self._note(move.step, "fails" if outcome.state.is_failure else "comes out well")
                    run = transitions.complete_step(move.run, move.step, outcome, NOW)
                case transitions.Wait():
                    run = self._answer(move.run)
                case transitions.Finish():
                    return self._course(move.run)
        raise AssertionError("the run does not end")

    def _prepare(self, step: schema.Step, scope: references.Scope) -> steps.Action:
        def validate(word: str, values: Mapping[str, object]) -> tuple[bot_command.Command, bot_command.Parameters]:
            command = self._words.find(word)
            return command, self._words.validate(command, values)

        try:
            return steps.render(step, scope, validate)
        except errors.UsageError as error:
            # The engine makes a failed step of it; in a rehearsal it is a mistake in the procedure.
            raise AssertionError(f"{step.id}: {error}") from error

    def _outcome(self, step: schema.Step) -> steps.Outcome:
        given = self._rehearsal.outcomes.get(step.id, Outcome())
        one = given if isinstance(given, Outcome) else Outcome(comes=self._next(step.id, given))
        undeclared = set(one.facts) - set(self._words.find(step.uses).facts)
        assert not undeclared, f"{step.uses} reports no {undeclared}"
        if one.comes == "timed out":
            return steps.Outcome(state=runs.StepState.TIMED_OUT, headline="too late")
        report = reports.Report(verdict=reports.Verdict(one.comes), headline="as rehearsed", facts=one.facts)
        return steps.Outcome.of(invocations.Response(invocation_id="x", status=invocations.Status.OK, report=report))

    def _answer(self, run: runs.Run) -> runs.Run:
        question = run.question
        assert question is not None
        answer = self._next(question.step, self._rehearsal.outcomes.get(question.step, ()))
        assert answer in question.options, f"{question.step} is not answered with “{answer}”"
        is_about_failure = question.kind is runs.QuestionKind.FAILURE
        step = self._procedure.find(question.step)
        self._note(step, f"{'after its failure' if is_about_failure else 'answered'} {answer}")
        note = "as rehearsed" if question.note == "required" else ""
        given = dataclasses.replace(question, answer=answer, answered_by="alice", answered_at=NOW, comment=note)
        return dataclasses.replace(run, question=given)

    def _next(self, step_id: str, given: Outcome | str | tuple[str, ...]) -> str:
        """What is given for the step this time."""
        several = (given,) if isinstance(given, str) else given
        if isinstance(several, Outcome) or self._asked[step_id] >= len(several):
            raise Unanswered(f"the rehearsal “{self._rehearsal.name}” does not say what {step_id} is answered")
        self._asked[step_id] += 1
        return several[self._asked[step_id] - 1]

    def _note(self, step: schema.Step, branch: str) -> None:
        self._seen.add(step.id)
        self._branches.add(f"{step.id}: {branch}")

    def _course(self, run: runs.Run) -> Course:
        for record in run.steps:
            step = self._procedure.find(record.id)
            if step.uses == schema.LINK and record.state is runs.StepState.SUCCEEDED:
                self._seen.add(step.id)
            if step.when is not None and record.id in self._seen:
                self._branches.add(f"{step.id}: wanted")
            elif record.state is runs.StepState.SKIPPED and record.why.startswith("not wanted"):
                self._branches.add(f"{step.id}: not wanted")
        unused = set(self._rehearsal.outcomes) - self._seen
        assert not unused, f"{self._rehearsal.name}: nothing ever comes of {unused}"
        path = tuple(record.id for record in run.steps if record.id in self._seen)
        return Course(run=run, path=path, branches=frozenset(self._branches))


def _begun(procedure: schema.Procedure, given: Mapping[str, reports.Scalar]) -> runs.Run:
    known = {param.name for param in procedure.params}
    assert set(given) <= known, f"there are no parameters {set(given) - known}"
    return runs.Run(
        id="r1124-rehearsal",
        procedure=procedure,
        digest=schema.digest(procedure),
        params={
            param.name: given[param.name] if param.name in given else _default(param) for param in procedure.params
        },
        requester=_ALICE,
        place=invocations.Conversation(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
        created_at=NOW,
        steps=tuple(runs.StepRecord(id=step.id) for step in procedure.all_steps()),
    )


def _default(param: schema.Param) -> reports.Scalar:
    assert not param.is_required, f"{param.name} is missing"
    if param.type is schema.Kind.ENVIRONMENT:
        return param.default or "staging"
    return bool(param.default) if param.type is schema.Kind.FLAG else param.default
