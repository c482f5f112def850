"""Asking, from a terminal, for the end of what goes on elsewhere."""

import datetime
import pathlib
import re

import pytest

from bot.store import audit, database, migrate
from sandbox import processes
from tests import builders, cli_runner

pytestmark = pytest.mark.anyio

ID = "1123-0a1b2c3d4e"


@pytest.mark.slow
async def test_command_of_another_process_is_stopped_once(tmp_path: pathlib.Path) -> None:
    url = f"sqlite:///{tmp_path}/posbot.db"
    environment = processes.plain_environment(tmp_path) | {"DATABASE_URL": url}
    now = datetime.datetime.now(datetime.UTC)
    async with database.open_database(url) as db:
        await migrate.migrate(db)
        record = audit.AuditLog(db)
        await record.begin(builders.an_invocation(id=ID, received_at=now, is_public=True))

        first = await processes.run(environment, "stop", ID)
        second = await cli_runner.run(environment, "stop", ID)
        stop = await record.find_stop(ID)
        await record.end(builders.an_answer(invocation_id=ID), command="logs", duration_seconds=1)

    assert stop is not None and stop.at - now < datetime.timedelta(seconds=30)
    assert first == (0, f"Stop requested: {ID}.\n", "")
    assert second[0] == 0
    assert re.search(f"already requested: {ID}, by {stop.by} at [0-9:]{{8}} UTC", second[1])


@pytest.mark.parametrize("is_known", [True, False])
async def test_finished_or_unknown_command_cannot_be_stopped(tmp_path: pathlib.Path, *, is_known: bool) -> None:
    url = f"sqlite:///{tmp_path}/posbot.db"
    environment = processes.plain_environment(tmp_path) | {"DATABASE_URL": url}
    async with database.open_database(url) as db:
        await migrate.migrate(db)
        record = audit.AuditLog(db)
        if is_known:
            await record.begin(builders.an_invocation(id=ID, is_public=True))
            await record.end(builders.an_answer(invocation_id=ID), command="logs", duration_seconds=1)

    code, output, complaint = await cli_runner.run(environment, "stop", ID)

    if is_known:
        assert (code, output) == (0, f"{ID} has already ended.\n")
    else:
        assert (code, output) == (2, "")
        assert f"No invocation has the id {ID}." in complaint
        assert "The id is shown under every response." in complaint
