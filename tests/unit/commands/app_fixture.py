"""A posbot put together in this process before pretend services, to which lines are given as by a terminal."""

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
class Kitchen:
    """What a test of commands needs."""

    core: app.Core
    fleet: fleets.Fleet
    registry: registries.Registry
    gateway: gateways.Gateway
    kube: cluster.Cluster

    async def asks(self, line: str) -> reports.Report:
        """Give the report that *line* gives."""
        return (await self.answers(line)).report

    async def answers(self, line: str, **changes: Any) -> invocations.Response:
        """Give the whole answer to *line*."""
        values = {
            "id": f"1123-{next(NUMBERS):010x}",
            "text": line,
            "source": invocations.Source.TERMINAL,
            "actor": builders.a_local_actor("tester"),
            "conversation": builders.a_place(kind=invocations.ConversationKind.TERMINAL, id="terminal"),
            "received_at": datetime.datetime.now(datetime.UTC),
        }
        return await self.core.dispatcher.dispatch(builders.an_invocation(**values | changes))

    async def recovers(self) -> None:
        """Be in good order."""
        for service in self.fleet.values():
            await service.recovers()
        await self.registry.recovers()
        await self.gateway.recovers()


@contextlib.asynccontextmanager
async def opened(
    folder: pathlib.Path,
    *,
    names: Sequence[str] = NAMES,
    token: str | None = None,
    guarded_path: str = "/",
    is_alone: bool = False,
    texts: Mapping[str, str] | None = None,
) -> AsyncIterator[Kitchen]:
    """
    Give a kitchen whose bot has *token* as its login, or the good one.

    Where it *is_alone*, the environment names neither gateway nor registry. *texts* stand in the files of the data
    folder that they are named after.
    """
    async with contextlib.AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(fleets.running(names))
        registry = await stack.enter_async_context(registries.running(fleet))
        gateway = await stack.enter_async_context(gateways.running(fleet, registry, runbook_folder.gateway_paths()))
        kube = await stack.enter_async_context(cluster.running(namespace="positivity"))
        doors = {} if is_alone else {"gateway_url": gateway.url, "eureka_url": registry.url}
        urls = {"kube_context": "sandbox", **doors}
        runbook_folder.write(folder / "data", fleet.ports, urls=urls)
        catalogue = yaml.safe_load((folder / "data" / "services.yaml").read_text())["services"]
        guarded = [{**service, "guarded_path": guarded_path} for service in catalogue]
        runbook_folder.change(folder / "data" / "services.yaml", services=guarded)
        for name, text in (texts or {}).items():
            (folder / "data" / name).write_text(text)
        own = settings.Settings(
            database_url=f"sqlite:///{folder}/posbot.db",
            POSBOT_RUNBOOK_DATA=folder / "data",
            POSBOT_LOG_LEVEL="error",
            kubeconfig=str(kube.kubeconfig(folder / "kubeconfig", context="sandbox")),
            POSBOT_SERVICE_TOKENS=json.dumps({runbook_folder.ENVIRONMENT: token or gateway.login}),
        )
        core = await stack.enter_async_context(
            app.assemble(
                own, commands.load_all(), team_id=None, user_groups=permissions.NoUserGroups(), needs_store=True
            )
        )
        yield Kitchen(core=core, fleet=fleet, registry=registry, gateway=gateway, kube=kube)
