"""The stage as a benchmark sees it: a process with Slack and services, and the bots that are started beside it."""

import contextlib
import dataclasses
import enum
import pathlib
import tempfile
from collections.abc import AsyncIterator

from bench import subprocesses
from sandbox import processes, runbook_folder


class Mode(enum.StrEnum):
    """How Slack reaches a bot."""

    SOCKET = "socket"
    HTTP = "http"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """How long it took until a person who typed a line saw something."""

    ack_seconds: float
    answer_seconds: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A posbot that is ready, and the port of its own endpoints."""

    process: processes.Process
    port: int


class Stage:
    """Slack, the services, and a folder for what a bot keeps."""

    def __init__(self, child: subprocesses.Child, home: pathlib.Path) -> None:
        self._child = child
        self._home = home

    @property
    def ports(self) -> dict[str, int]:
        """Return the port of every service."""
        ports: dict[str, int] = self._child.hello["ports"]
        return ports

    def environment(self, mode: Mode) -> dict[str, str]:
        """Return what a posbot in *mode* is started with; one without a screen needs it as well."""
        hello = self._child.hello
        secret = {"SLACK_SIGNING_SECRET": hello["signing_secret"]}
        if mode is Mode.SOCKET:
            secret = {"SLACK_APP_TOKEN": hello["app_token"]}
        return {
            **processes.plain_environment(self._home),
            **secret,
            "SLACK_BOT_TOKEN": hello["bot_token"],
            "POSBOT_SLACK_API_URL": hello["api_url"],
            "POSBOT_RUNBOOK_DATA": str(self._home / "runbook_data"),
            "DATABASE_URL": f"sqlite:///{self._home}/posbot.db",
            "POSBOT_HOST": "127.0.0.1",
            "PORT": "0",
        }

    @contextlib.asynccontextmanager
    async def posbot(self, mode: Mode) -> AsyncIterator[Bot]:
        """Start a posbot that Slack reaches in *mode*, and end it with the block."""
        async with processes.serving(self.environment(mode)) as process:
            serving = await process.waits_for_event("serving")
            bot = Bot(process=process, port=int(serving["port"]))
            await self._child.ask("deliver to", url=None)
            if mode is Mode.HTTP:
                await self.deliver_to(bot.port)
            else:
                await self._child.ask("wait for sockets", count=2)
            yield bot

    async def deliver_to(self, port: int) -> None:
        """Let Slack send its requests to the bot at *port*."""
        await self._child.ask("deliver to", url=f"http://127.0.0.1:{port}/slack/events")

    @contextlib.asynccontextmanager
    async def bare_app(self, mode: Mode) -> AsyncIterator[subprocesses.Child]:
        """Start the bare application beside it, and end it with the block."""
        hello = self._child.hello
        secret = hello["signing_secret"] if mode is Mode.HTTP else hello["app_token"]
        words = (mode.value, hello["api_url"], hello["bot_token"], secret)
        environment = processes.plain_environment(self._home)
        async with subprocesses.running("bench.bare_app", *words, environment=environment) as child:
            yield child

    async def write_down(self, text: str, count: int) -> list[dict[str, object]]:
        """Return *count* requests of Slack for the line *text*, with distinct trigger ids."""
        written: list[dict[str, object]] = (await self._child.ask("write down", text=text, count=count))["requests"]
        return written

    async def wait_for_answers(self, count: int) -> None:
        """Return once so many more answers have come, all of them such as Slack takes."""
        _insist(await self._child.ask("wait for answers", count=count))

    async def type(self, text: str) -> Typed:
        """Type a line and wait for its answer."""
        told = await self._child.ask("type", text=text)
        _insist(told)
        return Typed(
            ack_seconds=float(told["ack_seconds"]),
            answer_seconds=float(told["answer_seconds"]),
            text=str(told["texts"][0]),
        )

    async def slow(self, service: str, seconds: float) -> None:
        """Let a service wait before it answers, from now on."""
        await self._child.ask("slow", service=service, seconds=seconds)


@contextlib.asynccontextmanager
async def set_up(service_count: int) -> AsyncIterator[Stage]:
    """Return a stage with so many services, and take everything down with the block."""
    with tempfile.TemporaryDirectory(prefix="posbot-bench-") as folder:
        home = pathlib.Path(folder)
        environment = processes.plain_environment(home)
        async with subprocesses.running("bench.sandbox_process", str(service_count), environment=environment) as child:
            stage = Stage(child, home)
            runbook_folder.write(home / "runbook_data", stage.ports)
            yield stage


def _insist(answers: subprocesses.Message) -> None:
    wrong = [outcome for outcome in answers["outcomes"] if outcome != "ok"]
    if wrong:
        raise RuntimeError(f"Slack did not take {len(wrong)} answers ({wrong[0]})")
