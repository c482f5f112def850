"""The bot put together, apart from its frontends: data, store, clients, dispatch."""

import contextlib
import dataclasses
import datetime
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from bot import command as bot_command
from bot import errors, logs, runbook_data
from bot.config import catalog
from bot.config import settings as config_settings
from bot.connectivity import eureka
from bot.connectivity import gateway as connectivity_gateway
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.dispatch import parser, permissions, redaction
from bot.durable import workers
from bot.health import actuator
from bot.kubernetes.diagnosis import java
from bot.model import invocations
from bot.procedures import commands as procedure_commands
from bot.procedures import schema
from bot.procedures.definition import loader, validation_context
from bot.procedures.engine import service
from bot.procedures.engine import store as run_store
from bot.procedures.engine import worker as engine_worker
from bot.store import audit, database
from bot.store import migrate as store_migrate

if TYPE_CHECKING:
    from bot.kubernetes import client, workloads

log = structlog.get_logger()

_TERMINAL_SECONDS = 2.0
"""Who sits at a terminal waits no longer for a record that the answer can do without."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every frontend stands on."""

    dispatcher: dispatch_dispatcher.Dispatcher
    data: runbook_data.RunbookData
    audit: audit.AuditLog
    health_reader: actuator.Actuator
    clusters: "_Clusters"
    worker: engine_worker.Worker
    runs: service.RunService
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
            await self.audit.latest(limit=1)
        gc.collect()
        gc.freeze()


