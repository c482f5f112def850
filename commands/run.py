"""
Run a procedure; show, watch, answer, cancel or retry its runs.

`run PROCEDURE …` is the procedure's own command, and `run list` has a file of its own.
"""

import dataclasses
from typing import Annotated, Self

import pydantic

from bot import command, errors
from bot.model import invocations, reports, times
from bot.procedures import commands as procedure_commands
from bot.procedures import headlines, runs, schema, step_results, validation
from bot.procedures import reports as run_reports

_ACTIONS = tuple(action for action in validation.ACTIONS if action != "list")
_ALIASES = {"follow": "watch"}


class Parameters(command.Parameters):
    """What to do with which run."""

    action: Annotated[
        str,
        command.Option(positional=True, label="|".join(_ACTIONS)),
        pydantic.Field(description="or the name of a procedure, with its parameters, to start a run"),
    ]
    id: Annotated[
        str,
        command.Option(positional=True, label="ID"),
        pydantic.Field(pattern=r"^r\d{4}-[0-9a-f]{8}$", description="the id of a run, such as r1124-0a1b2c3d"),
    ]
    arguments: Annotated[
        tuple[str, ...],
        command.Option(positional=True, label="ANSWER|STEP"),
        pydantic.Field(
            description="of answer: the answer; of log: the number of a step, to show its report",
            max_length=20,
        ),
    ] = ()
    question: Annotated[
        str | None,
        command.Option(label="QUESTION"),
        pydantic.Field(pattern=r"^[0-9a-f]{10}$", description="the id of the question, if not the open one"),
    ] = None
    note: Annotated[
        str,
        command.Option(label="NOTE"),
        pydantic.Field(max_length=invocations.MAX_NOTE_LENGTH, description="a note that is kept with the answer"),
    ] = ""
    yes: Annotated[
        bool, pydantic.Field(description="of answer and cancel: do not ask for a confirmation of what is changed")
    ] = False
    attempt: Annotated[
        int | None,
        command.Option(label="N"),
        pydantic.Field(ge=1, description="of log: the attempt of a run that was retried, if not all"),
    ] = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _action_exists(cls, given: dict[str, object], info: pydantic.ValidationInfo) -> dict[str, object]:
        """Raise only this for an unknown procedure: its parameters are not the id of a run."""
        action = str(given.get("action") or "").lower()
        action = _ALIASES.get(action, action)
        vocabulary = info.context if isinstance(info.context, command.Vocabulary) else None
        aliases = vocabulary.aliases if vocabulary is not None else {}
        if not action:
            known = sorted({name for name in aliases.values() if f"run {name}" in aliases})
            procedures = f" ({', '.join(known)})" if known else ""
            raise ValueError(f"Name a procedure{procedures}, or {', '.join(_ACTIONS)} with the id of a run.")
        if action in _ACTIONS and not given.get("id"):
            raise ValueError(f"run {action} requires the id of a run; run list shows them.")
        if action in _ACTIONS:
            return given | {"action": action}
        if vocabulary is not None and action in vocabulary.invalid_procedures:
            raise ValueError(f"The procedure {action} is disabled: {vocabulary.invalid_procedures[action]}")
        known = [*_ACTIONS, *(name.removeprefix("run ") for name in aliases if name.startswith("run "))]
        raise ValueError(f"{errors.NotFound('procedure', action, known)} help lists them.")

    @pydantic.model_validator(mode="after")
    def _options_fit_the_action(self) -> Self:
        if self.arguments and self.action not in {"answer", "log"}:
            raise ValueError(f"Unexpected argument: {errors.shorten(' '.join(self.arguments), 60)}.")
        if self.question is not None and self.action != "answer":
            raise ValueError(f"run {self.action} takes no --question.")
        if self.note and self.action != "answer":
            raise ValueError(f"run {self.action} takes no --note.")
        if self.attempt is not None and self.action != "log":
            raise ValueError(f"run {self.action} takes no --attempt.")
        if self.yes and self.action not in {"answer", "cancel"}:
            raise ValueError(f"run {self.action} takes no --yes.")
        return self


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the state of the run after the action."""
    found = await context.runs.find_visible(parameters.id, by=context.invocation)
    match parameters.action:
        case "log" if parameters.arguments:
            chosen = found.at_attempt(parameters.attempt or found.attempt)
            step = _find_step(found.procedure, " ".join(parameters.arguments))
            invocation = chosen.find(step.id).invocation
            report = await context.audit.find_report(invocation) if invocation else None
            return step_results.step_result(chosen, step, report)
        case "log":
            answers = await context.runs.answers(found)
            return step_results.step_results(found, answers, context.now(), attempt=parameters.attempt)
        case "answer":
            return await _answer(found, parameters, context)
        case "cancel" if not found.state.is_final:
            return await _cancel(found, parameters, context)
        case "cancel":
            return run_reports.confirmation(found, headlines.headline(found))
        case "retry":
            retried = await context.runs.retry(found.id, by=context.invocation)
            return await procedure_commands.follow_or_confirm(retried, "retrying from the failed step", context)
        case "watch" if context.invocation.source is invocations.Source.TERMINAL:
            return await procedure_commands.attach(found, context)
    return run_reports.summary(found, context.runbook, context.now())


def _find_step(procedure: schema.Procedure, name: str) -> schema.Step:
    """Return the step with the number, id or title *name*; raise errors.NotFound, which lists numbers and titles."""
    steps = procedure.all_steps()
    numbered = enumerate(steps, 1)
    found = next((step for at, step in numbered if name.lower() in {str(at), step.id, step.title.lower()}), None)
    if found is None:
        listed = ", ".join(f"{at} {step.title}" for at, step in enumerate(steps, 1))
        hint = f"Type the number of a step: {listed}."
        raise errors.NotFound("step", name, [step.title.lower() for step in steps], hint=hint)
    return found


async def _cancel(run: runs.Run, parameters: Parameters, context: command.Context) -> reports.Report:
    if (refusal := await _ask_for_confirmation(run, run_reports.cancellation(run), parameters, context)) is not None:
        return refusal
    cancelled = await context.runs.cancel(run.id, by=context.invocation)
    report = await procedure_commands.follow_or_confirm(cancelled, "cancellation requested", context)
    # For the run it is a failure; here it is what was asked for.
    is_cancelled = report.facts.get("state") == runs.RunState.CANCELLED
    return dataclasses.replace(report, verdict=reports.Verdict.OK) if is_cancelled else report


async def _ask_for_confirmation(
    run: runs.Run, action: reports.NextAction, parameters: Parameters, context: command.Context
) -> reports.Report | None:
    """
    Return None once what *action* ends or changes is confirmed, else the report instead of doing it.

    A button has asked already: Slack shows the consequence before it sends the click.
    """
    source = context.invocation.source
    if not action.consequence or parameters.yes or source is invocations.Source.BUTTON:
        return None
    if source is not invocations.Source.TERMINAL:
        return run_reports.unconfirmed(run, action)
    done = "cancelled" if parameters.action == "cancel" else "answered"
    prompt = invocations.Prompt(
        text=f"{action.label}?\n{action.consequence}",
        options=(runs.YES, runs.NO),
        labels={runs.YES: action.label, runs.NO: f"nothing is {done}"},
        without_answer=f"nothing is {done}",
    )
    choice = await context.display.ask(prompt)
    if choice is None or choice.answer != runs.YES:
        raise errors.UsageError(
            f"Not confirmed; nothing was {done}.",
            hint="Add --yes to confirm it without a question.",
            commands=(f"{action.command} --yes",),
        )
    return None


async def _answer(run: runs.Run, parameters: Parameters, context: command.Context) -> reports.Report:
    typed = " ".join(parameters.arguments).strip().lower()
    options = run.question.options if run.question is not None else ()
    if not typed:
        is_open = run.question is not None and run.question.answer is None
        hint = f"Expected {' or '.join(options)}." if is_open else "The run asks nothing now."
        raise errors.UsageError("The answer is missing.", hint=hint, commands=(f"run show {run.id}",))
    answer = next((option for option in options if option.lower() == typed), typed)
    asked = run.question
    if asked is not None and answer in options and parameters.question in {None, asked.id} and asked.answer is None:
        action = run_reports.answer(run, asked, answer)
        if parameters.note:
            action = dataclasses.replace(action, command=f"{action.command} {command.option('note', parameters.note)}")
        if (refusal := await _ask_for_confirmation(run, action, parameters, context)) is not None:
            return refusal
    question = await context.runs.answer(
        run, answer, by=context.invocation, comment=parameters.note, question_id=parameters.question
    )
    _refuse_if_over(run, question, context)
    title = run.procedure.find(question.step).title
    if not _is_by(question, context.invocation.actor) or question.answer != answer:
        answered_at = question.answered_at
        at = f" at {times.clock(answered_at, context.now())} UTC" if answered_at is not None else ""
        text = f"“{title}” was already answered “{question.answer}” by {question.answered_by}{at}"
        report = run_reports.confirmation(run, text)
        is_other = question.answer != answer
        return dataclasses.replace(report, verdict=reports.Verdict.WARNING) if is_other else report
    return await procedure_commands.follow_or_confirm(run, f"answered “{question.answer}” to “{title}”", context)


def _refuse_if_over(run: runs.Run, question: runs.Question, context: command.Context) -> None:
    """Raise errors.Refused for a question that no answer closed: the run was cancelled, or it expired."""
    at = f" at {times.clock(question.answered_at, context.now())} UTC" if question.answered_at is not None else ""
    if question.answer == runs.CANCELLED:
        what = f"The run was cancelled by {question.answered_by}{at}"
    elif question.answer == runs.TIMEOUT:
        what = f"The question expired{at}"
    else:
        return
    raise errors.Refused(f"{what}; the answer was not recorded.", commands=(f"run show {run.id}",))


def _is_by(question: runs.Question, actor: invocations.Actor) -> bool:
    """Return whether *actor* gave the answer; of one that was recorded without an id only the name is known."""
    return question.answered_by_id == actor.id or (not question.answered_by_id and question.answered_by == actor.name)


def _reply_to(parameters: Parameters) -> invocations.Reply:
    is_change = parameters.action in {"answer", "cancel", "retry"}
    return invocations.Reply.ACKNOWLEDGEMENT if is_change else invocations.Reply.PRIVATE


COMMAND = command.Command(
    name="run",
    summary="run a procedure; show, watch, answer, cancel or retry a run",
    parameters=Parameters,
    run=run,
    examples=(
        "run show r1124-0a1b2c3d",
        'run answer r1124-0a1b2c3d yes --note "reviewed by bob"',
        "run log r1124-0a1b2c3d health",
        "run cancel r1124-0a1b2c3d",
        "run retry r1124-0a1b2c3d",
    ),
    sections=("how-to-use",),
    deadline=lambda _: None,
    reply=_reply_to,
    is_step=False,
    needs_procedures=True,
)
