"""Everything together: pretend services, a pretend Slack, and a real posbot between them."""

import contextlib
import dataclasses
import enum
import json
import pathlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from sandbox import data_folders, processes, slack
from sandbox.services import fleets, gateways, registries


class Mode(enum.StrEnum):
    """How Slack reaches the bot."""

    SOCKET = "socket"
    HTTP = "http"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a story needs."""

    workspace: slack.Workspace
    fleet: fleets.Fleet
    registry: registries.Registry
    gateway: gateways.Gateway
    bot: processes.Process
    environment: Mapping[str, str]
    """What the bot was started with; a terminal command in it sees the same services and the same record."""
    bot_url: str
    """Where the bot's own endpoints are."""
    data: pathlib.Path

    async def types(self, *words: str) -> tuple[int, str, str]:
        """Run a line in a terminal beside the bot; give exit code, output and error output."""
        return await processes.run(self.environment, *words)


@contextlib.asynccontextmanager
async def set_up(
    mode: Mode = Mode.SOCKET,
    *,
    names: Iterable[str] | None = None,
    setup: slack.Settings | None = None,
    extra: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> AsyncIterator[Stage]:
    """
    Give a stage whose bot is connected and ready; everything ends with the block.

    *names* are the services that run, all of the catalogue's by default; *extra* is added to the bot's environment;
    *within* is the command under which the bot runs, as `processes.serving` takes it.
    """
    with tempfile.TemporaryDirectory(prefix="posbot-stage-") as folder:
        home = pathlib.Path(folder)
        async with (
            fleets.running(names or data_folders.service_names()) as fleet,
            slack.pretend_workspace(setup) as workspace,
            registries.running(fleet) as registry,
            gateways.running(fleet, registry, data_folders.gateway_paths()) as gateway,
        ):
            _write_data(home / "runbook_data", fleet, registry, gateway)
            environment = _environment(home, workspace, mode) | _tokens(gateway) | dict(extra or {})
            async with processes.serving(environment, within=within) as bot:
                bot_url = await _connected(bot, workspace, mode)
                yield Stage(
                    workspace=workspace,
                    fleet=fleet,
                    registry=registry,
                    gateway=gateway,
                    bot=bot,
                    environment=environment,
                    bot_url=bot_url,
                    data=home / "runbook_data",
                )


async def _connected(bot: processes.Process, workspace: slack.Workspace, mode: Mode) -> str:
    """Let Slack and the bot find each other, and give where the bot's own endpoints are."""
    serving = await bot.waits_for_event("serving")
    bot_url = f"http://127.0.0.1:{serving['port']}"
    if mode is Mode.HTTP:
        workspace.deliver_to(f"{bot_url}/slack/events")
    else:
        await workspace.wait_for_sockets(2)
    return bot_url


def _write_data(
    folder: pathlib.Path, fleet: fleets.Fleet, registry: registries.Registry, gateway: gateways.Gateway
) -> None:
    ports = {name: service.port for name, service in fleet.items()}
    data_folders.write(folder, ports, urls={"gateway_url": gateway.url, "eureka_url": registry.url})


def _tokens(gateway: gateways.Gateway) -> dict[str, str]:
    return {"POSBOT_SERVICE_TOKENS": json.dumps({data_folders.ENVIRONMENT: gateway.login})}


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
