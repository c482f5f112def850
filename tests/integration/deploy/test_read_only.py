"""posbot as its container runs it: without capabilities, and able to write to its state folder and /tmp alone."""

import pathlib

import pytest

from sandbox import slack, testbed
from tests.integration.deploy import containers, dockerfiles, manifests

pytestmark = pytest.mark.anyio

LINE = "2026-11-23T10:00:00Z INFO 1 --- order {} priced " + "x" * 200


@pytest.fixture
def places(tmp_path: pathlib.Path) -> dict[str, pathlib.Path]:
    """The writable folders of the image, at other places of the same shape."""
    made = {"state": tmp_path / "lib" / "posbot", "tmp": tmp_path / "tmp"}
    for path in made.values():
        path.mkdir(parents=True)
    return made


async def test_root_filesystem_is_read_only(places: dict[str, pathlib.Path], tmp_path: pathlib.Path) -> None:
    prefix = containers.entering(*places.values())

    inside = [containers.run(prefix, "touch", str(path / "new")) for path in places.values()]
    outside = containers.run(prefix, "touch", str(tmp_path / "new"))
    rights = containers.run(prefix, "grep", "^CapEff", "/proc/self/status")

    assert [(done.returncode, done.stderr) for done in inside] == [(0, "")] * 2
    assert outside.returncode == 1 and "Read-only file system" in outside.stderr
    assert set(rights.stdout.split()[1]) == {"0"}


@pytest.mark.slow
async def test_posbot_serves_on_a_read_only_filesystem(places: dict[str, pathlib.Path]) -> None:
    image = dockerfiles.read(manifests.FOLDER / "Dockerfile")[-1]
    state = pathlib.PurePath(image.environment["XDG_STATE_HOME"]) / "posbot"
    assert state == pathlib.PurePath("/var/lib/posbot")
    extra = {"DATABASE_URL": "", "XDG_STATE_HOME": str(places["state"].parent), "TMPDIR": str(places["tmp"])}
    setup = slack.Settings(posting_burst=None)
    within = containers.entering(*places.values())
    async with testbed.set_up(names=["pos-order"], setup=setup, extra=extra, within=within) as stage:
        order = stage.kube.deployments["pos-order"]
        await order.scales(1)
        alice = stage.workspace.person("alice")
        incident = stage.workspace.channel("inc-1", members=[alice])

        await alice.types("/pos health pos-order", incident)
        assert await alice.waits_for_message(incident, containing="pos-order · sandbox: UP")
        await alice.types("/pos logs order --follow --tail 1", incident)
        live = await alice.waits_for_message(incident, containing="Following pos-order.log")
        order.pods[0].says(*(LINE.format(number) for number in range(3_000)))
        live = await alice.waits_for_change(live, containing="order 2999 priced", timeout_seconds=20)
        await alice.clicks("Stop", live)
        file = await alice.waits_for_file(incident, thread=live, timeout_seconds=10)

        assert len(file.text.splitlines()) >= 3_000
        assert await stage.bot.stops() == 0
    assert (places["state"] / "posbot.db").exists()
    assert list(places["tmp"].iterdir()) == []
