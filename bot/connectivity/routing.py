"""The checks of a service's registration in Eureka and of its route in the gateway."""

from bot.config import catalog
from bot.connectivity.checks import REGISTRATION, ROUTE, Check
from bot.connectivity.eureka import Registration
from bot.connectivity.gateway import Route, Routes
from bot.model.reports import Verdict

_MAX_INSTANCES_SHOWN = 3


def check_registration(
    registration: Registration | None, service: catalog.Service, similar: Registration | None = None
) -> Check:
    """Return the check of the service's instances in Eureka; *similar* is one at its address with another id."""

    def check(verdict: Verdict | None, result: str, hint: str = "") -> Check:
        return Check(name=REGISTRATION, verdict=verdict, result=result, advice=hint)

    if registration is None:
        return check(None, "skipped: the environment has no eureka_url")
    if registration.unavailable_reason and service.registers:
        return check(Verdict.UNKNOWN, f"Eureka unavailable: {registration.unavailable_reason}")
    if not service.registers:
        if not registration.instances:
            return check(None, "skipped: it does not register (services.yaml)")
        result = f"{_counts(registration)}, although services.yaml says that it does not register"
        return check(Verdict.WARNING, result, "Remove registers: false from services.yaml.")
    if not registration.instances:
        return _unregistered(service, similar)
    if not registration.up:
        return check(
            Verdict.FAILED, f"no instance receives requests: {_counts(registration)}", "Check the health of its pods."
        )
    if misplaced := registration.on_other_port(service.port or 0):
        addresses = ", ".join(f"{instance.host}:{instance.port}" for instance in misplaced[:_MAX_INSTANCES_SHOWN])
        hint = f"services.yaml has port {service.port}. Correct whichever is wrong."
        result = f"registered with another port: {addresses} ({_counts(registration)})"
        return check(Verdict.WARNING, result, hint)
    verdict = Verdict.OK if len(registration.up) == len(registration.instances) else Verdict.WARNING
    return check(verdict, f"{_counts(registration)}: {_addresses(registration)}")


def _unregistered(service: catalog.Service, similar: Registration | None) -> Check:
    result = f"{service.registry_id} is not registered in Eureka"
    hint = "Check that the service is up and has eureka.client.service-url. Registration takes about 30 s."
    if similar is None:
        return Check(name=REGISTRATION, verdict=Verdict.FAILED, result=result, advice=hint)
    advice = f"If {similar.id} is {service.name}, set eureka_id: {similar.id} in services.yaml. {hint}"
    verdict = Verdict.FAILED
    if similar.is_in_pods_of(service):
        verdict, advice = Verdict.WARNING, f"Set eureka_id: {similar.id} in services.yaml."
    result = f"{result}; {similar.id} is, at its {'pods' if verdict is Verdict.WARNING else 'port'}"
    return Check(name=REGISTRATION, verdict=verdict, result=f"{result}: {_addresses(similar)}", advice=advice)


def _counts(registration: Registration) -> str:
    statuses = [instance.status for instance in registration.instances]
    return ", ".join(f"{statuses.count(one)} {one}" for one in dict.fromkeys(statuses))


def _addresses(registration: Registration) -> str:
    shown = ", ".join(f"{instance.host}:{instance.port}" for instance in registration.up[:_MAX_INSTANCES_SHOWN])
    return shown + (" …" if len(registration.up) > _MAX_INSTANCES_SHOWN else "")


def check_route(routes: Routes | None, service: catalog.Service) -> Check:
    """Return the check of the gateway's route to the service: which one its path takes, then where that leads."""

    def check(verdict: Verdict | None, result: str, hint: str = "") -> Check:
        return Check(name=ROUTE, verdict=verdict, result=result, advice=hint)

    if routes is None:
        return check(None, "skipped: the environment has no gateway_url")
    if routes.unavailable_reason:
        return check(Verdict.UNKNOWN, f"routes unavailable: {routes.unavailable_reason}")
    own, expected = routes.to(service), service.gateway_path
    if expected is None:
        if not own:
            return check(None, "skipped: services.yaml has no gateway_path, and there is no route")
        return _leading(own[0], service)
    taking = routes.taking(expected)
    if taking is not None:
        return _leading(taking, service)
    if own:
        paths = ", ".join(path for route in own for path in route.paths) or own[0].predicate
        hint = f"services.yaml expects {expected}. Correct whichever is wrong."
        return check(Verdict.FAILED, f"no route matches {expected}, only {paths}", hint)
    hint = "Check the registration. The gateway creates routes from Eureka and from its own configuration."
    return check(
        Verdict.FAILED, f"none of {len(routes.routes)} routes takes {expected} or leads to {service.name}", hint
    )


def _leading(route: Route, service: catalog.Service) -> Check:
    """Return the check of where *route* leads, which takes the requests for *service*."""
    filters = f", {'; '.join(route.filters)}" if route.filters else ""
    shown, target = f"{', '.join(route.paths)} → {route.uri}", route.target
    verdict, result, hint = Verdict.OK, f"{shown}{filters}", ""
    if not target.has_valid_host:
        verdict, result = Verdict.FAILED, f"{shown}: not a host name, the gateway fails on each request"
        hint = invalid_host_advice(route)
    elif not route.leads_to(service) and target.is_load_balanced:
        verdict = Verdict.FAILED
        result = f"{shown}, but {service.name} registers as {service.registry_id}"
        hint = "Correct the uri of the route, or eureka_id in services.yaml."
    elif not route.leads_to(service):
        verdict = Verdict.WARNING
        hint = f"Check that {target.host} is {service.name}: it has neither its name nor that of its deployment."
    return Check(name=ROUTE, verdict=verdict, result=result, advice=hint)


def invalid_host_advice(route: Route) -> str:
    """Return what to do about a *route* whose URI has no host for Java."""
    host = route.target.host
    if "_" not in host:
        return f"Correct the uri of the route: “{host}” is not a host name."
    better = host.replace("_", "-")
    return (
        f"A host name has no underscore. Rename it in spring.application.name of the service, in the uri of the route"
        f" and in eureka_id: {better}."
    )
