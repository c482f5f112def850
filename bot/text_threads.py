"""
Threads for work on foreign text, so that none of it ever holds the event loop.

A thread that runs Python shares the interpreter with the loop and gives it up every few milliseconds, but one call
into `re` or `json` keeps it until it returns. So the work comes in pieces, and patterns are RE2's, which releases the
interpreter while it searches. Two threads are enough: more of them would make the loop wait for each in turn.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

PIECE_BYTES = 64_000
"""Of text that one call works on."""
_THREADS = 2

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@functools.cache
def _executor() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="text")


async def run(
    function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
) -> _Result:
    """Return what *function* returns, called in one of the threads with the caller's context variables."""
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_executor(), call)
