"""The demo plays its story, and no process it started survives it."""

import asyncio
import os
import pwd
import re
import subprocess
import sys

import pytest

from sandbox.demo import actors
from tests import terminals

SECONDS = terminals.SECONDS
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


def assert_nothing_is_left(process_group: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.killpg(process_group, 0)


@pytest.mark.slow
def test_demo_without_a_terminal_ends_by_itself() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output, _ = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, output
    assert_nothing_is_left(process.pid)
    beats = [
        "alice ❯ /pos health\n",
        "Only visible to you",
        "pos-order loses its database, and pos-price becomes slow",
        "alice ❯ [ Show pos-order ]",
        "alice ❯ [ Share with channel ]",
        "shared by @alice",
        "alice ❯ [ Details ]",
        "@pos health price",
        "#pos-ops › thread",
        "pos-price",
        "alice ❯ /pos helth ordr",
        "Did you mean “health”",
        'failed with the error "dispatch_failed"',
        "$ posbot health order",
        "exit code 1",
        "alice ❯ /pos health order --wait 1m",
        "healthy after",
        "alice ❯ /pos diagnose catalog",
        "not starting: database login failed",
        "previous log of pos-catalog",
        "PSQLException: FATAL",
        "alice ❯ [ Pods ]",
        "pos-catalog · sandbox: 2 of 2 pods ready",
        "alice ❯ /pos post-deployment order",
        ": started",
        "waiting for input",
        "✗ Wait for rollout",
        "◐ Roll back?",
        "#pos-ops › thread",
        "[ Roll back ]  [ Keep this version ]",
        "bob ❯ [ Roll back ]",
        "Roll back? yes, bob at",
        "[ Rolled back ]  [ Not possible ]",
        "$ posbot run answer r",
        f"{ACCOUNT}: rolled back, 1.4.2 is live",
        "✓  Verify previous version",
        "#pos-ops › thread",
        "completed in",
        "alice ❯ /pos audit",
        "Permission denied: audit requires the role",
        "$ posbot audit",
        "exit code 0",
    ]
    rest = output
    for beat in beats:
        _, found, rest = rest.partition(beat)
        assert found, (beat, output)
    assert "\x1b" not in output
    assert "Left out" not in output


def a_demo() -> terminals.Terminal:
    """The demo at a terminal of its own."""
    return terminals.Terminal(["-m", "sandbox.demo"])


@pytest.mark.slow
def test_demo_in_a_terminal_ends_with_a_prompt() -> None:
    """Enter skips what is waited for, and what is typed ahead is kept for the prompt."""
    terminal = a_demo()
    lines = ["brake catalog", "break catalog", "/pos health catalog", "2", "@pos help"]
    lines += ["ship order", "/pos diagnose order", "/pos post-deployment order", "1"]
    lines += ["mend order", "1 1.4.2 is live", "/pos pods order"]
    terminal.types("\n" * 80 + "\n".join([*lines, "quit", ""]))

    assert terminal.ends() == 0, terminal.screen
    assert_nothing_is_left(terminal.process.pid)
    _, _, played = re.sub(r"\x1b\[[0-9;]*m", "", terminal.screen).partition("Your turn")
    for seen in (
        "Unknown command: brake. Did you mean break?",
        "pos-catalog has lost its database",
        "pos-catalog · sandbox",
        "alice ❯ 2",
        "2 [ Details ]",
        "› thread",
        "pos-order 1.5.0 was deployed; its new pod does not start.",
        "pos-order · sandbox: 1 of 3 pods not starting",
        "PlaceholderResolutionException",
        "1 [ Roll back ]  2 [ Keep this version ]",
        "answered “yes”",
        "1 [ Rolled back ]  2 [ Not possible ]",
        "pos-order is healthy",
        "alice: rolled back, 1.4.2 is live",
        "🟢 pos-order · sandbox: 2 of 2 pods ready",
    ):
        assert seen in played, played


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.slow
def test_demo_can_be_interrupted(key: str) -> None:
    terminal = a_demo()
    terminal.waits_for("/pos health")
    terminal.types(key)

    assert terminal.ends() == 0, terminal.screen
    assert_nothing_is_left(terminal.process.pid)
    assert "Traceback" not in terminal.screen
    assert "/pos audit" not in terminal.screen, "the last scene was still played"


def test_demo_names_a_missing_message() -> None:
    async def wait() -> None:
        async with actors.step("answer to bob", seconds=0.01):
            await asyncio.Event().wait()

    with pytest.raises(actors.StepFailed, match="no answer to bob in time"):
        asyncio.run(wait())
