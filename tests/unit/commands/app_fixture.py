"""A posbot assembled in this process with sandboxed services; command lines reach it as from a terminal."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import pathlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import yaml

import commands
from bot import app
from bot.config import settings
from bot.dispatch import permissions
from bot.model import invocations, reports
from sandbox import cluster, runbook_folder
from sandbox.services import fleets, gateways, registries
from tests import builders

NAMES = ("pos-order", "pos-price", "pos-api-gateway")
NUMBERS = itertools.count(1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AppFixture:
    """A posbot and the sandbox around it."""

    core: app.Core
    fleet: fleets.Fleet
    registry: registries.Registry
    gateway: gateways.Gateway
    kube: cluster.Cluster

    async def run(self, line: str) -> reports.Report:
        """Return the report of *line*."""
        return (await self.dispatch(line)).report

    async def dispatch(self, line: str, **changes: Any) -> invocations.Response:
        """Return the response to *line*."""
        values = {
            "id": f"1123-{next(NUMBERS):010x}",
            "text": line,
            "source": invocations.Source.TERMINAL,
            "actor": builders.a_local_actor("tester"),
            "conversation": builders.a_place(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
            "received_at": datetime.datetime.now(datetime.UTC),
        }
        return await self.core.dispatcher.dispatch(builders.an_invocation(**values | changes))

    async def recover(self) -> None:
        """Make every service healthy again."""
        for service in self.fleet.values():
            await service.recovers()
        await self.registry.recovers()
        await self.gateway.recovers()


@contextlib.asynccontextmanager
async def running(
    folder: pathlib.Path,
    *,
    names: Sequence[str] = NAMES,
    token: str | None = None,
    guarded_path: str = "/",
    is_alone: bool = False,
    texts: Mapping[str, str] | None = None,
    entries: Mapping[str, Mapping[str, object]] | None = None,
    token_environment: str = runbook_folder.ENVIRONMENT,
) -> AsyncIterator[AppFixture]:
    """
    Run a posbot with *token* as its service token, or with the valid one.

    If it *is_alone*, the environment names neither gateway nor registry. *texts* are the contents of files in the data
    folder, by name; *entries* are further keys of services in the catalog, by name. The token is for
    *token_environment*.
    """
    async with contextlib.AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleets.running(names))
        registry = await stack.enter_async_context(registries.running(fleet))
        gateway = await stack.enter_async_context(gateways.running(fleet, registry, runbook_folder.gateway_paths()))
        kube = await stack.enter_async_context(cluster.running(namespace="positivity"))
        endpoints = {} if is_alone else {"gateway_url": gateway.url, "eureka_url": registry.url}
        urls = {"kube_context": "sandbox", **endpoints}
        runbook_folder.write(folder / "data", fleet.ports, urls=urls)
        services = yaml.safe_load((folder / "data" / "services.yaml").read_text())["services"]
        more = entries or {}
        guarded = [{**service, "guarded_path": guarded_path, **more.get(service["name"], {})} for service in services]
        runbook_folder.change(folder / "data" / "services.yaml", services=guarded)
        for name, text in (texts or {}).items():
            (folder / "data" / name).write_text(text)
        own = settings.Settings(
            database_url=f"sqlite:///{folder}/posbot.db",
            POSBOT_RUNBOOK_DATA=folder / "data",
            POSBOT_LOG_LEVEL="error",
            kubeconfig=str(kube.kubeconfig(folder / "kubeconfig", context="sandbox")),
            POSBOT_SERVICE_TOKENS=json.dumps({token_environment: token or gateway.login}),
        )
        core = await stack.enter_async_context(
            app.assemble(
                own, commands.load_all(), team_id=None, user_groups=permissions.NoUserGroups(), needs_store=True
            )
        )
        yield AppFixture(core=core, fleet=fleet, registry=registry, gateway=gateway, kube=kube)
