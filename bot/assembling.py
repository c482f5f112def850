"""The bot put together, apart from its frontends: data, store, clients, dispatch."""

import contextlib
import dataclasses
import datetime
import gc
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from bot import errors, logs, toolkit
from bot import settings as settings_module
from bot.clients import actuator, eureka, gateway, java
from bot.dispatch import dispatching, judging, parsing, permissions, redacting
from bot.model import displays, invocations, procedures, services
from bot.procedures import loading as procedure_loading
from bot.procedures import surroundings
from bot.runbook import loading
from bot.runs import desk, offering, working
from bot.store import database, migrating, workers
from bot.store import invocations as invocation_store
from bot.store import runs as run_store

if TYPE_CHECKING:
    from bot.clients import cluster, workloads

log = structlog.get_logger()

_TERMINAL_SECONDS = 2.0
"""Who sits at a terminal waits no longer for a record that the answer can do without."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every frontend stands on."""

    dispatcher: dispatching.Dispatcher
    data: loading.RunbookData
    record: invocation_store.Invocations
    health_reader: actuator.Actuator
    clusters: "_Clusters"
    worker: working.Worker
    desk: desk.Desk
    db: database.Database

    async def warm_up(self, url: str) -> None:
        """
        Do once, with *url* for a service, what the first person would otherwise wait for, and settle down.

        The last step takes what stays for ever out of the garbage collector's rounds, each of which would stop the
        loop for as long as looking through all of it takes.
        """
        self.clusters.load()
        await self.health_reader.read("posbot", url, with_groups=True)
        with contextlib.suppress(errors.Unavailable):
            await self.record.latest(limit=1)
        gc.collect()
        gc.freeze()


@contextlib.asynccontextmanager
async def assembled(
    settings: settings_module.Settings,
    commands: Sequence[toolkit.Command[Any]],
    *,
    team_id: str | None,
    user_groups: permissions.UserGroups,
    needs_store: bool,
    needs_procedures: bool = True,
) -> AsyncIterator[Core]:
    """
    Give the core of the bot, its database open and up to date.

    A terminal can do without the store on a day when much is down (*needs_store* false): then nothing is recorded,
    and commands that change something refuse to run. Reading the procedures takes it a tenth of a second, which it can
    do without where nothing speaks of them (*needs_procedures* false).

    Raises:
        errors.BadConfiguration: settings or data are wrong.
        errors.Unavailable: the store is needed and cannot be reached.
    """
    redactor = redacting.Redactor(settings.known_secrets)
    logs.configure(settings.log_level or ("info" if needs_store else "critical"), redactor.text)
    data = loading.load(settings.runbook_data)
    table = {command.word: command for command in commands}
    _check_roles(data, table)
    _check_sections(data, table)
    _check_tokens(data, settings)
    book = _book(data, table) if needs_procedures else procedures.Book()
    table |= {command.word: command for command in map(offering.command_of, book.procedures)}
    checker = permissions.Permissions(data.roles, team_id=team_id, user_groups=user_groups)
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(_store(settings, is_needed=needs_store))
        clusters = _Clusters(settings.kubeconfig)
        stack.push_async_callback(clusters.close)
        doors = gateway.Gateway(settings.tokens)
        yield _core(data, book, table, db=db, clusters=clusters, doors=doors, checker=checker, redactor=redactor)


def _core(
    data: loading.RunbookData,
    book: procedures.Book,
    table: Mapping[str, toolkit.Command[Any]],
    *,
    db: database.Database,
    clusters: "_Clusters",
    doors: gateway.Gateway,
    checker: permissions.Permissions,
    redactor: redacting.Redactor,
) -> Core:
    record, health_reader = invocation_store.Invocations(db), actuator.Actuator()
    makings = _Makings(
        data=data,
        book=book,
        table=table,
        record=record,
        health_reader=health_reader,
        gateway=doors,
        clusters=clusters,
    )
    dispatcher = dispatching.Dispatcher(
        parser=parsing.Parser(table, vocabulary_of(data, table)),
        permissions=checker,
        redactor=redactor,
        record=record,
        tools_for=lambda invocation, may, display: makings.tools(desk_of_runs, invocation, may, display),
    )
    worker = working.Worker(workers.Workers(db), dispatcher, _now)
    desk_of_runs = desk.Desk(run_store.Runs(db), worker, judging.Judge(checker, data.roles), _now, redactor.text)
    return Core(
        dispatcher=dispatcher,
        data=data,
        record=record,
        health_reader=health_reader,
        clusters=clusters,
        worker=worker,
        desk=desk_of_runs,
        db=db,
    )


def vocabulary_of(data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]) -> toolkit.Vocabulary:
    """Give the names that may stand in parameters."""
    return toolkit.Vocabulary(
        catalogue=data.catalogue,
        environments=data.environments,
        words=tuple(table),
        aliases={alias: word for word, command in table.items() for alias in command.aliases},
    )


