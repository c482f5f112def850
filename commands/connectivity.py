"""
Can a service be reached by those who should, and by nobody else: the three points of section 4.3 of the runbook.

The way to a service is walked from its end to its beginning: its own name, port and path, its entry in the registry,
its route in the gateway, and then the gateway's door, once without a login and once with the bot's own. Each point
says what was seen.
"""

import asyncio
import dataclasses
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Annotated

import pydantic

from bot import command
from bot.config import catalog
from bot.connectivity import model as connectivity
from bot.health import status
from bot.model import reports

_UNRESOLVED = frozenset({status.Finding.NO_SUCH_NAME})
_UNCONNECTED = frozenset(
    {
        status.Finding.REFUSED,
        status.Finding.UNREACHABLE,
        status.Finding.CONNECT_TIMEOUT,
        status.Finding.TLS_EXPIRED,
        status.Finding.TLS_WRONG_HOST,
        status.Finding.TLS_UNTRUSTED,
        status.Finding.TLS_FAILED,
        status.Finding.NOT_HTTP,
    }
)
_SILENT = frozenset({status.Finding.READ_TIMEOUT, status.Finding.DROPPED})
_Reception = connectivity.AccessResult
NOT_ASKED = "not asked"
"""Stands in the facts for a point that could not be looked at here."""
_SHOWN = 3


class Parameters(command.Parameters):
    """Which service, where."""

    service: Annotated[
        command.ServiceName,
        command.Option(positional=True, label="SERVICE"),
        pydantic.Field(description="a service by name or alias"),
    ]
    env: command.EnvironmentName


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One thing that has to be right."""

    name: str
    verdict: reports.Verdict | None
    """None where it could not be looked at, which speaks neither for the service nor against it."""
    evidence: str
    advice: str = ""

    @property
    def word(self) -> str:
        """Give how it came out, for procedures and scripts."""
        return NOT_ASKED if self.verdict is None else self.verdict.value


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give how each point of the way to a service stands."""
    service = tools.catalog.find(parameters.service)
    environment = tools.environments.find(parameters.env or "")
    health_url = environment.health_url_of(service)
    if health_url is None:
        return _without_port(service, parameters)
    reading, routes, registration = await asyncio.gather(
        tools.actuator.read(service.name, health_url, with_groups=False),
        _routes(environment, tools),
        _registration(service, environment, tools),
    )
    door = _door(service, environment, routes, health_url)
    login = tools.gateway.token(parameters.env or "")
    stranger, guest = await asyncio.gather(tools.gateway.probe(door), _knock_as_bot(door, login, parameters, tools))
    points = (
        *_own(reading),
        _registered(registration, service),
        _routed(routes, service),
        _without_login(stranger),
        _with_login(guest, stranger, login, tools),
    )
    facts = {
        "healthy": reading.is_healthy if reading.root.is_document else None,
        "is_open": stranger.reception is _Reception.LET_IN,
    }
    return _report(points, facts, parameters, tools)


async def _routes(environment: catalog.Environment, tools: command.Context) -> connectivity.Routes | None:
    return await tools.gateway.routes(environment.gateway_url) if environment.gateway_url else None


async def _registration(
    service: catalog.Service, environment: catalog.Environment, tools: command.Context
) -> connectivity.Registration | None:
    return await tools.eureka.find(environment.eureka_url, service.name) if environment.eureka_url else None


async def _knock_as_bot(
    door: str, login: connectivity.Token | None, parameters: Parameters, tools: command.Context
) -> connectivity.AccessProbe | None:
    return await tools.gateway.probe(door, as_bot_in=parameters.env) if login is not None else None


def _door(
    service: catalog.Service, environment: catalog.Environment, routes: connectivity.Routes | None, health_url: str
) -> str:
    """Give where a caller comes in: through the gateway, or straight to the service where the gateway leads not."""
    leads = service.gateway_path is not None or (routes is not None and routes.to(service.name))
    if environment.gateway_url and leads:
        prefix = service.gateway_path or f"/{service.name}"
        return environment.gateway_url.rstrip("/") + prefix.rstrip("/") + service.guarded_path
    parts = urllib.parse.urlsplit(health_url)
    return f"{parts.scheme}://{parts.netloc}{service.guarded_path}"


