"""
Pictures of real answers, for the README: `python -m sandbox.demo.screenshots FOLDER`.

A bot answers in the sandbox and its messages are written as pages. Where Chromium is installed it takes a picture of
each, as large as its content; with the fonts Lato and Noto Color Emoji they come closest to Slack.
"""

import asyncio
import dataclasses
import html
import pathlib
import re
import shutil
import sys
import tempfile

import rich.console

from sandbox import testbed
from sandbox.demo import faults
from sandbox.demo.preview import pages, posts
from sandbox.slack.scenario import people
from sandbox.slack.state import channels, messages

TIMEOUT_SECONDS = 60.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=2",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot:
    """One page, and how wide its picture is."""

    name: str
    page: str
    width: int = 760


def main() -> None:
    """Write pages, and pictures where Chromium is there; its exit code tells whether pictures were taken."""
    console = rich.console.Console(highlight=False)
    if len(sys.argv) != 2:  # noqa: PLR2004 - the module's name and the folder
        console.print("Usage: python -m sandbox.demo.screenshots FOLDER")
        raise SystemExit(2)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    for path in asyncio.run(_work(folder, chromium)):
        console.print(str(path))
    if chromium is None:
        console.print("There is no chromium here: pages were written, but no pictures.")
        raise SystemExit(1)


async def _work(folder: pathlib.Path, chromium: str | None) -> list[pathlib.Path]:
    async with asyncio.timeout(TIMEOUT_SECONDS), testbed.set_up() as bed:
        pictures = await _messages(bed)
    written = []
    for picture in pictures:
        page = folder / f"{picture.name}.html"
        page.write_text(picture.page)
        written.append(page)
        if chromium is not None:
            written.append(folder / f"{picture.name}.png")
            await _capture(chromium, picture, written[-1])
    return written


async def _messages(bed: testbed.TestBed) -> list[Screenshot]:
    """Let the bot answer while pos-order has lost its database and pos-price is slow."""
    alice = bed.workspace.person("alice")
    ops = bed.workspace.channel("pos-ops", members=[alice])
    incident = bed.workspace.channel("inc-2041-orders-fail", members=[alice])
    await bed.fleet["pos-order"].goes_down()
    await bed.fleet["pos-price"].slows_to(seconds=0.7)
    own = bed.workspace.settings
    names = {own.bot_user_id: own.bot_name, alice.id: "alice", ops.id: ops.name, incident.id: incident.name}
    one = await _ask(alice, "/pos health pos-order", ops)
    fleet = await _ask(alice, "/pos health all", incident)
    await alice.opens_home()
    home = await alice.waits_for_home(containing="services unhealthy")
    run = await _run_of_a_procedure(bed, alice, ops)
    return [
        Screenshot(name="health", page=pages.write([posts.post_of(one, names)])),
        Screenshot(name="fleet", page=pages.write([posts.post_of(fleet, names)]), width=900),
        Screenshot(name="run", page=pages.write([posts.post_of(message, names) for message in run]), width=820),
        Screenshot(name="home", page=pages.write_view(posts.view_of(home, names)), width=860),
    ]


async def _run_of_a_procedure(
    bed: testbed.TestBed, person: people.Person, channel: channels.Channel
) -> list[messages.Message]:
    """Have a rollout that is stuck checked; give how far the check is, and what it asks."""
    await faults.repair(bed, "pos-order")
    await faults.ship(bed, "pos-order")
    await person.types("/pos post-deployment order", channel)
    live = await person.waits_for_message(channel, containing="waiting for input, Roll back?")
    return [live, await person.waits_for_message(channel, containing="Roll back?", thread=live)]


async def _ask(person: people.Person, line: str, channel: channels.Channel) -> messages.Message:
    delivery = await person.types(line, channel)
    return await person.waits_for_message(channel, after=delivery)


async def _capture(chromium: str, picture: Screenshot, path: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="posbot-pictures-") as folder:
        home = pathlib.Path(folder)
        (home / "page.html").write_text(picture.page)
        (home / "frame.html").write_text(_measuring(picture))
        measured = await _run(chromium, home, "--virtual-time-budget=2000", "--dump-dom", f"file://{home}/frame.html")
        height = re.search(r"<title>(\d+)</title>", measured)
        if height is None:
            raise RuntimeError("chromium did not tell how high the page is")
        size = f"--window-size={picture.width},{height[1]}"
        await _run(chromium, home, size, f"--screenshot={home}/page.png", f"file://{home}/page.html")
        shutil.copyfile(home / "page.png", path)


def _measuring(picture: Screenshot) -> str:
    """Return a page around the page, which itself lets nothing run, whose title becomes its height."""
    return (
        "<!DOCTYPE html><meta charset='utf-8'><title></title>"
        f"<iframe width='{picture.width}' style='border:0' srcdoc='{html.escape(picture.page)}'></iframe>"
        "<script>onload = () => { document.title = "
        "frames[0].document.documentElement.getBoundingClientRect().height.toFixed() }</script>"
    )


async def _run(chromium: str, home: pathlib.Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        chromium,
        *_FLAGS,
        f"--user-data-dir={home}/profile",
        *arguments,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"chromium ended with {process.returncode}")
    return output.decode()


if __name__ == "__main__":
    main()
