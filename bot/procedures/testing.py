"""
Tests of procedures: runs with given step results, of which the test says the steps and the final state.

They are files in `runbook_data/procedures/tests/`; `posbot check` runs them. The state machine of the engine decides,
and every step is rendered and validated against its command, but nothing is executed. A command that is not named
succeeds; a question needs an answer. A file:

    procedure: post-deployment
    tests:
      - name: rollback declined
        params: {service: pos-order}
        given:
          rollout: {result: failed, facts: {stage: stuck}}   # or just: failed
          go_back: no                                        # an answer; a list if it is asked again
        steps: [rollout, cause, go_back, stays]
        state: completed with failures
"""

import collections
import dataclasses
import datetime
import pathlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic

from bot import command as bot_command
from bot import errors
from bot.config import strict, yaml_files
from bot.model import invocations, reports
from bot.procedures import runs, schema
from bot.procedures.definition import parameters, references
from bot.procedures.engine import transitions
from bot.procedures.steps import kind, registry

_NOW = datetime.datetime(2026, 11, 24, 3, 0, tzinfo=datetime.UTC)
_MAX_DECISIONS = 200
_REQUESTER = invocations.Actor(id="U0TEST", name="tester")


class GivenResult(strict.StrictModel):
    """The result of a command."""

    result: Literal["ok", "warning", "failed", "unknown", "timed out"] = "ok"
    facts: dict[str, reports.Scalar] = pydantic.Field(default_factory=dict)


class ProcedureTest(strict.StrictModel):
    """One run."""

    name: str
    params: dict[str, reports.Scalar] = pydantic.Field(default_factory=dict)
    given: dict[str, GivenResult | str | tuple[str, ...]] = pydantic.Field(default_factory=dict)
    """Step → the result of its command, or the answers of a person."""
    steps: tuple[str, ...]
    """The steps that run, in order; skipped ones do not."""
    state: runs.RunState