def _own(reading: status.Reading) -> tuple[_Point, ...]:
    """Give what asking the service itself tells of its name, its port and its path."""
    probe, exchange = reading.root, reading.root.exchange
    parts = urllib.parse.urlsplit(exchange.url)
    if probe.finding in _UNRESOLVED:
        name = _Point(
            name="name",
            verdict=reports.Verdict.FAILED,
            evidence=probe.explanation,
            advice=probe.finding.advice or "",
        )
        return (name, _unseen("port", "the name"), _unseen("path", "the name"))
    name = _Point(name="name", verdict=reports.Verdict.OK, evidence=f"{parts.hostname} resolves")
    if probe.finding in _UNCONNECTED:
        port = _Point(
            name="port",
            verdict=reports.Verdict.FAILED,
            evidence=f"{parts.netloc}: {probe.explanation}",
            advice=probe.finding.advice or "",
        )
        return (name, port, _unseen("path", "the port"))
    port = _Point(name="port", verdict=reports.Verdict.OK, evidence=f"{exchange.address or parts.netloc} connects")
    return (name, port, _path(probe, parts.path))


def _path(probe: status.Probe, path: str) -> _Point:
    if probe.is_document:
        verdict = probe.finding.verdict
        said = (
            probe.explanation if probe.is_healthy else f"the path is right, but the service is not: {probe.explanation}"
        )
    elif probe.finding in _SILENT:
        verdict, said = reports.Verdict.FAILED, probe.explanation
    else:
        verdict, said = probe.finding.verdict, f"no health document: {probe.explanation}"
    return _Point(name="path", verdict=verdict, evidence=f"{path}: {said}", advice=probe.finding.advice or "")


def _unseen(name: str, because_of: str) -> _Point:
    return _Point(name=name, verdict=None, evidence=f"not looked at, {because_of} comes first")


def _registered(registration: connectivity.Registration | None, service: catalog.Service) -> _Point:
    def point(verdict: reports.Verdict | None, evidence: str, advice: str = "") -> _Point:
        return _Point(name="registration", verdict=verdict, evidence=evidence, advice=advice)

    if registration is None:
        return point(None, "not asked, the environment names no eureka_url")
    if registration.unavailable_reason:
        return point(reports.Verdict.UNKNOWN, f"Eureka cannot be asked: {registration.unavailable_reason}")
    if not registration.instances:
        advice = (
            "Is it up, and does it know Eureka’s address (eureka.client.service-url)? It appears after half a minute."
        )
        return point(reports.Verdict.FAILED, f"Eureka knows no {service.name.upper()}", advice)
    states = [instance.status for instance in registration.instances]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    if not registration.up:
        return point(reports.Verdict.FAILED, f"no instance gets requests: {counted}", "Read the health of its pods.")
    strays = registration.elsewhere(service.port or 0)
    if strays:
        listed = ", ".join(f"{stray.host}:{stray.port}" for stray in strays[:_SHOWN])
        advice = f"The catalogue says {service.port}: correct whichever is wrong."
        return point(reports.Verdict.WARNING, f"registered at another port: {listed} ({counted})", advice)
    verdict = reports.Verdict.OK if len(registration.up) == len(states) else reports.Verdict.WARNING
    places = ", ".join(f"{one.host}:{one.port}" for one in registration.up[:_SHOWN])
    return point(verdict, f"{counted}: {places}" + (" …" if len(registration.up) > _SHOWN else ""))


