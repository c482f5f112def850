"""`runbook`: sections by number, marker and title, brief and full; search; buttons."""

import pytest

from bot.dispatch import redaction
from bot.model import invocations, reports
from bot.runbook import markdown
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio


def lines(report: reports.Report) -> list[str]:
    return [action.command for action in report.next_actions]


def text(report: reports.Report) -> str:
    fields = [
        f"{name} {value}" for one in report.sections if isinstance(one, reports.Fields) for name, value in one.pairs
    ]
    return "\n".join([*markdown.sentences(report.sections), *fields])


async def test_without_arguments_the_index_is_shown(app: app_fixture.AppFixture) -> None:
    report = await app.run("runbook")

    [table] = [section for section in report.sections if isinstance(section, reports.Table)]
    assert table.columns == ("Your question", "Section")
    assert ("A service does not start.", "4.2") in [row.cells for row in table.rows]
    assert "runbook 4.3" in lines(report)
    related = report.sections[-1]
    assert isinstance(related, reports.Prose) and related.title == "Related documents"
    assert [span.text for span in markdown.links([related])] == [
        "Runbook of the workspace level",
        "Agent structure of the workspace",
        "Agent structure of this backend",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "runbook 4.3",
        "runbook 4.3.",
        "runbook §4.3",
        "runbook health-failing",
        "runbook Health endpoint failing",
        "runbook '4.3 health endpoint failing'",
    ],
)
async def test_section_is_found_by_number_marker_or_title(app: app_fixture.AppFixture, line: str) -> None:
    report = await app.run(line)

    assert report.headline == "4.3 Health endpoint failing"
    assert report.facts["section"] == "health-failing"


async def test_long_section_is_brief_without_full(app: app_fixture.AppFixture) -> None:
    brief, full = await app.run("runbook 4.3"), await app.run("runbook 4.3 --full")

    assert "runbook health-failing --full" in lines(brief)
    assert "It accepts an authenticated request." not in text(brief)
    assert "It accepts an authenticated request." in text(full)
    assert full.facts["omitted"] == 0
    assert any(isinstance(one, reports.Prose) and one.title == "Related documents" for one in brief.sections)
    assert not any(isinstance(one, reports.Prose) and one.title == "Related documents" for one in full.sections)


async def test_chapter_lists_its_sections(app: app_fixture.AppFixture) -> None:
    report = await app.run("runbook 4")

    assert lines(report) == ["runbook 4.1", "runbook 4.2", "runbook 4.3"]
    assert "4.2 A service fails to start" in text(report)


async def test_commands_of_a_section_are_buttons_for_the_given_service(
    app: app_fixture.AppFixture,
) -> None:
    without, with_one = await app.run("runbook 4.2"), await app.run("runbook 4.2 --service order")

    assert "help pods" in lines(without)
    assert "pods pos-order" in lines(with_one)
    assert "diagnose diagnose why a service does not start" in text(without)


async def test_search_shows_the_best_sentence(app: app_fixture.AppFixture) -> None:
    report = await app.run("runbook connection refused")

    assert report.headline == "Runbook sections that match “connection refused”"
    [prose] = report.sections
    assert isinstance(prose, reports.Prose)
    first = prose.paragraphs[0]
    assert first.text.startswith("4.3 Health endpoint failing: Connection refused")
    assert [span.text for span in first.spans if span.is_bold] == ["Connection", "refused"]
    assert lines(report)[0] == "runbook 4.3"
    assert report.next_actions[0].is_primary


async def test_search_without_match_finds_nothing(app: app_fixture.AppFixture) -> None:
    report = await app.run("runbook zzzqqq")

    assert report.verdict is reports.Verdict.OK
    assert report.headline == "No runbook section matches “zzzqqq”"
    assert [(action.label, action.command) for action in report.next_actions] == [("Runbook index", "runbook")]


async def test_unknown_section_number_is_a_usage_error(app: app_fixture.AppFixture) -> None:
    answer = await app.dispatch("runbook 9.9")

    assert answer.status is invocations.Status.USAGE_ERROR
    assert "There is no section called “9.9”" in answer.report.headline


async def test_every_section_is_shown_in_full_and_unredacted(app: app_fixture.AppFixture) -> None:
    for section in app.core.data.runbook.sections:
        report = await app.run(f"runbook {section.marker} --full")

        assert report.headline == section.name
        assert redaction.MASK not in str(reports.to_document(report)), section.marker
        shown = set(markdown.sentences(report.sections))
        assert set(markdown.sentences(markdown.parse(section.body))) <= shown


@pytest.mark.parametrize("line", ["runbook --service nobody", "runbook --full --loud", "runbook " + "word " * 40])
async def test_invalid_arguments_are_a_usage_error(app: app_fixture.AppFixture, line: str) -> None:
    assert (await app.dispatch(line)).status is invocations.Status.USAGE_ERROR


async def test_procedure_is_two_buttons_from_an_unhealthy_service(app: app_fixture.AppFixture) -> None:
    await app.fleet["pos-order"].goes_down()

    health = await app.run("health pos-order")
    view_runbook = next(action for action in health.next_actions if action.is_primary)
    section = await app.run(view_runbook.command)

    assert view_runbook.command == "runbook health-failing --service pos-order --env sandbox"
    assert "health-failing pos-order --env sandbox" in lines(section)