def misunderstandings(
    data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]
) -> Callable[[procedures.Procedure, str], str | None]:
    """Give what tells what is wrong with a line that should begin a run of a procedure."""
    vocabulary = vocabulary_of(data, table)

    def misunderstanding(procedure: procedures.Procedure, line: str) -> str | None:
        command = offering.command_of(procedure)
        try:
            parsing.Parser({command.word: command}, vocabulary).parse(line, from_chat=False)
        except errors.UsageError as error:
            return str(error)
        return None

    return misunderstanding


def _book(data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]) -> procedures.Book:
    """Give the procedures, each held against everything that it may speak of."""
    around = surroundings.Surroundings(
        commands=table,
        vocabulary=vocabulary_of(data, table),
        runbook=data.runbook,
        roles=tuple(data.roles.roles),
        misunderstanding=misunderstandings(data, table),
    )
    book = procedure_loading.load(data.folder / "procedures", around)
    for one in book.disabled:
        log.error("procedure disabled", procedure=one.name, reason=one.reason)
    return book


class _Clusters:
    """
    The clusters, with Kubernetes' client loaded when it is first wanted.

    That takes a quarter of a second, which a terminal command that asks no cluster need not wait for; a server loads
    it before it serves.
    """

    def __init__(self, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._clusters: cluster.Clusters | None = None

    def load(self) -> "cluster.Clusters":
        """Give the clusters, none of them connected yet."""
        if self._clusters is None:
            module = importlib.import_module("bot.clients.cluster")
            clusters: cluster.Clusters = module.Clusters(self._kubeconfig)
            self._clusters = clusters
        return self._clusters

    def workloads_of(self, environment: services.Environment) -> "workloads.Workloads":
        """Give what runs in *environment*."""
        made: workloads.Workloads = importlib.import_module("bot.clients.workloads").Workloads(
            self.load().of(environment.kube_context), environment.namespace
        )
        return made

    async def close(self) -> None:
        """End all sessions."""
        if self._clusters is not None:
            await self._clusters.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Makings:
    """What tools are made of; clients are made once and shared."""

    data: loading.RunbookData
    book: procedures.Book
    table: Mapping[str, toolkit.Command[Any]]
    record: invocation_store.Invocations
    health_reader: actuator.Actuator
    gateway: gateway.Gateway
    clusters: _Clusters

    def tools(
        self,
        runs: desk.Desk,
        invocation: invocations.Invocation,
        may: toolkit.MayRun,
        display: displays.Display,
    ) -> toolkit.Tools:
        """Give one invocation its tools."""
        return toolkit.Tools(
            invocation=invocation,
            catalogue=self.data.catalogue,
            environments=self.data.environments,
            runbook=self.data.runbook,
            causes=self.data.causes,
            actuator=self.health_reader,
            gateway=self.gateway,
            eureka=eureka.Eureka(),
            workloads=self.clusters.workloads_of,
            java=java.Java(settings_module.for_other_programs()),
            invocations=self.record,
            runs=runs,
            commands=self.table,
            procedures=self.book,
            may=may,
            display=display,
            now=_now,
        )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def migrate(settings: settings_module.Settings) -> str | None:
    """
    Bring the database to the newest revision; give that revision, or None where it was there already.

    Raises:
        errors.BadConfiguration, errors.Unavailable
    """
    async with database.opened(settings.store_url) as db:
        return await migrating.migrate(db)


@contextlib.asynccontextmanager
async def _store(settings: settings_module.Settings, *, is_needed: bool) -> AsyncIterator[database.Database]:
    """Give the store; where it is not needed and cannot be used, one that says so of every transaction."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            db = await stack.enter_async_context(database.opened(settings.store_url))
            revision = await migrating.migrate(db, migrating.MIGRATION_SECONDS if is_needed else _TERMINAL_SECONDS)
        except (errors.Unavailable, errors.BadConfiguration) as error:
            if is_needed:
                raise
            log.warning("nothing will be recorded", reason=str(error))
            db, revision = database.Closed(str(error)), None
        if revision is not None:
            log.info("database migrated", revision=revision)
        yield db


def _check_roles(data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]) -> None:
    for name, role in data.roles.roles.items():
        unknown = [word for word in role.may if word not in table]
        if unknown:
            path = data.folder / "roles.yaml"
            raise errors.BadConfiguration(
                f"{path}: roles.{name}.may: “{unknown[0]}” is no command; expected some of {', '.join(table)}."
            )


def _check_sections(data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]) -> None:
    for command in table.values():
        try:
            data.runbook.point_to(*command.sections)
        except errors.NotFound as error:
            path = data.folder / "runbook.md"
            raise errors.BadConfiguration(
                f"{path}: no heading carries the marker “{error.name}”, which {command.word} points to."
            ) from error


def _check_tokens(data: loading.RunbookData, settings: settings_module.Settings) -> None:
    for name in settings.tokens:
        if name not in data.environments.environments:
            known = ", ".join(data.environments.environments)
            raise errors.BadConfiguration(
                f"POSBOT_SERVICE_TOKENS: “{name}” is not among the environments; expected some of {known}."
            )
