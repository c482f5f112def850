"""Show the audit log: who ran which command, and how it ended."""

import datetime
from typing import Annotated

import pydantic

from bot import command as bot_command
from bot.model import invocations, reports, times
from bot.store import audit


class Parameters(bot_command.Parameters):
    """Filters of the audit log."""

    limit: Annotated[
        int, bot_command.Option(label="N"), pydantic.Field(ge=1, le=100, description="number of entries")
    ] = 20
    since: Annotated[
        bot_command.Duration | None,
        bot_command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), description="only the last 30m, 8h, …"),
    ] = None
    actor: Annotated[str | None, pydantic.Field(description="only this actor, by id or name")] = None
    command: Annotated[bot_command.CommandName | None, pydantic.Field(description="only this command")] = None


async def run(parameters: Parameters, context: bot_command.Context) -> reports.Report:
    """Return the newest entries of the audit log."""
    since = context.now() - parameters.since if parameters.since else None
    entries = await context.audit.latest(
        limit=parameters.limit + 1, since=since, actor=parameters.actor, command=parameters.command
    )
    # The invocation of this command is recorded already.
    others = [entry for entry in entries if entry.id != context.invocation.id][: parameters.limit]
    if not others:
        return reports.Report(
            verdict=reports.Verdict.OK,
            headline="No matching audit entries.",
            facts={"count": 0},
            is_information=True,
        )
    rows = tuple(
        reports.Row(
            cells=(
                times.clock(entry.received_at, context.now()),
                entry.actor_name,
                entry.conversation_name or entry.source,
                entry.text or "help",
                _result(entry),
                entry.id,
            )
        )
        for entry in others
    )
    columns = ("time (UTC)", "actor", "conversation", "command line", "result", "id")
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"Last {len(rows)} invocation{'s' * (len(rows) > 1)}, newest first",
        sections=(reports.Table(columns=columns, rows=rows),),
        facts={"count": len(rows)},
    )


_RESULTS = {
    reports.Verdict.OK: "ok",
    reports.Verdict.WARNING: "problem found",
    reports.Verdict.FAILED: "problem found",
    reports.Verdict.UNKNOWN: "unknown",
}
"""In the words of the exit codes."""


def _result(entry: audit.Entry) -> str:
    if entry.status is None:
        return "unfinished"
    verdict = entry.verdict if entry.status == invocations.Status.OK else None
    result = _RESULTS[reports.Verdict(verdict)] if verdict else entry.status.replace("_", " ")
    return result if entry.duration_ms is None else f"{result}, {entry.duration_ms} ms"


COMMAND = bot_command.Command(
    name="audit",
    summary="show who ran which command",
    parameters=Parameters,
    run=run,
    examples=("audit", "audit --since 8h --command health", "audit --actor alice --limit 50"),
    audience=bot_command.Audience.ROLE,
    facts=bot_command.facts(numbers=("count",)),
)
