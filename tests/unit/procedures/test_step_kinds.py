"""A new kind of step is one class: it is validated, planned, tested and run without a change elsewhere."""

import dataclasses
import datetime
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from bot.config import strict
from bot.model import durations, invocations
from bot.procedures import loader, runs, schema, testing
from bot.procedures.definition import references
from bot.procedures.engine import planner, transitions
from bot.procedures.steps import built_in, kind, registry
from tests.unit.engine import engine_fixture
from tests.unit.procedures import files, procedure_tests, test_loading

NOW = datetime.datetime(2026, 11, 24, 3, 0, tzinfo=datetime.UTC)
PAGE = {
    "id": "page",
    "title": "Page the lead",
    "uses": "page",
    "with": {"person": "alice", "timeout": "5m"},
    "save": {"reached": "person"},
}


class Page(strict.StrictModel):
    """Whom to page."""

    person: str
    timeout: durations.Duration


class PageStep(built_in.BuiltInStep[Page]):
    """A toy: somebody is paged and has to acknowledge."""

    asks_person = True
    model = Page

    def facts(self, step: schema.Step, context: object) -> dict[str, Any]:
        return {"person": references.TEXT}

    def answerer(self, step: schema.Step) -> str | None:
        return schema.ANYONE_WITH_RUN

    def options(self, step: schema.Step) -> tuple[str, ...]:
        return ("acknowledge",)

    def text(self, content: Page) -> str:
        return f"Page {content.person}."

    def start_with(self, content: Page, action: kind.Action) -> kind.QuestionDraft:
        return kind.QuestionDraft(
            kind=runs.QuestionKind.MANUAL, text=action.text, options=("acknowledge",), timeout=content.timeout
        )

    def judge(self, step: schema.Step, question: runs.Question) -> kind.Outcome:
        is_reached = question.answer == "acknowledge"
        state = runs.StepState.SUCCEEDED if is_reached else runs.StepState.TIMED_OUT
        return kind.Outcome(state=state, headline="Paged.", facts={"person": question.answered_by})


@pytest.fixture(autouse=True)
def page() -> Iterator[None]:
    """The toy kind, registered for one test."""
    registry.register("page", PageStep())
    yield
    registry.unregister("page")


def a_document(**changes: Any) -> dict[str, Any]:
    return files.a_document(steps=[{**PAGE, **changes}])


def test_toy_kind_is_validated(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "triage.yaml"
    path.write_text(
        yaml.safe_dump(a_document(**{"with": {"persons": "alice", "timeout": "0s"}, "retry": {"attempts": 2}}))
    )
    (invalid,) = loader.load(tmp_path, test_loading.CONTEXT).invalid

    assert [line.partition(": ")[2] for line in invalid.reason.splitlines()] == [
        "steps.0.retry: not allowed beside page, only beside a command.",
        "steps.0.with.person: this key is missing.",
        "steps.0.with.persons: this key is not known here; check its spelling.",
        "steps.0.with.timeout: expected 1s or more.",
    ]


def test_toy_kind_that_asks_is_not_allowed_in_finally(tmp_path: pathlib.Path) -> None:
    (tmp_path / "triage.yaml").write_text(yaml.safe_dump(files.a_document(**{"finally": [PAGE]})))

    (invalid,) = loader.load(tmp_path, test_loading.CONTEXT).invalid

    assert "finally.0.uses: a step of finally cannot ask a person." in invalid.reason


def test_toy_kind_is_in_the_schema_of_the_file() -> None:
    assert '"page"' in loader.json_schema(())


def test_toy_kind_is_planned() -> None:
    order = runs.RunRequest(
        procedure=schema.from_document(a_document()), params={}, invocation=engine_fixture.an_invocation()
    )

    (planned,) = planner.plan(order, _no_command)

    assert (planned.action, planned.asks) == ("Page alice.", schema.ANYONE_WITH_RUN)


@pytest.mark.parametrize(
    ("answer", "state"), [("acknowledge", runs.RunState.COMPLETED), (runs.TIMEOUT, runs.RunState.TIMED_OUT)]
)
def test_toy_kind_runs(answer: str, state: runs.RunState) -> None:
    procedure = schema.from_document(a_document())
    run = a_run(procedure)

    waiting = transitions.decide(run, NOW, _prepare).run
    assert waiting.question is not None
    assert (waiting.question.text, waiting.question.expires_at - NOW) == ("Page alice.", datetime.timedelta(minutes=5))
    question = dataclasses.replace(waiting.question, answer=answer, answered_by="alice", answered_at=NOW)
    ended = transitions.decide(dataclasses.replace(waiting, question=question), NOW, _prepare)

    assert isinstance(ended, transitions.Finish)
    assert ended.run.state is state
    assert ended.run.find("page").saved == {"reached": "alice"}


def test_toy_kind_is_part_of_procedure_tests() -> None:
    procedure = schema.from_document(a_document())
    values = {"name": "x", "params": {"service": "pos-order"}, "given": {"page": "acknowledge"}}
    test = testing.ProcedureTest.model_validate({**values, "steps": ["page"], "state": "completed"})

    assert "page: answered acknowledge" in testing.branches(procedure)
    assert procedure_tests.check(procedure, test).state is runs.RunState.COMPLETED


def a_run(procedure: schema.Procedure) -> runs.Run:
    return runs.Run(
        id="r1",
        procedure=procedure,
        digest="",
        params={},
        requester=invocations.Actor(id="U0ALICE", name="alice"),
        conversation=engine_fixture.an_invocation().conversation,
        created_at=NOW,
        steps=tuple(runs.StepRecord(id=step.id) for step in procedure.all_steps()),
    )


def _prepare(step: schema.Step, scope: Any) -> kind.Action:
    return registry.find(step).render(step, scope, _no_command)


def _no_command(name: str, values: object) -> Any:
    raise AssertionError(f"{name} is not a command")
