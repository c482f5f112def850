"""Diagnosis of a jar: started on this machine, watched until it is up or has failed, and stopped again."""

import dataclasses
import datetime
import pathlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bot.config import catalog
from bot.kubernetes.diagnosis import attempts, matcher, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import parser
from bot.model import invocations, reports

if TYPE_CHECKING:
    from bot.kubernetes.diagnosis import java as diagnosis_java

POLL_SECONDS = 1.0
_LOCALHOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HealthResult:
    """Health of the running jar; `bot.health` is unknown here."""

    finding: str
    summary: str
    is_healthy: bool
    has_responded: bool
    """It sent a health document, if an unhealthy one."""


@dataclasses.dataclass(slots=True, kw_only=True)
class JarStart:
    """One start of a jar as a service."""

    service: catalog.Service
    jar: pathlib.Path
    timeout: datetime.timedelta
    java: "diagnosis_java.Java"
    ruleset: rules.Rules
    point_to: diagnosis_reports.PointTo
    display: invocations.Display
    check_health: Callable[[str], Awaitable[HealthResult]]
    """Returns the health at a URL."""
    _health: HealthResult | None = dataclasses.field(default=None, init=False)

    async def run(self) -> reports.Report:
        """
        Start the jar, wait for the result, stop it, and return the diagnosis.

        It gets the catalog's port even if that is in use, so that the conflict shows. Health is not checked then,
        because the other process would respond.

        Raises:
            errors.UsageError, errors.Refused: no jar, or no Java to run it with.
        """
        port = self.service.port
        is_in_use = port is not None and await self.java.is_port_in_use(port)
        url = None if port is None or is_in_use else f"http://{_LOCALHOST}:{port}{self.service.health_path}"
        arguments = () if port is None else (f"--server.port={port}",)
        async with self.java.running(self.jar, arguments) as process:
            await self._watch(process, url)
            exit_code, seconds = process.exit_code, process.seconds
        attempt = attempts.StartAttempt(
            pod="",
            container="",
            source=f"output of {self.jar.name}",
            entries=parser.join_lines(process.lines),
            exit_code=exit_code,
        )
        return self._report(attempt, exit_code, seconds)

    async def _watch(self, process: "diagnosis_java.JarProcess", url: str | None) -> None:
        """Return once it is healthy, has exited or has timed out."""
        while process.seconds < self.timeout.total_seconds():
            if await process.wait_for_exit(POLL_SECONDS):
                return
            if url is not None:
                self._health = await self.check_health(url)
                if self._health.is_healthy:
                    return
            elif any(attempts.STARTED.search(line) for line in process.lines):
                return
            headline = f"{self.service.name}: starting for {process.seconds:.0f} s"
            await self.display.progress(reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline))

    def _report(self, attempt: attempts.StartAttempt, exit_code: int | None, seconds: float) -> reports.Report:
        has_logged_start = attempt.started_after_seconds is not None
        is_up = exit_code is None and (self._health.is_healthy if self._health is not None else has_logged_start)
        causes: tuple[rules.Cause, ...] = ()
        if not is_up:
            causes = matcher.rank(attempts.find(self.ruleset, [attempt]))
        shown = diagnosis_reports.cause_sections(causes, self.point_to, 0)
        if not is_up and not any(cause.is_explanation for cause in causes):
            shown += diagnosis_reports.log_tail([attempt])
        if is_up:
            checked = "health UP" if self._health is not None else "health not checked"
            summary = f"started in {attempt.started_after_seconds or seconds:.1f} s, {checked}"
        else:
            summary = self._failure(causes, exit_code, seconds)
        return reports.Report(
            verdict=reports.Verdict.OK if is_up else reports.Verdict.FAILED,
            headline=f"{self.service.name}: {summary}",
            sections=tuple(shown),
            facts={
                "service": self.service.name,
                "seconds": round(seconds, 1),
                "exit_code": exit_code,
                "health": self._health.finding if self._health is not None else None,
                **diagnosis_reports.facts(causes),
            },
            next_actions=(
                reports.NextAction(label="Run again", command=f"diagnose {self.service.name} --jar {self.jar}"),
            ),
            runbook=diagnosis_reports.pointers(causes, self.point_to),
        )

    def _failure(self, causes: Sequence[rules.Cause], exit_code: int | None, seconds: float) -> str:
        reason = f": {causes[0].title}" if causes else ", no known cause"
        if exit_code is not None:
            return f"not starting{reason} (exit code {exit_code} after {seconds:.1f} s)"
        if not causes and self._health is not None and self._health.has_responded:
            reason = f": {self._health.summary}"
        return f"not started within {self.timeout.total_seconds():.0f} s{reason}"
