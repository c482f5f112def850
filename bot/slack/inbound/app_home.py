"""The App Home: how the services are, and what the bot can do for the person who opens it."""

import asyncio
from typing import Any

import structlog

from bot import errors, metrics
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.model import invocations, reports
from bot.slack.blocks import message
from bot.slack.client import api as slack_api
from bot.slack.inbound import payloads

log = structlog.get_logger()

_FLEET = "health all"
_CAPABILITIES = "help"


class AppHome:
    """Publishes the App Home to whoever opens it."""

    def __init__(self, dispatcher: dispatch_dispatcher.Dispatcher, api: slack_api.SlackApi) -> None:
        self._dispatcher = dispatcher
        self._api = api

    async def publish(self, body: dict[str, Any]) -> None:
        """Show at once what is known at once, and the state of the services as soon as they have answered."""
        user = body["event"]["user"]
        team = await self._team_of(user)
        fleet = asyncio.ensure_future(self._ask(body, _FLEET, team))
        try:
            capabilities = await self._ask(body, _CAPABILITIES, team)
            if capabilities is None:
                return
            if not fleet.done():
                await self._publish(user, message.home(None, capabilities))
            await self._publish(user, message.home(await fleet, capabilities))
        finally:
            fleet.cancel()
            await asyncio.wait({fleet})

    async def _team_of(self, user: str) -> str | None:
        """Give the workspace that *user* belongs to; None, with which nobody may do anything, where Slack is silent."""
        try:
            return (await self._api.person(user)).team_id
        except errors.BotError as error:
            log.warning("person not known", reason=str(error))
            return None

    async def _ask(self, body: dict[str, Any], line: str, team: str | None) -> reports.Report | None:
        answer = await self._dispatcher.dispatch(payloads.from_home(body, line, team).invocation)
        return None if answer.status is invocations.Status.DUPLICATE else answer.report

    async def _publish(self, user: str, view: dict[str, Any]) -> None:
        try:
            await self._api.publish_home(user, view)
        except errors.BotError as error:
            metrics.UNDELIVERED.labels("home").inc()
            log.error("home not published", reason=str(error))
