"""`posbot serve`: from the settings to a bot that answers, and from SIGTERM to its quiet end."""

import asyncio
import contextlib
import datetime
import resource
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

import sqlalchemy
import structlog
import tenacity
from aiohttp import web as aiohttp_web

from bot import app as bot_app
from bot import command, errors, logs
from bot.config import settings as config_settings
from bot.dispatch import redaction
from bot.durable import live_messages, timers
from bot.http import server as http_server
from bot.procedures import live_messages as run_messages
from bot.procedures.engine import store as run_store
from bot.slack.client import api as slack_api
from bot.slack.client import history
from bot.slack.inbound import app_home, handler, listeners, signed_http, socket_mode
from bot.slack.inbound import tasks as inbound_tasks
from bot.slack.outbound import live_message_worker, log_stream, rate_limit, reconciler, rendering
from bot.store import audit

log = structlog.get_logger()

_SLACK_CHECK_SECONDS = 30.0
_START_ATTEMPTS = 5
_PRUNE, _PRUNE_INTERVAL = "prune", datetime.timedelta(hours=6)
_CLOSING_SECONDS = 3.0
"""For connections and the database to close, after the work is drained."""

Watch = Callable[[], Coroutine[Any, Any, None]]


async def serve(settings: config_settings.Settings, commands: Sequence[command.Command[Any]]) -> int:
    """
    Answer in Slack until told to stop; give the exit code.

    Raises:
        errors.BadConfiguration: settings or data are wrong.
        errors.Refused: Slack does not accept the token.
        errors.Unavailable: Slack or the database cannot be reached at start.
    """
    access = config_settings.slack_access(settings)
    logs.configure(settings.log_level or "info", redaction.Redactor(settings.known_secrets).text)
    log.info("starting")
    _allow_many_connections()
    stop, started = _stop_on_signals(), asyncio.Event()
    server = asyncio.create_task(_serve(settings, commands, access, stop, started))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({server, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if stop.is_set():
        # What has not begun to serve has nothing to finish.
        patience = (
            settings.drain_seconds + inbound_tasks.SHUTDOWN_GRACE_SECONDS + _CLOSING_SECONDS
            if started.is_set()
            else 0.0
        )
        _, late = await asyncio.wait({server}, timeout=patience)
        for task in late:
            task.cancel()
            await asyncio.wait({task}, timeout=_CLOSING_SECONDS)
    if server.done() and not server.cancelled():
        server.result()
    log.info("stopped")
    return 0


async def migrate(settings: config_settings.Settings, _: Sequence[command.Command[Any]]) -> int:
    """Bring the database up to date and say what was done; give the exit code."""
    revision = await bot_app.migrate(settings)
    print(f"The database is now at revision {revision}." if revision else "The database is up to date.")  # noqa: T201
    return 0


async def _serve(
    settings: config_settings.Settings,
    commands: Sequence[command.Command[Any]],
    access: config_settings.SlackAccess,
    stop: asyncio.Event,
    started: asyncio.Event,
) -> None:
    api = slack_api.SlackApi(access.bot_token, settings.slack_api_url)
    identity = await _identify(api)
    core = bot_app.assemble(settings, commands, team_id=identity.team_id, user_groups=api, needs_store=True)
    async with core as assembled:
        tasks = inbound_tasks.BackgroundTasks()
        limiter = rate_limit.EditLimiter()
        stream_options = log_stream.LogStreamOptions(record=assembled.audit, stopping=stop, limiter=limiter)
        app = listeners.application(
            api,
            identity,
            handler=handler.RequestHandler(assembled.dispatcher, api, assembled.data.roles.channels, stream_options),
            home=app_home.AppHome(assembled.dispatcher, api),
            tasks=tasks,
        )
        delivery = _delivery(assembled, api, identity, redaction.Redactor(settings.known_secrets), limiter)
        sockets = (
            socket_mode.SocketMode(
                app,
                access.app_token,
                api.reader,
                connections=settings.socket_connections,
                ping_seconds=settings.socket_ping_seconds,
            )
            if access.app_token
            else None
        )
        slack = _Slack(api)
        signed = (
            signed_http.route(app, access.signing_secret, is_stopping=stop.is_set) if access.signing_secret else None
        )
        endpoints = http_server.application(
            is_alive=lambda: _liveness(sockets),
            is_ready=lambda: _readiness(stop, sockets, slack),
            routes=[signed] if signed else [],
        )
        watches: dict[str, Watch] = {"slack": slack.watch, "live messages": delivery.watch}
        watches |= {"membership": assembled.member.watch}
        _register_pruning(assembled.member.timers, settings.audit_days)
        watches |= {"sockets": sockets.watch} if sockets is not None else {}
        member = assembled.member
        async with member.registered(), _listening(endpoints, settings) as runner, _watching(watches):
            await assembled.db.work(_schedule_pruning)
            await assembled.warm_up(f"http://{_own_host(settings)}:{runner.addresses[0][1]}/healthz")
            ways = {"socket_mode": sockets is not None, "http": signed is not None}
            log.info("serving", port=runner.addresses[0][1], team=identity.team, **ways)
            started.set()
            await stop.wait()
            log.info("stopping")
            await _stop_taking(runner, sockets)
            # What is left of runs after that is free for another posbot.
            await asyncio.gather(tasks.drain(settings.drain_seconds), assembled.worker.drain(settings.drain_seconds))


def _own_host(settings: config_settings.Settings) -> str:
    return "127.0.0.1" if settings.host in {"0.0.0.0", ""} else settings.host  # noqa: S104


def _allow_many_connections() -> None:
    """Take as many file descriptors as the system gives: each idle connection holds one, and 1,024 are soon used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


async def _stop_taking(runner: aiohttp_web.AppRunner, sockets: socket_mode.SocketMode | None) -> None:
    for site in list(runner.sites):
        await site.stop()
    if sockets is not None:
        await sockets.close()


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(errors.Unavailable),
    stop=tenacity.stop_after_attempt(_START_ATTEMPTS),
    wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=8),
    before_sleep=lambda state: log.warning("slack does not answer", attempt=state.attempt_number, of=_START_ATTEMPTS),
    reraise=True,
)
async def _identify(api: slack_api.SlackApi) -> slack_api.Identity:
    return await api.identify()


def _delivery(
    core: bot_app.Core,
    api: slack_api.SlackApi,
    identity: slack_api.Identity,
    redactor: redaction.Redactor,
    limiter: rate_limit.EditLimiter,
) -> live_message_worker.LiveMessageWorker:
    """Return what keeps live messages up to date, woken by whatever happens to a run here."""
    uses = reconciler.Dependencies(
        store=live_messages.LiveMessageStore(core.db),
        registry={run_store.RUN: run_messages.loader(core.run_store, core.data.runbook)},
        api=api,
        history=history.SlackHistory(api, identity.user_id),
        renderer=rendering.Renderer(redactor=redactor),
        member=core.member,
        now=lambda: datetime.datetime.now(datetime.UTC),
    )
    delivery = live_message_worker.LiveMessageWorker(uses, limiter)
    core.worker.on_change = delivery.wake
    return delivery


@contextlib.asynccontextmanager
async def _listening(
    application: aiohttp_web.Application, settings: config_settings.Settings
) -> AsyncIterator[aiohttp_web.AppRunner]:
    runner = aiohttp_web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        try:
            await aiohttp_web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise errors.BadConfiguration(
                f"{settings.host}:{settings.port} cannot be opened ({error.strerror}): set PORT to a free one, and"
                " POSBOT_HOST to an address of this machine."
            ) from error
        yield runner
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _watching(watches: Mapping[str, Watch]) -> AsyncIterator[None]:
    """Run *watches* beside the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(inbound_tasks.run_forever(watch, name)) for name, watch in watches.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


class _Slack:
    """Knows whether Slack accepts the bot's token, as of the last half minute."""

    def __init__(self, api: slack_api.SlackApi) -> None:
        self._api = api
        self.wrong: str | None = None

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(_SLACK_CHECK_SECONDS)
            try:
                await self._api.identify()
                self.wrong = None
            except errors.BotError as error:
                self.wrong = str(error)
                log.error("slack check failed", reason=str(error))


async def _readiness(stop: asyncio.Event, sockets: socket_mode.SocketMode | None, slack: _Slack) -> str | None:
    if stop.is_set():
        return http_server.STOPPING
    if sockets is not None and await sockets.alive() == 0:
        return "No Socket Mode connection to Slack is alive."
    return slack.wrong


async def _liveness(sockets: socket_mode.SocketMode | None) -> str | None:
    if sockets is not None and sockets.is_hopeless:
        return "Socket Mode could not be restored; a new process may."
    return None


def _register_pruning(registry: timers.Timers, days: int) -> None:
    """Let a recurring timer remove what is older than *days* from the database."""

    def prune(connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        now = timers.now(connection)
        before = now - datetime.timedelta(days=days)
        entries, runs = audit.prune(connection, before), run_store.prune(connection, before)
        timers.schedule(connection, timer.kind, timer.subject, now + _PRUNE_INTERVAL, scheduled_at=now)
        log.info("database pruned", entries=entries, runs=runs)

    registry.register(_PRUNE, prune)


def _schedule_pruning(connection: sqlalchemy.Connection) -> None:
    now = timers.now(connection)
    timers.ensure_scheduled(connection, _PRUNE, "database", now, scheduled_at=now)
