"""
How far is a deployment, and is it well: sections 2.1 and 2.2 of the runbook.

`status` judges the rollout as `kubectl rollout status` does and says what keeps it. `verify` goes through everything
that is to be looked at after a deployment. `history` lists the revisions that one could go back to.
"""

import asyncio
import dataclasses
import datetime
import enum
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import pydantic

from bot import command, errors
from bot.config import catalog
from bot.health import status as health_status
from bot.kubernetes.rollouts import checks
from bot.kubernetes.rollouts import reports as rollout_reports
from bot.kubernetes.rollouts import status as rollouts_status
from bot.model import invocations, reports

if TYPE_CHECKING:
    from bot.kubernetes import workloads

POLL_SECONDS = 2.0
LONGEST_WAIT = datetime.timedelta(minutes=15)
"""Longer than the ten minutes after which Kubernetes itself calls a rollout stuck."""
_LAST_LOOK_SECONDS = 30.0
"""For the answers of cluster and service once the wait is over."""
_HEALTH_ENDING, _INFO_ENDING = "/health", "/info"


class Action(enum.StrEnum):
    """What is asked of a deployment."""

    STATUS = "status"
    VERIFY = "verify"
    HISTORY = "history"


def _known_action(value: object) -> object:
    if not isinstance(value, str) or value.lower() in list(Action):
        return value.lower() if isinstance(value, str) else value
    raise ValueError(f"{errors.NotFound('action', value, list(Action))} After deploy: {', '.join(Action)}.")


class Parameters(command.Parameters):
    """What is asked, of which service, where."""

    action: Annotated[
        Action,
        pydantic.BeforeValidator(_known_action),
        command.Option(positional=True, label="|".join(Action)),
        pydantic.Field(description="how far the rollout is, whether it is well, or which revisions there are"),
    ]
    service: Annotated[
        command.ServiceName,
        command.Option(positional=True, label="SERVICE"),
        pydantic.Field(description="a service by name or alias"),
    ]
    env: command.EnvironmentName
    wait: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(
            gt=datetime.timedelta(0),
            le=LONGEST_WAIT,
            description="look again until it is done or stuck, at most this long, such as 5m",
        ),
    ] = None

    @pydantic.model_validator(mode="after")
    def _has_something_to_wait_for(self) -> "Parameters":
        if self.action is Action.HISTORY and self.wait is not None:
            raise ValueError("--wait goes with status and verify; the history is there at once.")
        return self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one look found."""

    report: reports.Report
    ending: str = ""
    """Why no further look is needed, in one word; empty where another may tell more."""


Ask = Callable[[bool], Awaitable[_Look]]
"""Looks once; told whether it is the last time, when all is read."""


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give what is asked of the service's deployment."""
    rollout = _Rollout(parameters, tools)
    if parameters.action is Action.HISTORY:
        return await rollout.history()
    ask = rollout.status if parameters.action is Action.STATUS else rollout.verify
    if parameters.wait is None:
        return (await ask(True)).report
    return await _wait(ask, parameters.wait, tools.display)


async def _wait(ask: Ask, wait: datetime.timedelta, display: invocations.Display) -> reports.Report:
    """Look again and again, to the end of the rollout or of the time; an API server that is away for a while is not."""
    clock, seconds = asyncio.get_running_loop().time, wait.total_seconds()
    started = clock()
    while True:
        left = seconds - (clock() - started)
        try:
            look = await ask(left <= 0)
        except errors.Unavailable as error:
            if left <= 0:
                raise
            look = _Look(report=reports.Report(verdict=reports.Verdict.UNKNOWN, headline=str(error)))
        waited = clock() - started
        if look.ending:
            return _prefixed(look.report, f"{look.ending} after {waited:.0f} s. ")
        if left <= 0:
            return _prefixed(look.report, f"Not done after {waited:.0f} s. ")
        await display.progress(_prefixed(look.report, f"Waiting, {waited:.0f} of {seconds:.0f} s. "))
        await asyncio.sleep(min(POLL_SECONDS, left))


def _prefixed(report: reports.Report, prefix: str) -> reports.Report:
    return reports.changed(report, headline=prefix + report.headline)


