"""
The peer of the engine of runs: dbos with a workflow of as many steps, each of which does nothing.

Runs in an environment that has dbos and nothing of posbot, so it imports nothing of posbot. Speaks as `children` does.
"""

import asyncio
import json
import logging
import sys
import time
from typing import Any

import dbos
import sqlalchemy


@dbos.DBOS.step()
async def look(number: int) -> dict[str, Any]:
    """Do nothing and give what a report would hold."""
    return {"verdict": "ok", "headline": "It is as it was.", "facts": {"number": number}}


@dbos.DBOS.workflow(max_recovery_attempts=None)
async def try_out(steps: int) -> str:
    """Look so many times."""
    for number in range(steps):
        await look(number)
    return "succeeded"


@dbos.DBOS.workflow(max_recovery_attempts=None)
async def wait() -> str:
    """Wait for a person."""
    return str(await dbos.DBOS.recv_async("answer", timeout_seconds=7200))


async def main() -> None:
    """Work on what is asked for at the database that the command line names."""
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    config: dict[str, Any] = {
        "name": "bench",
        "application_version": "1",
        "serializer": dbos.DBOSPortableJSONSerializer(),
    }
    url = sys.argv[1]
    if url.startswith("sqlite"):
        config["system_database_engine"] = _as_posbot_has_it(url)
    else:
        config["system_database_url"] = url.replace("postgresql://", "postgresql+psycopg://")
    dbos.DBOS(config=config)
    dbos.DBOS.launch()
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        message = json.loads(line)
        do = message.pop("do")
        print(json.dumps(await (_work(**message) if do == "work" else _wait(**message))), flush=True)
    dbos.DBOS.destroy()


def _as_posbot_has_it(url: str) -> sqlalchemy.Engine:
    """Return an engine with the durability that posbot asks SQLite for; the library's own would be slower."""
    engine = sqlalchemy.create_engine(url, pool_size=20, max_overflow=0, pool_timeout=30)

    @sqlalchemy.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


async def _work(count: int, steps: int, at_once: int) -> dict[str, Any]:
    places, seconds = asyncio.Semaphore(at_once), []

    async def one() -> None:
        async with places:
            started = time.perf_counter()
            handle = await dbos.DBOS.start_workflow_async(try_out, steps)
            if await handle.get_result() != "succeeded":
                raise RuntimeError("a workflow was not done")
            seconds.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return {"total": time.perf_counter() - started, "each": seconds}


async def _wait(count: int) -> dict[str, Any]:
    for _ in range(count):
        await dbos.DBOS.start_workflow_async(wait)
    return {}


if __name__ == "__main__":
    asyncio.run(main())
