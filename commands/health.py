"""
Ask services how they are: sections 2.2 and 4.3 of the runbook.

One service gets a full answer, many get one table, worst first. All are asked at once and each waits only for itself;
who has not answered by the deadline is named.
"""

import asyncio
import datetime
from collections.abc import Sequence
from typing import Annotated

import pydantic

from bot import command
from bot.config import catalog
from bot.health import status as health_status
from bot.model import reports

FLEET_SECONDS = 12.0
"""After that the rest is shown: one answer takes 8 s at most, two in a row only where the first went wrong."""
STARTED_TOGETHER = 8
TURNS_TO_SEND = 10
"""Turns of the event loop in which a request connects and is sent, where nothing keeps it."""
POLL_SECONDS = 2.0
LONGEST_WAIT = datetime.timedelta(minutes=15)
"""Slack lets an answer be changed for half an hour; a rollout that takes longer is a case for 4.2."""
_FAILING = "health-failing"
"""The section about what fails here."""


class Parameters(command.Parameters):
    """Which services, where, and how thoroughly."""

    selection: Annotated[
        command.Selection,
        command.Option(positional=True, label="SERVICE|GROUP|all"),
        pydantic.Field(description="a service by name or alias, a group, or all"),
    ] = catalog.ALL
    env: command.EnvironmentName
    verbose: Annotated[bool, pydantic.Field(description="show addresses, timings and headers, as curl -v would")] = (
        False
    )
    wait: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(
            gt=datetime.timedelta(0),
            le=LONGEST_WAIT,
            description="ask again until healthy, at most this long, such as 3m",
        ),
    ] = None


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the health of the selected services."""
    environment = tools.environments.find(parameters.env or "")
    asked = tools.catalog.select(parameters.selection)
    round_of_questions = _Round(asked, environment, parameters, tools)
    if parameters.wait is None:
        return _report(await round_of_questions.ask(), parameters, tools)
    return await _wait_until_healthy(round_of_questions, parameters.wait, parameters, tools)


class _Round:
    """Asks the same services any number of times."""

    def __init__(
        self,
        asked: Sequence[catalog.Service],
        environment: catalog.Environment,
        parameters: Parameters,
        tools: command.Context,
    ) -> None:
        self._asked = asked
        self._environment = environment
        self._with_groups = len(asked) == 1 or parameters.verbose
        self._tools = tools

    async def ask(self) -> list[health_status.Reading]:
        """Give a reading for every service, also for those that did not answer in time."""
        # Who took longest the last time is asked first, so as not to be waited for twice over.
        in_order = sorted(self._asked, key=self._last_took, reverse=True)
        tasks: dict[str, asyncio.Task[health_status.Reading]] = {}
        for index, service in enumerate(in_order):
            tasks[service.name] = asyncio.create_task(self._ask_one(service))
            if index % STARTED_TOGETHER == STARTED_TOGETHER - 1:
                await self._let_them_go()
        try:
            await asyncio.wait(tasks.values(), timeout=FLEET_SECONDS)
        finally:
            for task in tasks.values():
                task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        return [self._settled(name, task) for name, task in tasks.items()]

    @staticmethod
    async def _let_them_go() -> None:
        """Let the requests begun so far leave before more are begun: all at once, each would wait for all others."""
        for _ in range(TURNS_TO_SEND):
            await asyncio.sleep(0)

    def _last_took(self, service: catalog.Service) -> float:
        return self._tools.actuator.last_took(self._environment.health_url_of(service) or "")

    async def _ask_one(self, service: catalog.Service) -> health_status.Reading:
        url = self._environment.health_url_of(service)
        if url is None:
            return health_status.unasked(service.name, health_status.Finding.NO_ENDPOINT, "no port in the catalogue")
        return await self._tools.actuator.read(service.name, url, with_groups=self._with_groups)

    @staticmethod
    def _settled(name: str, task: asyncio.Task[health_status.Reading]) -> health_status.Reading:
        if task.cancelled():
            explanation = f"no answer when the deadline of {FLEET_SECONDS:g} s passed"
            return health_status.unasked(name, health_status.Finding.UNFINISHED, explanation)
        if (error := task.exception()) is not None:
            # One service that cannot be asked must not cost the answers of the others.
            explanation = f"asking failed ({type(error).__name__})"
            return health_status.unasked(name, health_status.Finding.UNREACHABLE, explanation)
        return task.result()


async def _wait_until_healthy(
    round_of_questions: _Round, wait: datetime.timedelta, parameters: Parameters, tools: command.Context
) -> reports.Report:
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        readings = await round_of_questions.ask()
        waited = loop.time() - started
        report = _report(readings, parameters, tools)
        if all(reading.is_healthy or reading.finding is health_status.Finding.NO_ENDPOINT for reading in readings):
            return _prefixed(report, f"Healthy after {waited:.0f} s. ")
        left = wait.total_seconds() - waited
        if left <= 0:
            return _prefixed(report, f"Still not healthy after {waited:.0f} s. ")
        await tools.display.progress(_prefixed(report, f"Waiting, {waited:.0f} of {wait.total_seconds():.0f} s. "))
        await asyncio.sleep(min(POLL_SECONDS, left))


def _prefixed(report: reports.Report, prefix: str) -> reports.Report:
    return reports.changed(report, headline=prefix + report.headline)


def _report(
    readings: Sequence[health_status.Reading], parameters: Parameters, tools: command.Context
) -> reports.Report:
    if len(readings) == 1:
        return _one(readings[0], parameters, tools)
    return _many(sorted(readings, key=_worst_first), parameters, tools)


def _one(reading: health_status.Reading, parameters: Parameters, tools: command.Context) -> reports.Report:
    line = f"health {reading.service} --env {parameters.env}"
    sections: list[reports.Section] = [*_failing(reading), *_answers(reading, parameters)]
    if reading.finding.advice:
        sections.append(reports.Text(text=reading.finding.advice))
    if parameters.verbose:
        sections += [_exchange(name, probe) for name, probe in (("", reading.root), *reading.groups)]
    actions = [reports.NextAction(label="Run again", command=line + (" --verbose" if parameters.verbose else ""))]
    if not parameters.verbose:
        actions.append(reports.NextAction(label="Details", command=f"{line} --verbose"))
    if not reading.is_healthy:
        actions.append(reports.NextAction(label="Wait 3 min", command=f"{line} --wait 3m"))
        what_to_do = f"runbook {_FAILING} --service {reading.service} --env {parameters.env}"
        actions.insert(0, reports.NextAction(label="What to do", command=what_to_do, is_primary=True))
    if reading.finding is health_status.Finding.NO_ENDPOINT:
        actions = [reports.NextAction(label="Catalogue", command=f"services {reading.service}")]
    return reports.Report(
        verdict=reading.verdict,
        headline=f"{reading.service} in {parameters.env}: {reading.summary}",
        sections=tuple(sections),
        facts={"service": reading.service, "environment": parameters.env, **_facts(reading)},
        next_actions=tuple(actions),
        runbook=_pointers([reading], tools),
    )


def _failing(reading: health_status.Reading) -> list[reports.Section]:
    pairs = tuple(pair for component in reading.failing_components[:10] for pair in component.brief_details)
    return [reports.Fields(title="What fails", pairs=pairs)] if pairs else []


def _answers(reading: health_status.Reading, parameters: Parameters) -> list[reports.Section]:
    pairs = [(name, probe.explanation) for name, probe in reading.groups]
    if reading.summary != reading.root.explanation:
        pairs.insert(0, ("health", reading.root.explanation))
    # Under --verbose the address stands with the exchange.
    url = (
        ()
        if parameters.verbose or reading.finding is health_status.Finding.NO_ENDPOINT
        else (("asked", reading.root.exchange.url),)
    )
    return [reports.Fields(pairs=(*pairs, *url))] if pairs or url else []


def _facts(reading: health_status.Reading) -> dict[str, reports.Scalar]:
    exchange = reading.root.exchange
    groups = {name: probe.finding.value for name, probe in reading.groups}
    return {
        "finding": reading.finding.value,
        "healthy": reading.is_healthy,
        "http_status": exchange.status,
        "seconds": round(exchange.total_seconds, 3),
        "failing": health_status.enumeration(reading.failing_components),
        **groups,
    }


def _exchange(name: str, probe: health_status.Probe) -> reports.Section:
    exchange = probe.exchange
    status = f"{exchange.http_version} {exchange.status} {exchange.reason}".strip() if exchange.status else "none"
    pairs = [
        ("address", exchange.address or "none"),
        ("connected after", _milliseconds(exchange.connected_after_seconds)),
        *([("TLS after", _milliseconds(exchange.tls_after_seconds))] if exchange.url.startswith("https:") else []),
        *([("TLS version", exchange.tls_version)] if exchange.tls_version else []),
        ("first byte after", _milliseconds(exchange.first_byte_after_seconds)),
        ("total", _milliseconds(exchange.total_seconds)),
        ("status", status),
        ("body", f"{exchange.body_bytes:,} bytes"),
        *exchange.headers,
    ]
    width = max(len(label) for label, _ in pairs)
    lines = [f"{label:{width}}  {value}" for label, value in pairs]
    return reports.Code(title=f"GET …/{name}" if name else f"GET {exchange.url}", text="\n".join(lines))


def _milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.1f} ms"


def _many(readings: Sequence[health_status.Reading], parameters: Parameters, tools: command.Context) -> reports.Report:
    troubled = [reading for reading in readings if reading.verdict is not reports.Verdict.OK]
    # What has no endpoint is shown, but says nothing about how the rest is.
    asked = [reading for reading in readings if reading.finding is not health_status.Finding.NO_ENDPOINT]
    rows = tuple(
        reports.Row(
            verdict=None if reading.finding is health_status.Finding.NO_ENDPOINT else reading.verdict,
            cells=(reading.service, reading.finding.value, _time(reading), reading.cause),
        )
        for reading in readings
    )
    line = f"health {parameters.selection} --env {parameters.env}"
    actions = [reports.NextAction(label="Run again", command=line)]
    actions += [
        reports.NextAction(
            label=f"Show {reading.service}",
            command=f"health {reading.service} --env {parameters.env}",
            is_primary=index == 0,
        )
        for index, reading in enumerate([reading for reading in troubled if reading in asked][:3])
    ]
    return reports.Report(
        verdict=reports.Verdict.worst(reading.verdict for reading in asked),
        headline=_headline(asked, parameters),
        sections=(reports.Table(columns=("service", "state", "time", "why"), rows=rows, figures=("time",)),),
        facts={"selection": parameters.selection, "environment": parameters.env, "asked": len(asked), **_counts(asked)},
        next_actions=tuple(actions),
        runbook=_pointers(asked, tools),
    )


def _headline(readings: Sequence[health_status.Reading], parameters: Parameters) -> str:
    troubled = [reading for reading in readings if reading.verdict is not reports.Verdict.OK]
    scope = f"{len(readings)} service{'s' * (len(readings) != 1)} in {parameters.env}"
    if not readings:
        return f"No service of {parameters.selection} has an endpoint to ask."
    if not troubled:
        return f"All {scope} are up." if len(readings) > 1 else f"{scope} is up."
    counts = ", ".join(f"{count} {finding}" for finding, count in _counts(troubled).items())
    return f"{len(troubled)} of {scope} need{'s' * (len(troubled) == 1)} a look: {counts}."


def _counts(readings: Sequence[health_status.Reading]) -> dict[str, int]:
    findings = [reading.finding.value for reading in readings]
    return {finding: findings.count(finding) for finding in dict.fromkeys(findings)}


def _time(reading: health_status.Reading) -> str:
    exchange = reading.root.exchange
    return f"{exchange.total_seconds * 1000:.0f} ms" if exchange.status is not None else "–"


def _worst_first(reading: health_status.Reading) -> tuple[bool, int, float, str]:
    # The healthy by name, so that two answers can be compared.
    is_unasked = reading.finding is health_status.Finding.NO_ENDPOINT
    slowness = 0.0 if reading.finding is health_status.Finding.UP else reading.root.exchange.total_seconds
    return (is_unasked, -reading.verdict.severity, -slowness, reading.service)


def _pointers(readings: Sequence[health_status.Reading], tools: command.Context) -> tuple[reports.Pointer, ...]:
    is_well = all(reading.finding is health_status.Finding.NO_ENDPOINT for reading in readings) or all(
        reading.verdict is reports.Verdict.OK for reading in readings
    )
    return tools.runbook.point_to(*(("health-checks",) if is_well else (_FAILING, "health-checks")))


def _deadline(parameters: Parameters) -> float:
    waiting = parameters.wait.total_seconds() if parameters.wait else 0.0
    return waiting + FLEET_SECONDS + 5.0


COMMAND = command.Command(
    name="health",
    summary="ask services how they are",
    parameters=Parameters,
    run=run,
    examples=(
        "health pos-order",
        "health all --env prod",
        "health sales",
        "health order --verbose",
        "health order --wait 3m",
    ),
    sections=("health-checks", "health-failing"),
    deadline=_deadline,
    facts=command.facts(
        texts=("service", "environment", "selection", "finding", "failing", "readiness", "liveness"),
        numbers=("http_status", "seconds", "asked"),
        truths=("healthy",),
    ),
)