class _Rollout:
    """The deployment of one service, looked at any number of times."""

    def __init__(self, parameters: Parameters, tools: command.Context) -> None:
        self._tools = tools
        self._service: catalog.Service = tools.catalog.find(parameters.service)
        self._environment = tools.environments.find(parameters.env or "")
        self._cluster: workloads.Workloads = tools.workloads(self._environment)
        self._place = f"{self._service.name} in {parameters.env}"
        self._words = f"{self._service.name} --env {parameters.env}"
        self._facts: dict[str, reports.Scalar] = {"service": self._service.name, "environment": parameters.env}

    async def status(self, is_last: bool) -> _Look:
        """Give how far the rollout is."""
        sight = await rollouts_status.fetch(self._cluster, self._service.deployment)
        progress = sight.progress
        if not progress.is_complete and (is_last or progress.is_over):
            sight = await rollouts_status.with_events(self._cluster, sight)
        return _Look(report=self._status(sight), ending=_ENDINGS.get(progress.stage, ""))

    async def verify(self, is_last: bool) -> _Look:
        """Give every point of the check; while the rollout is under way and time is left, only how far it is."""
        sight = await rollouts_status.fetch(self._cluster, self._service.deployment)
        if not is_last and not sight.progress.is_over:
            return _Look(report=self._status(sight))
        sight, reading, build = await asyncio.gather(
            rollouts_status.with_events(self._cluster, sight), self._read_health(), self._read_build()
        )
        checked = checks.run_checks(sight, reading, build, self._service.container, self._tools.now())
        report = self._verified(sight, checked, build)
        if sight.progress.is_complete and any(point.is_open for point in checked):
            return _Look(report=report)
        return _Look(report=report, ending=_ENDINGS.get(sight.progress.stage, ""))

    async def history(self) -> reports.Report:
        """Give the revisions that the cluster keeps."""
        sight = await rollouts_status.fetch(self._cluster, self._service.deployment, with_pods=False)
        notes = [
            f"Revision {one.revision} was {', '.join(map(str, one.former_revisions))} before: going back to a revision "
            "gives it a new number. Its age counts from when it was first made; when it was gone back to is not kept."
            for one in sight.revisions
            if one.former_revisions
        ]
        table = rollout_reports.history(sight, self._tools.now())
        return reports.Report(
            verdict=reports.Verdict.OK if sight.revisions else reports.Verdict.UNKNOWN,
            headline=self._past(sight),
            sections=(*((table,) if sight.revisions else ()), *(reports.Text(text=note) for note in notes)),
            facts={
                **self._facts,
                "revision": sight.newest.revision if sight.newest is not None else None,
                "revisions": len(sight.revisions),
            },
            next_actions=self._next(("Status", "deploy status"), ("Verify", "deploy verify")),
            runbook=self._tools.runbook.point_to("build-artifacts"),
            is_information=bool(sight.revisions),
        )

    def _past(self, sight: rollouts_status.RolloutSnapshot) -> str:
        if sight.newest is None:
            return f"{self._place}: the cluster keeps no revision of it yet."
        kept = f"the only revision is {sight.newest.revision}"
        if len(sight.revisions) > 1:
            kept = f"revision {sight.newest.revision} is current, {len(sight.revisions) - 1} earlier kept"
        return f"{self._place}: {kept}."

    async def _read_health(self) -> health_status.ServiceHealth:
        url = self._environment.health_url_of(self._service)
        if url is None:
            return health_status.unchecked(
                self._service.name, health_status.Finding.NO_ENDPOINT, "no port in the catalogue"
            )
        return await self._tools.actuator.read(self._service.name, url, with_groups=True)

    async def _read_build(self) -> health_status.Build:
        url = self._environment.health_url_of(self._service) or ""
        if not url.endswith(_HEALTH_ENDING):
            return health_status.Build(unavailable_reason="there is no info endpoint to ask")
        return await self._tools.actuator.build(url.removesuffix(_HEALTH_ENDING) + _INFO_ENDING)

    def _status(self, sight: rollouts_status.RolloutSnapshot) -> reports.Report:
        progress, deployment = sight.progress, sight.deployment
        keeping = [] if progress.is_complete else rollout_reports.reasons(sight)
        return reports.Report(
            verdict=progress.verdict,
            headline=self._progress(sight),
            sections=(rollout_reports.running(sight, self._tools.now()), *keeping, *_wanted_image(sight)),
            facts={
                **self._facts,
                "stage": progress.stage.value,
                "revision": deployment.revision,
                "wanted": deployment.desired,
                "updated": deployment.updated,
                "available": deployment.available,
                "total": deployment.total,
                "trouble": rollout_reports.failure_sections(sight),
            },
            next_actions=self._after_status(progress),
            runbook=self._tools.runbook.point_to(
                "build-artifacts", *(["start-failures"] if progress.stage is rollouts_status.Stage.STUCK else [])
            ),
        )

    def _progress(self, sight: rollouts_status.RolloutSnapshot) -> str:
        progress, revision = sight.progress, f"revision {sight.deployment.revision}"
        why = f": {found}" if (found := rollout_reports.failure_sections(sight)) else ""
        match progress.stage:
            case rollouts_status.Stage.COMPLETE:
                tag = rollout_reports.tag_of(sight.image_of(self._service.container))
                named = f"{revision}, {tag}" if tag else revision
                return f"{self._place}: rolled out, {named}; {progress.words.removeprefix('complete, ')}."
            case rollouts_status.Stage.STUCK:
                return f"{self._place}: the rollout of {revision} is stuck{why}; {progress.words}."
            case rollouts_status.Stage.UNOBSERVED:
                return f"{self._place}: {progress.words}."
            case rollouts_status.Stage.PAUSED:
                return f"{self._place}: the rollout is paused; {progress.words}{why}."
        return f"{self._place}: {revision} is being rolled out; {progress.words}{why}."

    def _verified(
        self, sight: rollouts_status.RolloutSnapshot, checked: tuple[checks.Check, ...], build: health_status.Build
    ) -> reports.Report:
        verdict, point = checks.verdict_of(checked), checks.worst(checked)
        rows = tuple(reports.Row(cells=(one.name, one.words), verdict=one.verdict) for one in checked)
        is_healthy = not any(one.name in _ASKED and one.verdict is reports.Verdict.FAILED for one in checked)
        return reports.Report(
            verdict=verdict,
            headline=self._judgement(sight, point, build),
            sections=(
                reports.Table(columns=("check", "finding"), rows=rows),
                *(
                    []
                    if sight.progress.is_complete and verdict is reports.Verdict.OK
                    else rollout_reports.reasons(sight)
                ),
                reports.Text(text="Health was asked once, so one replica has answered."),
            ),
            facts={
                **self._facts,
                "stage": sight.progress.stage.value,
                "revision": sight.deployment.revision,
                "version": build.version or None,
                "commit": build.commit or None,
                **{one.name: one.verdict.value for one in checked},
            },
            next_actions=self._after_verify(point),
            runbook=self._tools.runbook.point_to(
                "health-checks",
                *([] if is_healthy else ["health-failing"]),
                *(["start-failures"] if verdict is reports.Verdict.FAILED and is_healthy else []),
            ),
        )

    def _judgement(
        self, sight: rollouts_status.RolloutSnapshot, point: checks.Check, build: health_status.Build
    ) -> str:
        name = build.name or rollout_reports.tag_of(sight.image_of(self._service.container))
        identity = f"revision {sight.deployment.revision}{f', {name}' if name else ''}"
        finding = f"{point.name}: {point.words}"
        if not sight.progress.is_complete:
            return f"{self._place}: not deployed yet, {identity}; {finding}."
        match point.verdict:
            case reports.Verdict.OK:
                return f"{self._place}: deployed and healthy; {identity}."
            case reports.Verdict.WARNING:
                return f"{self._place}: deployed, {identity}, with a warning; {finding}."
            case reports.Verdict.UNKNOWN:
                return f"{self._place}: deployed, {identity}, but not all could be told; {finding}."
        return f"{self._place}: deployed, {identity}, but not well; {finding}."

    def _after_status(self, progress: rollouts_status.Progress) -> tuple[reports.NextAction, ...]:
        if progress.is_complete:
            return self._next(("Verify", "deploy verify"), ("History", "deploy history"), ("Pods", "pods"))
        if progress.stage is rollouts_status.Stage.STUCK:
            return self._next(*_CAUSES, ("Pods", "pods"), ("History", "deploy history"))
        wait = reports.NextAction(label="Wait 5 min", command=f"deploy status {self._words} --wait 5m", is_primary=True)
        return (wait, *self._next(("Pods", "pods"), ("Events", "events"), ("Run again", "deploy status")))

    def _after_verify(self, point: checks.Check) -> tuple[reports.NextAction, ...]:
        again = ("Run again", "deploy verify")
        if point.verdict is reports.Verdict.OK:
            return self._next(again, ("History", "deploy history"))
        if point.name in _ASKED:
            return self._next(("Health", "health"), ("Logs", "logs"), again)
        if point.verdict is reports.Verdict.FAILED:
            return self._next(*_CAUSES, ("Pods", "pods"), again)
        return self._next(("Events", "events"), ("Pods", "pods"), again)

    def _next(self, *lines: tuple[str, str]) -> tuple[reports.NextAction, ...]:
        """Give actions on the same service; those whose command there is."""
        known = [(label, words) for label, words in lines if words.split()[0] in self._tools.commands]
        return tuple(reports.NextAction(label=label, command=f"{words} {self._words}") for label, words in known)


