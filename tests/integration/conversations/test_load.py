"""Many people at once, some of them hostile: everybody is answered, and memory stays within the limit of the pod."""

import contextlib
import pathlib
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from sandbox import attack, slack, testbed

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]

_LIMIT_BYTES = 512 * 1024 * 1024
"""Of the pod, in deploy/kubernetes/base/deployment.yaml."""
_OWN_LIMIT_MB = 400
_V1 = pathlib.Path("/sys/fs/cgroup/memory")
_V2 = pathlib.Path("/sys/fs/cgroup")


@contextlib.contextmanager
def memory_cgroup() -> Iterator[tuple[str, ...]]:
    """Return a command that runs what follows it with the memory limit of the pod; nothing where none can be made."""
    is_v2 = (_V2 / "cgroup.controllers").exists() and "memory" in (_V2 / "cgroup.controllers").read_text()
    base, limit = (_V2, "memory.max") if is_v2 else (_V1, "memory.limit_in_bytes")
    group = base / "posbot-test-load"
    try:
        group.mkdir(exist_ok=True)
        (group / limit).write_text(str(_LIMIT_BYTES))
    except OSError:
        yield ()
        return
    try:
        yield ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def megabytes(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) // 1024


@pytest.fixture
async def stage() -> AsyncIterator[testbed.TestBed]:
    setup = slack.Settings(posting_burst=None)
    names = [attack.LARGE, attack.QUIET]
    with memory_cgroup() as within:
        async with testbed.set_up(testbed.Mode.HTTP, names=names, setup=setup, within=within) as made:
            await attack.prepare(made)
            yield made


async def test_attack_leaves_nobody_without_an_answer_and_memory_bounded(stage: testbed.TestBed) -> None:
    outcome = await attack.run(stage)

    assert outcome.unanswered == 0
    assert outcome.large_files == attack.LARGE_ANSWERS
    assert (outcome.followed, outcome.refused_follows) == (20, attack.FOLLOWS - 20)
    assert outcome.strangers_refused == attack.STRANGERS
    assert megabytes(stage.bot.pid, "VmHWM") < _OWN_LIMIT_MB
    assert stage.bot.lines("command crashed") == stage.bot.lines("task failed") == []
    assert not [line for line in stage.bot.log if "exception" in line]
    async with httpx.AsyncClient(trust_env=False) as client:
        counted = (await client.get(f"{stage.bot_url}/metrics")).text
    assert f'posbot_slack_refused_requests_total{{reason="no signature"}} {float(attack.STRANGERS)}' in counted
    assert f'posbot_limited_total{{limit="followed logs"}} {float(outcome.refused_follows)}' in counted
    assert re.findall(r"^posbot_in_use\{.*\} [^0].*$", counted, re.MULTILINE) == []


async def test_large_answers_again_and_again_are_all_delivered(stage: testbed.TestBed) -> None:
    crowd = [stage.workspace.person(f"person{number}") for number in range(20)]
    ops = stage.workspace.channel("ops-large", members=crowd)

    missing = [
        await attack.type_at_once(stage, crowd[:count], ops, f"/pos logs {attack.LARGE} --tail 50000", count)
        for count in (10, 10, 10, 20)
    ]

    assert missing == [0, 0, 0, 0]
    assert sum(file.length > 1_000_000 for file in stage.workspace.files) == 50
    assert megabytes(stage.bot.pid, "VmHWM") < _OWN_LIMIT_MB
