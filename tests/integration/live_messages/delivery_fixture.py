"""A posbot whose runs are shown in a sandboxed Slack, and the messages that people see there."""

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import AsyncIterator
from typing import Any

from bot.dispatch import redaction
from bot.durable import live_messages
from bot.model import invocations
from bot.procedures import live_messages as run_messages
from bot.procedures import runs, schema
from bot.procedures.engine import store as run_store
from bot.slack.client import api as slack_api
from bot.slack.client import history
from bot.slack.outbound import live_message_worker, rate_limit, reconciler, rendering
from sandbox import slack
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages
from tests.unit.engine import engine_fixture

EDIT_SECONDS = 0.1
SECRET = "hunter2-of-the-tests"


def an_actor(person: people.Person) -> invocations.Actor:
    return invocations.Actor(id=person.id, name=person.user.name)


def slack_invocation(person_id: str, place: invocations.Conversation, **changes: Any) -> invocations.Invocation:
    actor = invocations.Actor(id=person_id, name="alice")
    return engine_fixture.an_invocation(actor=actor, conversation=place, source=invocations.Source.SLASH, **changes)


def in_channel(channel: channels.Channel, thread: str | None = None) -> invocations.Conversation:
    return invocations.Conversation(
        kind=invocations.ConversationKind.CHANNEL, id=channel.id, name=channel.name, thread=thread
    )


@contextlib.asynccontextmanager
async def delivering(
    engine: engine_fixture.EngineFixture,
    workspace: slack.Workspace,
    store: live_messages.LiveMessageStore | None = None,
    **options: Any,
) -> AsyncIterator[live_message_worker.LiveMessageWorker]:
    """Show the runs of *engine* in *workspace* until the block ends."""
    own = workspace.settings
    async with delivering_to(engine, workspace.api_url, own.bot_token, own.bot_user_id, store, **options) as delivery:
        yield delivery


@contextlib.asynccontextmanager
async def delivering_to(
    engine: engine_fixture.EngineFixture,
    url: str,
    token: str,
    own_id: str,
    store: live_messages.LiveMessageStore | None = None,
    **options: Any,
) -> AsyncIterator[live_message_worker.LiveMessageWorker]:
    api = slack_api.SlackApi(token, url)
    dependencies = reconciler.Dependencies(
        store=store or live_messages.LiveMessageStore(engine.core.db),
        registry={run_store.RUN: run_messages.loader(engine.core.run_store, engine.core.data.runbook)},
        api=api,
        history=history.SlackHistory(api, own_id),
        renderer=rendering.Renderer(redactor=redaction.Redactor([SECRET])),
        member=engine.core.member,
        now=lambda: datetime.datetime.now(datetime.UTC),
    )
    limiter = rate_limit.EditLimiter(EDIT_SECONDS, rate_limit.EditBudget(burst=1_000))
    delivery = live_message_worker.LiveMessageWorker(dependencies, limiter, **{"poll_seconds": 0.05} | options)
    engine.core.worker.on_change = delivery.wake
    watch = asyncio.create_task(delivery.watch())
    try:
        yield delivery
    finally:
        watch.cancel()
        await asyncio.wait({watch})


async def wait_until_delivered(engine: engine_fixture.EngineFixture) -> None:
    """Wait until Slack shows the newest state of every run."""
    async with asyncio.timeout(20):
        while await engine.core.db.work(live_messages.are_behind):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@dataclasses.dataclass(frozen=True, slots=True)
class DeliveryFixture:
    """People, a channel, and a posbot."""

    engine: engine_fixture.EngineFixture
    workspace: slack.Workspace
    alice: people.Person
    bob: people.Person
    ops: channels.Channel

    @classmethod
    def of(cls, engine: engine_fixture.EngineFixture, workspace: slack.Workspace) -> "DeliveryFixture":
        alice, bob = workspace.person("alice"), workspace.person("bob")
        return cls(engine, workspace, alice, bob, workspace.channel("ops", members=[alice, bob]))

    async def start(
        self, *steps: dict[str, Any], place: invocations.Conversation | None = None, **changes: Any
    ) -> runs.Run:
        procedure: schema.Procedure = engine_fixture.a_procedure(*steps, **changes)
        invocation = slack_invocation(self.alice.id, place or in_channel(self.ops))
        return await self.engine.start(procedure, invocation=invocation)

    async def wait_for_message(self, containing: str, **more: Any) -> messages.Message:
        return await self.bob.waits_for_message(self.ops, containing=containing, timeout_seconds=20, **more)

    async def wait_for_live_message(self, run: runs.Run, containing: str = "") -> messages.Message:
        return await self.wait_for_message(containing, matching=lambda message: self.is_for(message, run, "live"))

    @staticmethod
    def is_for(message: messages.Message, run: runs.Run, purpose: str) -> bool:
        payload = (message.metadata or {}).get("event_payload", {})
        return payload.get("subject") == run.id and str(payload.get("purpose")).startswith(purpose)

    def messages_of(
        self, run: runs.Run, purpose: str, channel: channels.Channel | None = None
    ) -> list[messages.Message]:
        """Return the messages of one purpose that are not deleted."""
        seen = self.workspace.messages_in(channel or self.ops)
        return [one for one in seen if not one.is_deleted and self.is_for(one, run, purpose)]
