"""
Processes of the benchmarks' own: one line of JSON says that they are ready, further ones answer questions.

A child ends when its stdin does, so none outlives the benchmark however that ends.
"""

import asyncio
import contextlib
import json
import pathlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from sandbox import runbook_folder

START_SECONDS = 30.0
ANSWER_SECONDS = 60.0
_END_SECONDS = 5.0
_INSTALL_SECONDS = 300.0
_LINE_BYTES = 16_000_000

Message = dict[str, Any]


async def install(folder: pathlib.Path, requirement: str) -> str:
    """
    Make an environment with a peer in *folder*, to be thrown away, and return its Python.

    Raises:
        RuntimeError: it could not be installed.
    """
    python = str(folder / "bin" / "python")
    for argv in ((sys.executable, "-m", "venv", str(folder)), (python, "-m", "pip", "install", "--quiet", requirement)):
        process = await asyncio.create_subprocess_exec(*argv)
        async with asyncio.timeout(_INSTALL_SECONDS):
            if await process.wait() != 0:
                raise RuntimeError(f"{requirement} could not be installed")
    return python


class Child:
    """A running process of ours; *hello* is what it said when it was ready."""

    def __init__(self, process: asyncio.subprocess.Process, hello: Message) -> None:
        self._process = process
        self.hello = hello

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    async def ask(self, do: str, *, timeout_seconds: float = ANSWER_SECONDS, **details: object) -> Message:
        """Return the child's answer to a question."""
        if self._process.stdin is None:
            raise RuntimeError("the child cannot be asked")
        self._process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
        await self._process.stdin.drain()
        return await _read(self._process, timeout_seconds)


@contextlib.asynccontextmanager
async def running(
    module: str, *words: str, environment: Mapping[str, str], python: str = sys.executable
) -> AsyncIterator[Child]:
    """Start `python -m MODULE WORDS`, give it once it is ready, and end it with the block."""
    process = await asyncio.create_subprocess_exec(
        python,
        "-m",
        module,
        *words,
        env=dict(environment),
        cwd=runbook_folder.PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        yield Child(process, await _read(process, START_SECONDS))
    finally:
        await _end(process)


async def answer_lines(hello: Message, answer: Callable[[Message], Awaitable[Message]]) -> None:
    """Be a child: say *hello*, and answer every question until there are no more."""
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(hello)
    async for line in reader:
        _say(await answer(json.loads(line)))


def live(main: Callable[[], Awaitable[None]]) -> None:
    """Run a child's *main*; an interrupt is the parent's to speak of."""

    async def run() -> None:
        await main()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


def _say(message: Message) -> None:
    print(json.dumps(message), flush=True)


async def _read(process: asyncio.subprocess.Process, seconds: float) -> Message:
    if process.stdout is None:
        raise RuntimeError("the child cannot be heard")
    async with asyncio.timeout(seconds):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a process of the benchmark ended early ({await process.wait()})")
    message: Message = json.loads(line)
    return message


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
