"""Entries taken out of a log: whole traces, the same ones whether blocks are searched or entries looked at."""

import hypothesis
import hypothesis.strategies as st
import pytest

from bot.kubernetes.logs import filters, parser, tail_buffer

TRACE = (
    "2026-11-23T10:00:01.000Z ERROR 1 --- [pos-order] order 4711 failed",
    "java.lang.IllegalStateException: no price",
    "\tat com.positivity.order.Pricing.fetch(Pricing.java:88)",
    "Caused by: java.net.ConnectException: Connection refused",
    "\t... 12 more",
)
LINES = (
    "2026-11-23T10:00:00.000Z  INFO 1 --- [pos-order] begun",
    *TRACE,
    "2026-11-23T10:00:02.000Z  WARN 1 --- [pos-order] slow till",
    "2026-11-23T10:00:03.000Z  INFO 1 --- [pos-order] done",
)


def stamped(lines: tuple[str, ...]) -> bytes:
    return b"".join(b"2026-11-23T10:00:00.%09dZ %s\n" % (n * 1_000_000, line.encode()) for n, line in enumerate(lines))


def taken(log: bytes, wanted: filters.Filter, *, size: int = 1_000_000, **around: int) -> list[parser.Entry]:
    cutter, selector = parser.LineSplitter(), filters.ContextSelector(wanted, **around)
    found: list[parser.Entry] = []
    for start in range(0, len(log), size):
        lines = cutter.feed(log[start : start + size]) + cutter.flush()
        found += selector.feed(lines) if lines else []
    lines = cutter.finish()
    found += selector.feed(lines) if lines else []
    return [*found, *selector.finish()]


def where(**named: str) -> filters.Filter:
    grep, exclude, level = named.get("grep"), named.get("exclude"), named.get("level")
    return filters.Filter(
        grep=filters.compile_pattern(grep) if grep is not None else None,
        exclude=filters.compile_pattern(exclude) if exclude is not None else None,
        level=filters.Level(level) if level else None,
    )


def heads(entries: list[parser.Entry]) -> list[str]:
    return [entry.lines[0].decode().rpartition("] ")[2] for entry in entries]


def test_a_stack_trace_is_one_entry_with_its_head() -> None:
    entries = taken(stamped(LINES), filters.Filter())

    assert heads(entries) == ["begun", "order 4711 failed", "slow till", "done"]
    assert [line.decode() for line in entries[1].lines] == list(TRACE)


@pytest.mark.parametrize("pattern", ["Connection refused", r"order \d+ failed", "(?i)CAUSED BY", "failed\n.*no price"])
def test_a_pattern_is_looked_for_in_the_whole_trace(pattern: str) -> None:
    assert heads(taken(stamped(LINES), where(grep=pattern))) == ["order 4711 failed"]


def test_what_is_excluded_goes_with_its_trace() -> None:
    assert heads(taken(stamped(LINES), where(exclude="refused"))) == ["begun", "slow till", "done"]


@pytest.mark.parametrize(
    ("level", "found"),
    [("error", ["order 4711 failed"]), ("warn", ["order 4711 failed", "slow till"]), ("fatal", [])],
)
def test_a_level_takes_what_is_at_least_so_severe(level: str, found: list[str]) -> None:
    assert heads(taken(stamped(LINES), where(level=level))) == found


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b"2026-11-23T10:00:00.000+01:00  WARN 1 --- x", "warn"),
        (b"2026-11-23 10:00:00,123 [main] ERROR c.d.Order - x", "error"),
        (b"10:00:00.123 [main] DEBUG x", "debug"),
        (b"[ERROR] Failed to execute goal", "error"),
        (b'{"@timestamp":"2026","level":"ERROR","message":"x"}', "error"),
        (b'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', "error"),
        (b"2026-11-23T10:00:00.000Z  INFO 1 --- an ERROR was told of", "info"),
        (b"nothing that says how severe it is", "info"),
    ],
)
def test_the_level_is_found_where_java_writes_it(line: bytes, level: str) -> None:
    assert filters.level_of(line) == level


