"""Reports of health checks: one service in detail, or many in one table; and what to do about a finding."""

from collections.abc import Sequence

from bot.health import actuator, status
from bot.health.status import Finding
from bot.model import reports

FAILING_SECTION = "health-failing"
CHECKS_SECTION = "health-checks"
_MAX_COMPONENTS_SHOWN = 10
_MAX_COMPONENTS_LISTED = 40
_SHOW_COMPONENTS = "management.endpoint.health.show-details: always"
_MAX_SERVICE_BUTTONS = 3
_CLUSTER_DOMAIN = ".svc.cluster.local"
_ADVICE = {
    Finding.SLOW: "Check latency and the connection pool. A single slow response may be a garbage collection.",
    Finding.DOWN: "Check the failing components, then the logs.",
    Finding.OUT_OF_SERVICE: "The service refuses traffic: it is starting, stopping or not ready. Check readiness.",
    Finding.UNKNOWN: "The service does not report a usable status. Check its components and logs.",
    Finding.CUSTOM: "A status of the service's own, neither UP nor DOWN. Check the components that are not UP.",
    Finding.DNS_FAILED: "Check health_url (environments.yaml), and whether this network resolves the host.",
    Finding.REFUSED: "Nothing listens on this port: the service is not started, has crashed or uses another port.",
    Finding.UNREACHABLE: "Check network policies, and whether posbot has access to this network.",
    Finding.CONNECT_TIMEOUT: "Packets are dropped: check network policies, the node and the address.",
    Finding.READ_TIMEOUT: "The service accepts connections but does not respond: exhausted threads or a hanging check.",
    Finding.TLS_EXPIRED: "Renew the certificate. Clients reject it until then.",
    Finding.TLS_WRONG_HOST: "The URL and the certificate name different hosts. Check the gateway route and health_url.",
    Finding.TLS_UNTRUSTED: "Add the issuing CA to posbot (SSL_CERT_FILE), or use a certificate from a trusted CA.",
    Finding.TLS_FAILED: "Check that the port serves TLS, and which versions it supports.",
    Finding.DROPPED: "The connection was closed before a response: a crash, a restart or a proxy in between.",
    Finding.NOT_HTTP: "Another application listens on this port. Compare the port with services.yaml.",
    Finding.UNAUTHORIZED: "Permit /actuator/health without authentication, or use an address inside the cluster.",
    Finding.FORBIDDEN: "A gateway or a security rule denies posbot access to the actuator.",
    Finding.LOGIN_PAGE: "Exempt the actuator from the login page, or use an address inside the cluster.",
    Finding.REDIRECTED: "If the target is the actuator, use its URL in health_url (environments.yaml).",
    Finding.NOT_FOUND: "Wrong path, or the health endpoint is not exposed (management.endpoints.web.exposure).",
    Finding.NOT_JSON: "Another application responds at this URL, such as a proxy with an error page.",
    Finding.NOT_HEALTH: "Another application responds at this URL. Compare port and path with services.yaml.",
    Finding.TOO_LARGE: "Another application responds at this URL: a health document is small.",
    Finding.HTTP_ERROR: "A proxy or the gateway responds, or the service fails before its actuator does.",
    Finding.NO_ENDPOINT: "If the service serves HTTP, set its port in services.yaml.",
    Finding.TIMED_OUT: "Check this service alone.",
}


def advice_for(finding: Finding) -> str:
    """Return the next step for *finding*, or an empty string for a healthy service."""
    return _ADVICE.get(finding, "")


def runbook_sections(services: Sequence[status.ServiceHealth]) -> tuple[str, ...]:
    """Return the markers of the runbook sections that cover the findings."""
    checked = [health for health in services if health.finding is not Finding.NO_ENDPOINT]
    is_ok = all(health.verdict is reports.Verdict.OK for health in checked)
    return (CHECKS_SECTION,) if is_ok else (FAILING_SECTION, CHECKS_SECTION)


def wait_suffix(poll: actuator.Poll, timeout_seconds: float) -> str:
    """Return what a headline says of waiting for healthy services."""
    if not poll.is_last:
        return f"; waiting, {poll.waited_seconds:.0f} of {timeout_seconds:.0f} s"
    is_slow = any(health.finding is Finding.SLOW for health in poll.services)
    has_failed = any(health.verdict is reports.Verdict.FAILED for health in poll.services)
    failure = "still unhealthy" if has_failed else "still not healthy"
    state = ("degraded" if is_slow else "healthy") if poll.is_healthy else failure
    if poll.is_healthy and poll.waited_seconds < 1:
        # It need not have waited at all.
        return ""
    return f"; {state} after {poll.waited_seconds:.0f} s"


