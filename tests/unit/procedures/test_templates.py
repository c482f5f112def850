"""`{{ }}`: values put into what a step is handed."""

import datetime

import pydantic
import pytest

from bot import command, errors
from bot.config import environments as config_environments
from bot.procedures import runs, schema
from bot.procedures.definition import parameters, references, templates
from tests import builders
from tests.unit.procedures import files

SCOPE = references.Scope(
    params={"service": "pos-order", "limit": 3.0, "restart": True, "words": "{{ run.id }}"},
    steps={"health": references.StepResult(outcome=runs.StepState.TIMED_OUT, saved={"ms": 412.5, "cause": None})},
    run_id="r-1",
    requester="alice",
)
KNOWN = references.Names(
    params={"service": references.TEXT}, steps={"health": {"ms": references.Type(value_type=command.ValueType.NUMBER)}}
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ params.service }}", "pos-order"),
        ("{{params.limit}}", 3.0),
        ("{{ params.restart }}", True),
        ("{{ steps.health.saved.ms }}", 412.5),
        ("{{ steps.health.outcome }}", "timed out"),
        ("{{ run.id }}", "r-1"),
        ("by {{ run.requester }}: {{ params.service }}", "by alice: pos-order"),
        ("{{ params.limit }} of {{ params.restart }}", "3 of true"),
        # Null is told, and never taken for “not given”.
        ("{{ steps.health.saved.cause }}", "unknown"),
        ("{{ steps.logs.saved.lines }} lines", "unknown lines"),
        ("plain", "plain"),
        (7, 7),
        (("{{ params.limit }}", "b"), ("3", "b")),
    ],
)
def test_placeholders_are_replaced_by_values(text, value) -> None:
    rendered = templates.render(text, SCOPE)

    assert rendered == value
    assert type(rendered) is type(value)


def test_value_is_not_expanded_again() -> None:
    assert templates.render("{{ params.words }}", SCOPE) == "{{ run.id }}"
    assert templates.render("= {{ params.words }}", SCOPE) == "= {{ run.id }}"


def test_value_that_the_run_will_know_names_its_step() -> None:
    scope = references.Scope(params={"service": "pos-order"}, is_forecast=True, titles={"health": "Check health"})

    rendered = templates.render("{{ params.service }} {{steps.health.saved.ms}} {{ run.id }}", scope)

    assert rendered == "pos-order (known after “Check health”) (known after the start)"
    twice = templates.render("Version {{steps.health.saved.ms}} ({{ steps.health.saved.ms }})?", scope)
    assert twice == "Version (known after “Check health”)?"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ params.servce }}", "There is no parameter called “servce”. Did you mean “service”?"),
        ("{{ steps.later.outcome }}", "There is no earlier step called “later”. Known here: health."),
        ("{{ steps.health.saved.x }}", "There is no saved fact of the step health called “x”. Known here: ms."),
        ("{{ run.summary }}", "“run.summary” is not a name"),
        ("{{ params.service | upper }}", "“service | upper” is not a name"),
        ("{{ }}", "a name is missing"),
        ("{{ params.service", "“{{” is unbalanced; expected {{ NAME }}."),
        ("params.service }}", "“}}” is unbalanced; expected {{ NAME }}."),
        (("fine", "{{ params.x }}"), "There is no parameter called “x”. Known here: service."),
    ],
)
def test_errors_are_reported(text, problem: str) -> None:
    problems = list(templates.validate(text, KNOWN))

    assert len(problems) == 1
    assert problem in problems[0]


def test_names_in_a_text_are_listed_once() -> None:
    found = templates.references("{{ params.service }} {{run.id}} {{ params.service }}")

    assert [str(reference) for reference in found] == ["params.service", "run.id"]


def test_braces_without_a_name_are_rejected() -> None:
    with pytest.raises(errors.BadConfiguration):
        templates.references("{{ 1 + 1 }}")


def test_scope_of_a_run_has_ended_steps() -> None:
    run = runs.Run(
        id="r-1",
        procedure=files.a_procedure(),
        digest="",
        params={"service": "pos-order"},
        requester=builders.an_actor(),
        conversation=builders.a_place(),
        created_at=datetime.datetime.now(datetime.UTC),
        steps=(
            runs.StepRecord(id="one", state=runs.StepState.SKIPPED),
            runs.StepRecord(id="two", state=runs.StepState.RUNNING),
            runs.StepRecord(id="three"),
        ),
    )

    scope = references.of(run)

    assert set(scope.steps) == {"one"}
    assert (scope.run_id, scope.requester) == ("r-1", "alice")


@pytest.mark.parametrize(
    ("context", "line"),
    [
        ("prod", "kubectl --context prod -n shop rollout undo deployment/checkout --to-revision=1"),
        (
            "arn:aws:eks:eu-west-1:1:cluster/my prod",
            "kubectl --context 'arn:aws:eks:eu-west-1:1:cluster/my prod' -n shop",
        ),
        (None, "kubectl -n shop rollout undo deployment/checkout --to-revision=1"),
    ],
)
def test_kubectl_line_names_context_and_namespace_of_the_environment(context: str | None, line: str) -> None:
    params = (
        schema.Param(name="service", type=schema.ParamType.SERVICE, help="x"),
        schema.Param(name="env", type=schema.ParamType.ENVIRONMENT, help="x"),
    )
    environment = builders.an_environment(namespace="shop", kube_context=context)
    environments = config_environments.Environments(default="live", environments={"live": environment})
    services = builders.a_catalogue(builders.a_service("co", deployment="checkout"))
    values = {"service": "co", "env": "live"}
    found = parameters.properties_of(params, values, services, environments)
    text = (
        "{{ params.env.kubectl }} rollout undo deployment/{{ params.service.deployment }}"
        " --to-revision={{ steps.revisions.saved.rollback }}"
    )
    revisions = references.StepResult(outcome=runs.StepState.SUCCEEDED, saved={"rollback": 1})

    scope = references.Scope(params={**values, **found}, steps={"revisions": revisions})

    assert str(templates.render(text, scope)).startswith(line)
    assert templates.render("{{ params.env.namespace }}", scope) == "shop"
    assert templates.render("{{ params.env.context }}", scope) == (context or "unknown")


def test_text_may_be_empty_only_where_its_default_is() -> None:
    optional = schema.Param(name="words", type=schema.ParamType.TEXT, help="x", default="")
    model = parameters.model_of((optional,))
    other = parameters.model_of((schema.Param(name="words", type=schema.ParamType.TEXT, help="x", default="a"),))

    given = parameters.read((optional,), model.model_validate({}, context=builders.a_vocabulary()))

    assert given.values == {"words": ""}
    with pytest.raises(pydantic.ValidationError):
        other.model_validate({"words": ""}, context=builders.a_vocabulary())
