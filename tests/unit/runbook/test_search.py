"""Search in the runbook: ranking, spelling, highlighting."""

import pytest

from bot import runbook_data
from bot.runbook import search, sections
from sandbox import runbook_folder


@pytest.fixture(scope="module")
def runbook() -> sections.Runbook:
    return runbook_data.load(runbook_folder.PROJECT / "runbook_data").runbook


@pytest.mark.parametrize(
    ("query", "marker", "expected"),
    [
        ("connection refused", "health-failing", "Connection refused – 7"),
        ("conection refusd", "health-failing", "Connection refused – 7"),
        ("crashloop", "start-failures", "CrashLoopBackOff – It starts and exits."),
        ("CrashLoopBackOff", "start-failures", "CrashLoopBackOff – It starts and exits."),
        ("why is a pod ready but gets no traffic?", "health-checks", "without traffic"),
        ("heap", "key-signals", "heap"),
        ("kiro", "agent-structure", "Kiro"),
        ("hikaricp_connections_pending", "key-signals", "hikaricp_connections_pending"),
        ("who is called first", "workspace-escalation", "called first"),
        ("mvnw", "build", "mvnw"),
        ("the", "", "the"),
    ],
)
def test_best_section_is_first(runbook: sections.Runbook, query: str, marker: str, expected: str) -> None:
    matches = search.search(runbook, query, limit=5)

    assert marker in matches[0].section.marker
    assert expected in matches[0].sentence


@pytest.mark.parametrize("query", ["zzzqqq", "", "?!", "§"])
def test_query_without_known_words_has_no_match(runbook: sections.Runbook, query: str) -> None:
    assert search.search(runbook, query, limit=5) == []


def test_query_words_are_highlighted(runbook: sections.Runbook) -> None:
    [match, *_] = search.search(runbook, "connections refused", limit=1)

    assert [text for text, is_match in match.fragments() if is_match] == ["Connection", "refused"]
    assert "".join(text for text, _ in match.fragments()) == match.sentence


def test_matches_are_limited(runbook: sections.Runbook) -> None:
    assert len(search.search(runbook, "pos-order", limit=2)) == 2


def test_title_of_an_empty_section_matches() -> None:
    section = sections.Section(marker="m", number="1", title="Certificates", level=2, body="")

    [match] = search.search(sections.Runbook(sections=(section,)), "certificate", limit=5)

    assert match.sentence == "Certificates"
