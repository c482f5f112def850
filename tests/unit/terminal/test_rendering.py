"""A report in a terminal: nothing of it lost however narrow, and nothing in it that a terminal would obey."""

import collections
import io
import re
import string
from typing import Any

import pytest
import rich.console
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.model import invocations, reports
from bot.terminal import rendering
from tests import builders
from tests.unit.slack import strategies

# All of C0, C1 and what reorders text; line feeds are the console's own.
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
OURS = re.compile(r"\x1b\[[0-9;]*m")
WORDS = st.text(string.ascii_letters + string.digits, max_size=40)
WIDTHS = st.sampled_from((20, 40, 80, 200))


def drawn(report: reports.Report, width: int = 80, *, in_colour: bool = False) -> str:
    console = rich.console.Console(
        file=io.StringIO(),
        width=width,
        highlight=False,
        force_terminal=in_colour,
        color_system="standard" if in_colour else None,
    )
    console.print(rendering.render(builders.an_answer(report)))
    return console.file.getvalue()


def lines(report: reports.Report, width: int = 80) -> list[str]:
    return [line.rstrip() for line in drawn(report, width).splitlines()]


def _with_cells(*rows: tuple[str, ...], columns: tuple[str, ...] = ("service", "state"), **more: Any) -> reports.Report:
    return builders.a_report(sections=(builders.a_table(*rows, columns=columns, **more),))


def test_whole_report_is_rendered_in_order() -> None:
    rows = (
        reports.Row(cells=("pos-order", "DOWN"), verdict=reports.Verdict.FAILED),
        reports.Row(cells=("pos-price", "UP"), verdict=reports.Verdict.OK),
    )
    report = builders.a_report(
        verdict=reports.Verdict.FAILED,
        headline="1 of 2 services needs a look.",
        sections=(
            reports.Table(columns=("service", "state"), rows=rows, title="All"),
            reports.Fields(pairs=(("health", "DOWN"), ("URL", "http://x"))),
            reports.Code(text="a\n  b"),
            reports.Text(text="Look at the logs."),
        ),
        next_actions=(reports.NextAction(label="Again", command="health all"),),
        runbook=(reports.Pointer(number="2.2", title="Health", url="https://x/#h"),),
    )

    shown = lines(report)

    wanted = [
        "✗ 1 of 2 services needs a look.",
        *("  All", "     service    state", "  ✗  pos-order  DOWN", "  ✓  pos-price  UP"),
        *("  health  DOWN", "  URL     http://x"),
        *("  a", "    b"),
        *("  Look at the logs.", "  Runbook 2.2 Health https://x/#h", "  posbot health all"),
    ]
    assert [line for line in shown if line in wanted] == wanted


@pytest.mark.parametrize(
    ("verdict", "mark"),
    list(zip(reports.Verdict, "✓!✗?", strict=True)),
    ids=[verdict.value for verdict in reports.Verdict],
)
def test_verdict_is_visible_without_colour(verdict: reports.Verdict, mark: str) -> None:
    assert drawn(builders.a_report(verdict=verdict)) == f"{mark} All is well.\n"


AUDIT = _with_cells(
    (
        "11-23 18:02:17",
        "alice.anderson",
        "incident-2026-11-order",
        "health pos-order --env prod",
        "done",
        "1123-0a1b2c3d",
    ),
    columns=("time (UTC)", "who", "where", "asked", "ending", "id"),
)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 200])
def test_table_wider_than_the_terminal_loses_no_character(width: int) -> None:
    assert_all_shown(AUDIT, width)


def test_names_and_figures_are_not_wrapped_if_they_fit() -> None:
    report = _with_cells(
        ("pos-vehicle-reference-carapi", "1234 ms", "connection refused " * 8), columns=("a", "b", "c")
    )

    text = drawn(report, 80)

    assert "pos-vehicle-reference-carapi  1234 ms  connection" in text
    assert_all_shown(report, 80)


def test_lines_end_with_their_text() -> None:
    report = builders.a_report(
        sections=(
            builders.a_table(("pos-order", "x" * 400), ("pos-price", "y")),
            reports.Fields(pairs=(("a", "1" * 300), ("b", "2"))),
            reports.Text(text="short"),
        )
    )

    for width in (80, 10_000):
        assert [line for line in drawn(report, width).splitlines() if line != line.rstrip()] == []