def service_report(
    health: status.ServiceHealth, environment: str, *, verbose: bool, runbook: tuple[reports.Pointer, ...]
) -> reports.Report:
    """Return the report of one service."""
    state = (
        "unreachable: "
        if health.finding.is_unreachable
        else "no health endpoint: "
        if health.finding is Finding.NO_ENDPOINT
        else ""
    )
    return reports.Report(
        verdict=health.verdict,
        headline=f"{health.service} · {environment}: {state}{health.summary}",
        sections=tuple(_service_sections(health, verbose=verbose)),
        facts={
            "service": health.service,
            "environment": environment,
            "finding": health.finding.value,
            "healthy": health.is_healthy,
            "http_status": health.root.exchange.status,
            "seconds": round(health.root.exchange.total_seconds, 3),
            "failing": "" if health.is_healthy else status.list_components(health.failing_components),
            **{name: endpoint.finding.value for name, endpoint in health.groups},
        },
        next_actions=_service_actions(health, environment, verbose=verbose),
        runbook=runbook,
    )


def _service_sections(health: status.ServiceHealth, *, verbose: bool) -> list[reports.Section]:
    sections: list[reports.Section] = []
    failing = health.failing_components[:_MAX_COMPONENTS_SHOWN]
    if details := tuple(pair for component in failing for pair in component.brief_details):
        title = "Components that are not UP" if health.is_healthy else "Failing components"
        sections.append(reports.Fields(title=title, pairs=details))
    pairs = [(name, endpoint.explanation) for name, endpoint in health.groups]
    if health.summary != health.root.explanation:
        pairs.insert(0, ("health", health.root.explanation))
    # The verbose exchange has the URL as its title.
    if not verbose and health.finding is not Finding.NO_ENDPOINT:
        pairs.append(("url", health.root.exchange.url))
    if pairs:
        sections.append(reports.Fields(pairs=tuple(pairs)))
    if text := _next_step(health):
        sections.append(reports.Text(text=text))
    if verbose:
        sections += _components(health.root)
        sections += [_exchange(name, endpoint) for name, endpoint in (("", health.root), *health.groups)]
    return sections


def _next_step(health: status.ServiceHealth) -> str:
    """Return the advice for *health*; where the service hides what fails, how to show it."""
    root = health.root
    if health.finding is Finding.DNS_FAILED and _CLUSTER_DOMAIN in root.exchange.url:
        return "Run posbot inside the cluster: svc.cluster.local resolves there only. Or change health_url."
    if health.is_healthy or not (root.hides_components or root.hides_details):
        return advice_for(health.finding)
    hidden = "which components fail" if root.hides_components else "why components fail"
    return f"The service hides {hidden}. Set {_SHOW_COMPONENTS} (or when-authorized) to show it, and check its logs."


def _service_actions(
    health: status.ServiceHealth, environment: str, *, verbose: bool
) -> tuple[reports.NextAction, ...]:
    service = health.service
    if health.finding is Finding.NO_ENDPOINT:
        return (reports.NextAction(label="Catalog entry", command=f"services {service}"),)
    line = f"health {service} --env {environment}"
    actions = []
    if not health.is_healthy:
        runbook = f"runbook {FAILING_SECTION} --service {service} --env {environment}"
        actions.append(reports.NextAction(label="View runbook", command=runbook, is_primary=True))
    if not verbose:
        actions.append(reports.NextAction(label="Details", command=f"{line} --verbose"))
    if not health.is_healthy:
        actions.append(reports.NextAction(label="Wait 3 min", command=f"{line} --wait 3m"))
    actions.append(reports.NextAction(label="Run again", command=line + (" --verbose" if verbose else "")))
    return tuple(actions)


def _components(endpoint: status.EndpointHealth) -> list[reports.Section]:
    """Return all components with their details, those that are not UP first."""
    if not endpoint.is_document:
        return []
    if endpoint.hides_components:
        return [reports.Text(title="Components", text=f"Not shown by the service ({_SHOW_COMPONENTS}).")]
    in_order = sorted(endpoint.components, key=lambda component: not component.is_failing)
    rows = tuple(
        reports.Row(
            cells=(component.path, component.status, component.summary),
            verdict=reports.Verdict.WARNING if component.is_failing else None,
        )
        for component in in_order[:_MAX_COMPONENTS_LISTED]
    )
    omitted = len(in_order) - len(rows)
    return [
        reports.Table(title="Components", columns=("component", "status", "details"), rows=rows),
        *([reports.Text(text=f"{omitted} more components omitted.")] if omitted else []),
    ]


