"""Runs of procedures in Slack, with a real bot: begun, shown, asked, answered, ended, and taken up after a death."""

import asyncio
import dataclasses
import itertools
import re
import signal
from collections.abc import AsyncIterator

import pytest

from sandbox import processes, slack, testbed
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

_NUMBERS = itertools.count(1)
_SECONDS = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    stage: testbed.TestBed
    alice: people.Person
    bob: people.Person

    def channel(self) -> channels.Channel:
        return self.stage.workspace.channel(f"ops-{next(_NUMBERS)}", members=[self.alice, self.bob])

    async def sees(self, channel: channels.Channel, containing: str, purpose: str) -> messages.Message:
        return await self.bob.waits_for_message(
            channel, containing=containing, timeout_seconds=_SECONDS, matching=lambda one: is_for(one, purpose)
        )

    def lives(self, channel: channels.Channel) -> list[messages.Message]:
        return [one for one in self.stage.workspace.messages_in(channel) if is_for(one, "live")]


def is_for(message: messages.Message, purpose: str) -> bool:
    payload = (message.metadata or {}).get("event_payload", {})
    return str(payload.get("purpose", "")).startswith(purpose)


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    setup = slack.Settings(posting_burst=None)
    async with testbed.set_up(names=["pos-order"], setup=setup) as stage:
        yield Scene(stage=stage, alice=stage.workspace.person("alice"), bob=stage.workspace.person("bob"))


# Each run is about another service: two triages of one service are refused.
async def test_run_is_public_and_its_question_can_be_answered(scene: Scene) -> None:
    ops = scene.channel()

    await scene.alice.types("/pos triage order", ops)
    begun = await scene.alice.waits_for_message(ops, containing=": started", timeout_seconds=_SECONDS)
    question = await scene.sees(ops, "What is abnormal?", "question")
    click = await scene.bob.clicks("Errors", question)
    aside = await scene.bob.waits_for_message(ops, containing="answered “errors”", after=click)
    second = await scene.sees(ops, "Fixed?", "question")
    await scene.alice.clicks("Fixed", second, values={"note": "it's the “pool” — <all> of it"})
    end = await scene.sees(ops, "completed in", "end-")
    live = await scene.sees(ops, "completed in", "live")

    assert begun.is_ephemeral and aside.is_ephemeral
    assert "errors, bob at" in scene.stage.workspace.latest(question).plain_text
    answered = scene.stage.workspace.latest(second)
    assert "it's the “pool” — <all> of it" in answered.plain_text and not answered.buttons
    assert {question.thread_ts, second.thread_ts, end.thread_ts} == {live.ts}
    assert len(scene.lives(ops)) == 1


async def test_second_answer_names_the_first(scene: Scene) -> None:
    ops = scene.channel()
    await scene.alice.types("/pos triage price", ops)
    question = await scene.sees(ops, "What is abnormal?", "question")

    await scene.alice.clicks("Nothing", question)
    await scene.bob.waits_for_change(question, containing="nothing, alice at", timeout_seconds=_SECONDS)
    late = await scene.bob.clicks("Memory", question, as_seen=True)
    told = await scene.bob.waits_for_message(ops, containing="already answered “nothing” by alice", after=late)

    assert told.is_ephemeral
    assert "nothing, alice at" in scene.stage.workspace.latest(question).plain_text


async def test_mention_starts_a_run_in_its_thread(scene: Scene) -> None:
    ops = scene.channel()
    start = await scene.alice.says("orders are failing", ops)

    await scene.alice.mentions("triage catalog", ops, thread=start)
    question = await scene.sees(ops, "What is abnormal?", "question")
    told = await scene.alice.waits_for_message(ops, containing=": started", timeout_seconds=_SECONDS)

    assert question.thread_ts == start.ts
    assert told.is_ephemeral and told.thread_ts == start.ts
    assert [live.thread_ts for live in scene.lives(ops)] == [start.ts]


