"""The report of a connectivity check."""

from collections.abc import Sequence

from bot.config import catalog
from bot.connectivity import checks
from bot.connectivity.checks import Check
from bot.model import reports
from bot.model.reports import Verdict

SECTION = "health-failing"
ESCALATION_SECTION = "workspace-escalation"
SKIPPED = "skipped"
"""Value of the fact of a skipped check."""
FACTS = {
    checks.DNS: "dns",
    checks.PORT: "port",
    checks.ENDPOINT: "endpoint",
    checks.REGISTRATION: "registration",
    checks.ROUTE: "route",
    checks.UNAUTHENTICATED: "unauthenticated_request",
    checks.AUTHENTICATED: "authenticated_request",
}
"""The fact that holds the verdict of each check."""


def has_problems(connectivity: checks.Connectivity) -> bool:
    """Return whether a check that was not skipped is other than ok."""
    return bool(_problems(connectivity.checks))


def report(
    connectivity: checks.Connectivity, service: str, environment: str, *, runbook: tuple[reports.Pointer, ...]
) -> reports.Report:
    """Return the report of all checks of *service* in *environment*."""
    problems = _problems(connectivity.checks)
    rows = tuple(reports.Row(cells=(check.name, check.result), verdict=check.verdict) for check in connectivity.checks)
    advice = tuple((check.name, check.advice) for check in problems if check.advice)
    arguments = f"{service} --env {environment}"
    diagnose = reports.NextAction(label="Diagnose", command=f"diagnose {arguments}", is_primary=True)
    return reports.Report(
        verdict=Verdict.worst(check.verdict for check in connectivity.checks if check.verdict is not None),
        headline=f"{service} · {environment}: {_outcome(connectivity.checks, problems)}",
        sections=(
            reports.Table(columns=("check", "result"), rows=rows),
            *([reports.Fields(title="Next steps", pairs=advice)] if advice else []),
        ),
        facts={
            "service": service,
            "environment": environment,
            **{FACTS[check.name]: check.verdict.value if check.verdict else SKIPPED for check in connectivity.checks},
            "problems": ", ".join(check.name for check in problems),
            "skipped": sum(check.verdict is None for check in connectivity.checks),
            "healthy": connectivity.is_healthy,
            "is_open": connectivity.is_open,
        },
        next_actions=(
            *([diagnose] if problems else []),
            reports.NextAction(label="Health", command=f"health {arguments}"),
            reports.NextAction(label="Run again", command=f"connectivity {arguments}"),
        ),
        runbook=runbook,
    )


def without_endpoint(service: catalog.Service, environment: str) -> reports.Report:
    """Return the report of a service without a web server, or of a library."""
    return reports.Report(
        verdict=Verdict.UNKNOWN,
        headline=f"{service.name} · {environment}: not reachable, {service.no_endpoint_reason}",
        facts={"service": service.name, "environment": environment},
        next_actions=(reports.NextAction(label="Catalog entry", command=f"services {service.name}"),),
    )


def _problems(checked: Sequence[Check]) -> list[Check]:
    return [check for check in checked if check.verdict not in {None, Verdict.OK}]


def _outcome(checked: Sequence[Check], problems: Sequence[Check]) -> str:
    """Return the worst of what the checks found; the table has the rest."""
    labels = (
        (Verdict.FAILED, "check{s} failed"),
        (Verdict.UNKNOWN, "check{s} unknown"),
        (Verdict.WARNING, "warning{s}"),
    )
    for verdict, label in labels:
        names = [check.name for check in problems if check.verdict is verdict]
        if names:
            return f"{len(names)} {label.format(s='s' * (len(names) > 1))}: {', '.join(names)}"
    skipped = sum(check.verdict is None for check in checked)
    suffix = f"; {skipped} of {len(checked)} checks skipped" if skipped else ""
    return f"reachable, authentication required{suffix}"
