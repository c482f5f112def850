"""What is followed is kept whole up to a size, leaves nothing behind, and survives a disk that does not take it."""

import asyncio
import os
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


async def test_spool_can_be_read_repeatedly_in_order() -> None:
    spool = outbound_spool.Spool(10_000_000)
    for number in range(0, 50_000, 100):
        await spool.add([f"line {number + more} ż" for more in range(100)])

    first, second = await content_of(spool), await content_of(spool)

    expected = "".join(f"line {number} ż\n" for number in range(50_000)).encode()
    assert first == second == expected
    assert (spool.size, spool.lines, spool.dropped) == (len(expected), 50_000, 0)
    assert spool.upload("x.log").size == len(expected)
    spool.close()


async def test_lines_beyond_the_limit_are_counted_without_gaps() -> None:
    spool = outbound_spool.Spool(20)

    for line in ("1234567", "x" * 50, "1234567", "7"):
        await spool.add([line])

    assert await content_of(spool) == b"1234567\n"
    assert (spool.lines, spool.dropped) == (1, 3)
    spool.close()


async def test_spool_leaves_nothing_readable_on_disk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = outbound_spool.Spool(10_000_000)
    await spool.add(["x" * 1_000_000])
    await spool.flush()

    assert names_in(tmp_path) == []
    spool.close()


async def test_full_disk_costs_only_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    spool = outbound_spool.Spool(10_000_000)

    await spool.add(["x"] * 10)
    await spool.flush()
    await spool.add(["x"])

    assert (spool.size, spool.lines, spool.dropped) == (0, 0, 11)
    assert await content_of(spool) == b""
    spool.close()


async def test_close_waits_for_a_writing_thread() -> None:
    spool = outbound_spool.Spool(100_000_000)
    writing = asyncio.ensure_future(spool.add(["x" * 50_000_000]))
    await asyncio.sleep(0)

    writing.cancel()
    spool.close()
    await asyncio.wait({writing})
    await spool.add(["y"])

    assert await content_of(spool) == b""


async def test_spool_is_readable_by_its_owner_alone() -> None:
    before = os.umask(0)
    try:
        spool = outbound_spool.Spool(10_000_000)
        await spool.add(["a line"])
        await spool.flush()
        assert spool._file is not None
        mode = os.fstat(spool._file.fileno()).st_mode
        spool.close()
    finally:
        os.umask(before)

    assert oct(mode & 0o777) == "0o600"