def _routed(routes: connectivity.Routes | None, service: catalog.Service) -> _Point:
    def point(verdict: reports.Verdict | None, evidence: str, advice: str = "") -> _Point:
        return _Point(name="route", verdict=verdict, evidence=evidence, advice=advice)

    if routes is None:
        return point(None, "not asked, the environment names no gateway_url")
    if routes.unavailable_reason:
        return point(reports.Verdict.UNKNOWN, f"the gateway’s routes are not known: {routes.unavailable_reason}")
    own = routes.to(service.name)
    if not own and service.gateway_path is None:
        return point(None, "none, and the catalogue expects none")
    if not own:
        advice = "Is it registered? The gateway makes routes of what Eureka knows, and of its own configuration."
        return point(reports.Verdict.FAILED, f"none of {len(routes.routes)} routes leads to it", advice)
    wanted = service.gateway_path or f"/{service.name}"
    fitting = [route for route in own if route.takes(wanted)]
    if not fitting:
        paths = ", ".join(path for route in own for path in route.paths) or own[0].predicate
        advice = f"The catalogue says {wanted}: correct whichever is wrong."
        return point(reports.Verdict.FAILED, f"no route takes {wanted}, it is at {paths}", advice)
    route = fitting[0]
    changes = f", {'; '.join(route.filters)}" if route.filters else ""
    return point(reports.Verdict.OK, f"{', '.join(route.paths)} leads to {route.uri}{changes}")


def _without_login(knock: connectivity.AccessProbe) -> _Point:
    def point(verdict: reports.Verdict, evidence: str, advice: str = "") -> _Point:
        return _Point(
            name="request without login", verdict=verdict, evidence=f"{_asked(knock)} {evidence}", advice=advice
        )

    match knock.reception:
        case _Reception.SILENCE:
            return point(reports.Verdict.FAILED, f"cannot be reached: {knock.explanation}")
        case _Reception.UNAUTHORIZED | _Reception.FORBIDDEN:
            return point(reports.Verdict.OK, f"refuses it, {knock.explanation}")
        case _Reception.LET_IN:
            advice = "Whoever reaches this address gets in: close it, or name another guarded_path in the catalogue."
            return point(reports.Verdict.FAILED, f"is open to all, {knock.explanation}", advice)
        case _Reception.SENT_ON:
            return point(reports.Verdict.WARNING, f"sends the caller on to {knock.location or 'nowhere'}")
        case _Reception.REJECTED:
            advice = "Nobody was asked for a login. Name a path that exists as guarded_path in the catalogue."
            return point(reports.Verdict.WARNING, f"answers {knock.explanation}", advice)
        case _Reception.UNAVAILABLE:
            advice = "From a gateway this means that it finds no instance."
            return point(reports.Verdict.FAILED, f"fails, {knock.explanation}", advice)
    return point(reports.Verdict.FAILED, f"fails, {knock.explanation}")


def _with_login(
    knock: connectivity.AccessProbe | None,
    stranger: connectivity.AccessProbe,
    login: connectivity.Token | None,
    tools: command.Context,
) -> _Point:
    def point(verdict: reports.Verdict | None, evidence: str, advice: str = "") -> _Point:
        return _Point(name="request with login", verdict=verdict, evidence=evidence, advice=advice)

    if knock is None or login is None:
        return point(None, "not asked, POSBOT_SERVICE_TOKENS has no token for this environment")
    at = _asked(knock)
    match knock.reception:
        case _Reception.SILENCE:
            return point(reports.Verdict.FAILED, f"{at} cannot be reached: {knock.explanation}")
        case _Reception.UNAUTHORIZED if login.ends_at is not None and login.ends_at < tools.now():
            evidence = f"{at} refuses it, because the bot’s token ended at {login.ends_at:%Y-%m-%d %H:%M} UTC"
            return point(reports.Verdict.UNKNOWN, evidence, "Give the bot a new one; this says nothing of the service.")
        case _Reception.UNAUTHORIZED:
            detail = f" ({knock.challenge})" if "error" in knock.challenge else ""
            return point(reports.Verdict.FAILED, f"{at} refuses it, {knock.explanation}{detail}")
        case _Reception.FORBIDDEN:
            return point(reports.Verdict.FAILED, f"{at} knows it and lets it do nothing, {knock.explanation}")
        case _Reception.REJECTED if stranger.reception is _Reception.REJECTED:
            return point(reports.Verdict.UNKNOWN, f"{at} answers {knock.explanation}, with a login and without")
        case _Reception.LET_IN | _Reception.REJECTED:
            return point(reports.Verdict.OK, f"{at} lets it in, {knock.explanation}")
    return point(reports.Verdict.FAILED, f"{at} answers {knock.explanation}")


