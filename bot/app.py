"""
The composition root: puts data, store, clients, run engine and dispatcher together, apart from the ways in.

A terminal command assembles only what it needs. The run engine and the procedures, Kubernetes' client and httpx are
imported by the functions that first need them.
"""

import contextlib
import dataclasses
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog

from bot import command as bot_command
from bot import contexts, errors, logs, runbook_data
from bot.config import security_warnings as config_security_warnings
from bot.config import settings as config_settings
from bot.connectivity import gateway as connectivity_gateway
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.dispatch import parser, permissions, redaction
from bot.health import actuator
from bot.store import audit, database
from bot.store import migrate as store_migrate

if TYPE_CHECKING:
    from bot.durable import membership
    from bot.procedures import schema
    from bot.procedures.engine import service
    from bot.procedures.engine import store as run_store
    from bot.procedures.engine import worker as run_worker

log = structlog.get_logger()

_GC_THRESHOLDS = (700, 10, 10)
"""Python's own, for a process that serves; while it starts, collections would only scan what it imports."""
DATABASE = "the database"
"""What the start waits for, as `WaitFor` names it."""
_TERMINAL_DATABASE_SECONDS = 2.0
"""A person at a terminal waits no longer for a record that the response can do without."""

Found = TypeVar("Found")


class WaitFor(Protocol):
    """Waits for another system at start."""

    async def __call__(self, what: str, attempt: Callable[[], Awaitable[Found]]) -> Found:
        """Return what *attempt* does once it does not raise errors.Unavailable; *what* is waited for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What executes runs of procedures."""

    member: "membership.Membership"
    worker: "run_worker.RunWorker"
    store: "run_store.RunStore"
    runs: "service.RunService"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every way in builds on."""

    dispatcher: dispatch_dispatcher.Dispatcher
    permissions: permissions.Permissions
    data: runbook_data.RunbookData
    audit: audit.AuditLog
    actuator: actuator.Actuator
    clusters: contexts.Clusters
    db: database.Database
    engine: Engine | None

    @property
    def member(self) -> "membership.Membership":
        """The membership among the workers of the database."""
        return self._engine.member

    @property
    def worker(self) -> "run_worker.RunWorker":
        """The worker of runs."""
        return self._engine.worker

    @property
    def run_store(self) -> "run_store.RunStore":
        """The stored runs."""
        return self._engine.store

    @property
    def runs(self) -> "service.RunService":
        """The runs of procedures."""
        return self._engine.runs

    @property
    def _engine(self) -> Engine:
        if self.engine is None:
            raise RuntimeError("assembled without procedures")
        return self.engine

    async def warm_up(self, url: str) -> None:
        """
        Do once what the first request would otherwise wait for; *url* is a health endpoint to read.

        Whatever lives as long as the process is then taken out of garbage collection, whose full passes stop the loop.
        """
        self.clusters.load()
        await self.actuator.read("posbot", url, with_groups=True)
        with contextlib.suppress(errors.Unavailable):
            await self.audit.latest(limit=1)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)


@contextlib.asynccontextmanager
async def assemble(
    settings: config_settings.Settings,
    commands: Sequence[bot_command.Command[Any]],
    *,
    team_id: str | None,
    user_groups: permissions.UserGroups,
    needs_store: bool,
    wait_for: WaitFor | None = None,
    needs_procedures: bool = True,
    command_names: Collection[str] | None = None,
) -> AsyncIterator[Core]:
    """
    Yield the core of posbot, its database open and upgraded.

    A terminal does without a database that is unavailable (*needs_store* false): then nothing is recorded, and
    commands that change something are denied. With *wait_for* it is waited for. Where it needs no procedures
    (*needs_procedures* false), *commands* may be the one that runs, and *command_names* all there are.

    Raises:
        errors.BadConfiguration: settings or data are wrong.
        errors.Unavailable: the database is needed, cannot be reached, and is not waited for.
    """
    redactor = redaction.Redactor(settings.known_secrets)
    logs.configure(settings.log_level or ("info" if needs_store else "critical"), redactor.fields)
    table = {command.name: command for command in commands}
    names = tuple(table) if command_names is None else tuple(command_names)
    data = runbook_data.load(settings.runbook_data, names)
    data.validate(table.values(), settings.tokens)
    security_warnings = config_security_warnings.find(settings, data.environments)
    for warning in security_warnings:
        log.warning("not protected", reason=warning)
    procedures = _load_procedures(data, table) if needs_procedures else None
    if procedures is not None:
        table |= procedures.commands
        names = (*names, *procedures.commands)
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(_open_store(settings, wait_for, is_needed=needs_store))
        clusters = contexts.Clusters(settings.kubeconfig)
        stack.push_async_callback(clusters.close)
        shared = contexts.SharedContext(
            data=data,
            commands=table,
            command_names=names,
            procedures=procedures.catalog if procedures is not None else None,
            audit=audit.AuditLog(db),
            actuator=actuator.Actuator(),
            gateway=connectivity_gateway.Gateway(settings.tokens, over_http=data.environments.with_token_over_http),
            clusters=clusters,
            security_warnings=security_warnings,
        )
        checker = permissions.Permissions(data.roles, team_id=team_id, user_groups=user_groups)
        yield _core(shared, db, checker, redactor)


def _core(
    shared: contexts.SharedContext,
    db: database.Database,
    checker: permissions.Permissions,
    redactor: redaction.Redactor,
) -> Core:
    data, commands, engine = shared.data, shared.commands, None
    if shared.procedures is not None:
        engine = _engine(db, permissions.Authorizer(checker, data.roles), redactor)
    dispatcher = dispatch_dispatcher.Dispatcher(
        parser=parser.Parser(
            commands,
            vocabulary_of(data, commands, shared.command_names, shared.procedures.invalid if shared.procedures else ()),
        ),
        permissions=checker,
        redactor=redactor,
        audit_log=shared.audit,
        make_context=shared.factory(engine.runs if engine is not None else None),
    )
    if engine is not None:
        engine.worker.runner = dispatcher
    return Core(
        dispatcher=dispatcher,
        permissions=checker,
        data=data,
        audit=shared.audit,
        actuator=shared.actuator,
        clusters=shared.clusters,
        db=db,
        engine=engine,
    )


def _engine(db: database.Database, authorizer: permissions.Authorizer, redactor: redaction.Redactor) -> Engine:
    # Together with the procedures a third of what a terminal command could import, and most need neither.
    from bot.durable import membership  # noqa: PLC0415
    from bot.procedures.engine import service  # noqa: PLC0415
    from bot.procedures.engine import store as run_store  # noqa: PLC0415
    from bot.procedures.engine import worker as run_worker  # noqa: PLC0415

    member, store = membership.Membership(db), run_store.RunStore(db)
    run_store.register_timers(member.timers)
    worker = run_worker.RunWorker(store, member, member.now)
    runs = service.RunService(
        store=store, worker=worker, member=member, authorizer=authorizer, now=member.now, redact=redactor.text
    )
    return Engine(member=member, worker=worker, store=store, runs=runs)


def vocabulary_of(
    data: runbook_data.RunbookData,
    table: Mapping[str, bot_command.Command[Any]],
    command_names: Collection[str] | None = None,
    invalid: Sequence["schema.InvalidProcedure"] = (),
) -> bot_command.Vocabulary:
    """Return the names that parameters may have as values; *command_names* where *table* does not hold all commands."""
    return bot_command.Vocabulary(
        catalog=data.catalog,
        environments=data.environments,
        commands=tuple(table if command_names is None else command_names),
        aliases={
            alias: name for name, command in table.items() for alias in (*command.aliases, *command.hidden_aliases)
        },
        invalid_procedures={name: one.reason for one in reversed(invalid) for name in one.names},
    )


def parse_errors(
    data: runbook_data.RunbookData, table: Mapping[str, bot_command.Command[Any]]
) -> Callable[["schema.Procedure", str], errors.UsageError | None]:
    """Return a function that returns why a command line cannot start a run of a procedure, or None."""
    from bot.procedures import commands as procedure_commands  # noqa: PLC0415 - see _engine

    vocabulary = vocabulary_of(data, table)

    def parse_error(procedure: "schema.Procedure", line: str) -> errors.UsageError | None:
        command = procedure_commands.command_of(procedure)
        try:
            parser.Parser({command.name: command}, vocabulary).parse(line, from_chat=False)
        except errors.UsageError as error:
            return error
        return None

    return parse_error


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Procedures:
    """The procedures, and the commands that start them."""

    catalog: "schema.ProcedureCatalog"
    commands: Mapping[str, bot_command.Command[Any]]


def _load_procedures(data: runbook_data.RunbookData, table: Mapping[str, bot_command.Command[Any]]) -> _Procedures:
    """Load the procedures and validate each against the commands, the catalog, the runbook and the roles."""
    from bot.procedures import commands as procedure_commands  # noqa: PLC0415 - see _engine
    from bot.procedures import loader  # noqa: PLC0415
    from bot.procedures.definition import validation_context  # noqa: PLC0415

    context = validation_context.ValidationContext(
        commands=table,
        vocabulary=vocabulary_of(data, table),
        runbook=data.runbook,
        roles=tuple(data.roles.roles),
        parse_error=parse_errors(data, table),
    )
    loaded = loader.load(data.folder / "procedures", context)
    for invalid in loaded.invalid:
        log.error("procedure disabled", procedure=invalid.name, reason=invalid.reason)
    commands = map(procedure_commands.command_of, loaded.procedures)
    return _Procedures(catalog=loaded, commands={command.name: command for command in commands})


async def migrate(settings: config_settings.Settings) -> str | None:
    """
    Upgrade the database to the newest revision; return that revision, or None where it was there already.

    Raises:
        errors.BadConfiguration, errors.Unavailable
    """
    async with database.open_database(settings.store_url, own_folder=settings.state_folder) as db:
        return await store_migrate.migrate(db)


@contextlib.asynccontextmanager
async def _open_store(
    settings: config_settings.Settings, wait_for: WaitFor | None, *, is_needed: bool
) -> AsyncIterator[database.Database]:
    """Yield the database; one whose transactions all fail where it is unavailable and not needed."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            db = await stack.enter_async_context(
                database.open_database(settings.store_url, own_folder=settings.state_folder)
            )
            if wait_for is not None:
                revision = await wait_for(DATABASE, lambda: store_migrate.migrate(db))
            else:
                seconds = store_migrate.MIGRATION_SECONDS if is_needed else _TERMINAL_DATABASE_SECONDS
                revision = await store_migrate.migrate(db, seconds)
        except (errors.Unavailable, errors.BadConfiguration) as error:
            if is_needed:
                raise
            log.warning("nothing will be recorded", reason=str(error))
            db, revision = database.Closed(str(error)), None
        if revision is not None:
            log.info("database migrated", revision=revision)
        yield db
