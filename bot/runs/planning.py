"""What a run would do, as far as that is known before it: its steps rendered as they would be, and nothing done."""

from bot import errors
from bot.model import procedures, runs
from bot.procedures import expressions, scopes, templates
from bot.runs import acting


def plan(order: runs.Order, validate: acting.Validate) -> tuple[runs.Planned, ...]:
    """Give every step of *order* in its order."""
    scope = scopes.Scope(params=order.params, requester=order.invocation.actor.name, is_forecast=True)
    return tuple(_planned(order.procedure, step, scope, validate) for step in order.procedure.all_steps())


def _planned(
    procedure: procedures.Procedure, step: procedures.Step, scope: scopes.Scope, validate: acting.Validate
) -> runs.Planned:
    forecast = expressions.parse(step.when).forecast(scope) if step.when is not None else None
    try:
        action = acting.render(step, scope, validate).text
    except errors.UsageError:
        # A value that only the run will tell fits nothing yet.
        action = _unchecked(step, scope)
    return runs.Planned(
        step=step.id,
        title=step.title,
        uses=step.uses,
        action=action,
        when=step.when,
        is_wanted=forecast.value if forecast is not None else True,
        depends_on=forecast.steps if forecast is not None else (),
        jumped_by=_jumped_by(procedure, step),
        asks=_asks(step),
        is_change=step.effect is procedures.Effect.CHANGE,
        is_end=procedure.is_end(step.id),
    )


def _jumped_by(procedure: procedures.Procedure, step: procedures.Step) -> tuple[str, ...]:
    """Give the steps before *step* whose failure leads past it."""
    ids = [one.id for one in procedure.steps]
    if step.id not in ids:
        return ()
    own = ids.index(step.id)
    return tuple(
        one.id
        for one in procedure.steps[:own]
        if isinstance(one.on_failure, procedures.Goto) and ids.index(one.on_failure.goto) > own
    )


def _unchecked(step: procedures.Step, scope: scopes.Scope) -> str:
    values = {name: templates.render(value, scope) for name, value in step.with_.items()}
    return " ".join([step.uses, *(f"--{name.replace('_', '-')} {value}" for name, value in values.items())])


def _asks(step: procedures.Step) -> str | None:
    """Give who has to answer at *step*, as a question says it; None where nobody is asked."""
    if step.confirm is not None:
        return step.confirm.by
    if step.uses == procedures.CONFIRM:
        return str(step.with_.get("by", procedures.Confirm.model_fields["by"].default))
    if step.uses == procedures.MANUAL:
        return str(step.with_.get("by", procedures.Manual.model_fields["by"].default))
    return None
