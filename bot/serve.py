"""The process of `posbot serve`: from the settings to a bot that responds in Slack, and from SIGTERM to its exit."""

import asyncio
import contextlib
import ctypes
import functools
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from bot import app as bot_app
from bot import command, errors, logs, metrics
from bot.config import settings as config_settings
from bot.dispatch import redaction
from bot.durable import deliveries, retention
from bot.http import server as http_server
from bot.procedures import live_messages as run_messages
from bot.procedures.engine import store as run_store
from bot.slack import service as slack_service
from bot.slack.client import api as slack_api
from bot.slack.inbound import listeners, refusals
from bot.store import audit, failures
from bot.store import size as store_size

log = structlog.get_logger()

_CLOSING_SECONDS = 3.0
"""For connections and the database to close, after the work is drained."""
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.5, 5.0
"""Between two attempts to reach what the start waits for."""

Found = TypeVar("Found")

_SWITCH_SECONDS = 0.001
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
"""Of glibc's malloc.h."""


async def serve(settings: config_settings.Settings, commands: Sequence[command.Command[Any]]) -> int:
    """
    Serve Slack until told to stop; return the exit code.

    Raises:
        errors.BadConfiguration: settings or data are wrong.
        errors.Refused: Slack does not accept the token.
        failures.Unusable: the database will not become available by itself.
    """
    _return_freed_memory()
    # A thread that reads a large log gives the interpreter to the event loop this soon, which asks for it often.
    sys.setswitchinterval(_SWITCH_SECONDS)
    access = config_settings.slack_access(settings)
    logs.configure(settings.log_level or "info", redaction.Redactor(settings.known_secrets).fields)
    log.info("starting")
    _raise_file_descriptor_limit()
    stop, started = _stop_on_signals(), asyncio.Event()
    server = asyncio.create_task(_serve(settings, commands, access, stop, started))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({server, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if stop.is_set():
        # A server that has not started has nothing to finish.
        grace = settings.drain_seconds + listeners.SHUTDOWN_GRACE_SECONDS + _CLOSING_SECONDS
        _, late = await asyncio.wait({server}, timeout=grace if started.is_set() else 0.0)
        for task in late:
            task.cancel()
            await asyncio.wait({task}, timeout=_CLOSING_SECONDS)
    if server.done() and not server.cancelled():
        server.result()
    log.info("stopped")
    return 0


async def migrate(settings: config_settings.Settings, _: Sequence[command.Command[Any]]) -> int:
    """Upgrade the database and print its revision; return the exit code."""
    revision = await bot_app.migrate(settings)
    print(f"The database is now at revision {revision}." if revision else "The database is up to date.")  # noqa: T201
    return 0


class _Start:
    """How far the start is, and what is reported of the process."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._waiting: str = http_server.STARTING
        self.core: bot_app.Core | None = None
        self._database_problem: errors.Unavailable | None = None
        self.slack: slack_service.SlackService | None = None
        """None until everything is there."""

    async def wait_for(self, what: str, attempt: Callable[[], Awaitable[Found]]) -> Found:
        """
        Return what *attempt* does, as soon as *what* is available.

        Raises:
            failures.Unusable: it will not become available by itself.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                found = await attempt()
            except failures.Unusable:
                raise
            except errors.Unavailable as error:
                self._note_database(what, error)
                self._waiting = f"Waiting for {what}: {error}"
                log.warning("waiting", what=what, reason=str(error), retry_seconds=round(pause, 1))
            else:
                self._note_database(what, None)
                self._waiting = http_server.STARTING
                return found
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_PAUSE_SECONDS)

    def _note_database(self, what: str, problem: errors.Unavailable | None) -> None:
        """Note that the database is away before there is a worker that watches it."""
        if what == bot_app.DATABASE:
            self._database_problem = problem
            metrics.CHANGES_REFUSED.labels("database unavailable").set(problem is not None)

    async def readiness(self) -> str | None:
        """Return why no request can be served, or None."""
        if self._stop.is_set():
            return http_server.STOPPING
        return self._waiting if self.slack is None else await self.slack.readiness()

    async def liveness(self) -> str | None:
        """Return what only a new process repairs, or None: an outage of Slack or of the database is not one of them."""
        if self.core is not None and self.core.db.is_replaced:
            return "The database file was replaced by another: a new process opens it."
        return None

    def notice(self) -> str | None:
        """Return what is refused, or what is wrong with the clock, or None."""
        if self.core is None:
            problem = self._database_problem
            return f"Runs and changes are refused: {problem}" if problem is not None else None
        member = self.core.member
        if member.problem is not None:
            return f"Runs and changes are refused: {member.problem}"
        if member.clock_offset:
            seconds = abs(member.clock_offset.total_seconds())
            return f"This machine’s clock and the database’s differ by {seconds:.0f} s: runs use the database’s."
        return None


async def _serve(
    settings: config_settings.Settings,
    commands: Sequence[command.Command[Any]],
    access: config_settings.SlackAccess,
    stop: asyncio.Event,
    started: asyncio.Event,
) -> None:
    start, refused = _Start(stop), refusals.Refusals()
    api = slack_api.SlackApi(access.bot_token, settings.slack_api_url)
    request_url = http_server.LateRoute(slack_service.REQUEST_PATH)
    endpoints = http_server.application(
        is_alive=start.liveness,
        is_ready=start.readiness,
        notice=start.notice,
        routes=[request_url.definition] if access.signing_secret else [],
    )
    # What is wrong here is said before anything else is waited for.
    http_server.check_address(settings.host, settings.port)
    async with (
        http_server.listening(endpoints, settings.host, settings.port, refused=refused.count) as server,
        bot_app.assemble(
            settings, commands, team_id=None, user_groups=api, needs_store=True, wait_for=start.wait_for
        ) as core,
        contextlib.AsyncExitStack() as registration,
    ):
        log.info("listening", port=server.port)
        identity = await start.wait_for(f"Slack at {api.url}", lambda: slack_service.identify(api, access))
        workspaces = slack_service.served_workspaces(identity, core.data.roles)
        core.permissions.serve(workspaces)
        api.workspaces = workspaces if identity.is_organization_wide else ()
        registry = {run_store.RUN: run_messages.loader(core.run_store, core.data.runbook)}
        slack = slack_service.SlackService(
            core, api, identity, access, settings=settings, registry=registry, stop=stop, refused=refused
        )
        watches: dict[str, slack_service.Watch] = {
            **slack.watches,
            "membership": core.member.watch,
            "database size": _retain(core, settings),
        }
        # It may have gone away while Slack was waited for.
        await start.wait_for(bot_app.DATABASE, lambda: registration.enter_async_context(core.member.registered()))
        async with _running(watches):
            await start.wait_for(bot_app.DATABASE, lambda: core.db.work(retention.ensure_scheduled))
            await core.warm_up(f"{server.url}/healthz")
            request_url.handler = slack.receive
            start.core, start.slack = core, slack
            log.info(
                "serving",
                port=server.port,
                team=identity.team,
                socket_mode=slack.sockets is not None,
                http=access.signing_secret is not None,
            )
            started.set()
            await stop.wait()
            log.info("stopping")
            server.stop_accepting()
            await slack.close_sockets()
            # Runs that are not drained by then are claimed by another worker.
            await asyncio.gather(slack.tasks.drain(settings.drain_seconds), core.worker.drain(settings.drain_seconds))


def _retain(core: bot_app.Core, settings: config_settings.Settings) -> slack_service.Watch:
    """Register what bounds the database by days and by size; return what watches its size."""
    size = retention.SizeLimit(
        max_bytes=settings.database_max_mb * 1_000_000, measure=store_size.held_bytes, drop_oldest=audit.drop_oldest
    )
    prunes = {"entries": audit.prune, "runs": run_store.prune, "deliveries": deliveries.prune}
    retention.register(core.member.timers, prunes, days=settings.audit_days, size=size)
    return functools.partial(store_size.watch, core.db, size.max_bytes)


def _return_freed_memory() -> None:
    """
    Let glibc return freed memory to the system, and have few arenas.

    By default each thread gets an arena that keeps what it has freed: after some large answers that was half of the
    memory. Other C libraries have no such settings.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_TRIM_THRESHOLD, 128 * 1024)


def _raise_file_descriptor_limit() -> None:
    """Raise the limit to what the system allows: each idle connection holds one, and 1,024 are soon used up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


@contextlib.asynccontextmanager
async def _running(watches: Mapping[str, slack_service.Watch]) -> AsyncIterator[None]:
    """Run *watches* beside the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(listeners.run_forever(watch, name)) for name, watch in watches.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