async def test_person_who_cancelled_is_named(scene: Scene) -> None:
    ops = scene.channel()
    await scene.alice.types("/pos triage invoice", ops)
    await scene.sees(ops, "What is abnormal?", "question")
    (live,) = scene.lives(ops)

    await scene.bob.clicks("Cancel run", live)
    end = await scene.sees(ops, "cancelled by bob after", "end-")
    over = await scene.sees(ops, "cancelled by bob after", "live")

    assert "cancelled by bob" in end.plain_text
    assert over.ts == live.ts


async def test_start_delivered_200_times_is_one_run_and_one_message(scene: Scene) -> None:
    ops = scene.channel()
    delivery = await scene.alice.types("/pos triage customer", ops)
    again = scene.stage.workspace.deliver_again
    await asyncio.gather(*[again(delivery) for _ in range(199)])

    await scene.sees(ops, "What is abnormal?", "question")

    assert len(scene.lives(ops)) == 1
    asked = [one for one in scene.stage.workspace.messages_in(ops) if is_for(one, "question")]
    assert len(asked) == 1


@pytest.mark.parametrize("mode", list(testbed.Mode))
async def test_killed_run_resumes_after_restart_in_the_same_message(mode: testbed.Mode) -> None:
    async with testbed.set_up(mode, names=["pos-order"], setup=slack.Settings(posting_burst=None)) as stage:
        scene = Scene(stage=stage, alice=stage.workspace.person("alice"), bob=stage.workspace.person("bob"))
        ops = scene.channel()
        await scene.alice.types("/pos triage people", ops)
        question = await scene.sees(ops, "What is abnormal?", "question")
        (live,) = scene.lives(ops)
        stage.bot.sends(signal.SIGKILL)
        await stage.bot.ends()

        async with processes.serving(stage.environment) as bot:
            serving = await bot.waits_for_event("serving")
            if mode is testbed.Mode.HTTP:
                stage.workspace.deliver_to(f"http://127.0.0.1:{serving['port']}/slack/events")
            else:
                await stage.workspace.wait_for_sockets(2)
            await scene.bob.clicks("Errors", question)
            second = await scene.sees(ops, "Fixed?", "question")
            await scene.bob.clicks("Fixed", second, values={"note": "a pool"})
            over = await scene.sees(ops, "completed in", "live")

    assert over.ts == live.ts
    assert len(scene.lives(ops)) == 1
    assert re.search(r"errors, bob at", stage.workspace.latest(question).plain_text)


_CAREFUL = """
schema: 1
id: careful
title: Careful
summary: ask the requester first
owner: tests
doc: {section: key-signals}
command: {name: careful, examples: [careful pos-order]}
access: {run: [everyone]}
params:
  - {name: service, type: service, help: which}
steps:
  - id: look
    title: Look
    uses: health
    with: {selection: "{{ params.service }}"}
    confirm: {text: "Look at {{ params.service }}?", by: requester}
"""


async def test_denied_answer_is_private_and_the_question_remains() -> None:
    async with testbed.set_up(names=["pos-order"], setup=slack.Settings(posting_burst=None)) as stage:
        scene = Scene(stage=stage, alice=stage.workspace.person("alice"), bob=stage.workspace.person("bob"))
        ops = scene.channel()
        await stage.bot.stops()
        (stage.data / "procedures" / "careful.yaml").write_text(_CAREFUL)
        async with processes.serving(stage.environment) as bot:
            await bot.waits_for_event("serving")
            await stage.workspace.wait_for_sockets(2)
            await scene.alice.types("/pos careful order", ops)
            question = await scene.sees(ops, "Look at pos-order?", "question")
            click = await scene.bob.clicks("Yes", question)
            told = await scene.bob.waits_for_message(ops, containing="That is for alice to answer", after=click)
            still = stage.workspace.latest(question)
            await scene.alice.clicks("Yes", question)
            await scene.sees(ops, "Careful · pos-order", "end-")

    assert told.is_ephemeral
    assert [button.text for button in still.buttons] == ["Yes", "No"]
