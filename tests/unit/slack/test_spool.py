"""What is followed is kept whole up to a size, leaves nothing behind, and survives a disk that does not take it."""

import asyncio
import pathlib
import tempfile

import pytest

from bot.slack.outbound import spool as outbound_spool

pytestmark = pytest.mark.anyio


async def content_of(spool: outbound_spool.Spool) -> bytes:
    await spool.flush()
    return b"".join([piece async for piece in spool.upload("x.log").read()])


def names_in(folder: pathlib.Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_everything_comes_back_in_its_order_as_often_as_it_is_read() -> None:
    spool = outbound_spool.Spool(10_000_000)
    for number in range(0, 50_000, 100):
        await spool.add([f"line {number + more} ż" for more in range(100)])

    first, second = await content_of(spool), await content_of(spool)

    expected = "".join(f"line {number} ż\n" for number in range(50_000)).encode()
    assert first == second == expected
    assert (spool.size, spool.lines, spool.dropped) == (len(expected), 50_000, 0)
    assert spool.upload("x.log").size == len(expected)
    spool.close()


async def test_what_comes_after_the_bound_is_counted_and_leaves_no_hole() -> None:
    spool = outbound_spool.Spool(20)

    for line in ("1234567", "x" * 50, "1234567", "7"):
        await spool.add([line])

    assert await content_of(spool) == b"1234567\n"
    assert (spool.lines, spool.dropped) == (1, 3)
    spool.close()


async def test_nothing_can_be_found_on_the_disk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = outbound_spool.Spool(10_000_000)
    await spool.add(["x" * 1_000_000])
    await spool.flush()

    assert names_in(tmp_path) == []
    spool.close()


async def test_a_disk_that_takes_nothing_costs_the_file_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    spool = outbound_spool.Spool(10_000_000)

    await spool.add(["x"] * 10)
    await spool.flush()
    await spool.add(["x"])

    assert (spool.size, spool.lines, spool.dropped) == (0, 0, 11)
    assert await content_of(spool) == b""
    spool.close()


async def test_closing_while_a_thread_writes_waits_for_it() -> None:
    spool = outbound_spool.Spool(100_000_000)
    writing = asyncio.ensure_future(spool.add(["x" * 50_000_000]))
    await asyncio.sleep(0)

    writing.cancel()
    spool.close()
    await asyncio.wait({writing})
    await spool.add(["y"])

    assert await content_of(spool) == b""
