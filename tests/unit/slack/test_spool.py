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


def sizes_and_modes(folder: pathlib.Path) -> list[tuple[int, int]]:
    return [(path.stat().st_size, path.stat().st_mode & 0o777) for path in folder.iterdir()]


async def test_spool_can_be_read_repeatedly_in_order() -> None:
    spool = outbound_spool.Spool(outbound_spool.SpoolSpace())
    for number in range(0, 50_000, 100):
        await spool.add([f"line {number + more} ż" for more in range(100)])

    first, second = await content_of(spool), await content_of(spool)

    expected = "".join(f"line {number} ż\n" for number in range(50_000)).encode()
    assert first == second == expected
    assert (spool.size, spool.lines, spool.dropped) == (len(expected), 50_000, 0)
    assert spool.upload("x.log").size == len(expected)
    spool.close()


async def test_lines_beyond_the_limit_are_counted_without_gaps() -> None:
    spool = outbound_spool.Spool(outbound_spool.SpoolSpace(), 20)

    for line in ("1234567", "x" * 50, "1234567", "7"):
        await spool.add([line])

    assert await content_of(spool) == b"1234567\n"
    assert (spool.lines, spool.dropped) == (1, 3)
    spool.close()


async def test_spool_is_seen_on_disk_by_its_user_alone_and_deleted(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = outbound_spool.Spool(outbound_spool.SpoolSpace())
    before = os.umask(0)
    try:
        await spool.add(["x" * 1_000_000])
        await spool.flush()
    finally:
        os.umask(before)

    assert sizes_and_modes(tmp_path) == [(1_000_001, 0o600)]
    assert outbound_spool.delete_abandoned() == 0
    spool.close()
    assert names_in(tmp_path) == []


async def test_spool_of_a_killed_process_is_deleted_by_the_next(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("posbot-log-1.spool", "posbot-log-2.txt", "other.spool"):
        (tmp_path / name).write_text("lines")
    (tmp_path / "posbot-log-3.spool").symlink_to(tmp_path / "other.spool")
    (tmp_path / "posbot-log-4.spool").mkdir()

    assert outbound_spool.delete_abandoned() == 1

    assert sorted(names_in(tmp_path)) == [
        "other.spool",
        "posbot-log-2.txt",
        "posbot-log-3.spool",
        "posbot-log-4.spool",
    ]


async def test_all_spools_share_one_bound_and_return_their_space() -> None:
    space = outbound_spool.SpoolSpace(25)
    first, second = outbound_spool.Spool(space), outbound_spool.Spool(space)

    await first.add(["1234567"] * 2)
    await second.add(["1234567"])
    await second.add(["1234567"])

    assert (first.lines, second.lines, second.dropped) == (2, 1, 1)
    first.close()
    first.close()
    third = outbound_spool.Spool(space)
    await third.add(["1234567"] * 2)
    assert (third.lines, third.dropped) == (2, 0)
    second.close()
    third.close()


async def test_full_disk_costs_only_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    spool = outbound_spool.Spool(outbound_spool.SpoolSpace())

    await spool.add(["x"] * 10)
    await spool.flush()
    await spool.add(["x"])

    assert (spool.size, spool.lines, spool.dropped) == (0, 0, 11)
    assert await content_of(spool) == b""
    spool.close()


async def test_close_waits_for_a_writing_thread() -> None:
    spool = outbound_spool.Spool(outbound_spool.SpoolSpace())
    writing = asyncio.ensure_future(spool.add(["x" * 50_000_000]))
    await asyncio.sleep(0)

    writing.cancel()
    spool.close()
    await asyncio.wait({writing})
    await spool.add(["y"])

    assert await content_of(spool) == b""