def test_table_wraps_between_words() -> None:
    cells = (
        "11-23 18:02:17",
        "alice",
        "pos-ops",
        "post-deployment pos-order --env prod",
        "ok, 120 ms",
        "1123-0a1b2c3d4e",
    )
    report = _with_cells(cells, columns=("time (UTC)", "actor", "conversation", "command line", "result", "id"))

    for width in (80, 100):
        shown = drawn(report, width).split()
        assert {word for cell in cells for word in cell.split()} <= set(shown)


@pytest.mark.parametrize("status", [invocations.Status.USAGE_ERROR, invocations.Status.DENIED])
def test_refused_command_has_no_mark(status: invocations.Status) -> None:
    response = builders.an_answer(builders.a_report(verdict=reports.Verdict.UNKNOWN), status=status)
    console = rich.console.Console(file=io.StringIO(), color_system=None)

    console.print(rendering.render(response))

    assert console.file.getvalue() == "All is well.\n"


def test_many_columns_become_a_list_in_a_narrow_terminal() -> None:
    report = _with_cells(tuple(f"v{n}" for n in range(30)), columns=tuple(f"c{n}" for n in range(30)))

    assert lines(report, 40)[2:] == ["  -", *(f"  c{number}: v{number}" for number in range(30))]


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(_with_cells(("a", "b", "c"), ("d",), (), columns=("one", "two")), id="ragged rows"),
        pytest.param(_with_cells(("a", "b"), columns=()), id="no columns"),
        pytest.param(_with_cells(), id="no rows"),
        pytest.param(_with_cells(columns=()), id="nothing"),
        pytest.param(_with_cells(("name", ""), ("other", ""), columns=("a", "")), id="a column of nothing"),
        pytest.param(_with_cells(("", "name"), columns=("", "b")), id="nothing in front"),
        pytest.param(
            builders.a_report(
                sections=(
                    reports.Fields(
                        pairs=(("name", ""), ("other", "")),
                    ),
                )
            ),
            id="no values",
        ),
        pytest.param(builders.a_report(sections=(reports.Fields(pairs=(("", "value"),)),)), id="no names"),
        pytest.param(builders.a_report(sections=(reports.Fields(pairs=(("n" * 50, "v" * 50),)),)), id="long name"),
        pytest.param(
            builders.a_report(sections=(reports.Fields(pairs=(("n" * 50, "v"),)),)), id="long name, short value"
        ),
        pytest.param(builders.a_report(sections=(reports.Text(text="x" * 300),)), id="a huge word"),
        pytest.param(builders.a_report(sections=(reports.Code(text="x" * 300, title="t" * 90),)), id="a long line"),
        pytest.param(builders.a_report(headline="x" * 300), id="a long headline"),
    ],
)
@pytest.mark.parametrize("width", [20, 80, 10_000])
def test_unusual_tables_lose_no_character(report: reports.Report, width: int) -> None:
    assert_all_shown(report, width)


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(WORDS, max_size=12).map(tuple), max_size=5),
    columns=st.lists(WORDS, max_size=12).map(tuple),
    pairs=st.lists(st.tuples(WORDS, WORDS), max_size=4).map(tuple),
    text=WORDS,
    width=WIDTHS,
)
def test_any_report_loses_no_character_at_any_width(
    rows: list[tuple[str, ...]],
    columns: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    text: str,
    width: int,
) -> None:
    table = builders.a_table(*rows, columns=columns, title=text)
    report = builders.a_report(
        headline=text,
        sections=(table, reports.Fields(pairs=pairs), reports.Text(text=text), reports.Code(text=text)),
        next_actions=(reports.NextAction(label="", command=text),),
        runbook=(reports.Pointer(number=text, title=text, url=text),),
    )

    assert_all_shown(report, width)


def assert_all_shown(report: reports.Report, width: int) -> None:
    """Wrapped cells stand beside each other, so characters are counted; white space may fall to a line's end."""
    said = collections.Counter("".join(_texts(report)))
    shown = collections.Counter(drawn(report, width))
    for character in (" ", "\n"):
        del said[character]
    assert not said - shown
    assert all(len(line) <= width for line in drawn(report, width).splitlines())


