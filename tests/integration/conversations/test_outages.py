"""Slack or the database away, sockets cut, a process killed: nobody who was acknowledged is left without an answer."""

import asyncio
import contextlib
import pathlib
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from sandbox import processes, runbook_folder, slack, testbed
from sandbox.slack.state import records
from tests import databases
from tests.databases import postgresql_folder
from tests.unit.engine import servers

__all__ = ["postgresql_folder"]
pytestmark = pytest.mark.anyio


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def comes_to(url: str, status: int, words: str, seconds: float = 20.0) -> str:
    """Return what *url* answers as soon as it has that status and those words."""
    answer = (0, "")
    for _ in range(int(seconds / 0.1)):
        with contextlib.suppress(aiohttp.ClientError):
            answer = await fetch(url)
            if answer[0] == status and words in answer[1]:
                return answer[1]
        await asyncio.sleep(0.1)
    pytest.fail(f"{url} answers {answer}, not {status} {words}")


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    runbook_folder.write(tmp_path / "data", {})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
        "POSBOT_HOST": "127.0.0.1",
        "PORT": str(port),
    }
    return processes.plain_environment(tmp_path) | own


def in_slack(environment: dict[str, str], workspace: slack.Workspace, **changes: str) -> dict[str, str]:
    tokens = {"SLACK_BOT_TOKEN": workspace.bot_token, "SLACK_APP_TOKEN": workspace.app_token}
    return environment | tokens | {"POSBOT_SLACK_API_URL": workspace.api_url} | changes


def url_of(environment: dict[str, str]) -> str:
    return f"http://127.0.0.1:{environment['PORT']}"


@pytest.mark.parametrize("seconds", [1.0, 6.0])
@pytest.mark.parametrize("mode", list(testbed.Mode))
async def test_acknowledged_command_is_answered_when_slack_is_back(mode: testbed.Mode, seconds: float) -> None:
    async with testbed.set_up(mode, names=["pos-order"]) as stage:
        alice = stage.workspace.person("alice")
        ops = stage.workspace.channel("ops", members=[alice])
        await stage.fleet["pos-order"].slows_to(seconds=0.5)
        await alice.types("/pos health pos-order", ops)
        await alice.mentions("health pos-order", ops)
        await stage.workspace.server.refuse_connections()
        await asyncio.sleep(seconds)
        await stage.workspace.server.accept_connections()

        await alice.waits_for_message(
            ops, containing="pos-order · sandbox", timeout_seconds=20, matching=lambda message: message.is_ephemeral
        )
        await alice.waits_for_message(
            ops, containing="pos-order · sandbox", timeout_seconds=20, matching=lambda message: not message.is_ephemeral
        )
        await asyncio.sleep(1.5)
        shown = [message for message in alice.sees(ops) if "pos-order · sandbox" in message.plain_text]

    assert len(shown) == 2


async def test_requester_reads_that_a_killed_process_was_interrupted() -> None:
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"]) as stage:
        alice = stage.workspace.person("alice")
        ops = stage.workspace.channel("ops", members=[alice])
        await stage.fleet["pos-order"].slows_to(seconds=30.0)
        await asyncio.gather(*(alice.types("/pos health pos-order", ops) for _ in range(5)))
        await alice.mentions("health pos-order", ops)
        await alice.waits_for_message(
            ops, containing="Working on it.", timeout_seconds=10, matching=lambda message: not message.is_ephemeral
        )
        # Where that message is has to be written.
        await asyncio.sleep(0.5)
        stage.bot.sends(signal.SIGKILL)
        await stage.bot.ends()

        async with processes.serving(stage.environment):
            await stage.workspace.wait_for(
                lambda: len([one for one in alice.sees(ops) if "Run it again" in one.plain_text]) >= 6 or None,
                timeout_seconds=40,
            )
        told = [one for one in alice.sees(ops) if "Run it again" in one.plain_text]

        shown = [one.plain_text for one in alice.sees(ops) if not one.is_ephemeral]

    assert len(told) == 6
    assert not any("Working on it." in text for text in shown), "the message in the thread became the answer"
    assert {button.text for one in told for button in one.buttons} >= {"Run again"}


