"""Show who asked for what, and what came of it."""

import datetime
from typing import Annotated

import pydantic

from bot import command
from bot.model import reports


class Parameters(command.Parameters):
    """Which part of the record."""

    limit: Annotated[int, command.Option(label="N"), pydantic.Field(ge=1, le=100, description="how many entries")] = 20
    since: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), description="only the last 30m, 8h, …"),
    ] = None
    actor: Annotated[str | None, pydantic.Field(description="only this person, by id or name")] = None
    word: Annotated[command.CommandName | None, pydantic.Field(description="only this command")] = None


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the newest entries of the audit record."""
    since = tools.now() - parameters.since if parameters.since else None
    entries = await tools.audit.latest(
        limit=parameters.limit + 1, since=since, actor=parameters.actor, word=parameters.word
    )
    # This very request is on record already, and of no interest.
    others = [entry for entry in entries if entry.id != tools.invocation.id][: parameters.limit]
    if not others:
        return reports.Report(verdict=reports.Verdict.OK, headline="Nothing on record for that.", facts={"count": 0})
    rows = tuple(
        reports.Row(
            cells=(
                f"{entry.received_at:%m-%d %H:%M:%S}",
                entry.actor_name,
                entry.place_name or entry.door,
                entry.text or "help",
                entry.ending or "unfinished",
                (entry.verdict or "–") if entry.ending == "done" else "–",
                "–" if entry.duration_ms is None else f"{entry.duration_ms} ms",
                entry.id,
            )
        )
        for entry in others
    )
    columns = ("time (UTC)", "who", "where", "asked", "ending", "verdict", "took", "id")
    return reports.Report(
        is_information=True,
        verdict=reports.Verdict.OK,
        headline=f"The last {len(rows)} request{'s' * (len(rows) > 1)}, newest first.",
        sections=(reports.Table(columns=columns, rows=rows, figures=("took",)),),
        facts={"count": len(rows)},
    )


COMMAND = command.Command(
    name="audit",
    summary="show who asked for what",
    parameters=Parameters,
    run=run,
    examples=("audit", "audit --since 8h --word health", "audit --actor alice --limit 50"),
    audience=command.Audience.ROLE,
    facts=command.facts(numbers=("count",)),
)
