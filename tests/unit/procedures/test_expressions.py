"""`when`: what an expression means, what is told before a run, and that nothing in it crashes or runs away."""

import contextlib
import time

import hypothesis
import pytest
from hypothesis import strategies as st

from bot import command, errors
from bot.procedures import runs
from bot.procedures.definition import expressions, references

NUMBER, TRUTH = (
    references.Type(value_type=command.ValueType.NUMBER),
    references.Type(value_type=command.ValueType.BOOLEAN),
)
KNOWN = references.Names(
    params={
        "service": references.TEXT,
        "mode": references.Type(value_type=command.ValueType.TEXT, choices=("soft", "hard")),
        "limit": NUMBER,
        "restart": TRUTH,
        "wait": references.Type(value_type=command.ValueType.DURATION),
    },
    steps={"health": {"state": references.TEXT, "ms": NUMBER, "ready": TRUTH}, "logs": {}},
    later=frozenset({"restart"}),
)


def a_scope(**changes) -> references.Scope:
    params = {"service": "pos-order", "mode": "soft", "limit": 3, "restart": True, "wait": "90s"}
    health = references.StepResult(
        outcome=runs.StepState.FAILED, verdict="failed", saved={"state": "DOWN", "ms": 412.5, "ready": None}
    )
    return references.Scope(**{"params": params, "steps": {"health": health}} | changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params.restart", True),
        ("not params.restart", False),
        ("params.restart and steps.health.outcome != 'succeeded'", True),
        ("steps.health.outcome in ['failed', \"timed out\"]", True),
        ("steps.health.outcome not in ['failed']", False),
        ("steps.health.verdict == 'failed'", True),
        ("steps.health.saved.ms > 400 and steps.health.saved.ms <= 412.5", True),
        ("params.limit == 3.0", True),
        ("params.limit >= -1", True),
        ("false or (params.mode == 'hard' or params.limit < 4)", True),
        # “and” binds closer than “or”, “not” closer than both.
        ("true or true and false", True),
        ("not false and false", False),
        ("any_failed('health', 'logs')", True),
        ("any_failed('logs')", False),
        ("any_failed()", True),
        # A step that did not run has told nothing.
        ("steps.logs.outcome == null", True),
        ("steps.logs.saved.lines == null", True),
        ("steps.health.saved.ready", False),
        ("not steps.health.saved.ready", True),
        ("steps.health.saved.ready != true", True),
        # An order with a null is false either way.
        ("steps.logs.saved.lines < 1", False),
        ("steps.logs.saved.lines >= 1", False),
        ("null == null", True),
    ],
)
def test_expression_is_evaluated(text: str, expected: bool) -> None:
    assert expressions.parse(text).evaluate(a_scope()) is expected


def test_true_is_not_a_number() -> None:
    scope = a_scope(params={"limit": True})

    assert not expressions.parse("params.limit == 1").evaluate(scope)
    assert not expressions.parse("params.limit > 0").evaluate(scope)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("params.limit = 3", 14, "write =="),
        ("params.limit && true", 14, "write and"),
        ("params.restart || true", 16, "write or"),
        ("!params.restart", 1, "write not"),
        ("{{ params.limit }} == 3", 1, "have no braces"),
        ("params.mode == 'hard", 16, "not closed"),
        ("params.mode == hard", 16, "“hard” is not a name"),
        ("len(params.mode) > 3", 4, "only any_failed can be called"),
        ("any_failed(health)", 12, "not expected here"),
        ("1 < params.limit < 3", 18, "expected and, or"),
        ("params.limit ==", 16, "ends too early; expected a value or a name"),
        ("(params.restart", 16, "ends too early"),
        ("", 1, "ends too early"),
        ("params.limit + 1 == 4", 14, "not expected here"),
        ("params.__class__", 1, "“__class__” is not a name"),
        ("params.limit.real == 3", 1, "not a name"),
        ("steps.health.state == 'DOWN'", 1, "expected after steps.health: outcome, verdict or saved.NAME"),
        ("steps.my-step.outcome == 'failed'", 1, "“my-step” is not a name"),
        ("run.id == 'x'", 1, "run.id is not available"),
        ("params.limit in []", 18, "expected a value"),
        ("params.limit in [params.limit]", 18, "not expected here"),
        ("3x == 3", 1, "not expected here"),
        ("params.restart orparams.restart", 16, "not expected here"),
        ("not " * 25 + "true", 81, "nested deeper than 20"),
    ],
)
def test_syntax_error_has_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        expressions.parse(text)

    assert str(caught.value).startswith(f"column {column}: ")
    assert words in str(caught.value)


def test_parentheses_do_not_count_as_depth() -> None:
    assert expressions.parse("(" * 200 + "true" + ")" * 200).evaluate(a_scope())


