"""Run the demo; exit code 0 when it was watched or left, 1 when a step failed."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator

import rich.console

from sandbox import testbed
from sandbox.demo import actors, repl, screens, script
from sandbox.demo import keyboard as demo_keyboard

_EXIT_TERMINATED = 143


def main() -> None:
    """Run the demo and exit with its code."""
    raise SystemExit(run(rich.console.Console(highlight=False, emoji=False, markup=False)))


def run(console: rich.console.Console) -> int:
    """Play the story on *console*, then the prompt if it is a terminal; return the exit code."""
    try:
        asyncio.run(_play(console))
    except (KeyboardInterrupt, demo_keyboard.EndOfInput):
        console.print()
        return 0
    except asyncio.CancelledError:
        return _EXIT_TERMINATED
    except actors.StepFailed as problem:
        console.print(f"The demo stopped: {problem}", style="bold red")
        return 1
    return 0


async def _play(console: rich.console.Console) -> None:
    with _ending_with_a_signal(), contextlib.ExitStack() as at_the_end:
        keyboard = None
        if sys.stdin.isatty() and console.is_terminal:
            keyboard = demo_keyboard.Keyboard(sys.stdin.fileno())
            at_the_end.callback(keyboard.close)
        screen = screens.Screen(console, keyboard)
        screen.title()
        async with contextlib.AsyncExitStack() as stack:
            async with actors.step("start of posbot", seconds=actors.START_SECONDS):
                bed = await stack.enter_async_context(testbed.set_up())
            team = actors.Actors(bed, screen)
            await script.play(team)
            if keyboard is not None:
                await repl.Repl(team, keyboard).run()


@contextlib.contextmanager
def _ending_with_a_signal() -> Iterator[None]:
    """Cancel the demo on SIGTERM and SIGHUP, so that no process it started survives."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    numbers = (signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, lambda: task.cancel() if task else None)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


if __name__ == "__main__":
    main()
