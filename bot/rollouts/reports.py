"""Reports of `rollout`: status, verify, history, and waiting for the first two."""

import asyncio
import dataclasses
import datetime
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot import errors
from bot.config import environments as config_environments
from bot.health import status as health
from bot.kubernetes import subject as report_subject
from bot.model import invocations, reports
from bot.rollouts import blocking_events, checks, sections
from bot.rollouts import status as rollout_status
from bot.runbook import sections as runbook_sections

if TYPE_CHECKING:
    from bot.health import actuator as health_actuator

POLL_SECONDS = 2.0
_HEALTH_PATH, _INFO_PATH = "/health", "/info"
_MAX_MINUTES = 120
"""Longer durations are shown in hours."""
_DIAGNOSE = (("Diagnose", "diagnose"), ("Logs", "logs"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Result of one poll."""

    report: reports.Report
    is_final: bool
    """Whether waiting longer is pointless."""


PollOnce = Callable[[bool], Awaitable[Poll]]
"""Polls once; the argument says whether it is the last poll, which reads everything."""


async def wait(poll_once: PollOnce, limit: datetime.timedelta, display: invocations.Display) -> reports.Report:
    """
    Poll until the result is final or *limit* has passed; an unavailable API server is retried until then.

    Raises:
        errors.BotError
    """
    clock, seconds = asyncio.get_running_loop().time, limit.total_seconds()
    started = clock()
    while True:
        left = seconds - (clock() - started)
        try:
            poll = await poll_once(left <= 0)
        except errors.Unavailable as error:
            if left <= 0:
                raise
            report = reports.Report(verdict=reports.Verdict.UNKNOWN, headline=str(error))
            poll = Poll(report=report, is_final=False)
        if poll.is_final:
            return poll.report
        if left <= 0:
            return _with_suffix(poll.report, f"timed out after {seconds:.0f} s")
        waited = int(clock() - started)
        await display.progress(_with_suffix(poll.report, f"waiting, {waited} of {seconds:.0f} s"))
        await asyncio.sleep(min(POLL_SECONDS, left))


def _with_suffix(report: reports.Report, suffix: str) -> reports.Report:
    return reports.changed(report, headline=f"{report.headline} · {suffix}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RolloutReporter:
    """Reports on the rollout of one service."""

    subject: report_subject.Subject
    environment: config_environments.Environment
    actuator: "health_actuator.Actuator"
    runbook: runbook_sections.Runbook
    now: Callable[[], datetime.datetime]

    async def status(self, is_last: bool) -> Poll:
        """Return the status; warnings are read only if the rollout is stuck or this is the last poll."""
        snapshot = await rollout_status.fetch(self.subject)
        progress = snapshot.progress
        if not progress.is_complete and (is_last or progress.is_final):
            snapshot = await blocking_events.add_warnings(self.subject.workloads, snapshot)
        return Poll(report=self._status_report(snapshot), is_final=progress.is_final)

    async def verify(self, is_last: bool) -> Poll:
        """Return all checks; only the status while the rollout is in progress and time is left."""
        snapshot = await rollout_status.fetch(self.subject)
        progress = snapshot.progress
        if not is_last and not progress.is_final:
            return Poll(report=self._status_report(snapshot), is_final=False)
        snapshot, reading, build = await asyncio.gather(
            blocking_events.add_warnings(self.subject.workloads, snapshot), self._read_health(), self._read_build()
        )
        results = checks.run_checks(snapshot, reading, build, self.subject.service.container, self.now())
        may_recover = progress.is_complete and any(check.may_recover for check in results)
        report = self._verification_report(snapshot, results, build)
        return Poll(report=report, is_final=progress.is_final and not may_recover)

    async def history(self) -> reports.Report:
        """Return the revisions that the cluster keeps."""
        snapshot = await rollout_status.fetch(self.subject, with_pods=False)
        notes = [
            reports.Text(
                text=f"Revision {one.revision} was revision {', '.join(map(str, one.former_revisions))} before a "
                "rollback. Its age counts from its first creation."
            )
            for one in snapshot.revisions
            if one.former_revisions
        ]
        headline = "no revisions yet"
        if snapshot.newest is not None:
            others = len(snapshot.revisions) - 1
            headline = f"revision {snapshot.newest.revision} is current, {others or 'no'} earlier"
        return reports.Report(
            verdict=reports.Verdict.OK if snapshot.revisions else reports.Verdict.UNKNOWN,
            headline=f"{self.subject}: {headline}",
            sections=(*([sections.history_table(snapshot, self.now())] if snapshot.revisions else []), *notes),
            facts={
                **self.subject.facts,
                "revision": snapshot.newest.revision if snapshot.newest is not None else None,
                "revisions": len(snapshot.revisions),
                "rollback_revision": snapshot.rollback_revision,
            },
            next_actions=self.subject.next_actions(("Status", "rollout status"), ("Verify", "rollout verify")),
            runbook=self.runbook.point_to("build-artifacts"),
            is_information=bool(snapshot.revisions),
        )

    async def _read_health(self) -> health.ServiceHealth:
        name, url = self.subject.service.name, self.environment.health_url_of(self.subject.service)
        if url is None:
            return health.unchecked(name, health.Finding.NO_ENDPOINT, self.subject.service.no_endpoint_reason)
        return await self.actuator.read(name, url, with_groups=True)

    async def _read_build(self) -> health.Build:
        url = self.environment.health_url_of(self.subject.service) or ""
        if not url.endswith(_HEALTH_PATH):
            return health.Build(unavailable_reason="no info endpoint")
        return await self.actuator.build(url.removesuffix(_HEALTH_PATH) + _INFO_PATH)

    def _status_report(self, snapshot: rollout_status.RolloutSnapshot) -> reports.Report:
        progress, deployment = snapshot.progress, snapshot.deployment
        has_desired_image = snapshot.newest is not None and snapshot.newest.images == deployment.images
        image = reports.Fields(pairs=(("desired image", ", ".join(deployment.images)),))
        is_stuck = progress.stage is rollout_status.Stage.STUCK
        return reports.Report(
            verdict=progress.verdict,
            headline=self._status_headline(snapshot),
            sections=(
                sections.revisions_table(snapshot, self.now()),
                *([] if progress.is_complete else sections.not_ready_sections(snapshot)),
                *([] if has_desired_image else [image]),
            ),
            facts={
                **self.subject.facts,
                "stage": progress.stage.value,
                "revision": deployment.revision,
                "desired": deployment.desired,
                "updated": deployment.updated,
                "available": deployment.available,
                "total": deployment.total,
                "reason": sections.not_ready_reason(snapshot),
            },
            next_actions=self._status_actions(progress),
            runbook=self.runbook.point_to("build-artifacts", *(["start-failures"] if is_stuck else [])),
        )

    def _status_headline(self, snapshot: rollout_status.RolloutSnapshot) -> str:
        progress, number = snapshot.progress, f"revision {snapshot.deployment.revision}"
        tag = sections.image_tag(snapshot.image_of(self.subject.service.container))
        revision = f"{tag} ({number})" if tag and tag != sections.MOVING_TAG else number
        reason = sections.not_ready_reason(snapshot)
        match progress.stage:
            case rollout_status.Stage.COMPLETE:
                image = sections.running_image(snapshot, self.subject.service.container)
                state = f"rolled out {number}, {image}".rstrip(", ")
                reason = ""
            case rollout_status.Stage.STUCK:
                state = f"rollout of {revision} stuck{_since(progress.since, self.now())}"
            case rollout_status.Stage.NOT_OBSERVED:
                state = "change not observed by the cluster yet"
            case rollout_status.Stage.PAUSED:
                state = f"rollout of {revision} paused"
            case _ if progress.has_regressed:
                state = f"pods of {revision} became unavailable"
            case _:
                state = f"rolling out {revision}"
        return f"{self.subject}: {state}{f': {reason}' if reason else ''} ({progress.detail})"

    def _status_actions(self, progress: rollout_status.Progress) -> tuple[reports.NextAction, ...]:
        actions: tuple[tuple[str, str], ...]
        if progress.is_complete:
            actions = (("Verify", "rollout verify"), ("History", "rollout history"), ("Pods", "pods"))
        elif progress.stage is rollout_status.Stage.STUCK:
            actions = (*_DIAGNOSE, ("Pods", "pods"), ("History", "rollout history"))
        else:
            actions = (("Wait 5 min", "rollout status --wait 5m"), ("Pods", "pods"), ("Events", "events"))
        return self.subject.next_actions(*actions, ("Run again", "rollout status"))

    def _verification_report(
        self, snapshot: rollout_status.RolloutSnapshot, results: tuple[checks.Check, ...], build: health.Build
    ) -> reports.Report:
        verdict = checks.overall_verdict(results)
        is_verified = snapshot.progress.is_complete and verdict is reports.Verdict.OK
        health_names = ("health", *checks.HEALTH_GROUPS)
        is_healthy = not any(one.name in health_names and one.verdict is reports.Verdict.FAILED for one in results)
        rows = tuple(reports.Row(cells=(one.name, one.detail), verdict=one.verdict) for one in results)
        worst = checks.worst(results)
        tag = sections.image_tag(snapshot.image_of(self.subject.service.container))
        if verdict is reports.Verdict.OK:
            actions: tuple[tuple[str, str], ...] = (("History", "rollout history"),)
        elif worst.name in health_names:
            actions = (("Health", "health"), ("Logs", "logs"))
        elif verdict is reports.Verdict.FAILED:
            actions = (*_DIAGNOSE, ("Pods", "pods"))
        else:
            actions = (("Events", "events"), ("Pods", "pods"))
        return reports.Report(
            verdict=verdict,
            headline=self._verification_headline(snapshot, results, build),
            sections=(
                reports.Table(columns=("check", "result"), rows=rows),
                *([] if is_verified else sections.not_ready_sections(snapshot)),
                reports.Text(text="Health was checked once, on one replica."),
            ),
            facts={
                **self.subject.facts,
                "stage": snapshot.progress.stage.value,
                "revision": snapshot.deployment.revision,
                # While old pods serve, the build may be theirs.
                "version": (tag if snapshot.has_old_pods else build.version) or None,
                "commit": None if snapshot.has_old_pods else build.commit or None,
                **{one.name: one.verdict.value for one in results},
            },
            next_actions=self.subject.next_actions(*actions, ("Run again", "rollout verify")),
            runbook=self.runbook.point_to(
                "health-checks",
                *([] if is_healthy else ["health-failing"]),
                *(["start-failures"] if verdict is reports.Verdict.FAILED and is_healthy else []),
            ),
        )

    def _verification_headline(
        self, snapshot: rollout_status.RolloutSnapshot, results: tuple[checks.Check, ...], build: health.Build
    ) -> str:
        if not snapshot.progress.is_complete:
            is_old_build = any(one.name == "build" and one.verdict is reports.Verdict.FAILED for one in results)
            running = f"; {build.version} is still running" if is_old_build else ""
            return f"{self._status_headline(snapshot)}{running}"
        image = sections.running_image(snapshot, self.subject.service.container)
        version = build.version or build.name or image
        worst = checks.worst(results)
        revision = f"revision {snapshot.deployment.revision}"
        name = f"{version} ({revision})" if version else revision
        match worst.verdict:
            case reports.Verdict.OK:
                return f"{self.subject}: healthy on {name}"
            case reports.Verdict.WARNING:
                state = "deployed with a warning"
            case reports.Verdict.UNKNOWN:
                state = "deployed, not verified"
            case reports.Verdict.FAILED:
                state = "deployed, not healthy"
        return f"{self.subject}: {name} {state}: {worst.name} ({worst.detail})"


def _since(start: datetime.datetime | None, now: datetime.datetime) -> str:
    """Return ` for N min`; nothing for less than a minute."""
    minutes = int((now - start).total_seconds() // 60) if start is not None else 0
    if minutes < 1:
        return ""
    return f" for {minutes} min" if minutes < _MAX_MINUTES else f" for {minutes // 60} h"