def _texts(report: reports.Report) -> list[str]:
    texts = [report.headline, *(action.command for action in report.next_actions)]
    texts += [part for pointer in report.runbook for part in (pointer.number, pointer.title, pointer.url or "")]
    for section in report.sections:
        texts.append(section.title or "")
        match section:
            case reports.Table():
                texts += [*section.columns, *(cell for row in section.rows for cell in row.cells)]
            case reports.Fields():
                texts += [part for pair in section.pairs for part in pair]
            case _:
                texts.append(section.text)
    return texts


@given(report=strategies.SMALL_REPORTS, width=st.sampled_from((20, 80)), in_colour=st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_escape_sequences_of_others_are_not_executed(report: reports.Report, width: int, *, in_colour: bool) -> None:
    text = drawn(report, width, in_colour=in_colour)

    assert not OBEYED.search(OURS.sub("", text) if in_colour else text)


HOSTILE = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \r\b\x00 \u202edesrever"


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(builders.a_report(headline=HOSTILE), id="headline"),
        pytest.param(_with_cells((HOSTILE, "UP")), id="cell"),
        pytest.param(_with_cells(("a", "b"), columns=(HOSTILE, "b")), id="column"),
        pytest.param(_with_cells(title=HOSTILE), id="title"),
        pytest.param(builders.a_report(sections=(reports.Fields(pairs=((HOSTILE, "a"),)),)), id="name"),
        pytest.param(builders.a_report(sections=(reports.Fields(pairs=(("a", HOSTILE),)),)), id="value"),
        pytest.param(builders.a_report(sections=(reports.Text(text=HOSTILE),)), id="text"),
        pytest.param(builders.a_report(sections=(reports.Code(text=HOSTILE),)), id="code"),
        pytest.param(
            builders.a_report(next_actions=(reports.NextAction(label="", command=HOSTILE),)), id="next action"
        ),
        pytest.param(builders.a_report(runbook=(reports.Pointer(number="1", title=HOSTILE),)), id="pointer"),
        pytest.param(builders.a_report(runbook=(reports.Pointer(number="1", title="a", url=HOSTILE),)), id="address"),
    ],
)
def test_escape_sequences_are_removed_everywhere(report: reports.Report) -> None:
    text = drawn(report)

    assert not OBEYED.search(text)
    assert "desrever" in text


def test_progress_is_one_line_without_escape_sequences() -> None:
    assert rendering.progress_line(builders.a_report(headline=f"Waiting {HOSTILE}")).plain.startswith("… Waiting red")
    assert not OBEYED.search(rendering.progress_line(builders.a_report(headline=HOSTILE)).plain)


def test_markup_of_rich_is_shown_literally() -> None:
    assert "[red]x[/red] :smile: \\[" in drawn(builders.a_report(headline="[red]x[/red] :smile: \\["))
    assert "[bold]c[/bold]" in drawn(_with_cells(("a", "b"), columns=("[bold]c[/bold]", "d")))


def test_tabs_become_spaces() -> None:
    assert "  a   b" in drawn(builders.a_report(sections=(reports.Code(text="a\tb"),)))


def test_piped_output_has_no_colour_and_no_padding() -> None:
    text = drawn(_with_cells(("pos-order", "x" * 500)), 10_000)

    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 600


@pytest.mark.parametrize("width", [40, 10_000])
def test_no_line_ends_in_spaces(width: int) -> None:
    cells = (("pos-order", "x" * 400, "short"), ("pos-price", "y", "z"))
    report = builders.a_report(
        sections=(
            builders.a_table(*cells, columns=("service", "reason", "more")),
            reports.Fields(pairs=(("a", "b" * 100), ("longer name", "c"))),
        ),
        next_actions=(reports.NextAction(label="Again", command="health all"),),
    )

    for in_colour in (False, True):
        drawn_lines = OURS.sub("", drawn(report, width, in_colour=in_colour)).splitlines()
        assert [line for line in drawn_lines if line != line.rstrip()] == []


def test_name_is_broken_after_its_hyphens_and_an_id_nowhere() -> None:
    cells = (
        "pos-vehicle-reference-carapi",
        "vehicle-inventory, carapi",
        "supporting",
        "devops-team",
        "1128-813e7ab7a7",
    )
    report = _with_cells(cells, columns=("service", "aliases", "tier", "owner", "id"))

    shown = drawn(report, 72).split()

    assert {"supporting", "1128-813e7ab7a7"} <= set(shown)
    assert all(any(piece in word for word in shown) for piece in ("pos-", "vehicle-", "reference-", "carapi"))
    assert_all_shown(report, 72)
