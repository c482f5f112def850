"""
Which modules of `bot/` and `commands/` one request visits, from its signed HTTP request to the blocks in Slack.

A real posbot serves in this process; Slack and the services are a process of their own. After a few requests to warm
up, one more is counted: a profile function sees every call of a function and keeps the file of its code.

Only functions that run because of that request count: receiving it marks its context, which its tasks and what they
hand to threads inherit; heartbeats and other loops have contexts of their own. Lambdas, comprehensions, properties and
validators are functions of the file that holds them. Importing a module does not count, nor do the methods that
`dataclasses` generates, which are in no file.
"""

import asyncio
import contextlib
import contextvars
import http
import os
import pathlib
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

import aiohttp

import commands
from bench import results, stages
from bot import serve
from bot.config import settings
from bot.slack.inbound import signed_http
from sandbox import runbook_folder

Result = TypeVar("Result")

MAX_MODULES = 43
_LINE = "health pos-order"
_WARM_UPS = 3
_SERVICES = 24
_SETTLE_SECONDS = 0.5
"""After the answer: the end of the invocation is recorded, and a connection may be closed."""
_FOLDERS = tuple(f"{runbook_folder.PROJECT / name}{os.sep}" for name in ("bot", "commands"))
_NO_FUNCTIONS = "<module>"

_is_of_request = contextvars.ContextVar("is_of_request", default=False)


class _Recorder:
    """Records the functions that run because of one request."""

    def __init__(self) -> None:
        self.is_counting = False
        self.functions: dict[str, dict[str, None]] = {}
        """The functions of each module, both in the order of first call."""
        self._entry = signed_http.RequestUrl.receive.__code__

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """Record a call; the profile function of every thread."""
        if event != "call" or not self.is_counting:
            return
        code = frame.f_code
        if code is self._entry:
            _is_of_request.set(True)
        if _is_of_request.get() and code.co_filename.startswith(_FOLDERS) and code.co_name != _NO_FUNCTIONS:
            self.functions.setdefault(_module(code), {})[code.co_qualname] = None


async def run() -> results.Results:
    """Return the modules in the order of their first call, and how many they are."""
    recorder = _Recorder()
    threading.setprofile(recorder.profile)
    sys.setprofile(recorder.profile)
    try:
        async with stages.set_up(_SERVICES) as stage, _serving(stage):
            for _ in range(_WARM_UPS):
                await stage.type(_LINE)
            await asyncio.sleep(_SETTLE_SECONDS)
            recorder.is_counting = True
            await stage.type(_LINE)
            await asyncio.sleep(_SETTLE_SECONDS)
            recorder.is_counting = False
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    rows = [
        (str(number), module, str(len(functions)), next(iter(functions)))
        for number, (module, functions) in enumerate(recorder.functions.items(), start=1)
    ]
    total = sum(len(functions) for functions in recorder.functions.values())
    remark = (
        f"/pos {_LINE} over signed HTTP runs {total} functions of {len(rows)} modules of bot and commands"
        f" (wanted: at most {MAX_MODULES})."
    )
    return results.Results(
        tables=(tuple(results.table(("", "module", "functions", "first"), rows)),), remarks=(remark,)
    )


def _module(code: CodeType) -> str:
    path = pathlib.Path(code.co_filename).relative_to(runbook_folder.PROJECT).with_suffix("")
    return ".".join(path.parts).removesuffix(".__init__")


@contextlib.asynccontextmanager
async def _serving(stage: stages.Stage) -> AsyncIterator[None]:
    """Serve in this process, reached by Slack over HTTP, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**stage.environment(stages.Mode.HTTP), "PORT": str(port), "POSBOT_LOG_LEVEL": "error"}
    _hand_contexts_to_threads()
    bot = asyncio.create_task(serve.serve(settings.Settings.model_validate(environment), commands.load_all()))
    try:
        await _wait_until_ready(port, bot)
        await stage.deliver_to(port)
        yield
    finally:
        bot.cancel()
        await asyncio.wait({bot})


async def _wait_until_ready(port: int, bot: asyncio.Task[int]) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while not bot.done():
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == http.HTTPStatus.OK:
                        return
            await asyncio.sleep(0.05)
    bot.result()


def _hand_contexts_to_threads() -> None:
    """Let executors run in the context of the task that calls them, as `asyncio.to_thread` does."""
    loop = asyncio.get_running_loop()
    original = loop.run_in_executor

    def run_in_executor(executor: Any, function: Callable[..., Result], *arguments: Any) -> asyncio.Future[Result]:
        return original(executor, contextvars.copy_context().run, function, *arguments)

    loop.run_in_executor = run_in_executor  # type: ignore[method-assign,assignment]
