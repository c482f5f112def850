"""Lines as at a terminal, answered in this process: all of posbot but the start of Python."""

import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Iterator, Mapping

import pytest

from bot import __main__ as entry

_ONE_AT_A_TIME = threading.Lock()


async def run(environment: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """
    Run one line with nothing but *environment*; give exit code, output and error output, as `processes.run` does.

    It has a loop of its own in a thread of its own, so what it waits for can happen meanwhile. What listens to signals
    or starts other programs needs a process, and so does one test of each word, for what only a process can show.
    """
    return await asyncio.to_thread(answer, environment, *words)


def answer(environment: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """Do the same where no loop runs."""
    output, complaint = io.StringIO(), io.StringIO()
    with _only(environment), contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaint):
        code = entry.run(words)
    return code, output.getvalue(), complaint.getvalue()


@contextlib.contextmanager
def _only(environment: Mapping[str, str]) -> Iterator[None]:
    """Have this environment and no other; it is the whole process's, so one line at a time has it."""
    assert _ONE_AT_A_TIME.acquire(blocking=False), "two lines at once need processes"
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in tuple(os.environ):  # noqa: TID251 - it is put back as it was
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            yield
    finally:
        _ONE_AT_A_TIME.release()
