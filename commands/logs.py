"""Show what the pods of a service write: section 4.2 of the runbook, as `kubectl logs` over all of them."""

import dataclasses
import datetime
import re
from collections.abc import Sequence
from typing import Annotated

import pydantic

from bot import command, errors
from bot.config import catalog
from bot.kubernetes import model as kubernetes
from bot.kubernetes.logs import filters, parser, reader
from bot.kubernetes.logs import follower as logs_follower
from bot.model import reports

LINES = 200
LINES_FOLLOWED = 20
MOST_LINES = 50_000
_MOST_AROUND = 100
_ID = re.compile(r"\d{4}-[0-9a-f]{10}")


def _usable(pattern: str) -> str:
    filters.compile_pattern(pattern)
    return pattern


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(
            f"“{text[:40]}” is no id of an answer; expected one such as 1123-0a1b2c3d4e, which stands under it."
        )
    return text


Pattern = Annotated[str, pydantic.AfterValidator(_usable)]
Around = Annotated[int, pydantic.Field(ge=0, le=_MOST_AROUND)]


class Parameters(command.Parameters):
    """Which service, which of its lines, and for how long."""

    service: Annotated[
        command.ServiceName,
        command.Option(positional=True, label="SERVICE"),
        pydantic.Field(description="a service by name or alias"),
    ]
    env: command.EnvironmentName
    container: Annotated[
        str | None,
        command.Option(label="CONTAINER", short="-c"),
        pydantic.Field(description="another container than the service's own"),
    ] = None
    pod: Annotated[
        str | None, command.Option(label="POD"), pydantic.Field(description="one pod, by name or by how its name ends")
    ] = None
    tail: Annotated[
        int | None,
        command.Option(label="N"),
        pydantic.Field(
            ge=1, le=MOST_LINES, description=f"the newest lines of each pod: {LINES}, or {LINES_FOLLOWED} to follow"
        ),
    ] = None
    since: Annotated[
        command.Duration | None,
        command.Option(label="DURATION"),
        pydantic.Field(gt=datetime.timedelta(0), description="only what is younger, such as 15m"),
    ] = None
    grep: Annotated[
        Pattern | None, command.Option(label="RE"), pydantic.Field(description="only entries that match")
    ] = None
    exclude: Annotated[
        Pattern | None, command.Option(label="RE"), pydantic.Field(description="no entries that match")
    ] = None
    level: Annotated[
        filters.Level | None,
        command.Option(label="LEVEL"),
        pydantic.BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
        pydantic.Field(description="only entries at least so severe: trace, debug, info, warn, error, fatal"),
    ] = None
    after: Annotated[
        Around, command.Option(label="N", short="-A"), pydantic.Field(description="entries after each match")
    ] = 0
    before: Annotated[
        Around, command.Option(label="N", short="-B"), pydantic.Field(description="entries before each match")
    ] = 0
    previous: Annotated[bool, pydantic.Field(description="only of the containers before the last restart")] = False
    follow: Annotated[bool, command.Option(short="-f"), pydantic.Field(description="go on until stopped")] = False
    answer: Annotated[
        Annotated[str, pydantic.AfterValidator(_id)] | None,
        command.Option(label="ID"),
        pydantic.Field(description="filter an earlier answer again, without asking the cluster"),
    ] = None

    @pydantic.model_validator(mode="after")
    def _fit_together(self) -> "Parameters":
        if self.follow and (self.previous or self.answer):
            raise ValueError("--follow shows what comes; it goes with neither --previous nor --answer.")
        if self.answer and (self.container or self.previous or self.since):
            raise ValueError("--answer filters what was read before; -c, --previous and --since would read anew.")
        return self

    @property
    def wish(self) -> reader.LogQuery:
        """Give what is wanted of every log."""
        return reader.LogQuery(
            lines=self.tail or (LINES_FOLLOWED if self.follow else LINES),
            filter=filters.Filter(
                grep=filters.compile_pattern(self.grep) if self.grep else None,
                exclude=filters.compile_pattern(self.exclude) if self.exclude else None,
                level=self.level,
            ),
            before=self.before,
            after=self.after,
            since_seconds=max(int(self.since.total_seconds()), 1) if self.since else None,
        )