_ENDINGS = {rollouts_status.Stage.COMPLETE: "Done", rollouts_status.Stage.STUCK: "Stuck"}
_ASKED = ("health", "readiness", "liveness")
_CAUSES = (("Why it does not start", "startup"), ("Logs", "logs"))


def _wanted_image(sight: rollouts_status.RolloutSnapshot) -> list[reports.Section]:
    """Give the image that is wanted where no revision has been made for it."""
    is_made = sight.newest is not None and sight.newest.images == sight.deployment.images
    return [] if is_made else [reports.Fields(pairs=(("wanted image", ", ".join(sight.deployment.images)),))]


def _deadline(parameters: Parameters) -> float:
    return (parameters.wait.total_seconds() if parameters.wait else 0.0) + _LAST_LOOK_SECONDS


COMMAND = command.Command(
    name="deploy",
    summary="show how far a rollout is, verify it, list its revisions",
    parameters=Parameters,
    run=run,
    examples=(
        "deploy status pos-order",
        "deploy verify order --wait 5m",
        "deploy history pos-order --env prod",
    ),
    sections=("build-artifacts", "health-checks", "start-failures", "health-failing"),
    deadline=_deadline,
    facts=command.facts(
        texts=(
            "service",
            "environment",
            "stage",
            "trouble",
            "version",
            "commit",
            "rollout",
            "pods",
            "health",
            "readiness",
            "liveness",
            "build",
            "restarts",
            "events",
        ),
        numbers=("revision", "revisions", "wanted", "updated", "available", "total"),
    ),
)
