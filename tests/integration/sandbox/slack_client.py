"""An app in a sandboxed workspace, as seen through slack_sdk's client."""

import collections.abc
import contextlib
import dataclasses
import typing

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox import slack
from sandbox.slack.scenario import people
from sandbox.slack.state import channels

Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlackApp:
    """A client with the bot's token, and alice in #ops."""

    workspace: slack.Workspace
    client: AsyncWebClient
    clock: slack.ManualClock
    alice: people.Person
    ops: channels.Channel

    async def error_of(self, method: str, **arguments: object) -> str:
        """Return the error that a call of *method* is refused with."""
        with pytest.raises(SlackApiError) as caught:
            await self.client.api_call(method, json=arguments)
        return str(caught.value.response["error"])


@contextlib.asynccontextmanager
async def running(
    settings: slack.Settings | None = None, *, clock: slack.ManualClock | None = None, retries: bool = True
) -> collections.abc.AsyncIterator[SlackApp]:
    """Start a workspace; its time is real unless a clock is given."""
    async with slack.running(settings, clock=clock) as workspace:
        client = AsyncWebClient(token=workspace.bot_token, base_url=workspace.api_url)
        if not retries:
            client.retry_handlers.clear()
        alice = workspace.person("alice")
        ops = workspace.channel("ops", members=[alice])
        yield SlackApp(workspace=workspace, client=client, clock=clock or slack.ManualClock(), alice=alice, ops=ops)


def section(text: str) -> Json:
    """Return a section block."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}
