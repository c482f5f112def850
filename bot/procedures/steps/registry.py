"""
The kinds of step, and the one that uses a command.

    kind      uses       content      starts with              ends with
    command   a command  (its own)    the command, or a        the command's report
                                      question before it
    confirm   confirm    Confirm      a question               yes: succeeded; no or no answer: cancelled
    manual    manual     Manual       a question               the first answer: succeeded; any other: failed
    link      link       Link         nothing                  succeeded at once

A new kind is one class and one call of `register`. The loader asks it to `validate` a step and for the `facts` that
`save` may name; a dry run asks for its `answerer`; a run asks it to `render` and `start` the step and to `judge` the
answer. Nothing else knows a kind by its name.
"""

from collections.abc import Iterator, Mapping

from bot import command as bot_command
from bot import errors
from bot.procedures import runs, schema
from bot.procedures.definition import references, templates, validation_context
from bot.procedures.steps import built_in, kind


class CommandStep(kind.StepKind):
    """Runs a command, after a confirmation if the step has one."""

    def validate(
        self, step: schema.Step, location: schema.Location, context: validation_context.ValidationContext
    ) -> Iterator[errors.ValidationError]:
        """Yield what is wrong with the command, its parameters and the confirmation."""
        usable = {name: one for name, one in context.commands.items() if one.is_step and not one.is_terminal_only}
        command = usable.get(context.resolve(step.uses))
        if command is None:
            if context.resolve(step.uses) in context.commands:
                message = f"“{step.uses}” cannot be a step; expected one of {', '.join(usable)}"
            else:
                message = str(errors.NotFound("command", step.uses, [*usable, *names()]))
            yield errors.ValidationError(message, *location, "uses")
            return
        if step.effect is bot_command.Effect.READ and command.effect is bot_command.Effect.CHANGE:
            message = f"{step.uses} changes something; expected change, or no effect"
            yield errors.ValidationError(message, *location, "effect")
        fields = command.parameters.model_fields
        for key in step.with_:
            if key not in fields:
                unknown = errors.NotFound(f"parameter of {step.uses}", key, fields)
                message = f"{unknown} Expected some of {', '.join(fields)}"
                yield errors.ValidationError(message, *location, "with", key)
        known = {key: value for key, value in step.with_.items() if key in fields}
        yield from kind.check_values(command.parameters, known, (*location, "with"), context.vocabulary)
        yield from kind.check_timeout(step.timeout, *location, "timeout")
        if step.confirm is not None:
            yield from kind.check_timeout(step.confirm.timeout, *location, "confirm", "timeout")
            yield from kind.check_answerer(step.confirm.by, context, *location, "confirm", "by")

    def facts(
        self, step: schema.Step, context: validation_context.ValidationContext
    ) -> Mapping[str, references.Type] | None:
        """Return the facts of the command's reports."""
        command = context.commands.get(context.resolve(step.uses))
        if command is None:
            return None
        return {name: references.Type(value_type=value_type) for name, value_type in command.facts.items()}

    def answerer(self, step: schema.Step) -> str | None:
        """Return who has to confirm the command."""
        return step.confirm.by if step.confirm is not None else None

    def options(self, step: schema.Step) -> tuple[str, ...]:
        """Return yes and no if the command has to be confirmed."""
        return (runs.YES, runs.NO) if step.confirm is not None else ()

    def render(self, step: schema.Step, scope: references.Scope, validate: kind.ValidateParameters) -> kind.Action:
        """Return the command with its parameters, and the confirmation."""
        values = {name: templates.render(value, scope) for name, value in step.with_.items()}
        confirmation = str(templates.render(step.confirm.text, scope)) if step.confirm is not None else ""
        command, parameters = validate(step.uses, values)
        line = bot_command.command_line(command.name, parameters)
        consequence = f"This changes something. Command: {line}" if not step.may_be_repeated else ""
        if step.confirm is not None and step.confirm.consequence is not None:
            consequence = str(templates.render(step.confirm.consequence, scope))
        return kind.Action(
            text=line,
            digest=kind.digest_of(step.id, command.name, parameters.model_dump(mode="json"), confirmation),
            command=command,
            parameters=parameters,
            confirmation=confirmation,
            consequence=consequence,
        )

    def start(
        self, step: schema.Step, action: kind.Action, record: runs.StepRecord
    ) -> kind.Signal | kind.QuestionDraft | kind.Outcome:
        """Run the command once exactly this action is confirmed."""
        if step.confirm is None or record.confirmed == action.digest:
            return kind.Signal.RUN_COMMAND
        return kind.QuestionDraft(
            kind=runs.QuestionKind.CONFIRM,
            text=f"{action.confirmation}\nCommand: {action.text}",
            options=(runs.YES, runs.NO),
            by=step.confirm.by,
            timeout=step.confirm.timeout,
            action=action.digest,
            labels=kind.confirm_labels(step.confirm),
            consequences={runs.YES: action.consequence} if action.consequence else {},
        )


_COMMAND = CommandStep()
_KINDS: dict[str, kind.StepKind] = {}


def register(name: str, step_kind: kind.StepKind) -> None:
    """Make steps with `uses: NAME` steps of this kind."""
    _KINDS[name] = step_kind


def unregister(name: str) -> None:
    """Make *name* the name of a command again."""
    del _KINDS[name]


def find(step: schema.Step) -> kind.StepKind:
    """Return the kind of *step*."""
    return _KINDS.get(step.uses, _COMMAND)


def is_command(step: schema.Step) -> bool:
    """Return whether *step* uses a command."""
    return step.uses not in _KINDS


def names() -> list[str]:
    """Return what `uses` may name beside commands."""
    return sorted(_KINDS)


register("confirm", built_in.ConfirmStep())
register("manual", built_in.ManualStep())
register("link", built_in.LinkStep())
