"""The App Home: the health of the services, and the commands of the person who opens it."""

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


class AppHome:
    """Publishes the App Home to the person who opens it."""

    def __init__(self, dispatcher: dispatch_dispatcher.Dispatcher, api: slack_api.SlackApi) -> None:
        self._dispatcher = dispatcher
        self._api = api

    async def publish(self, body: dict[str, Any], user: str) -> None:
        """Publish to *user* what is there first, the commands or the health of the services, and then both."""
        person = await self._find(user)
        tasks = [asyncio.ensure_future(self._run(body, line, person)) for line in self._dispatcher.parser.app_home]
        try:
            _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            parts = [task.result() if task.done() else None for task in tasks]
            if any(task.done() and task.result() is None for task in tasks):
                # Slack sent this event twice.
                return
            if pending:
                await self._publish(user, message.home(parts))
                parts = list(await asyncio.gather(*tasks))
            await self._publish(user, message.home(parts))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _find(self, user: str) -> slack_api.Person:
        """Return *user*; of an unknown kind, which permits nothing, where Slack does not answer."""
        try:
            return await self._api.person(user)
        except errors.BotError as error:
            log.warning("person not found", reason=str(error))
            return slack_api.Person(name=user, team_id=None, kind=invocations.ActorKind.UNKNOWN)

    async def _run(self, body: dict[str, Any], line: str, person: slack_api.Person) -> reports.Report | None:
        response = await self._dispatcher.dispatch(payloads.from_home(body, line, person).invocation)
        return None if response.status is invocations.Status.DUPLICATE else response.report

    async def _publish(self, user: str, view: dict[str, Any]) -> None:
        try:
            await self._api.publish_home(user, view)
        except errors.BotError as error:
            metrics.UNDELIVERED.labels("home").inc()
            log.error("home not published", reason=str(error))
