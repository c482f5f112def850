"""Everything together: sandboxed services in a sandboxed cluster, a sandboxed Slack, and a real posbot between them."""

import contextlib
import dataclasses
import enum
import json
import pathlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from sandbox import cluster, processes, runbook_folder, slack
from sandbox.services import documents, fleets, gateways, registries

REPLICAS = 2
"""Pods of each service."""
_AGE_SECONDS = 3 * 86_400.0
"""How long they have been running."""


class Mode(enum.StrEnum):
    """How Slack reaches the bot."""

    SOCKET = "socket"
    HTTP = "http"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TestBed:
    """The running parts of a testbed."""

    workspace: slack.Workspace
    fleet: fleets.Fleet
    registry: registries.Registry
    gateway: gateways.Gateway
    kube: cluster.Cluster
    """Where the services have their pods; their failures do not affect the services, nor the other way round."""
    bot: processes.Process
    environment: Mapping[str, str]
    """What the bot was started with; a terminal command in it uses the same services and database."""
    bot_url: str
    """Where the bot's own endpoints are."""
    data: pathlib.Path

    async def types(self, *words: str) -> tuple[int, str, str]:
        """Run a line in a terminal beside the bot; return exit code, output and error output."""
        return await processes.run(self.environment, *words)


@contextlib.asynccontextmanager
async def set_up(
    mode: Mode = Mode.SOCKET,
    *,
    names: Iterable[str] | None = None,
    setup: slack.Settings | None = None,
    extra: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
    is_in_pod: bool = False,
) -> AsyncIterator[TestBed]:
    """
    Start a testbed whose bot is connected and ready; it ends with the block.

    *names* are the services that run, all of the catalogue's by default, each with pods that have been ready for days.
    *extra* is added to the bot's environment; *within* is for `processes.serving`; who *is_in_pod* finds its cluster.
    """
    with tempfile.TemporaryDirectory(prefix="posbot-testbed-") as folder:
        home, data = pathlib.Path(folder), pathlib.Path(folder) / "runbook_data"
        async with (
            fleets.running(names or runbook_folder.service_names()) as fleet,
            slack.running(setup) as workspace,
            registries.running(fleet) as registry,
            gateways.running(fleet, registry, runbook_folder.gateway_paths()) as gateway,
            cluster.running() as kube,
        ):
            await _deploy(fleet, kube)
            runbook_folder.write(data, fleet.ports, urls=_urls(gateway, registry, knows_cluster=not is_in_pod))
            if setup is not None and setup.enterprise_id is not None:
                runbook_folder.change(data / "roles.yaml", workspaces=[setup.team_id])
            environment = _environment(home, workspace, mode) | _logins(home, gateway, kube) | dict(extra or {})
            async with _connected(environment, workspace, mode, within) as (bot, bot_url):
                yield TestBed(
                    workspace=workspace,
                    fleet=fleet,
                    registry=registry,
                    gateway=gateway,
                    kube=kube,
                    bot=bot,
                    environment=environment,
                    bot_url=bot_url,
                    data=data,
                )


def _urls(gateway: gateways.Gateway, registry: registries.Registry, *, knows_cluster: bool) -> dict[str, str]:
    own = {"kube_context": runbook_folder.ENVIRONMENT} if knows_cluster else {}
    return {"gateway_url": gateway.url, "eureka_url": registry.url, **own}


async def _deploy(fleet: fleets.Fleet, kube: cluster.Cluster) -> None:
    for name in fleet:
        image = f"registry.example/{name}:{documents.VERSION}"
        await kube.deploys(name, replicas=REPLICAS, image=image, ago_seconds=_AGE_SECONDS)


@contextlib.asynccontextmanager
async def _connected(
    environment: Mapping[str, str], workspace: slack.Workspace, mode: Mode, within: Sequence[str]
) -> AsyncIterator[tuple[processes.Process, str]]:
    """Return a bot that Slack reaches, and where its own endpoints are."""
    async with processes.serving(environment, within=within) as bot:
        serving = await bot.waits_for_event("serving")
        bot_url = f"http://127.0.0.1:{serving['port']}"
        if mode is Mode.HTTP:
            workspace.deliver_to(f"{bot_url}/slack/events")
        else:
            await workspace.wait_for_sockets(2)
        yield bot, bot_url


def _logins(home: pathlib.Path, gateway: gateways.Gateway, kube: cluster.Cluster) -> dict[str, str]:
    return {
        "POSBOT_SERVICE_TOKENS": json.dumps({runbook_folder.ENVIRONMENT: gateway.login}),
        "KUBECONFIG": str(kube.kubeconfig(home / "kubeconfig", context=runbook_folder.ENVIRONMENT)),
    }


def _environment(home: pathlib.Path, workspace: slack.Workspace, mode: Mode) -> dict[str, str]:
    tokens = {"SLACK_BOT_TOKEN": workspace.bot_token}
    if mode is Mode.HTTP:
        tokens["SLACK_SIGNING_SECRET"] = workspace.signing_secret
    else:
        tokens["SLACK_APP_TOKEN"] = workspace.app_token
    return {
        **processes.plain_environment(home),
        **tokens,
        "POSBOT_SLACK_API_URL": workspace.api_url,
        "POSBOT_RUNBOOK_DATA": str(home / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{home}/posbot.db",
        "POSBOT_HOST": "127.0.0.1",
        "PORT": "0",
    }
