"""Properties of the engine: every run ends, goes forward, and makes no change twice by itself."""

import collections
import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from bot.model import invocations
from bot.procedures import runs, schema
from bot.procedures.definition import references
from bot.procedures.engine import transitions
from bot.procedures.steps import kind, registry
from tests import builders
from tests.unit.engine import engine_fixture, fake_commands

NOW = datetime.datetime(2026, 11, 24, 3, 0, tzinfo=datetime.UTC)
MAX_DECISIONS = 400
S = runs.StepState
_COMMANDS = {"read": fake_commands.READ, "change": fake_commands.CHANGE}
_CONTENTS = {
    "confirm": {"text": "Really?"},
    "manual": {"instructions": "Do it."},
    "link": {"text": "There", "url": "https://example.com"},
}


@strategies.composite
def steps(draw: strategies.DrawFn, number: int, count: int, *, is_end: bool) -> dict[str, Any]:
    own = f"z{number}" if is_end else f"s{number}"
    uses = draw(strategies.sampled_from(["read", "change"] if is_end else ["read", "change", "change", *_CONTENTS]))
    step: dict[str, Any] = {"id": own, "title": own, "uses": uses}
    if uses in _COMMANDS:
        step |= {"with": {"text": own, "notes": "notes"}, "effect": "change" if uses == "change" else "read"}
        step["idempotent"] = draw(strategies.booleans())
        if draw(strategies.booleans()):
            step["retry"] = {"attempts": draw(strategies.integers(2, 3)), "delay": "5s"}
        if not is_end and draw(strategies.booleans()):
            step["confirm"] = {"text": "Really?"}
    else:
        step["with"] = _CONTENTS[uses]
    earlier = [f"steps.s{index}.outcome == 'succeeded'" for index in range(number)]
    step["when"] = draw(strategies.none() | strategies.sampled_from(["true", "false", *earlier]))
    later: list[Any] = [{"goto": f"s{index}"} for index in range(number + 1, count)]
    ways = ["stop", "continue"] if is_end else ["stop", "continue", "ask", *later]
    step["on_failure"] = draw(strategies.sampled_from(ways))
    return step


@strategies.composite
def some_procedures(draw: strategies.DrawFn) -> schema.Procedure:
    count = draw(strategies.integers(1, 5))
    own = [draw(steps(number, count, is_end=False)) for number in range(count)]
    ends = [draw(steps(number, 0, is_end=True)) for number in range(draw(strategies.integers(0, 2)))]
    return engine_fixture.a_procedure(*own, **{"finally": ends})


def validate(word: str, values: Mapping[str, object]) -> Any:
    command = _COMMANDS[word]
    return command, command.parameters.model_validate(values)


def prepare(step: schema.Step, scope: references.Scope) -> kind.Action:
    return registry.find(step).render(step, scope, validate)


