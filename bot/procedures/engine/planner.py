"""A dry run: the steps rendered as they would run, as far as that is known, and nothing done."""

from bot import command, errors
from bot.procedures import runs, schema
from bot.procedures.definition import expressions, references, templates
from bot.procedures.steps import kind, registry


def plan(order: runs.RunRequest, validate: kind.ValidateParameters) -> tuple[runs.PlannedStep, ...]:
    """Return every step of *order* in order."""
    titles = {one.id: one.title for one in order.procedure.all_steps()}
    requester = order.invocation.actor.name
    scope = references.Scope(params=order.params, requester=requester, is_forecast=True, titles=titles)
    return tuple(_plan_step(order.procedure, step, scope, validate) for step in order.procedure.all_steps())


def _plan_step(
    procedure: schema.Procedure, step: schema.Step, scope: references.Scope, validate: kind.ValidateParameters
) -> runs.PlannedStep:
    forecast = expressions.parse(step.when).forecast(scope) if step.when is not None else None
    try:
        action = registry.find(step).render(step, scope, validate).text
    except errors.UsageError:
        # What stands for a value that only the run knows is not a valid value.
        values = {name: templates.render(value, scope) for name, value in step.with_.items()}
        action = " ".join([step.uses, *(f"--{name.replace('_', '-')} {value}" for name, value in values.items())])
    return runs.PlannedStep(
        step=step.id,
        title=step.title,
        uses=step.uses,
        action=action,
        when=step.when,
        is_condition_met=forecast.value if forecast is not None else True,
        depends_on=tuple(scope.titles[one] for one in forecast.steps) if forecast is not None else (),
        skipped_after=tuple(_steps_that_skip(procedure, step)),
        asks=registry.find(step).answerer(step),
        is_change=step.effect is command.Effect.CHANGE,
        is_end=procedure.is_end(step.id),
    )


def _steps_that_skip(procedure: schema.Procedure, step: schema.Step) -> list[str]:
    """Return the titles of the steps before *step* whose failure continues after it."""
    ids = [one.id for one in procedure.steps]
    own = ids.index(step.id) if step.id in ids else 0
    return [
        one.title
        for one in procedure.steps[:own]
        if isinstance(one.on_failure, schema.Goto) and ids.index(one.on_failure.goto) > own
    ]
