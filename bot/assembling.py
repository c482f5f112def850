"""The bot put together, apart from its frontends: data, store, clients, dispatch."""

import contextlib
import dataclasses
import datetime
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog

from bot import errors, logs, toolkit
from bot import settings as settings_module
from bot.clients import actuator
from bot.dispatch import dispatching, parsing, permissions, redacting
from bot.model import invocations
from bot.runbook import loading
from bot.store import database, migrating
from bot.store import invocations as invocation_store

log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every frontend stands on."""

    dispatcher: dispatching.Dispatcher
    data: loading.RunbookData
    record: invocation_store.Invocations


@contextlib.asynccontextmanager
async def assembled(
    settings: settings_module.Settings,
    commands: Sequence[toolkit.Command[Any]],
    *,
    team_id: str | None,
    user_groups: permissions.UserGroups,
    needs_store: bool,
) -> AsyncIterator[Core]:
    """
    Give the core of the bot, its database open and up to date.

    A terminal can do without the store on a day when much is down (*needs_store* false): then nothing is recorded,
    and commands that change something refuse to run.

    Raises:
        errors.BadConfiguration: settings or data are wrong.
        errors.Unavailable: the store is needed and cannot be reached.
    """
    redactor = redacting.Redactor(settings.known_secrets)
    logs.configure(settings.log_level or ("info" if needs_store else "error"), redactor.text)
    data = loading.load(settings.runbook_data)
    table = {command.word: command for command in commands}
    _check_roles(data, table)
    _check_sections(data, table)
    vocabulary = toolkit.Vocabulary(catalogue=data.catalogue, environments=data.environments, words=tuple(table))
    async with database.opened(settings.store_url) as db:
        await _migrate(db, needs_store)
        record = invocation_store.Invocations(db)
        dispatcher = dispatching.Dispatcher(
            parser=parsing.Parser(table, vocabulary),
            permissions=permissions.Permissions(data.roles, team_id=team_id, user_groups=user_groups),
            redactor=redactor,
            record=record,
            tools_for=_toolmaker(data, table, record),
        )
        yield Core(dispatcher=dispatcher, data=data, record=record)


def _toolmaker(
    data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]], record: invocation_store.Invocations
) -> dispatching.ToolsFor:
    """Give what hands each invocation its tools; clients are made once and shared."""
    health_reader = actuator.Actuator()

    def tools_for(
        invocation: invocations.Invocation, may: toolkit.MayRun, progress: dispatching.Progress
    ) -> toolkit.Tools:
        return toolkit.Tools(
            invocation=invocation,
            catalogue=data.catalogue,
            environments=data.environments,
            runbook=data.runbook,
            actuator=health_reader,
            invocations=record,
            commands=table,
            may=may,
            progress=progress,
            now=lambda: datetime.datetime.now(datetime.UTC),
        )

    return tools_for


async def migrate(settings: settings_module.Settings) -> str | None:
    """
    Bring the database to the newest revision; give that revision, or None where it was there already.

    Raises:
        errors.BadConfiguration, errors.Unavailable
    """
    async with database.opened(settings.store_url) as db:
        return await migrating.migrate(db)


async def _migrate(db: database.Database, needs_store: bool) -> None:
    try:
        revision = await migrating.migrate(db)
    except errors.Unavailable as error:
        if needs_store:
            raise
        log.warning("nothing will be recorded", reason=str(error))
        return
    if revision is not None:
        log.info("database migrated", revision=revision)


def _check_roles(data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]) -> None:
    for name, role in data.roles.roles.items():
        unknown = [word for word in role.may if word not in table]
        if unknown:
            path = data.folder / "roles.yaml"
            raise errors.BadConfiguration(
                f"{path}: roles.{name}.may: “{unknown[0]}” is no command; expected some of {', '.join(table)}."
            )


def _check_sections(data: loading.RunbookData, table: Mapping[str, toolkit.Command[Any]]) -> None:
    for command in table.values():
        try:
            data.runbook.point_to(*command.sections)
        except errors.NotFound as error:
            path = data.folder / "runbook.md"
            raise errors.BadConfiguration(
                f"{path}: no heading carries the marker “{error.name}”, which {command.word} points to."
            ) from error
