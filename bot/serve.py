"""The process of `posbot serve`: from the settings to a bot that responds in Slack, and from SIGTERM to its exit."""

import asyncio
import contextlib
import resource
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog

from bot import app as bot_app
from bot import command, logs
from bot.config import settings as config_settings
from bot.dispatch import redaction
from bot.durable import deliveries, retention
from bot.http import server as http_server
from bot.procedures import live_messages as run_messages
from bot.procedures.engine import store as run_store
from bot.slack import service as slack_service
from bot.slack.client import api as slack_api
from bot.slack.inbound import listeners
from bot.store import audit

log = structlog.get_logger()

_CLOSING_SECONDS = 3.0
"""For connections and the database to close, after the work is drained."""


async def serve(settings: config_settings.Settings, commands: Sequence[command.Command[Any]]) -> int:
    """
    Serve Slack until told to stop; return the exit code.

    Raises:
        errors.BadConfiguration: settings or data are wrong.
        errors.Refused: Slack does not accept the token.
        errors.Unavailable: Slack or the database cannot be reached at start.
    """
    access = config_settings.slack_access(settings)
    logs.configure(settings.log_level or "info", redaction.Redactor(settings.known_secrets).text)
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


async def _serve(
    settings: config_settings.Settings,
    commands: Sequence[command.Command[Any]],
    access: config_settings.SlackAccess,
    stop: asyncio.Event,
    started: asyncio.Event,
) -> None:
    api = slack_api.SlackApi(access.bot_token, settings.slack_api_url)
    # What is wrong here is said before Slack is asked, which may take half a minute.
    http_server.check_address(settings.host, settings.port)
    async with bot_app.assemble(settings, commands, team_id=None, user_groups=api, needs_store=True) as core:
        identity = await slack_service.identify(api, access)
        workspaces = slack_service.served_workspaces(identity, core.data.roles)
        core.permissions.serve(workspaces)
        api.workspaces = workspaces if identity.is_organization_wide else ()
        registry = {run_store.RUN: run_messages.loader(core.run_store, core.data.runbook)}
        slack = slack_service.SlackService(core, api, identity, access, settings=settings, registry=registry, stop=stop)
        endpoints = http_server.application(
            is_alive=slack.liveness,
            is_ready=lambda: _readiness(stop, slack),
            routes=[slack.route] if slack.route else [],
        )
        prunes = {"entries": audit.prune, "runs": run_store.prune, "deliveries": deliveries.prune}
        retention.register(core.member.timers, prunes, days=settings.audit_days)
        watches = {**slack.watches, "membership": core.member.watch}
        listening = http_server.listening(endpoints, settings.host, settings.port)
        async with core.member.registered(), listening as server, _running(watches):
            await core.db.work(retention.ensure_scheduled)
            await core.warm_up(f"{server.url}/healthz")
            log.info(
                "serving",
                port=server.port,
                team=identity.team,
                socket_mode=slack.sockets is not None,
                http=slack.route is not None,
            )
            started.set()
            await stop.wait()
            log.info("stopping")
            await server.stop_accepting()
            await slack.close_sockets()
            # Runs that are not drained by then are claimed by another worker.
            await asyncio.gather(slack.tasks.drain(settings.drain_seconds), core.worker.drain(settings.drain_seconds))


async def _readiness(stop: asyncio.Event, slack: slack_service.SlackService) -> str | None:
    return http_server.STOPPING if stop.is_set() else await slack.readiness()


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