def _asked(knock: connectivity.AccessProbe) -> str:
    parts = urllib.parse.urlsplit(knock.url)
    return f"{parts.netloc}{parts.path}"


def _report(
    points: Sequence[_Point], facts: Mapping[str, reports.Scalar], parameters: Parameters, tools: command.Context
) -> reports.Report:
    rows = tuple(reports.Row(cells=(point.name, point.evidence), verdict=point.verdict) for point in points)
    troubled = [point for point in points if point.verdict not in {None, reports.Verdict.OK}]
    advice = tuple((point.name, point.advice) for point in troubled if point.advice)
    place = f"{parameters.service} --env {parameters.env}"
    actions = [
        reports.NextAction(label="Run again", command=f"access {place}"),
        reports.NextAction(label="Health", command=f"health {place}"),
        *([reports.NextAction(label="Why does it not start?", command=f"startup {place}")] if troubled else []),
    ]
    return reports.Report(
        verdict=reports.Verdict.worst(point.verdict for point in points if point.verdict is not None),
        headline=f"{parameters.service} in {parameters.env}: {_headline(points, troubled)}",
        sections=(
            reports.Table(columns=("point", "what was seen"), rows=rows),
            *([reports.Fields(title="What to do", pairs=advice)] if advice else []),
        ),
        facts={"service": parameters.service, "environment": parameters.env, **_facts(points), **facts},
        next_actions=tuple(actions),
        runbook=tools.runbook.point_to("health-failing", *(() if troubled else ("workspace-escalation",))),
    )


def _headline(points: Sequence[_Point], troubled: Sequence[_Point]) -> str:
    left_out = sum(point.verdict is None for point in points)
    scope = f", {left_out} of {len(points)} points not looked at" if left_out else ""
    if not troubled:
        return f"it can be reached, and asks for a login{scope}."
    *others, last = [point.name for point in troubled]
    named = f"{', '.join(others)} and {last} need" if others else f"{last} needs"
    return f"{named} a look{scope}."


def _facts(points: Sequence[_Point]) -> dict[str, reports.Scalar]:
    troubled = [point.name for point in points if point.verdict not in {None, reports.Verdict.OK}]
    return {
        **{_FACTS[point.name]: point.word for point in points},
        "troubled": ", ".join(troubled),
        "not_asked": sum(point.verdict is None for point in points),
    }


_FACTS = {
    "name": "name",
    "port": "port",
    "path": "path",
    "registration": "registration",
    "route": "route",
    "request without login": "without_login",
    "request with login": "with_login",
}


def _without_port(service: catalog.Service, parameters: Parameters) -> reports.Report:
    return reports.Report(
        verdict=reports.Verdict.UNKNOWN,
        headline=f"{service.name} in {parameters.env}: the catalogue gives it no port, so nobody can reach it.",
        facts={"service": service.name, "environment": parameters.env},
        next_actions=(reports.NextAction(label="Catalogue", command=f"services {service.name}"),),
    )


COMMAND = command.Command(
    name="access",
    summary="check whether a service can be reached, by those who should and by nobody else",
    parameters=Parameters,
    run=run,
    examples=("access pos-order", "access order --env prod"),
    sections=("health-failing",),
    facts=command.facts(
        texts=("service", "environment", *_FACTS.values(), "troubled"),
        numbers=("not_asked",),
        truths=("healthy", "is_open"),
    ),
)
