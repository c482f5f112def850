"""Several replicas show the same runs, and some are killed."""

import asyncio
import contextlib
import json
import pathlib
import signal
import sys

import pytest

from bot.procedures import runs
from sandbox import slack
from tests.integration.live_messages import crashing_store, delivery_fixture
from tests.unit.engine import engine_fixture, worker_fixture

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]
PROJECT = pathlib.Path(__file__).parents[3]


async def test_kill_between_any_two_writes_leaves_each_message_once(
    database_url: str, tmp_path: pathlib.Path, workspace: slack.Workspace
) -> None:
    alice = workspace.person("alice")
    ops = workspace.channel("ops", members=[alice])
    url = database_url.replace(str(tmp_path), "FOLDER")
    own = workspace.settings
    where = [workspace.api_url, own.bot_token, own.bot_user_id, ops.id, alice.id]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.integration.live_messages.crashing_store", url, str(tmp_path), *where],
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    lives = [json.loads(line) for line in output.splitlines()]

    assert [tuple(life["point"]) for life in lives] == crashing_store.POINTS
    assert all(life["end"] == -signal.SIGKILL for life in lives)
    for life in lives:
        posted = [
            str(one.metadata["event_payload"]["purpose"]).partition("-")[0]
            for one in workspace.messages_in(ops)
            if one.metadata and one.metadata["event_payload"]["subject"] == life["run"]
        ]
        assert sorted(posted) == ["end", "live"], life


async def test_several_replicas_post_each_message_once(
    database_url: str, tmp_path: pathlib.Path, workspace: slack.Workspace, notes: engine_fixture.Notes
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(worker_fixture.running(database_url, tmp_path)) for _ in range(3)]
        for replica in replicas:
            await stack.enter_async_context(delivery_fixture.delivering(replica.engine, workspace))
        delivery = delivery_fixture.DeliveryFixture.of(replicas[0].engine, workspace)
        begun = [await delivery.start(notes.step(f"a{number}", seconds=0.3), notes.step("b")) for number in range(5)]
        for run in begun:
            await delivery.wait_for_message(
                "Try out: completed", matching=lambda one, run=run: delivery.is_for(one, run, "end-")
            )
            await delivery.wait_for_live_message(run, "Try out: completed")

    assert all(len(delivery.messages_of(run, purpose)) == 1 for run in begun for purpose in ("live", "end-"))


async def test_messages_of_a_stopped_replica_are_taken_over(
    database_url: str, tmp_path: pathlib.Path, workspace: slack.Workspace, notes: engine_fixture.Notes
) -> None:
    async with worker_fixture.running(database_url, tmp_path) as survivor:
        async with (
            worker_fixture.running(database_url, tmp_path) as dead,
            delivery_fixture.delivering(dead.engine, workspace),
        ):
            delivery = delivery_fixture.DeliveryFixture.of(dead.engine, workspace)
            run = await delivery.start(notes.step("a", "change", confirm={"text": "Really?"}))
            first = await delivery.wait_for_live_message(run, "waiting for input")
            await delivery.wait_for_message("Really?")
            await delivery_fixture.wait_until_delivered(dead.engine)
        async with delivery_fixture.delivering(survivor.engine, workspace):
            waiting = await survivor.engine.wait_until_resting(run)
            await survivor.engine.answer(waiting, runs.YES, actor=delivery_fixture.an_actor(delivery.alice))
            last = await delivery.wait_for_live_message(run, "Try out: completed")

    assert last.ts == first.ts
    assert len(delivery.messages_of(run, "live")) == 1