def test_neighbours_are_counted_in_entries() -> None:
    assert heads(taken(stamped(LINES), where(grep="slow"), before=1)) == ["order 4711 failed", "slow till"]
    assert heads(taken(stamped(LINES), where(grep="begun"), after=1)) == ["begun", "order 4711 failed"]


@hypothesis.given(
    lines=st.lists(st.sampled_from([*LINES, "  at x", "", "é ü", "ab ERROR"]), min_size=1, max_size=60),
    pattern=st.sampled_from(["o", "^java", "r$", "a.*b", "[^x]+done", "", r"\bERROR\b", "at x", "(?s)fail.*more"]),
    size=st.integers(min_value=1, max_value=700),
)
def test_searching_blocks_finds_what_looking_at_each_entry_finds(lines: list[str], pattern: str, size: int) -> None:
    log, wanted = stamped(tuple(lines)), where(grep=pattern)

    searched = taken(log, wanted, size=size)

    every = taken(log, filters.Filter(), size=size)
    assert searched == [entry for entry in every if wanted.matches(entry.text)]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x"])
def test_a_catastrophic_pattern_takes_no_longer_than_another(pattern: str) -> None:
    log = stamped(("2026-11-23T10:00:00.000Z  INFO " + "a" * 50_000 + "!",))

    assert len(taken(log, where(grep=pattern))) <= 1


@pytest.mark.parametrize("pattern", ["(a", r"(.)\1", "(?=x)", "a{99999}", "x" * 2_000])
def test_a_pattern_that_cannot_be_used_is_refused_in_words(pattern: str) -> None:
    with pytest.raises(filters.InvalidPattern):
        filters.compile_pattern(pattern)


def test_a_line_of_twenty_megabytes_is_shortened_and_what_was_cut_is_counted() -> None:
    cutter = parser.LineSplitter()
    log = b"2026-11-23T10:00:00Z " + b"x" * 20_000_000 + b"\n2026-11-23T10:00:01Z after\n"

    lines = [line for start in range(0, len(log), 30_000) for line in cutter.feed(log[start : start + 30_000])]
    lines += cutter.finish()

    assert [len(line) for line in lines] == [parser.MAX_LINE_BYTES, 26]
    assert cutter.lines_read == 2
    assert cutter.bytes_truncated == 20_000_021 - parser.MAX_LINE_BYTES


def test_escapes_and_carriage_returns_are_taken_out_before_anything_is_searched() -> None:
    cutter = parser.LineSplitter()
    cutter.feed(b"2026-11-23T10:00:00Z \x1b[31mERROR\x1b[0m bad\r\n")

    assert cutter.finish() == [b"2026-11-23T10:00:00Z ERROR bad"]


def test_the_same_trace_is_held_once_with_its_count() -> None:
    keeper = tail_buffer.TailBuffer(100)
    log = stamped(TRACE * 5)
    for entry in taken(log, filters.Filter()):
        keeper.add(entry)

    [entry] = keeper.entries("pos-order-1")

    assert entry.count == 5
    assert entry.first_at is not None and entry.at is not None and entry.first_at < entry.at


def test_the_newest_are_kept_and_the_others_counted() -> None:
    keeper = tail_buffer.TailBuffer(3)
    for entry in taken(stamped(LINES), filters.Filter()):
        keeper.add(entry)

    assert [entry.text.rpartition("] ")[2] for entry in keeper.entries("x")] == ["slow till", "done"]
    assert keeper.lines_omitted == 6


def test_an_entry_longer_than_what_is_wanted_is_kept_whole() -> None:
    keeper = tail_buffer.TailBuffer(2)
    for entry in taken(stamped(TRACE), filters.Filter()):
        keeper.add(entry)

    assert len(keeper.entries("x")[0].text.splitlines()) == 5