class TestFile(strict.StrictModel):
    """A file of tests."""

    __test__ = False

    procedure: schema.Id
    tests: Annotated[tuple[ProcedureTest, ...], pydantic.Field(min_length=1)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a test came to."""

    state: runs.RunState
    steps: tuple[str, ...]
    branches: frozenset[str]
    """Those that were taken, as `branches` names them."""
    run: runs.Run


class Failed(Exception):
    """The test and the procedure disagree; the message says how."""


class NotApplicable(Exception):
    """The test names a service or an environment that does not exist here; the message says which."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of all tests; each is named with its procedure, and has a reason."""

    count: int
    failed: tuple[tuple[str, str], ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()


def load(path: pathlib.Path) -> TestFile:
    """
    Return the tests in the file at *path*.

    Raises:
        errors.BadConfiguration
    """
    return yaml_files.load(path, TestFile)


def run_all(
    procedures: schema.ProcedureCatalog,
    commands: Mapping[str, bot_command.Command[Any]],
    vocabulary: bot_command.Vocabulary,
) -> Results:
    """Return the results of all tests; a file that cannot be read has failed."""
    count, failures, not_run = 0, [], []
    for path in sorted(procedures.tests.glob("*.yaml")) if procedures.tests is not None else []:
        try:
            tests = load(path)
            procedure = procedures.find(tests.procedure)
        except errors.BotError as error:
            failures.append((path.name, str(error)))
            continue
        for test in tests.tests:
            count += 1
            try:
                check(procedure, test, commands, vocabulary)
            except Failed as error:
                failures.append((f"{procedure.id}: {test.name}", str(error)))
            except NotApplicable as error:
                not_run.append((f"{procedure.id}: {test.name}", str(error)))
    return Results(count=count, failed=tuple(failures), not_run=tuple(not_run))


def check(
    procedure: schema.Procedure,
    test: ProcedureTest,
    commands: Mapping[str, bot_command.Command[Any]],
    vocabulary: bot_command.Vocabulary,
) -> Result:
    """
    Return the result of *test*.

    Raises:
        Failed, NotApplicable
    """
    result = _TestRun(procedure, test, commands, vocabulary).run()
    if result.steps != test.steps:
        raise Failed(f"expected the steps {', '.join(test.steps)}; ran {', '.join(result.steps)}")
    if result.state is not test.state:
        raise Failed(f"expected the state “{test.state}”; the run is “{result.state}”")
    return result


def branches(procedure: schema.Procedure) -> list[str]:
    """Return every way in which a run can continue at some step."""
    return [branch for step in procedure.all_steps() for branch in _branches_of(step)]


def _branches_of(step: schema.Step) -> Iterator[str]:
    if step.when is not None:
        yield from (f"{step.id}: condition met", f"{step.id}: condition not met")
    for answer in registry.find(step).options(step):
        yield f"{step.id}: answered {answer}"
    if registry.is_command(step):
        yield from (f"{step.id}: succeeds", f"{step.id}: fails")
    if step.on_failure == "ask":
        answers = (runs.RETRY, runs.SKIP, runs.STOP, runs.ESCALATE)
        yield from (f"{step.id}: after its failure {answer}" for answer in answers)


class _TestRun:
    def __init__(
        self,
        procedure: schema.Procedure,
        test: ProcedureTest,
        commands: Mapping[str, bot_command.Command[Any]],
        vocabulary: bot_command.Vocabulary,
    ) -> None:
        self._procedure = procedure
        self._test = test
        self._commands = commands
        self._vocabulary = vocabulary
        self._seen: set[str] = set()
        self._branches: set[str] = set()
        self._used: collections.Counter[str] = collections.Counter()

    def run(self) -> Result:
        run = self._start()
        for _ in range(_MAX_DECISIONS):
            decision = transitions.decide(run, _NOW, self._prepare)
            match decision:
                case transitions.StartStep():
                    outcome = self._outcome(decision.step)
                    self._note(decision.step, "fails" if outcome.state.is_failure else "succeeds")
                    run = transitions.complete_step(decision.run, decision.step, outcome, _NOW)
                case transitions.Wait():
                    run = self._answer(decision.run)
                case transitions.Finish():
                    return self._result(decision.run)
        raise Failed("the run does not end")

    def _start(self) -> runs.Run:
        params, given = self._procedure.params, self._test.params
        unknown = set(given) - {param.name for param in params}
        missing = [param.name for param in params if param.is_required and param.name not in given]
        if unknown or missing:
            raise Failed(f"unknown parameters: {sorted(unknown)}" if unknown else f"missing parameters: {missing}")
        values: dict[str, reports.Scalar] = {}
        for param in params:
            default: reports.Scalar = param.default
            if param.type is schema.ParamType.ENVIRONMENT:
                default = param.default or self._vocabulary.environments.default
            elif param.type is schema.ParamType.FLAG:
                default = bool(param.default)
            values[param.name] = given.get(param.name, default)
        try:
            vocabulary = self._vocabulary
            properties = parameters.properties_of(params, values, vocabulary.catalog, vocabulary.environments)
        except errors.NotFound as error:
            raise NotApplicable(str(error)) from error
        return runs.Run(
            id="r1124-0000test",
            procedure=self._procedure,
            digest=schema.digest(self._procedure),
            params={**values, **properties},
            requester=_REQUESTER,
            conversation=invocations.Conversation(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
            created_at=_NOW,
            steps=tuple(runs.StepRecord(id=step.id) for step in self._procedure.all_steps()),
        )

    def _prepare(self, step: schema.Step, scope: references.Scope) -> kind.Action:
        try:
            return registry.find(step).render(step, scope, self._validate)
        except errors.UsageError as error:
            # The engine fails the step; in a test it is an error of the procedure.
            raise Failed(f"{step.id}: {error}") from error

    def _command(self, name: str) -> bot_command.Command[Any]:
        return self._commands[self._vocabulary.aliases.get(name, name)]

    def _validate(
        self, name: str, values: Mapping[str, object]
    ) -> tuple[bot_command.Command[Any], bot_command.Parameters]:
        command = self._command(name)
        try:
            return command, command.parameters.model_validate(values, context=self._vocabulary)
        except pydantic.ValidationError as error:
            raise errors.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error

    def _outcome(self, step: schema.Step) -> kind.Outcome:
        given = self._test.given.get(step.id, GivenResult())
        if not isinstance(given, GivenResult):
            given = GivenResult.model_validate({"result": self._next(step.id, given)})
        undeclared = sorted(set(given.facts) - set(self._command(step.uses).facts))
        if undeclared:
            raise Failed(f"{step.uses} does not report {', '.join(undeclared)}")
        if given.result == "timed out":
            return kind.Outcome(state=runs.StepState.TIMED_OUT, headline="timed out")
        report = reports.Report(verdict=reports.Verdict(given.result), headline="as given", facts=given.facts)
        response = invocations.Response(invocation_id="test", status=invocations.Status.OK, report=report)
        return kind.Outcome.of(response)

    def _answer(self, run: runs.Run) -> runs.Run:
        question = run.question
        if question is None:
            raise Failed("the run waits for nothing")
        answer = self._next(question.step, self._test.given.get(question.step, ()))
        if answer not in question.options:
            raise Failed(f"{question.step} cannot be answered with “{answer}”")
        is_after_failure = question.kind is runs.QuestionKind.FAILURE
        step = self._procedure.find(question.step)
        self._note(step, f"{'after its failure' if is_after_failure else 'answered'} {answer}")
        note = "as given" if question.note == "required" else ""
        answered = dataclasses.replace(
            question, answer=answer, answered_by=_REQUESTER.name, answered_at=_NOW, comment=note
        )
        return dataclasses.replace(run, question=answered)

    def _next(self, step_id: str, given: GivenResult | str | tuple[str, ...]) -> str:
        """Return what is given for the step this time."""
        several = (given,) if isinstance(given, str) else given
        if isinstance(several, GivenResult) or self._used[step_id] >= len(several):
            raise Failed(f"no answer is given for {step_id}")
        self._used[step_id] += 1
        return several[self._used[step_id] - 1]

    def _note(self, step: schema.Step, branch: str) -> None:
        self._seen.add(step.id)
        self._branches.add(f"{step.id}: {branch}")

    def _result(self, run: runs.Run) -> Result:
        for record in run.steps:
            step = self._procedure.find(record.id)
            if record.state is runs.StepState.SUCCEEDED:
                self._seen.add(step.id)
            if step.when is not None and record.id in self._seen:
                self._branches.add(f"{step.id}: condition met")
            elif record.reason is not None and record.reason.code is runs.ReasonCode.CONDITION_NOT_MET:
                self._branches.add(f"{step.id}: condition not met")
        unused = sorted(set(self._test.given) - self._seen)
        if unused:
            raise Failed(f"given for steps that do not run: {', '.join(unused)}")
        steps = tuple(record.id for record in run.steps if record.id in self._seen)
        return Result(state=run.state, steps=steps, branches=frozenset(self._branches), run=run)