async def test_no_command_fails_while_sockets_are_cut() -> None:
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"]) as stage:
        alice = stage.workspace.person("alice")
        ops = stage.workspace.channel("ops", members=[alice])
        deliveries: list[records.Delivery] = []
        for _ in range(9):
            stage.workspace.faults.cut_sockets()
            await stage.workspace.wait_for(lambda: not stage.workspace.open_sockets or None)
            await stage.workspace.wait_for_sockets(1, timeout_seconds=2)
            deliveries.append(await alice.types("/pos version", ops))
            await stage.workspace.wait_for_sockets(2, timeout_seconds=2)

    assert [one.is_acknowledged for one in deliveries] == [True] * 9


async def test_sockets_are_replaced_one_after_the_other() -> None:
    async with testbed.set_up(testbed.Mode.SOCKET, names=["pos-order"]) as stage:
        alice = stage.workspace.person("alice")
        ops = stage.workspace.channel("ops", members=[alice])
        await stage.workspace.faults.refresh_sockets("warning")
        deliveries = []
        for _ in range(20):
            deliveries.append(await alice.types("/pos version", ops))
            await asyncio.sleep(0.1)
        opened = [shake.at_seconds for shake in stage.workspace.handshakes]

    assert [one.is_acknowledged for one in deliveries] == [True] * 20
    assert len(opened) == 4
    assert opened[1] - opened[0] > 0.4
    assert opened[3] - opened[2] > 0.4


async def test_start_waits_for_slack(environment: dict[str, str]) -> None:
    async with slack.running() as workspace:
        await workspace.server.refuse_connections()
        own = in_slack(environment, workspace)
        async with processes.serving(own) as bot:
            said = await comes_to(f"{url_of(own)}/readyz", 503, "Waiting for Slack at http")
            assert (await fetch(f"{url_of(own)}/healthz")) == (200, "ok\n")
            await workspace.server.accept_connections()
            await comes_to(f"{url_of(own)}/readyz", 200, "ok")
            bot.sends(signal.SIGTERM)
            assert await bot.ends() == 0
    assert "auth.test" in said


async def test_start_waits_for_a_name_that_does_not_resolve(environment: dict[str, str]) -> None:
    async with slack.running() as workspace:
        own = in_slack(environment, workspace, POSBOT_SLACK_API_URL="http://slack.invalid/api/")
        async with processes.serving(own) as bot:
            await comes_to(f"{url_of(own)}/readyz", 503, "Waiting for Slack at http://slack.invalid/api/: ")
            bot.sends(signal.SIGTERM)
            assert await bot.ends() == 0


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


async def test_start_waits_for_a_locked_database(environment: dict[str, str]) -> None:
    path = environment["DATABASE_URL"].removeprefix("sqlite:///")
    async with slack.running() as workspace:
        own = in_slack(environment, workspace)
        with locked(path):
            async with processes.serving(own) as bot:
                await comes_to(f"{url_of(own)}/readyz", 503, "Waiting for the database: ")
                bot.sends(signal.SIGTERM)
                assert await bot.ends() == 0
        async with processes.serving(own):
            await comes_to(f"{url_of(own)}/readyz", 200, "ok")