@contextlib.asynccontextmanager
async def assemble(
    settings: config_settings.Settings,
    commands: Sequence[bot_command.Command[Any]],
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
    redactor = redaction.Redactor(settings.known_secrets)
    logs.configure(settings.log_level or ("info" if needs_store else "critical"), redactor.text)
    data = runbook_data.load(settings.runbook_data)
    table = {command.name: command for command in commands}
    _check_roles(data, table)
    _check_sections(data, table)
    _check_tokens(data, settings)
    book = _book(data, table) if needs_procedures else schema.ProcedureCatalog()
    table |= {command.name: command for command in map(procedure_commands.command_of, book.procedures)}
    checker = permissions.Permissions(data.roles, team_id=team_id, user_groups=user_groups)
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(_store(settings, is_needed=needs_store))
        clusters = _Clusters(settings.kubeconfig)
        stack.push_async_callback(clusters.close)
        doors = connectivity_gateway.Gateway(settings.tokens)
        yield _core(data, book, table, db=db, clusters=clusters, doors=doors, checker=checker, redactor=redactor)


def _core(
    data: runbook_data.RunbookData,
    book: schema.ProcedureCatalog,
    table: Mapping[str, bot_command.Command[Any]],
    *,
    db: database.Database,
    clusters: "_Clusters",
    doors: connectivity_gateway.Gateway,
    checker: permissions.Permissions,
    redactor: redaction.Redactor,
) -> Core:
    record, health_reader = audit.AuditLog(db), actuator.Actuator()
    makings = Dependencies(
        data=data,
        book=book,
        table=table,
        record=record,
        health_reader=health_reader,
        gateway=doors,
        clusters=clusters,
    )
    dispatcher = dispatch_dispatcher.Dispatcher(
        parser=parser.Parser(table, vocabulary_of(data, table, book.invalid)),
        permissions=checker,
        redactor=redactor,
        record=record,
        tools_for=lambda invocation, may, display: makings.tools(desk_of_runs, invocation, may, display),
    )
    worker = engine_worker.Worker(workers.Workers(db), dispatcher, _now)
    desk_of_runs = service.RunService(
        run_store.Runs(db), worker, permissions.Authorizer(checker, data.roles), _now, redactor.text
    )
    return Core(
        dispatcher=dispatcher,
        data=data,
        audit=record,
        health_reader=health_reader,
        clusters=clusters,
        worker=worker,
        runs=desk_of_runs,
        db=db,
    )


def vocabulary_of(
    data: runbook_data.RunbookData,
    table: Mapping[str, bot_command.Command[Any]],
    invalid: Sequence[schema.InvalidProcedure] = (),
) -> bot_command.Vocabulary:
    """Give the names that may stand in parameters."""
    return bot_command.Vocabulary(
        catalog=data.catalog,
        environments=data.environments,
        commands=tuple(table),
        aliases={alias: word for word, command in table.items() for alias in command.aliases},
        invalid_procedures={one.name: one.reason for one in invalid},
    )


def parse_errors(
    data: runbook_data.RunbookData, table: Mapping[str, bot_command.Command[Any]]
) -> Callable[[schema.Procedure, str], str | None]:
    """Give what tells what is wrong with a line that should begin a run of a procedure."""
    vocabulary = vocabulary_of(data, table)

    def misunderstanding(procedure: schema.Procedure, line: str) -> str | None:
        command = procedure_commands.command_of(procedure)
        try:
            parser.Parser({command.name: command}, vocabulary).parse(line, from_chat=False)
        except errors.UsageError as error:
            return str(error)
        return None

    return misunderstanding


def _book(data: runbook_data.RunbookData, table: Mapping[str, bot_command.Command[Any]]) -> schema.ProcedureCatalog:
    """Give the procedures, each held against everything that it may speak of."""
    around = validation_context.ValidationContext(
        commands=table,
        vocabulary=vocabulary_of(data, table),
        runbook=data.runbook,
        roles=tuple(data.roles.roles),
        parse_error=parse_errors(data, table),
    )
    book = loader.load(data.folder / "procedures", around)
    for one in book.invalid:
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
        self._clusters: client.Clusters | None = None

    def load(self) -> "client.Clusters":
        """Give the clusters, none of them connected yet."""
        if self._clusters is None:
            from bot.kubernetes import client  # noqa: PLC0415 - see above

            self._clusters = client.Clusters(self._kubeconfig)
        return self._clusters

    def workloads_of(self, environment: catalog.Environment) -> "workloads.Workloads":
        """Give what runs in *environment*."""
        from bot.kubernetes import workloads  # noqa: PLC0415 - see above

        return workloads.Workloads(self.load().find(environment.kube_context), environment.namespace)

    async def close(self) -> None:
        """End all sessions."""
        if self._clusters is not None:
            await self._clusters.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What tools are made of; clients are made once and shared."""

    data: runbook_data.RunbookData
    book: schema.ProcedureCatalog
    table: Mapping[str, bot_command.Command[Any]]
    record: audit.AuditLog
    health_reader: actuator.Actuator
    gateway: connectivity_gateway.Gateway
    clusters: _Clusters

    def tools(
        self,
        runs: service.RunService,
        invocation: invocations.Invocation,
        may: bot_command.MayRun,
        display: invocations.Display,
    ) -> bot_command.Context:
        """Give one invocation its tools."""
        return bot_command.Context(
            invocation=invocation,
            catalog=self.data.catalog,
            environments=self.data.environments,
            runbook=self.data.runbook,
            diagnosis_rules=self.data.diagnosis_rules,
            actuator=self.health_reader,
            gateway=self.gateway,
            eureka=eureka.Eureka(),
            workloads=self.clusters.workloads_of,
            java=java.Java(config_settings.for_other_programs()),
            audit=self.record,
            runs=runs,
            commands=self.table,
            procedure_catalog=self.book,
            may_run=may,
            display=display,
            now=_now,
        )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def migrate(settings: config_settings.Settings) -> str | None:
    """
    Bring the database to the newest revision; give that revision, or None where it was there already.

    Raises:
        errors.BadConfiguration, errors.Unavailable
    """
    async with database.open_database(settings.store_url) as db:
        return await store_migrate.migrate(db)


@contextlib.asynccontextmanager
async def _store(settings: config_settings.Settings, *, is_needed: bool) -> AsyncIterator[database.Database]:
    """Give the store; where it is not needed and cannot be used, one that says so of every transaction."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            db = await stack.enter_async_context(database.open_database(settings.store_url))
            revision = await store_migrate.migrate(
                db, store_migrate.MIGRATION_SECONDS if is_needed else _TERMINAL_SECONDS
            )
        except (errors.Unavailable, errors.BadConfiguration) as error:
            if is_needed:
                raise
            log.warning("nothing will be recorded", reason=str(error))
            db, revision = database.Closed(str(error)), None
        if revision is not None:
            log.info("database migrated", revision=revision)
        yield db


def _check_roles(data: runbook_data.RunbookData, table: Mapping[str, bot_command.Command[Any]]) -> None:
    for name, role in data.roles.roles.items():
        unknown = [word for word in role.may if word not in table]
        if unknown:
            path = data.folder / "roles.yaml"
            raise errors.BadConfiguration(
                f"{path}: roles.{name}.may: “{unknown[0]}” is no command; expected some of {', '.join(table)}."
            )


def _check_sections(data: runbook_data.RunbookData, table: Mapping[str, bot_command.Command[Any]]) -> None:
    for command in table.values():
        try:
            data.runbook.point_to(*command.sections)
        except errors.NotFound as error:
            path = data.folder / "runbook.md"
            raise errors.BadConfiguration(
                f"{path}: no heading carries the marker “{error.name}”, which {command.name} points to."
            ) from error


def _check_tokens(data: runbook_data.RunbookData, settings: config_settings.Settings) -> None:
    for name in settings.tokens:
        if name not in data.environments.environments:
            known = ", ".join(data.environments.environments)
            raise errors.BadConfiguration(
                f"POSBOT_SERVICE_TOKENS: “{name}” is not among the environments; expected some of {known}."
            )