async def run(parameters: Parameters, tools: command.Context) -> reports.Report:
    """Give the newest entries that were asked for, of all pods, in the order of time."""
    service = tools.catalog.find(parameters.service)
    if parameters.answer is not None:
        return await _again(parameters, parameters.answer, service, tools)
    cluster = tools.workloads(tools.environments.find(parameters.env or ""))
    deployment = await cluster.deployment(service.deployment)
    container = parameters.container or service.container
    pods = reader.pods(await cluster.pods(deployment.selector), parameters.pod)
    sources = reader.sources(pods, container, is_previous=parameters.previous)
    if parameters.follow:
        return await _follow(parameters, tools, service, logs_follower.Target(cluster, deployment.selector, container))
    portions = await reader.read(cluster, sources, parameters.wish)
    if portions and all(portion.problem is not None and not portion.entries for portion in portions):
        raise portions[0].problem or errors.Unavailable("No log could be read.")
    return _report(parameters, service, pods, portions)


async def _follow(
    parameters: Parameters, tools: command.Context, service: catalog.Service, target: logs_follower.Target
) -> reports.Report:
    follower = logs_follower.Follower(target, parameters.wish, pod=parameters.pod, common=f"{service.deployment}-")
    reason = await follower.run(tools.display, name=f"{service.name}.log")
    counts = follower.counts
    return reports.Report(
        verdict=reports.Verdict.OK,
        headline=f"{service.name} in {parameters.env}: followed for {counts.seconds:.0f} s, stopped {reason}.",
        sections=(reports.Text(text=f"{counts.lines:,} lines read, {counts.shown:,} shown, of {counts.pods:,} pods."),),
        facts={"service": service.name, "environment": parameters.env, "lines": counts.lines, "shown": counts.shown},
        next_actions=(reports.NextAction(label="Follow again", command=_words(parameters)),),
        is_information=True,
    )


async def _again(
    parameters: Parameters, answer: str, service: catalog.Service, tools: command.Context
) -> reports.Report:
    report = await tools.audit.find_report(answer)
    logs = [section for section in report.sections if isinstance(section, reports.Log)] if report else []
    if report is None or not logs:
        raise errors.UsageError(f"No answer with a log has the id {answer}.", hint="The id stands under the answer.")
    if report.facts.get("service") != service.name:
        raise errors.UsageError(f"The answer {answer} is of {report.facts.get('service')}, not of {service.name}.")
    wish = dataclasses.replace(parameters.wish, lines=parameters.tail or MOST_LINES)
    found = reader.filtered(logs[0].entries, wish, pod=parameters.pod)
    lines = sum(entry.text.count("\n") + 1 for entry in found)
    total = sum(entry.text.count("\n") + 1 for entry in logs[0].entries)
    return dataclasses.replace(
        report,
        headline=f"{service.name}: {lines:,} of the {total:,} lines of answer {answer}.",
        sections=(dataclasses.replace(logs[0], entries=tuple(found)),) if found else (),
    )


def _report(
    parameters: Parameters,
    service: catalog.Service,
    pods: Sequence[kubernetes.Pod],
    portions: Sequence[reader.LogResult],
) -> reports.Report:
    entries = [*reader.merge(portions, collapses=not (parameters.before or parameters.after))]
    entries = reader.with_restarts(entries, portions) if not parameters.previous else entries
    troubles = [portion for portion in portions if portion.problem is not None]
    is_whole = not troubles and not any(portion.is_incomplete for portion in portions)
    log = reports.Log(entries=tuple(entries), name=f"{service.name}.log", common=f"{service.deployment}-")
    return reports.Report(
        verdict=reports.Verdict.OK if is_whole else reports.Verdict.UNKNOWN,
        headline=_headline(f"{service.name} in {parameters.env}", pods, portions),
        sections=(*([log] if entries else []), *_troubles(troubles), *_footer(parameters, portions)),
        facts={
            "service": service.name,
            "environment": parameters.env,
            "pods": len(pods),
            "lines_read": sum(portion.lines_read for portion in portions),
            "lines_matched": sum(portion.lines_matched for portion in portions),
            "lines_left_out": sum(portion.lines_left_out for portion in portions),
        },
        next_actions=_next(parameters),
        is_information=is_whole,
    )