@pytest.mark.real
async def test_start_waits_for_postgresql_and_ends_at_a_wrong_password(
    environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    port = int(environment["PORT"]) + 1
    async with slack.running() as workspace:
        own = in_slack(environment, workspace, DATABASE_URL=f"postgresql://posbot:right@127.0.0.1:{port}/postgres")
        async with processes.serving(own):
            await comes_to(f"{url_of(own)}/readyz", 503, "Waiting for the database: The database cannot be opened")
            async with a_server(port):
                await comes_to(f"{url_of(own)}/readyz", 200, "ok")
                wrong = own | {"DATABASE_URL": own["DATABASE_URL"].replace("right", "wrong"), "PORT": "0"}
                code, _, complaint = await processes.run(wrong, "serve")

    assert code == 3
    assert "password authentication failed" in complaint
    assert "Traceback" not in complaint


@contextlib.asynccontextmanager
async def a_server(port: int) -> AsyncIterator[None]:
    """A PostgreSQL that is reached over TCP by posbot with a password."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(databases.short_folder()))
        await asyncio.to_thread(stack.enter_context, databases.running_postgresql(folder, port))
        grants = ("CREATE ROLE posbot LOGIN PASSWORD 'right'", "GRANT ALL ON SCHEMA public TO posbot")
        await asyncio.to_thread(databases.execute_as_owner, folder, port, *grants)
        yield


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"DATABASE_URL": "sqlite:////proc/posbot.db"}, "unable to open database file"),
        ({"POSBOT_SLACK_API_URL": "nonsense"}, "POSBOT_SLACK_API_URL"),
        ({"POSBOT_SLACK_API_URL": "https://"}, "POSBOT_SLACK_API_URL"),
    ],
)
async def test_start_ends_with_a_sentence_where_waiting_does_not_help(
    environment: dict[str, str], changes: dict[str, str], sentence: str
) -> None:
    async with slack.running() as workspace, asyncio.timeout(20):
        code, _, complaint = await processes.run(in_slack(environment, workspace, **changes), "serve")

    assert code == 3
    assert sentence in complaint
    assert "Traceback" not in complaint


async def test_refused_runs_are_told_while_commands_are_answered(environment: dict[str, str]) -> None:
    path = environment["DATABASE_URL"].removeprefix("sqlite:///")
    async with slack.running() as workspace:
        own = in_slack(environment, workspace)
        alice = workspace.person("alice")
        ops = workspace.channel("ops", members=[alice])
        async with processes.serving(own):
            await comes_to(f"{url_of(own)}/readyz", 200, "ok")
            with locked(path):
                said = await comes_to(f"{url_of(own)}/healthz", 200, "ok\nRuns and changes are refused: The database")
                _, metrics = await fetch(f"{url_of(own)}/metrics")
                await alice.types("/pos version", ops)
                await alice.waits_for_message(ops, containing="posbot 0", timeout_seconds=6)
                assert (await fetch(f"{url_of(own)}/readyz"))[0] == 200
            await comes_to(f"{url_of(own)}/metrics", 200, 'posbot_changes_refused{reason="database unavailable"} 0.0')
            assert await fetch(f"{url_of(own)}/healthz") == (200, "ok\n")

    assert "database is locked" in said
    assert 'posbot_changes_refused{reason="database unavailable"} 1.0' in metrics


async def test_database_that_is_away_at_the_start_is_told(environment: dict[str, str]) -> None:
    async with slack.running() as workspace:
        own = in_slack(environment, workspace, DATABASE_URL="postgresql://posbot@127.0.0.1:9/posbot")
        async with processes.serving(own):
            waits = await comes_to(f"{url_of(own)}/readyz", 503, "Waiting for the database: The database")
            said = await comes_to(f"{url_of(own)}/healthz", 200, "ok\nRuns and changes are refused: The database")
            _, metrics = await fetch(f"{url_of(own)}/metrics")

    assert "(" not in waits.partition("(")[2].partition(")")[0] and "Is the server" not in said
    assert 'posbot_changes_refused{reason="database unavailable"} 1.0' in metrics


def delete_database(folder: pathlib.Path) -> None:
    for one in folder.glob("posbot.db*"):
        one.unlink()


async def test_deleted_database_is_told_and_a_replaced_one_needs_a_new_process(
    environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    async with slack.running() as workspace:
        own = in_slack(environment, workspace)
        async with processes.serving(own) as bot:
            await comes_to(f"{url_of(own)}/readyz", 200, "ok")
            delete_database(tmp_path)
            said = await comes_to(f"{url_of(own)}/healthz", 200, "Runs and changes are refused: The database file")
            databases.fill(own["DATABASE_URL"])
            await comes_to(f"{url_of(own)}/healthz", 503, "The database file was replaced by another")
            bot.sends(signal.SIGTERM)
            assert await bot.ends() == 0

    assert "was deleted while posbot had it open" in said


@pytest.mark.real
async def test_frozen_postgresql_delays_commands_by_seconds_and_no_shutdown(environment: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(databases.short_folder()))
        server = await asyncio.to_thread(stack.enter_context, servers.running(folder))
        async with slack.running() as workspace:
            own = in_slack(environment, workspace, DATABASE_URL=server.url)
            alice = workspace.person("alice")
            async with processes.serving(own) as bot:
                await comes_to(f"{url_of(own)}/readyz", 200, "ok")
                await asyncio.to_thread(server.freeze)
                for number in range(6):
                    ops = workspace.channel(f"ops-{number}", members=[alice])
                    await alice.types("/pos version", ops)
                    await alice.waits_for_message(ops, containing="posbot 0", timeout_seconds=7)
                    await asyncio.sleep(1.0)
                await comes_to(f"{url_of(own)}/healthz", 200, "Runs and changes are refused: The database")
                bot.sends(signal.SIGTERM)

                assert await bot.ends(timeout_seconds=20) == 0
