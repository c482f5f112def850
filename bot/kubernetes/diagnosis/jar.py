"""
Diagnosis of a jar: started on this machine, watched until it is up or has failed, and stopped again.

The jar listens where its own configuration says, which is compared with the catalog, as is the module that it names.
"""

import dataclasses
import datetime
import pathlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bot.config import catalog
from bot.kubernetes.diagnosis import archive, attempts, comparison, matcher, rules
from bot.kubernetes.diagnosis import reports as diagnosis_reports
from bot.kubernetes.logs import parser
from bot.model import invocations, reports

if TYPE_CHECKING:
    from bot.kubernetes.diagnosis import java as diagnosis_java

POLL_SECONDS = 1.0
_LOCALHOST = "127.0.0.1"
_SETTLE_SECONDS = 10.0
"""After a start without a web server, for an exit: nothing may keep the application running."""


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
    services: Sequence[catalog.Service]
    """All of the catalog, of which one may be the jar's."""
    jar: pathlib.Path
    timeout: datetime.timedelta
    java: "diagnosis_java.Java"
    ruleset: rules.Rules
    point_to: diagnosis_reports.PointTo
    run_again: str
    """The command line that repeats it."""
    display: invocations.Display
    check_health: Callable[[str], Awaitable[HealthResult]]
    """Returns the health at a URL."""
    _health: HealthResult | None = dataclasses.field(default=None, init=False)

    async def run(self) -> reports.Report:
        """
        Start the jar, wait for the result, stop it, and return the diagnosis.

        Health is checked where its output says that it listens, or at the catalog's port if the output does not say
        and no other process listened there before.

        Raises:
            errors.UsageError, errors.Refused: no jar, or no Java to run it with.
        """
        port = self.service.management_port or self.service.port
        is_free = port is not None and not await self.java.is_port_in_use(port)
        java = self.java.describe()
        async with self.java.running(self.jar) as process:
            read = archive.Archive.read(self.jar.expanduser().absolute())
            await self._watch(process, port if is_free else None)
            exit_code, seconds = process.exit_code, process.seconds
        attempt = attempts.StartAttempt(
            pod="",
            container="",
            source=f"output of {self.jar.name}",
            entries=parser.join_lines(process.lines),
            exit_code=exit_code,
        )
        compared = comparison.Comparison(
            service=self.service,
            jar=read,
            owner=read.find_owner(self.services),
            servers=tuple(comparison.web_servers(process.lines)),
            java=java,
        )
        return self._report(attempt, compared, exit_code, seconds)

    async def _watch(self, process: "diagnosis_java.JarProcess", silent_port: int | None) -> None:
        """Return once it is healthy, has exited or has timed out; *silent_port* is for output that names none."""
        while process.seconds < self.timeout.total_seconds():
            if await process.wait_for_exit(POLL_SECONDS):
                return
            started = [server for server in comparison.web_servers(process.lines) if server.is_started]
            url = self._health_url(started, silent_port)
            if url is not None:
                self._health = await self.check_health(url)
                if self._health.is_healthy:
                    return
            elif any(attempts.STARTED.search(line) for line in process.lines):
                await process.wait_for_exit(0 if started else _SETTLE_SECONDS)
                return
            headline = f"{self.service.name}: starting for {process.seconds:.0f} s"
            await self.display.progress(reports.Report(verdict=reports.Verdict.UNKNOWN, headline=headline))

    def _health_url(self, started: Sequence[comparison.WebServer], silent_port: int | None) -> str | None:
        """Return where to check health; None if the catalog has no endpoint or the certificate is unknown."""
        if self.service.port is None or (started and started[-1].is_tls):
            return None
        port = started[-1].port if started else silent_port
        return None if port is None else f"http://{_LOCALHOST}:{port}{self.service.health_path}"

    def _report(
        self,
        attempt: attempts.StartAttempt,
        compared: comparison.Comparison,
        exit_code: int | None,
        seconds: float,
    ) -> reports.Report:
        started_seconds = attempt.started_after_seconds
        has_started = started_seconds is not None
        is_up = exit_code is None and (self._health.is_healthy if self._health is not None else has_started)
        causes: tuple[rules.Cause, ...] = ()
        if is_up:
            checked = "health UP" if self._health is not None else "health not checked"
            verdict = reports.Verdict.WARNING if compared.differences else reports.Verdict.OK
            summary = f"started in {started_seconds or seconds:.1f} s, {checked}"
        else:
            causes = matcher.rank(attempts.find(self.ruleset, [attempt]))
            verdict, summary = self._failure(causes, exit_code, seconds, has_started=has_started)
        shown = diagnosis_reports.cause_sections(causes, self.point_to, 0)
        if not is_up and not any(cause.is_explanation for cause in causes):
            shown += diagnosis_reports.log_tail([attempt])
        return reports.Report(
            verdict=verdict,
            headline="; ".join([f"{self.service.name} · {self.jar.name}: {summary}", *compared.differences]),
            sections=(*shown, compared.section()),
            facts={
                "service": self.service.name,
                "seconds": round(seconds, 1),
                "exit_code": exit_code,
                "port": compared.port,
                "health": self._health.finding if self._health is not None else None,
                **diagnosis_reports.facts(causes),
            },
            next_actions=(reports.NextAction(label="Run again", command=self.run_again),),
            runbook=diagnosis_reports.pointers(causes, self.point_to),
        )

    def _failure(
        self, causes: Sequence[rules.Cause], exit_code: int | None, seconds: float, *, has_started: bool
    ) -> tuple[reports.Verdict, str]:
        """Return verdict and summary of a start that has not succeeded."""
        failed, limit = reports.Verdict.FAILED, f"within {self.timeout.total_seconds():.0f} s"
        summary = diagnosis_reports.summary(causes[0]) if causes else "not starting, no known cause"
        if exit_code is not None:
            return failed, f"{summary} (exit code {exit_code} after {seconds:.1f} s)"
        if any(cause.is_explanation for cause in causes):
            return failed, f"not started {limit}: {diagnosis_reports.short_title(causes[0])}"
        has_responded = self._health is not None and self._health.has_responded
        if has_started or has_responded:
            summary = self._health.summary if self._health is not None else "health not checked"
            return failed, f"started, not healthy {limit}: {summary}"
        return reports.Verdict.UNKNOWN, f"still starting after {seconds:.0f} s, no failure so far (see --limit)"