@dataclasses.dataclass(slots=True)
class World:
    """Draws what happens, and records what was started."""

    data: strategies.DataObject
    run: runs.Run
    now: datetime.datetime = NOW
    started: list[str] = dataclasses.field(default_factory=list)
    allowed: dict[str, int] = dataclasses.field(default_factory=lambda: collections.defaultdict(lambda: 1))
    """How often a change may start: once, and once more for each failure or request to repeat it."""
    faults: int = 6

    def draw(self, *what: str) -> str:
        return self.data.draw(strategies.sampled_from(what))

    def decide_once(self) -> None:
        """Make one decision and let something happen."""
        move = transitions.decide(self.run, self.now, prepare)
        self.run = move.run
        match move:
            case transitions.StartStep(step=step, action=action):
                self._start(step, action)
            case transitions.Wait(until=until) if self.run.state is runs.RunState.RUNNING:
                assert until is not None
                self.now = self.now - datetime.timedelta(days=1) if self._fault("clock") else until
            case transitions.Wait():
                self._answer()

    def _fault(self, *what: str) -> str:
        """Return a mishap, of which there are not endlessly many, or nothing."""
        struck = self.draw("", "", *what) if self.faults else ""
        self.faults -= bool(struck)
        return struck

    def _start(self, step: schema.Step, action: kind.Action) -> None:
        self.started.append(step.id)
        record = self.run.find(step.id)
        assert record.state is S.RUNNING
        assert step.confirm is None or record.confirmed == action.digest
        if not step.may_be_repeated:
            assert self.started.count(step.id) <= self.allowed[step.id], "a change was repeated without a request"
        match self._fault("crash", "cancel", "out of time", "broken off"):
            case "crash":
                return
            case "cancel":
                self._cancel()
                return
            case "broken off":
                self.run = transitions.fail_run(self.run, "an error", self.now)
                return
            case "out of time" if self.run.ending is None:
                state = S.TIMED_OUT
                self.run = transitions.complete_step(
                    self.run, step, kind.Outcome(state=state, headline="late"), self.now
                )
                self.run = transitions.time_out_run(self.run, self.now)
                return
        state = S(self.draw(S.SUCCEEDED, S.FAILED, S.TIMED_OUT))
        self.allowed[step.id] += state is S.FAILED
        self.run = transitions.complete_step(self.run, step, kind.Outcome(state=state, headline=str(state)), self.now)

    def _cancel(self) -> None:
        self.run = dataclasses.replace(self.run, cancel=invocations.CancelRequest(by="bob", at=self.now))

    def _answer(self) -> None:
        question = self.run.question
        assert question is not None and question.answer is None
        assert self.run.state is runs.RunState.WAITING
        assert [one.id for one in self.run.steps if one.state is S.WAITING] == [question.step]
        assert not self.run.procedure.is_end(question.step), "a step of finally asked a person"
        options = [one for one in question.options if self.faults or one not in {runs.RETRY, runs.DID_NOT}]
        answer = self.draw(runs.TIMEOUT, "cancel", *options)
        self.faults -= answer in {runs.RETRY, runs.DID_NOT}
        self.allowed[question.step] += answer in {runs.RETRY, runs.DID_NOT}
        self.run = dataclasses.replace(self.run, state=runs.RunState.RUNNING)
        if answer == "cancel":
            self._cancel()
            return
        given = dataclasses.replace(question, answer=answer, answered_by="bob", answered_at=self.now)
        self.run = dataclasses.replace(self.run, question=given)

    def finish(self) -> None:
        for _ in range(MAX_DECISIONS):
            if self.run.state.is_final:
                return
            self.decide_once()
        pytest.fail("the run does not end")


def a_run(procedure: schema.Procedure, *, is_step_by_step: bool) -> runs.Run:
    invocation = engine_fixture.an_invocation()
    return runs.Run(
        id="r1",
        procedure=procedure,
        digest="",
        params={},
        requester=invocation.actor,
        conversation=invocation.conversation,
        created_at=NOW,
        steps=tuple(runs.StepRecord(id=step.id) for step in procedure.all_steps()),
        is_step_by_step=is_step_by_step,
    )


def check_ended(world: World, *, is_whole: bool = True) -> None:
    run = world.run
    procedure = run.procedure
    assert all(record.state.is_final for record in run.steps)
    assert run.ending is None and run.ended_at is not None
    order = [step.id for step in procedure.all_steps()]
    places = [order.index(step_id) for step_id in world.started]
    assert places == sorted(places), "the run went backwards"
    for record in run.steps:
        step = procedure.find(record.id)
        if record.state is S.UNKNOWN:
            assert not step.may_be_repeated
        if record.state in {S.SKIPPED, S.CANCELLED}:
            assert record.reason
            assert (
                record.id not in world.started or step.may_be_repeated or step.confirm is not None or record.attempt > 1
            )
        if is_whole and procedure.is_end(record.id) and step.when in {None, "true"}:
            assert record.id in world.started or str(record.reason) == "an error", "finally always runs"
    if run.state is runs.RunState.COMPLETED:
        assert not any(record.state.is_failure for record in run.steps)


@hypothesis.given(some_procedures(), strategies.booleans(), strategies.data())
def test_every_run_ends_in_a_consistent_state(
    procedure: schema.Procedure, is_step_by_step: bool, data: strategies.DataObject
) -> None:
    world = World(data, a_run(procedure, is_step_by_step=is_step_by_step))

    world.finish()

    check_ended(world)


@hypothesis.given(some_procedures(), strategies.data())
def test_retry_ends_and_repeats_no_change(procedure: schema.Procedure, data: strategies.DataObject) -> None:
    world = World(data, a_run(procedure, is_step_by_step=False))
    world.finish()
    hypothesis.assume(world.run.can_be_retried)
    made = {
        step.id for step in procedure.steps if not step.may_be_repeated and world.run.find(step.id).state is S.SUCCEEDED
    }
    again = World(data, transitions.retry_run(world.run, builders.an_actor(), NOW))
    # What nobody knows of is asked first, so it may be made only when somebody says that it was not.
    for record in again.run.steps:
        if record.state is S.RUNNING and not procedure.find(record.id).may_be_repeated:
            again.allowed[record.id] = 0

    again.finish()

    # Where only the end had failed, it goes on within the end.
    check_ended(again, is_whole=any(step.id in again.started for step in procedure.steps))
    assert not made & set(again.started)
