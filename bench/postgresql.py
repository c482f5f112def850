"""A PostgreSQL of the benchmarks' own, as durable as it comes."""

import asyncio
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence

_OWNER = "postgres"
_TIMEOUT_SECONDS = 60.0


def programs() -> pathlib.Path | None:
    """Return the folder of the newest PostgreSQL that Debian's package has put here, None where there is none."""
    found = pathlib.Path("/usr/lib/postgresql").glob("*/bin")
    return max(found, key=lambda path: float(path.parent.name), default=None)


@contextlib.asynccontextmanager
async def running(names: Sequence[str]) -> AsyncIterator[dict[str, str]]:
    """Start a server and give the URLs of empty databases by name."""
    with tempfile.TemporaryDirectory(prefix="posbot-bench-", ignore_cleanup_errors=True) as short:
        # The path of a socket may have no more than some hundred characters.
        socket = pathlib.Path(short)
        user = _OWNER if os.geteuid() == 0 else None
        if user:
            shutil.chown(socket, user)
        data = str(socket / "data")
        await _run("initdb", "-D", data, "-U", _OWNER, "-A", "trust", "-E", "UTF8", user=user)
        options = f"-k {socket} -c listen_addresses="
        await _run("pg_ctl", "start", "-w", "-D", data, "-o", options, "-l", str(socket / "log"), user=user)
        try:
            for name in names:
                await _run("createdb", "-h", str(socket), "-U", _OWNER, name, user=user)
            yield {name: f"postgresql://{_OWNER}@/{name}?host={socket}" for name in names}
        finally:
            await _run("pg_ctl", "stop", "-m", "immediate", "-D", data, user=user)


async def _run(program: str, *words: str, user: str | None) -> None:
    folder = programs()
    if folder is None:
        raise RuntimeError("PostgreSQL is not installed here")
    process = await asyncio.create_subprocess_exec(
        str(folder / program), *words, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        if await process.wait() != 0:
            raise RuntimeError(f"{program} ended with {process.returncode}")
