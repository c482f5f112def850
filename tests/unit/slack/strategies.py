"""Reports of any size and content, for hypothesis."""

from typing import Any

from hypothesis import strategies as st

from bot.model import reports

HOSTILE = (
    "",
    " ",
    "\n",
    "\t",
    "\0",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\r",
    "\u202edesrever",
    "\u200b",
    "<!channel>",
    "<!here|here>",
    "<@U0ALICE>",
    "<#C0OPS|ops>",
    "<http://evil.example|safe>",
    "&lt;!channel&gt;",
    "@channel",
    "```",
    "`*_~>",
    "*bold* _italic_",
    "😀",
    "👩‍👩‍👧‍👦",
    "日本語",
    "żółć",
    "e\u0301",
    "x" * 300,
    "word " * 100,
    "line\n" * 50,
)

TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8"), max_size=30))
TITLES = st.one_of(st.none(), TEXTS)
VERDICTS = st.sampled_from(reports.Verdict)
Strategy = st.SearchStrategy[Any]


def _many(strategy: Strategy, *counts: int) -> Strategy:
    """Give tuples that repeat what they begin with, so that long ones cost hypothesis nothing."""
    few = st.one_of(st.lists(strategy, min_size=1, max_size=3), st.just([]))
    return st.builds(lambda items, count: tuple((items * count)[:count]), few, st.sampled_from(counts))


def _long(*times: int) -> Strategy:
    return st.builds(lambda text, count: text * count, TEXTS, st.sampled_from(times))


@st.composite
def _tables(draw: st.DrawFn, *row_counts: int) -> reports.Table:
    width = draw(st.sampled_from((0, 1, 2, 5, 19, 20, 21, 30)))
    cells = st.lists(TEXTS, min_size=min(width, 3), max_size=3)
    columns = tuple((draw(cells) * 10)[:width])
    # A row may have more cells or fewer than there are columns.
    lengths = st.sampled_from((width, width, width, 0, 1, 22))
    row = st.builds(
        lambda some, length, verdict: reports.Row(cells=tuple(((some or [""]) * 30)[:length]), verdict=verdict),
        cells,
        lengths,
        st.one_of(st.none(), VERDICTS),
    )
    figures = tuple(draw(st.sets(st.sampled_from(columns)))) if columns else ()
    return reports.Table(columns=columns, rows=draw(_many(row, *row_counts)), title=draw(TITLES), figures=figures)


def _sections(*, rows: tuple[int, ...], pairs: tuple[int, ...], times: tuple[int, ...]) -> Strategy:
    return st.one_of(
        _tables(*rows),
        st.builds(reports.Fields, pairs=_many(st.tuples(TEXTS, TEXTS), *pairs), title=TITLES),
        st.builds(reports.Fields, pairs=_many(st.tuples(TEXTS, _long(*times)), 1, 2), title=TITLES),
        st.builds(reports.Code, text=_long(*times), title=_long(1, times[-1])),
        st.builds(reports.Text, text=_long(*times), title=TITLES),
        st.builds(reports.Prose, paragraphs=_many(_paragraphs(), 1, 4, 12), title=TITLES),
        st.builds(reports.Log, entries=_many(_entries(*times), *rows), name=st.just("x.log"), title=TITLES),
    )


def _entries(*times: int) -> Strategy:
    return st.builds(
        reports.LogEntry,
        text=_long(1, min(times[-1], 50)),
        source=TEXTS,
        count=st.sampled_from((1, 2)),
        is_annotation=st.booleans(),
    )


def _paragraphs() -> Strategy:
    span = st.builds(
        reports.Span,
        text=TEXTS,
        is_bold=st.booleans(),
        is_code=st.booleans(),
        url=st.deferred(lambda: URLS),
    )
    bullets = st.sampled_from(("", "", "•", "1.", "7."))
    return st.builds(reports.Paragraph, spans=_many(span, 1, 3), bullet=bullets, depth=st.sampled_from((0, 1, 12)))


URLS = st.one_of(
    st.none(),
    st.sampled_from(
        ("https://example.com/#a", "https://example.com/?a&b<c>|d", "https://example.com/" + "a" * 2_000, "&" * 299, "")
    ),
)
FACTS = st.dictionaries(
    TEXTS,
    st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
    max_size=4,
)


ACTIONS = st.builds(
    reports.NextAction, label=TEXTS, command=_long(1, 200), is_primary=st.booleans(), consequence=st.just("") | TEXTS
)


def _reports(sections: Strategy) -> Strategy:
    return st.builds(
        reports.Report,
        verdict=VERDICTS,
        headline=_long(1, 10, 200),
        sections=sections,
        facts=FACTS,
        is_information=st.booleans(),
        next_actions=_many(ACTIONS, 1, 4, 12),
        runbook=_many(st.builds(reports.Pointer, number=TEXTS, title=_long(1, 20), url=URLS), 1, 3, 12),
    )


SMALL_REPORTS = _reports(_many(_sections(rows=(1, 4), pairs=(1, 4), times=(1, 3)), 1, 3, 6))
REPORTS = st.one_of(
    SMALL_REPORTS,
    # Many sections, or huge ones; both at once are neither quicker to make nor more telling.
    _reports(_many(_sections(rows=(1, 12), pairs=(1, 12), times=(1, 10)), 20, 120)),
    _reports(_many(_sections(rows=(101, 10_000), pairs=(100, 3_000), times=(100, 2_000)), 1, 2)),
)
