"""List the catalogue: which services exist, who owns them, where they are asked."""

from collections.abc import Collection
from typing import Annotated

import pydantic

from bot import command, errors
from bot.config import catalog
from bot.model import reports


class Parameters(command.Parameters):
    """Which part of the catalogue."""

    words: Annotated[
        str | None,
        command.Option(positional=True, label="WORDS"),
        pydantic.Field(description="only services whose name, alias, group, owner or tier contains this"),
    ] = None
    group: Annotated[str | None, pydantic.Field(description="only this group")] = None
    owner: Annotated[str | None, pydantic.Field(description="only this owner")] = None
    tier: Annotated[catalog.Tier | None, pydantic.Field(description="only critical, important or supporting ones")] = (
        None
    )
    env: command.EnvironmentName


async def run(parameters: Parameters, context: command.Context) -> reports.Report:
    """Return the matching entries of the catalogue, grouped."""
    services = context.catalog.services
    owners = sorted({service.owner for service in services})
    _ensure_known("group", parameters.group, context.catalog.groups)
    _ensure_known("owner", parameters.owner, [owner.lower() for owner in owners])
    if parameters.words is not None and not any(_contains(service, parameters.words) for service in services):
        known = (*context.catalog.names, *context.catalog.groups, *owners)
        raise errors.NotFound("service, group, owner or tier", parameters.words, known, hint="services lists them all.")
    found = [service for service in services if _matches(service, parameters)]
    if not found:
        return reports.Report(
            verdict=reports.Verdict.OK, headline="No service matches.", facts={"count": 0}, is_information=True
        )
    if len(found) == 1:
        return _one(found[0], parameters, context)
    return _many(found, parameters, context)


def _ensure_known(kind: str, name: str | None, known: Collection[str]) -> None:
    """Raise errors.NotFound, which lists the *known* names, if *name* is none of them."""
    if name is not None and name.lower() not in known:
        raise errors.NotFound(kind, name, known, hint=f"Known: {', '.join(known)}.")


def _contains(service: catalog.Service, words: str) -> bool:
    own = (service.name, *service.aliases, service.group, service.owner, service.tier.value)
    return any(words.lower() in word.lower() for word in own)


def _matches(service: catalog.Service, parameters: Parameters) -> bool:
    return (
        (parameters.words is None or _contains(service, parameters.words))
        and (parameters.group or service.group).lower() == service.group
        and (parameters.owner or service.owner).lower() == service.owner.lower()
        and parameters.tier in {None, service.tier}
    )


def _one(service: catalog.Service, parameters: Parameters, context: command.Context) -> reports.Report:
    environment = context.environments.find(parameters.env or "")
    pairs = (
        ("aliases", ", ".join(service.aliases) or "none"),
        ("group", service.group),
        ("owner", service.owner),
        ("tier", service.tier.value),
        ("module", service.module),
        ("deployment", f"{service.deployment}, container {service.container}"),
        ("namespace", environment.namespace),
        ("port", service.no_endpoint_reason or _port(service)),
        ("Eureka id", service.registry_id if service.registers else "does not register"),
        ("gateway path", service.gateway_path or "none"),
        (f"health in {parameters.env}", environment.health_url_of(service) or "none"),
    )
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"{service.name}: {service.tier.value}, owned by {service.owner}",
        sections=(reports.Fields(pairs=pairs),),
        facts={"service": service.name, "owner": service.owner, "tier": service.tier.value, "port": service.port},
        next_actions=(reports.NextAction(label="Health", command=f"health {service.name} --env {parameters.env}"),),
    )


def _port(service: catalog.Service) -> str:
    parts = [f"{service.port}{' (https)' if service.scheme is catalog.Scheme.HTTPS else ''}"]
    if service.published_port is not None:
        parts.append(f"published as {service.published_port}")
    if service.management_port is not None:
        parts.append(f"actuator at {service.management_port}")
    return ", ".join(parts)


def _many(found: list[catalog.Service], parameters: Parameters, context: command.Context) -> reports.Report:
    in_order = sorted(found, key=lambda service: (service.group, service.name))
    rows = tuple(
        reports.Row(
            cells=(
                service.name,
                ", ".join(service.aliases),
                service.group,
                service.tier.value,
                service.owner,
                str(service.port or "–"),
            )
        )
        for service in in_order
    )
    scope = f" of {len(context.catalog.services)}" if len(found) < len(context.catalog.services) else ""
    groups = sorted({service.group for service in found})
    selection = groups[0] if len(groups) == 1 else catalog.ALL
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"{len(found)}{scope} services in the catalogue, in {len(groups)} group{'s' * (len(groups) > 1)}.",
        sections=(
            reports.Table(
                columns=("service", "aliases", "group", "tier", "owner", "port"), rows=rows, figures=("port",)
            ),
        ),
        facts={"count": len(found)},
        next_actions=(
            reports.NextAction(label=f"Health of {selection}", command=f"health {selection} --env {parameters.env}"),
        ),
    )


COMMAND = command.Command(
    name="services",
    summary="list the catalogue of services",
    parameters=Parameters,
    run=run,
    examples=("services", "services vehicle", "services --tier critical", "services --group {group}"),
    facts=command.facts(texts=("service", "owner", "tier"), numbers=("port", "count")),
)
