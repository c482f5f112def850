"""Show rollout status and history, verify a deployment: runbook sections 2.1 and 2.2."""

import datetime
import enum
from typing import Annotated

import pydantic

from bot import command, errors
from bot.kubernetes import subject
from bot.model import reports
from bot.rollouts import reports as rollout_reports

MAX_WAIT = datetime.timedelta(minutes=15)
"""Beyond Kubernetes' own progress deadline of ten minutes."""
_LAST_POLL_SECONDS = 30.0
_CHANGES = frozenset({"undo", "rollback", "restart", "pause", "resume"})
"""What kubectl does to a rollout, and posbot does not."""


class Action(enum.StrEnum):
    """What is shown of a rollout."""

    STATUS = "status"
    VERIFY = "verify"
    HISTORY = "history"


def _validate_action(value: object) -> object:
    if not isinstance(value, str) or value.lower() in list(Action):
        return value.lower() if isinstance(value, str) else value
    changes = " posbot changes nothing in a cluster." if value.lower() in _CHANGES else ""
    raise ValueError(
        f"{errors.NotFound('action', value, list(Action))}{changes} Actions of rollout: {', '.join(Action)}."
    )


class _ActionParameters(command.Parameters):
    """A base of its own, so that the action stands before the service on the command line."""

    action: Annotated[
        Action,
        pydantic.BeforeValidator(_validate_action),
        command.Option(positional=True, label="|".join(Action)),
        pydantic.Field(description="status of the rollout, verification of the deployment, or its revisions"),
    ]


class Parameters(command.ServiceParameters, _ActionParameters):
    """Action, service and environment."""

    wait: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(
            gt=datetime.timedelta(0), le=MAX_WAIT, description="wait until it is complete or stuck, at most this long"
        ),
    ] = None

    @pydantic.model_validator(mode="after")
    def _check_combination(self) -> "Parameters":
        if self.action is Action.HISTORY and self.wait is not None:
            raise ValueError("--wait cannot be combined with history.")
        return self


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return status, verification or history of the service's rollout."""
    environment, service = context.environments.find(parameters.env or ""), context.catalog.find(parameters.service)
    reporter = rollout_reports.RolloutReporter(
        subject=subject.Subject(
            service=service, environment=parameters.env or "", workloads=context.workloads(environment)
        ),
        environment=environment,
        actuator=context.actuator,
        runbook=context.runbook,
        now=context.now,
    )
    if parameters.action is Action.HISTORY:
        return await reporter.history()
    poll_once = reporter.status if parameters.action is Action.STATUS else reporter.verify
    if parameters.wait is None:
        return (await poll_once(True)).report
    return await rollout_reports.wait(poll_once, parameters.wait, context.display)


def _deadline(parameters: Parameters) -> float:
    return (parameters.wait.total_seconds() if parameters.wait else 0.0) + _LAST_POLL_SECONDS


_CHECKS = ("rollout", "pods", "health", "readiness", "liveness", "build", "restarts", "events")
COMMAND = command.Command(
    name="rollout",
    hidden_aliases=("deploy",),
    summary="show rollout status and history, verify a deployment",
    parameters=Parameters,
    run=run,
    examples=(
        "rollout status {service}",
        "rollout verify {service} --wait 5m",
        "rollout history {service} --env {environment}",
    ),
    sections=("build-artifacts", "health-checks", "start-failures", "health-failing"),
    deadline=_deadline,
    facts=command.facts(
        texts=("service", "environment", "stage", "reason", "version", "commit", *_CHECKS),
        numbers=("revision", "revisions", "rollback_revision", "desired", "updated", "available", "total"),
    ),
)
