"""What the audit log keeps of a report is bounded, and says what it omitted."""

import dataclasses
import secrets

import pytest

from bot.kubernetes.logs import reader
from bot.kubernetes.logs import reports as log_reports
from bot.model import log_lines, reports
from bot.store import stored_reports
from tests import builders


def a_log(*texts: str, **changes: object) -> reports.Log:
    entries = tuple(reports.LogEntry(text=text, source="pos-order-1") for text in texts)
    return dataclasses.replace(
        reports.Log(entries=entries, name="pos-order.log", common="pos-order-"),
        **changes,  # type: ignore[arg-type]
    )


def lines_of(report: reports.Report) -> list[str]:
    return [
        line for section in report.sections if isinstance(section, reports.Log) for line in log_lines.lines(section)
    ]


def test_report_of_usual_size_is_kept_whole() -> None:
    report = builders.a_report(sections=(a_log(*["x" * 200] * 400), builders.a_table(("a", "b"))), facts={"lines": 400})

    assert stored_reports.shorten(report) is report
    assert stored_reports.unpack(stored_reports.pack(report)) == report


def test_large_log_is_kept_as_head_and_tail_with_a_count() -> None:
    texts = [f"line {number}" for number in range(50_000)]

    stored = stored_reports.unpack(stored_reports.pack(builders.a_report(sections=(a_log(*texts),))))

    lines = lines_of(stored)
    [gap] = [index for index, line in enumerate(lines) if "not recorded" in line]
    head, tail = (
        [line.partition("│ ")[2] for line in lines[:gap]],
        [line.partition("│ ")[2] for line in lines[gap + 1 :]],
    )
    left_out = len(texts) - len(head) - len(tail)
    assert head == texts[: len(head)]
    assert tail == texts[-len(tail) :]
    assert len(tail) > len(head) > 100
    assert f"── {left_out:,} lines not recorded ──" in lines[gap]
    (log,) = stored.sections
    assert isinstance(log, reports.Log)
    assert log.title == f"(recorded without {left_out:,} lines of it)"


def test_record_of_a_large_answer_takes_little_space() -> None:
    texts = [f"order {secrets.token_hex(8)} priced by {secrets.token_hex(8)} {'x' * 100}" for _ in range(50_000)]

    assert len(stored_reports.pack(builders.a_report(sections=(a_log(*texts),)))) < 150_000


@pytest.mark.parametrize(
    "section",
    [
        a_log("x" * 5_000_000),
        a_log("first", "x" * 5_000_000),
        reports.Code(text="x" * 5_000_000),
        reports.Text(text="x" * 5_000_000),
        builders.a_table(*[("x" * 100, "y")] * 50_000),
        builders.a_table(("x" * 5_000_000, "y")),
        reports.Fields(pairs=(("x" * 5_000_000, "y" * 5_000_000),)),
        reports.Fields(pairs=(("x", "y"),) * 100_000),
        reports.Plan(tasks=(reports.Task(id="a", title="x" * 5_000_000, state=reports.TaskState.DONE),)),
    ],
    ids=lambda section: section.kind,
)
def test_section_of_any_kind_is_bounded_and_says_so(section: reports.Section) -> None:
    stored = stored_reports.shorten(builders.a_report(sections=(section, reports.Text(text="The end."))))

    assert len(str(reports.to_document(stored))) < 4 * stored_reports.MAX_CHARACTERS
    assert "recorded" in str(stored)


def test_many_sections_and_long_facts_are_bounded() -> None:
    report = builders.a_report(
        headline="h" * 300_000, sections=(reports.Text(text="x" * 10_000),) * 1_000, facts={"cause": "c" * 300_000}
    )

    stored = stored_reports.shorten(report)

    assert len(str(reports.to_document(stored))) < 4 * stored_reports.MAX_CHARACTERS
    assert "recorded" in str(stored.sections)


def test_filtering_a_shortened_response_says_that_lines_were_not_recorded() -> None:
    texts = [f"line {number}" for number in range(50_000)]
    report = builders.a_report(sections=(a_log(*texts),), facts={"service": "pos-order"})
    stored = stored_reports.shorten(report)

    again = log_reports.filter_again(stored, "1123-0a1b2c3d4e", "pos-order", reader.LogQuery(pod="no-such-pod"))

    assert again.headline.startswith("pos-order: 0 of ")
    assert "recorded without" in str(again.sections)