def test_length_and_depth_are_limited() -> None:
    with pytest.raises(errors.BadConfiguration, match="at most 500"):
        expressions.parse("true or " * 80 + "true")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("params.servce == 'x'", "column 1: There is no parameter called “servce”. Did you mean “service”?"),
        (
            "steps.helth.outcome == 'failed'",
            "column 1: There is no earlier step called “helth”. Did you mean “health”?",
        ),
        (
            "steps.restart.outcome == 'failed'",
            "column 1: There is no earlier step called “restart”. Only earlier steps are known here.",
        ),
        ("any_failed('helth')", "column 1: There is no earlier step called “helth”. Did you mean “health”?"),
        ("steps.health.outcome == 'suceeded'", "column 25: it is never “suceeded”. Did you mean 'succeeded'?"),
        ("'running' == steps.health.outcome", "column 1: it is never “running”. Expected one of succeeded, "),
        ("steps.health.verdict in ['ok', 'bad']", "column 32: it is never “bad”. Expected one of ok, "),
        ("params.mode != 'sof'", "column 16: it is never “sof”. Did you mean 'soft'?"),
        ("params.limit == '3'", "column 17: a number never equals a text."),
        ("params.restart == 'true'", "column 19: true or false never equals a text."),
        ("params.service > 3", "column 1: > compares numbers, not a text."),
        ("steps.health.saved.ms < null", "column 1: < compares numbers, not null."),
        ("params.service", "column 1: expected something that is true or false, not a text."),
        ("params.restart and params.limit", "column 20: expected something that is true or false"),
        ("not params.mode", "column 5: expected something that is true or false, not a text."),
        ("params.wait == '90s'", "column 16: a duration never equals a text."),
        ("params.wait == params.wait", "column 1: durations cannot be compared."),
        ("steps.health.saved.sate == 'UP'", "Did you mean “state”?"),
    ],
)
def test_names_and_types_are_validated(text: str, problem: str) -> None:
    problems = expressions.parse(text).validate(KNOWN)

    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "params.wait == null",
        "steps.health.saved.ready == null or steps.health.saved.ready",
        "null != params.limit",
        "params.mode in ['soft', null]",
        "steps.health.saved.ms >= params.limit",
        "any_failed()",
    ],
)
def test_valid_expression_has_no_errors(text: str) -> None:
    assert expressions.parse(text).validate(KNOWN) == []


@pytest.mark.parametrize(
    ("text", "value", "steps"),
    [
        ("params.restart", True, ()),
        ("steps.health.outcome == 'failed'", None, ("health",)),
        ("params.restart or steps.health.outcome == 'failed'", True, ()),
        ("not params.restart and steps.health.saved.ms > 3", False, ()),
        ("steps.logs.saved.lines > 3 or any_failed('health')", None, ("logs", "health")),
        ("any_failed()", None, ()),
        # What is already known of a step counts.
        ("steps.gone.outcome == 'skipped'", True, ()),
        ("any_failed('gone')", False, ()),
        ("any_failed('gone', 'health')", None, ("health",)),
    ],
)
def test_forecast_knows_what_does_not_depend_on_steps(text: str, value: bool | None, steps: tuple[str, ...]) -> None:
    scope = a_scope(steps={"gone": references.StepResult(outcome=runs.StepState.SKIPPED)})

    assert expressions.parse(text).forecast(scope) == expressions.Forecast(value=value, steps=steps)


def test_expression_lists_its_references() -> None:
    expression = expressions.parse("params.restart and any_failed('logs') and steps.health.saved.ms > params.limit")

    assert [str(reference) for reference in expression.references] == [
        "params.restart",
        "steps.health.saved.ms",
        "params.limit",
    ]
    assert expression.steps == ("logs", "health")


_PIECES = r"""
params.limit params.mode steps.health.outcome steps.health.saved.ms steps.logs.verdict any_failed( any_failed()
and or not in ( ) [ ] , == != < >= = true null 'soft' "x' 3 -0.5 1e5 ä {{ $ params ..."""
_WORDS = st.sampled_from([*_PIECES.split(), "9" * 400, "\n", "\0"])


@hypothesis.given(st.one_of(st.lists(_WORDS, max_size=30).map(" ".join), st.text(max_size=600)))
def test_any_text_is_parsed_or_rejected_with_a_sentence(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(errors.BadConfiguration):
        expression = expressions.parse(text)
        assert expression.validate(KNOWN) is not None
        assert expression.evaluate(a_scope()) in {True, False}
        assert expression.forecast(a_scope()).value in {True, False, None}
    assert time.process_time() - began < 1.0


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))


@hypothesis.given(_SCALARS, _SCALARS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_values_of_any_type_are_compared_without_a_crash(left: object, right: object, sign: str) -> None:
    scope = a_scope(params={"left": left, "right": right})
    holds = expressions.parse(f"params.left {sign} params.right").evaluate(scope)
    contrary = {"==": "!=", "!=": "=="}.get(sign)

    if contrary:
        assert expressions.parse(f"params.left {contrary} params.right").evaluate(scope) is not holds
    elif left is None or right is None:
        assert not holds


@hypothesis.given(
    st.lists(st.sampled_from(["true", "false", "steps.logs.outcome == 'failed'"]), min_size=1, max_size=4)
)
def test_forecast_never_contradicts_the_run(members: list[str]) -> None:
    expression = expressions.parse(" and not ".join(members) + " or " + members[0])
    forecast = expression.forecast(a_scope(steps={}))
    for outcome in (runs.StepState.FAILED, runs.StepState.SUCCEEDED):
        value = expression.evaluate(a_scope(steps={"logs": references.StepResult(outcome=outcome)}))
        assert forecast.value in {None, value}