def _headline(place: str, pods: Sequence[kubernetes.Pod], portions: Sequence[reader.LogResult]) -> str:
    if not pods:
        return f"{place}: there is no pod, so there is no log."
    shown = sum(entry.text.count("\n") + 1 for portion in portions for entry in portion.entries)
    lines = "line" if shown == 1 else "lines"
    return f"{place}: {shown:,} {lines} of {len(pods)} {'pod' if len(pods) == 1 else 'pods'}."


def _troubles(portions: Sequence[reader.LogResult]) -> tuple[reports.Section, ...]:
    """Give why logs could not be read, each reason once with the pods it holds for."""
    reasons: dict[str, list[str]] = {}
    for portion in portions:
        reasons.setdefault(f"{portion.problem_text}", []).append(portion.source.pod.name)
    pairs = tuple((", ".join(names[:3]) + _more(names[3:]), reason) for reason, names in reasons.items())
    return (reports.Fields(title="Not read", pairs=pairs),) if pairs else ()


def _more(names: Sequence[str]) -> str:
    return f" and {len(names)} more" if names else ""


def _footer(parameters: Parameters, portions: Sequence[reader.LogResult]) -> tuple[reports.Section, ...]:
    read = sum(portion.lines_read for portion in portions)
    size = sum(portion.bytes_read for portion in portions)
    matched = sum(portion.lines_matched for portion in portions)
    older = sum(portion.lines_left_out for portion in portions)
    words = [f"{read:,} lines read ({size / 1e6:,.1f} MB)"]
    words += [f"{matched:,} matched"] if not parameters.wish.filter.are_none else []
    words += [f"{older:,} older ones left out{_why(portions)}"] if older else []
    text = ", ".join(words) + "."
    cut = sum(portion.bytes_cut for portion in portions)
    if cut:
        text += f" Lines longer than {parser.LONGEST_LINE:,} bytes are cut there ({cut / 1e6:,.1f} MB left out)."
    if any(portion.is_incomplete for portion in portions):
        text += " Reading was stopped at a bound before the newest lines; narrow it down with --since."
    return (reports.Text(text=text),)


def _why(portions: Sequence[reader.LogResult]) -> str:
    if any(portion.is_full for portion in portions):
        most = reader.most_kept(len(portions)) / 1e6
        return f" (of each log no more than {most:.2g} MB are shown; narrow it down with --grep)"
    return " (--tail shows more)"


def _next(parameters: Parameters) -> tuple[reports.NextAction, ...]:
    place = f"{parameters.service} --env {parameters.env}"
    return (
        reports.NextAction(label="Run again", command=_words(parameters)),
        reports.NextAction(label="Errors of 15 min", command=f"logs {place} --level error --since 15m"),
        reports.NextAction(label="Follow", command=f"logs {place} --follow"),
        reports.NextAction(label="Pods", command=f"pods {place}"),
    )


def _words(parameters: Parameters) -> str:
    """Give the line that asks the same again."""
    return command.command_line("logs", parameters)


def _deadline(parameters: Parameters) -> float | None:
    return None if parameters.follow else reader.MOST_SECONDS + datetime.timedelta(seconds=20).total_seconds()


COMMAND = command.Command(
    name="logs",
    summary="show or follow the logs of a service",
    parameters=Parameters,
    run=run,
    examples=(
        "logs pos-order",
        "logs order --level warn --since 15m",
        "logs pos-order --grep OutOfMemory -B 2",
        "logs pos-order --previous --tail 500",
        "logs order --follow",
    ),
    sections=("start-failures",),
    deadline=_deadline,
    facts=command.facts(
        texts=("service", "environment"), numbers=("pods", "lines_read", "lines_matched", "lines_left_out")
    ),
)