def _exchange(name: str, endpoint: status.EndpointHealth) -> reports.Section:
    exchange = endpoint.exchange
    status_line = f"{exchange.http_version} {exchange.status} {exchange.reason}".strip() if exchange.status else "none"
    pairs = [
        ("address", exchange.address or "none"),
        ("connected after", _milliseconds(exchange.connected_after_seconds)),
        *([("TLS after", _milliseconds(exchange.tls_after_seconds))] if exchange.url.startswith("https:") else []),
        *([("TLS version", exchange.tls_version)] if exchange.tls_version else []),
        ("first byte after", _milliseconds(exchange.first_byte_after_seconds)),
        ("total", _milliseconds(exchange.total_seconds)),
        ("status", status_line),
        ("body", f"{exchange.body_bytes:,} bytes"),
        *exchange.headers,
    ]
    width = max(len(label) for label, _ in pairs)
    lines = [f"{label:{width}}  {value}" for label, value in pairs]
    return reports.Code(title=f"GET …/{name}" if name else f"GET {exchange.url}", text="\n".join(lines))


def _milliseconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1000:.1f} ms"


def fleet_report(
    services: Sequence[status.ServiceHealth],
    selection: str,
    environment: str,
    *,
    runbook: tuple[reports.Pointer, ...],
) -> reports.Report:
    """Return the report of many services. Those without an endpoint are listed and do not count."""
    in_order = sorted(services, key=_worst_first)
    checked = [health for health in in_order if health.finding is not Finding.NO_ENDPOINT]
    rows = tuple(
        reports.Row(
            verdict=health.verdict if health in checked else None,
            cells=(health.service, health.finding.value, _response_time(health), health.reason),
        )
        for health in in_order
    )
    unhealthy = [health for health in checked if health.verdict is not reports.Verdict.OK]
    actions = [
        reports.NextAction(
            label=f"Show {health.service}",
            command=f"health {health.service} --env {environment}",
            is_primary=index == 0,
        )
        for index, health in enumerate(unhealthy[:_MAX_SERVICE_BUTTONS])
    ]
    return reports.Report(
        verdict=reports.Verdict.worst(health.verdict for health in checked),
        headline=_fleet_headline(checked, selection, environment),
        sections=(reports.Table(columns=("service", "status", "time", "reason"), rows=rows, figures=("time",)),),
        facts={"selection": selection, "environment": environment, "checked": len(checked), **_counts(checked)},
        next_actions=(
            *actions,
            reports.NextAction(label="Run again", command=f"health {selection} --env {environment}"),
        ),
        runbook=runbook,
    )


def _fleet_headline(checked: Sequence[status.ServiceHealth], selection: str, environment: str) -> str:
    unhealthy = [health for health in checked if health.verdict is not reports.Verdict.OK]
    noun = "service" if len(checked) == 1 else "services"
    if not checked:
        return f"No service of {selection} has a health endpoint in {environment}"
    if not unhealthy:
        total = f"All {len(checked)}" if len(checked) > 1 else "1"
        return f"{total} {noun} healthy in {environment}"
    verdicts = {health.verdict for health in unhealthy}
    state = (
        "unhealthy"
        if reports.Verdict.FAILED in verdicts
        else "not healthy"
        if reports.Verdict.UNKNOWN in verdicts
        else "degraded"
    )
    counts = ", ".join(f"{count} {finding}" for finding, count in _counts(unhealthy).items())
    return f"{len(unhealthy)} of {len(checked)} {noun} {state} in {environment}: {counts}"


def _counts(services: Sequence[status.ServiceHealth]) -> dict[str, int]:
    findings = [health.finding.value for health in services]
    return {finding: findings.count(finding) for finding in dict.fromkeys(findings)}


def _response_time(health: status.ServiceHealth) -> str:
    exchange = health.root.exchange
    return f"{exchange.total_seconds * 1000:.0f} ms" if exchange.status is not None else "–"


def _worst_first(health: status.ServiceHealth) -> tuple[bool, int, float, str]:
    # Healthy services are sorted by name, so that two reports can be compared.
    duration = 0.0 if health.finding is Finding.UP else health.root.exchange.total_seconds
    return (health.finding is Finding.NO_ENDPOINT, -reports.SEVERITY[health.verdict], -duration, health.service)
