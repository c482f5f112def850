"""Line splitter, multiline parser, filters and tail buffer on whole logs."""

import hypothesis
import hypothesis.strategies as st
import pytest

from bot.kubernetes.logs import filters, levels, parser, tail_buffer

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


def select(log: bytes, condition: filters.Filter, *, size: int = 1_000_000, **context: int) -> list[parser.Entry]:
    splitter, selector = parser.LineSplitter(), filters.ContextSelector(condition, **context)
    found: list[parser.Entry] = []
    for start in range(0, len(log), size):
        lines = splitter.feed(log[start : start + size]) + splitter.flush()
        found += selector.feed(lines) if lines else []
    lines = splitter.finish()
    found += selector.feed(lines) if lines else []
    return [*found, *selector.finish()]


def a_filter(**named: str) -> filters.Filter:
    grep, exclude, level = named.get("grep"), named.get("exclude"), named.get("level")
    return filters.Filter(
        grep=filters.compile_pattern(grep) if grep is not None else None,
        exclude=filters.compile_pattern(exclude) if exclude is not None else None,
        level=levels.Level(level) if level else None,
    )


def heads(entries: list[parser.Entry]) -> list[str]:
    return [entry.lines[0].decode().rpartition("] ")[2] for entry in entries]


def test_stack_trace_is_one_entry() -> None:
    entries = select(stamped(LINES), filters.Filter())

    assert heads(entries) == ["begun", "order 4711 failed", "slow till", "done"]
    assert [line.decode() for line in entries[1].lines] == list(TRACE)


@pytest.mark.parametrize("pattern", ["Connection refused", r"order \d+ failed", "(?i)CAUSED BY", "failed\n.*no price"])
def test_pattern_matches_anywhere_in_a_trace(pattern: str) -> None:
    assert heads(select(stamped(LINES), a_filter(grep=pattern))) == ["order 4711 failed"]


@pytest.mark.parametrize("pattern", [r"\A\S+ +WARN", r"slow till\z", r"\A.* WARN .*\z"])
def test_ends_of_the_text_are_the_ends_of_an_entry(pattern: str) -> None:
    assert heads(select(stamped(LINES), a_filter(grep=pattern))) == ["slow till"]


def test_excluded_entry_is_dropped_with_its_trace() -> None:
    assert heads(select(stamped(LINES), a_filter(exclude="refused"))) == ["begun", "slow till", "done"]


@pytest.mark.parametrize(
    ("level", "found"),
    [("error", ["order 4711 failed"]), ("warn", ["order 4711 failed", "slow till"]), ("fatal", [])],
)
def test_level_selects_that_level_and_above(level: str, found: list[str]) -> None:
    assert heads(select(stamped(LINES), a_filter(level=level))) == found


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
def test_level_is_recognised_in_java_layouts(line: bytes, level: str) -> None:
    assert levels.level_of(line) == level


def test_context_is_counted_in_entries() -> None:
    assert heads(select(stamped(LINES), a_filter(grep="slow"), before=1)) == ["order 4711 failed", "slow till"]
    assert heads(select(stamped(LINES), a_filter(grep="begun"), after=1)) == ["begun", "order 4711 failed"]


@hypothesis.given(
    lines=st.lists(st.sampled_from([*LINES, "  at x", "", "é ü", "ab ERROR"]), min_size=1, max_size=60),
    pattern=st.sampled_from(["o", "^java", "r$", "a.*b", "[^x]+done", "", r"\bERROR\b", "at x", "(?s)fail.*more"]),
    size=st.integers(min_value=1, max_value=700),
)
def test_block_search_finds_the_same_as_entry_matching(lines: list[str], pattern: str, size: int) -> None:
    log, condition = stamped(tuple(lines)), a_filter(grep=pattern)

    searched = select(log, condition, size=size)

    every = select(log, filters.Filter(), size=size)
    assert searched == [entry for entry in every if condition.matches(entry.text)]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x"])
def test_catastrophic_pattern_runs_in_linear_time(pattern: str) -> None:
    log = stamped(("2026-11-23T10:00:00.000Z  INFO " + "a" * 50_000 + "!",))

    assert len(select(log, a_filter(grep=pattern))) <= 1


