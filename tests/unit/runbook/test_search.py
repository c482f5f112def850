"""Words are found in the sections that speak of them, the one that says most first."""

import pytest

from bot import runbook_data
from bot.runbook import search, sections
from sandbox import runbook_folder


@pytest.fixture(scope="module")
def runbook() -> sections.Runbook:
    return runbook_data.load(runbook_folder.PROJECT / "runbook_data").runbook


@pytest.mark.parametrize(
    ("words", "marker", "said"),
    [
        ("connection refused", "health-failing", "Connection refused – 7"),
        ("conection refusd", "health-failing", "Connection refused – 7"),
        ("crashloop", "start-failures", "CrashLoopBackOff – It starts and dies."),
        ("CrashLoopBackOff", "start-failures", "CrashLoopBackOff – It starts and dies."),
        ("why is a pod ready but gets no traffic?", "health-checks", "without traffic"),
        ("heap", "key-signals", "heap"),
        ("kiro", "agent-structure", "Kiro"),
        ("hikaricp_connections_pending", "key-signals", "hikaricp_connections_pending"),
        ("who is called first", "workspace-escalation", "called first"),
        ("mvnw", "build", "mvnw"),
        ("the", "", "the"),
    ],
)
def test_the_section_that_helps_is_the_first(runbook: sections.Runbook, words: str, marker: str, said: str) -> None:
    hits = search.search(runbook, words, most=5)

    assert marker in hits[0].section.marker
    assert said in hits[0].sentence


@pytest.mark.parametrize("words", ["zzzqqq", "", "?!", "§"])
def test_what_stands_nowhere_is_not_found(runbook: sections.Runbook, words: str) -> None:
    assert search.search(runbook, words, most=5) == []


def test_what_was_looked_for_stands_out_in_the_sentence(runbook: sections.Runbook) -> None:
    [hit, *_] = search.search(runbook, "connections refused", most=1)

    assert [piece for piece, is_found in hit.pieces() if is_found] == ["Connection", "refused"]
    assert "".join(piece for piece, _ in hit.pieces()) == hit.sentence


def test_no_more_are_given_than_wanted(runbook: sections.Runbook) -> None:
    assert len(search.search(runbook, "pos-order", most=2)) == 2


def test_a_section_is_found_by_its_title_though_it_says_nothing() -> None:
    section = sections.Section(marker="m", number="1", title="Certificates", level=2, body="")

    [hit] = search.search(sections.Runbook(sections=(section,)), "certificate", most=5)

    assert hit.sentence == "Certificates"