@pytest.mark.parametrize("pattern", ["(a", r"(.)\1", "(?=x)", "a{99999}", "x" * 2_000])
def test_unsupported_pattern_is_invalid(pattern: str) -> None:
    with pytest.raises(filters.InvalidPattern):
        filters.compile_pattern(pattern)


def test_line_of_twenty_megabytes_is_truncated_and_counted() -> None:
    splitter = parser.LineSplitter()
    log = b"2026-11-23T10:00:00Z " + b"x" * 20_000_000 + b"\n2026-11-23T10:00:01Z after\n"

    lines = [line for start in range(0, len(log), 30_000) for line in splitter.feed(log[start : start + 30_000])]
    lines += splitter.finish()

    assert [len(line) for line in lines] == [parser.MAX_LINE_BYTES, 26]
    assert splitter.lines_read == 2
    assert splitter.bytes_truncated == 20_000_021 - parser.MAX_LINE_BYTES


def test_escapes_and_carriage_returns_are_removed() -> None:
    splitter = parser.LineSplitter()
    splitter.feed(b"2026-11-23T10:00:00Z \x1b[31mERROR\x1b[0m bad\r\n")

    assert splitter.finish() == [b"2026-11-23T10:00:00Z ERROR bad"]


def test_repeated_trace_is_kept_once_with_its_count() -> None:
    buffer = tail_buffer.TailBuffer(100)
    log = stamped(TRACE * 5)
    for entry in select(log, filters.Filter()):
        buffer.add(entry)

    [entry] = buffer.entries("pos-order-1")

    assert entry.count == 5
    assert entry.first_at is not None and entry.at is not None and entry.first_at < entry.at


def test_newest_lines_are_kept_and_others_counted() -> None:
    buffer = tail_buffer.TailBuffer(3)
    for entry in select(stamped(LINES), filters.Filter()):
        buffer.add(entry)

    assert [entry.text.rpartition("] ")[2] for entry in buffer.entries("x")] == ["slow till", "done"]
    assert buffer.lines_omitted == 6


def test_entry_longer_than_the_limit_is_kept_whole() -> None:
    buffer = tail_buffer.TailBuffer(2)
    for entry in select(stamped(TRACE), filters.Filter()):
        buffer.add(entry)

    assert len(buffer.entries("x")[0].text.splitlines()) == 5


@pytest.mark.parametrize("pattern", ["(?s:e.{0,400}e.{0,400}~)", r"\pL{300}", "(.?){900}$"])
def test_pattern_that_costs_thousands_of_steps_per_byte_is_refused(pattern: str) -> None:
    with pytest.raises(filters.InvalidPattern, match="Pattern too expensive"):
        filters.compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"order \d{1,100} (accepted|priced)", ".{0,100}Exception", r"\w{1,64}@\w+", "x{1000}"]
)
def test_usual_repetitions_are_allowed(pattern: str) -> None:
    assert filters.compile_pattern(pattern)


def test_long_pattern_is_refused() -> None:
    assert filters.compile_pattern("x" * 1_000)
    with pytest.raises(filters.InvalidPattern, match="Pattern too long: 1,001 characters, at most 1,000"):
        filters.compile_pattern("x" * 1_001)


def test_large_entry_is_not_kept_until_it_ends() -> None:
    selector = filters.ContextSelector(filters.Filter())
    trace = [b"2026-11-23T10:00:00Z ERROR order failed", *[b"\tat a.b.C" + b"x" * 10_000] * 30]

    found = list(selector.feed([b"2026-11-23T10:00:00Z " + line for line in trace]))

    assert sum(len(entry.lines) for entry in found) == len(trace)
    assert not selector.has_open_entry


def test_entry_of_many_long_lines_is_split() -> None:
    selector, found = filters.ContextSelector(filters.Filter()), []
    for _ in range(20):
        found += selector.feed([b"2026-11-27T09:00:02.114Z first", *[b"\tat " + b"x" * 60_000] * 5])

    assert max(len(entry.text) for entry in found) <= parser.MAX_ENTRY_BYTES + 6 * 60_000
