"""A report in Block Kit: sound whatever its size, harmless whatever it holds, honest about what it left out."""

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import slackblocks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.model import invocations, reports
from bot.slack.blocks import elements, log_tail
from bot.slack.blocks import message as blocks_message
from sandbox.slack.blocks import checking, kinds, reading
from tests import builders
from tests.unit.slack import strategies

MESSAGE_BLOCKS = 50
HOME_BLOCKS = 100
MESSAGE_CHARACTERS = 12_000
NOTIFICATION_CHARACTERS = 4_000

THOROUGHLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def assert_sound_message(message: blocks_message.Message) -> None:
    content = list(message.blocks)
    assert checking.block_problems(content, kinds.Surface.MESSAGE) == []
    assert len(content) <= MESSAGE_BLOCKS
    assert checking.count_characters(content) <= MESSAGE_CHARACTERS
    assert 0 < len(message.text) <= NOTIFICATION_CHARACTERS
    assert message.text.strip()
    slackblocks.Message(channel="C0OPS", text=message.text, blocks=as_slackblocks(content))


def assert_harmless(content: Sequence[blocks_message.Block], text: str = "") -> None:
    """Slack obeys references only in mrkdwn, and in the text beside the blocks."""
    obeyed = [text, *(item["text"] for item in _walk(content) if item.get("type") == "mrkdwn")]
    for part in obeyed:
        links_removed = re.sub(r"<https?://[^<>|]*\|[^<>]*>", "", part)
        assert not re.search(r"[<>]", re.sub(r"<@U0SHARER>", "", links_removed)), part
        assert not re.search(r"&(?!amp;|lt;|gt;)", part), part
    references = {"user", "usergroup", "channel", "broadcast", "emoji"}
    assert not [item for item in _walk(content) if item.get("type") in references]
    links = [item for item in _walk(content) if item.get("type") == "link"]
    assert not [item for item in links if not item["url"].startswith("https://example.com/")]


def _walk(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _walk(item)


def as_slackblocks(content: Sequence[blocks_message.Block]) -> list[Any]:
    """Give the same blocks made by slackblocks, which checks them while it makes them."""
    return [_AS_SLACKBLOCKS[block["type"]](block) for block in content]


def _rich_text(block: blocks_message.Block) -> Any:
    return slackblocks.RichTextBlock([_part(part) for part in block["elements"]], block_id=block.get("block_id"))


def _part(part: blocks_message.Block) -> Any:
    if part["type"] == "rich_text_list":
        return slackblocks.RichTextList(
            part["style"], [_part(item) for item in part["elements"]], indent=part["indent"], offset=part.get("offset")
        )
    maker = {
        "rich_text_section": slackblocks.RichTextSection,
        "rich_text_preformatted": slackblocks.RichTextCodeBlock,
    }[part["type"]]
    return maker([_word(word) for word in part["elements"]])


def _word(word: blocks_message.Block) -> Any:
    style = word.get("style", {})
    if word["type"] == "link":
        return slackblocks.RichTextLink(word["url"], word["text"], **style)
    return slackblocks.RichText(word["text"], **style)


def _actions(block: blocks_message.Block) -> Any:
    buttons = [
        slackblocks.Button(
            slackblocks.PlainText(element["text"]["text"]),
            action_id=element["action_id"],
            value=element["value"],
            style=element.get("style"),
            confirm=_confirm(element["confirm"]) if "confirm" in element else None,
        )
        for element in block["elements"]
    ]
    return slackblocks.ActionsBlock(buttons, block_id=block.get("block_id"))


def _confirm(dialog: blocks_message.Block) -> Any:
    texts = [slackblocks.PlainText(dialog[name]["text"]) for name in ("title", "text", "confirm", "deny")]
    return slackblocks.ConfirmationDialogue(*texts)


_AS_SLACKBLOCKS = {
    "rich_text": _rich_text,
    "actions": _actions,
    "table": lambda block: slackblocks.TableBlock(
        [[slackblocks.RawText(cell["text"]) for cell in row] for row in block["rows"]],
        [slackblocks.ColumnSettings(**settings) for settings in block.get("column_settings", [])] or None,
    ),
    "context": lambda block: slackblocks.ContextBlock(
        [slackblocks.Text(element["text"]) for element in block["elements"]], block_id=block.get("block_id")
    ),
    "divider": lambda block: slackblocks.DividerBlock(block_id=block.get("block_id")),
}


def message_of(*sections: reports.Section, **changes: Any) -> blocks_message.Message:
    return blocks_message.message(builders.an_answer(builders.a_report(sections=sections, **changes)))


def a_log(*texts: str, **changes: Any) -> reports.Log:
    entries = tuple(reports.LogEntry(text=text, source="pos-order-x2x") for text in texts)
    return reports.Log(**{"entries": entries, "name": "pos-order.log", "common": "pos-order-"} | changes)


def prose(*lines: str, **changes: Any) -> reports.Prose:
    """Paragraphs, each of one span; what begins with a bullet is an item."""
    paragraphs = []
    for line in lines:
        bullet, _, rest = line.partition(" ") if re.match(r"(•|\d+\.) ", line) else ("", "", line)
        paragraphs.append(reports.Paragraph(spans=(reports.Span(text=rest),), bullet=bullet))
    return reports.Prose(paragraphs=tuple(paragraphs), **changes)


def message_of_report(report: reports.Report) -> blocks_message.Message:
    return blocks_message.message(builders.an_answer(report))


def visible(message: blocks_message.Message) -> str:
    return reading.visible_text(message.blocks)


def buttons_of(message: blocks_message.Message) -> list[tuple[str, str | None]]:
    return [(control.text, control.value) for control in reading.controls(message.blocks)]


@THOROUGHLY
@given(
    report=strategies.REPORTS,
    ending=st.sampled_from(invocations.Status),
    can_share=st.booleans(),
    shared_by=st.sampled_from((None, "U0SHARER")),
)
def test_any_report_renders_as_a_valid_safe_message(
    report: reports.Report, ending: invocations.Status, *, can_share: bool, shared_by: str | None
) -> None:
    answer = builders.an_answer(report, status=ending)

    message = blocks_message.message(answer, elements.RenderOptions(can_share=can_share, shared_by=shared_by))

    assert_sound_message(message)
    assert_harmless(message.blocks, message.text)
    assert builders.ID in visible(message)


@THOROUGHLY
@given(report=strategies.REPORTS)
def test_any_partial_report_renders_as_a_valid_safe_message(report: reports.Report) -> None:
    message = blocks_message.progress(report)

    assert_sound_message(message)
    assert_harmless(message.blocks, message.text)


@THOROUGHLY
@given(fleet=st.one_of(st.none(), strategies.REPORTS), capabilities=strategies.REPORTS)
def test_any_two_reports_render_as_a_valid_safe_home(
    fleet: reports.Report | None, capabilities: reports.Report
) -> None:
    view = blocks_message.home([fleet, capabilities])

    assert checking.view_problems(view) == []
    assert checking.block_problems(view["blocks"], kinds.Surface.HOME) == []
    assert len(view["blocks"]) <= HOME_BLOCKS
    assert not checking.is_view_too_large(view)
    assert_harmless(view["blocks"])
    slackblocks.HomeTabView(as_slackblocks(view["blocks"]))


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(reports.Fields(pairs=(("", ""),) * 5_000), id="empty fields"),
        pytest.param(reports.Fields(pairs=(("n", "v"),) * 5_000), id="short fields"),
        pytest.param(reports.Fields(pairs=(("n", "v" * 50_000),)), id="a huge value"),
        pytest.param(builders.a_table(*[("", "")] * 1_000), id="empty cells"),
        pytest.param(builders.a_table(*[("pos-order", "UP")] * 1_000), id="many rows"),
        pytest.param(builders.a_table(*[("x",) * 30] * 500, columns=("c",) * 30), id="30 columns"),
        pytest.param(builders.a_table(("x" * 50_000, "y")), id="a huge cell"),
        pytest.param(builders.a_table(columns=("c" * 1_000,) * 20), id="huge columns"),
        pytest.param(builders.a_table(("a", "b", "c"), ("a",), (), columns=("one", "two")), id="ragged rows"),
        pytest.param(builders.a_table(("a", "b"), columns=()), id="no columns"),
        pytest.param(builders.a_table(), id="no rows"),
        pytest.param(reports.Code(text="x" * 50_000), id="huge code"),
        pytest.param(reports.Text(text="word " * 10_000, title="t" * 50_000), id="huge text and title"),
        pytest.param(reports.Text(text=""), id="empty text"),
        pytest.param(reports.Code(text=" \n"), id="blank code"),
        pytest.param(reports.Fields(pairs=()), id="no fields"),
        pytest.param(prose(), id="no paragraphs"),
        pytest.param(prose(""), id="an empty paragraph"),
        pytest.param(prose(*["• word"] * 5_000), id="a long list"),
        pytest.param(prose("word " * 10_000, "word"), id="a huge paragraph"),
        pytest.param(a_log(), id="an empty log"),
        pytest.param(a_log("x" * 20_000_000), id="a line of 20 MB"),
        pytest.param(a_log("line\n" * 5_000), id="an entry of 5,000 lines"),
        pytest.param(a_log(*["x" * 200] * 10_000), id="a log of 10,000 lines"),
        pytest.param(a_log("", " ", "\n\n"), id="blank lines"),
    ],
)
@pytest.mark.parametrize("times", [1, 60])
def test_extremes_stay_within_the_limits(section: reports.Section, times: int) -> None:
    pointer = reports.Pointer(number="&" * 100, title="&" * 500, url="https://example.com/" + "&" * 270)
    action = reports.NextAction(label="l" * 500, command="w" * 2_000)

    message = message_of(*[section] * times, headline="&" * 5_000, next_actions=(action,) * 9, runbook=(pointer,) * 9)

    assert_sound_message(message)
    assert_harmless(message.blocks, message.text)


def test_empty_report_is_its_headline_and_id() -> None:
    message = message_of()

    assert visible(message).splitlines() == ["🟢 All is well.", f"id {builders.ID}"]
    assert message.text == "🟢 All is well."


@pytest.mark.parametrize(
    ("verdict", "mark"),
    list(zip(reports.Verdict, "🟢🟡🔴⚪", strict=True)),
    ids=[verdict.value for verdict in reports.Verdict],
)
def test_verdict_comes_first(verdict: reports.Verdict, mark: str) -> None:
    message = message_of(verdict=verdict, headline="x")

    assert message.text == f"{mark} x"
    assert visible(message).startswith(f"{mark} x")


def test_small_report_is_shown_whole_and_in_order() -> None:
    message = message_of(
        reports.Fields(title="Answers", pairs=(("health", "UP"), ("URL", "http://x"))),
        builders.a_table(("pos-order", "UP"), ("pos-price", "DOWN"), title="All"),
        reports.Code(title="Log", text="a\n  b"),
        reports.Text(title="Next", text="Look at the logs."),
        next_actions=(reports.NextAction(label="Again", command="health order"),),
        runbook=(
            reports.Pointer(number="2.2", title="Health", url="https://example.com/#h"),
            reports.Pointer(number="", title="More"),
        ),
    )

    assert visible(message).splitlines() == [
        "🟢 All is well.",
        *("Answers", "health: UP", "URL: http://x"),
        *("All", "service | state", "pos-order | UP", "pos-price | DOWN"),
        *("Log", "a", "  b"),
        *("Next", "Look at the logs."),
        "Again",
        f"<https://example.com/#h|Runbook 2.2 Health> · Runbook More · id {builders.ID}",
    ]


def test_row_has_its_own_mark() -> None:
    rows = (
        reports.Row(cells=("pos-order", "DOWN"), verdict=reports.Verdict.FAILED),
        reports.Row(cells=("pos-events", "none")),
    )

    message = message_of(reports.Table(columns=("service", "state"), rows=rows))

    lines = visible(message).splitlines()
    assert lines[1:4] == ["service | state", "🔴 pos-order | DOWN", "pos-events | none"]


def test_only_the_first_table_is_a_block_and_none_is_lost() -> None:
    message = message_of(builders.a_table(("a", "1")), builders.a_table(("b", "2")), builders.a_table(("c", "3")))

    assert [block["type"] for block in message.blocks].count("table") == 1
    assert all(cell in visible(message) for cell in ("a", "1", "b", "2", "c", "3"))


def test_row_with_more_cells_than_columns_loses_none() -> None:
    text = visible(message_of(builders.a_table(("a", "b", "c"), ("d",), columns=("one",))))

    assert all(cell in text for cell in "abcd")


def test_omitted_rows_are_counted() -> None:
    message = message_of(builders.a_table(*[(f"service-{number}", "UP") for number in range(250)]))

    shown = len(re.findall(r"service-\d+", visible(message)))
    assert shown == 99
    assert "Left out: 151 more rows." in visible(message)


def test_ten_thousand_rows_are_each_shown_or_counted() -> None:
    table = builders.a_table(*[(f"service-{number}", "UP") for number in range(10_000)])

    first, second = message_of(table), message_of(builders.a_table(("a", "b")), table)

    assert "Left out: 9,901 more rows." in visible(first)
    shown = len(re.findall(r"service-\d+", visible(second)))
    assert f"Left out: {10_000 - shown:,} of 10,001 rows." in visible(second)


def test_too_long_rows_are_counted() -> None:
    message = message_of(builders.a_table(*[(f"service-{number}", "x" * 500) for number in range(50)]))

    shown = len(re.findall(r"service-\d+", visible(message)))
    assert f"Left out: {50 - shown} of 51 rows." in visible(message)
    assert 0 < shown < 50


def test_omitted_values_are_counted() -> None:
    message = message_of(reports.Fields(pairs=tuple((f"name-{number}", "x" * 100) for number in range(200))))

    shown = len(re.findall(r"name-\d+", visible(message)))
    assert f"Left out: {200 - shown} of 200 values." in visible(message)
    assert shown > 50


def test_omitted_characters_are_counted() -> None:
    message = message_of(reports.Code(text="y" * 20_000))

    shown = visible(message).split("\n")[1].count("y")
    assert f"Left out: {20_000 - shown:,} characters." in visible(message)


def test_omitted_sections_are_counted() -> None:
    message = message_of(*[reports.Text(text=f"section-{number}") for number in range(60)])

    shown = len(re.findall(r"section-\d+", visible(message)))
    assert f"Left out: {60 - shown} more sections." in visible(message)


def test_omitted_next_actions_are_counted() -> None:
    actions = [reports.NextAction(label=f"Do {number}", command=f"health {number}") for number in range(8)]
    too_long = reports.NextAction(label="Do it", command="x" * 2_001)

    message = message_of(next_actions=(too_long, *actions))

    assert [words for _, words in buttons_of(message)] == [f"health {number}" for number in range(5)]
    assert "Left out: 4 buttons." in visible(message)


def test_button_that_ends_or_changes_something_asks_with_the_consequence() -> None:
    cancel = reports.NextAction(label="Cancel run", command="run cancel r1", consequence="This ends the run.")
    roll_back = dataclasses.replace(cancel, label="Roll back to the previous version now", is_primary=True)

    message = message_of(next_actions=(cancel, roll_back, reports.NextAction(label="Logs", command="logs")))

    (actions,) = [block for block in message.blocks if block["type"] == "actions"]
    first, second, third = actions["elements"]
    assert {name: part["text"] for name, part in first["confirm"].items() if name != "style"} == {
        "title": "Are you sure?",
        "text": "This ends the run.",
        "confirm": "Cancel run",
        "deny": "No",
    }
    assert (first["style"], first["confirm"]["style"]) == ("danger", "danger")
    assert (second["style"], second["confirm"]["confirm"]["text"]) == ("primary", "Roll back to the previous ver…")
    assert "confirm" not in third and "style" not in third
    assert [control.needs_confirmation for control in reading.controls(message.blocks)] == [True, True, False]


def test_omitted_pointers_are_counted_and_none_is_truncated() -> None:
    pointers = tuple(
        reports.Pointer(number=f"4.{number}", title="t" * 80, url="https://example.com/" + "u" * 200)
        for number in range(9)
    )

    message = message_of(runbook=pointers)

    shown = visible(message).count("<https://")
    assert visible(message).count("t>") == shown
    assert f"Left out: {9 - shown} runbook sections." in visible(message)


@pytest.mark.parametrize("can_share", [True, False])
@pytest.mark.parametrize("ending", invocations.Status)
def test_only_a_successful_response_can_be_shared_on_request(ending: invocations.Status, *, can_share: bool) -> None:
    message = blocks_message.message(builders.an_answer(status=ending), elements.RenderOptions(can_share=can_share))

    expected = [("Share with channel", f"share {builders.ID}")] if can_share and ending is invocations.Status.OK else []
    assert buttons_of(message) == expected


def test_share_button_is_beside_the_others() -> None:
    actions = tuple(reports.NextAction(label=f"Do {number}", command="health") for number in range(5))

    message = blocks_message.message(
        builders.an_answer(builders.a_report(next_actions=actions)), elements.RenderOptions(can_share=True)
    )

    assert [label for label, _ in buttons_of(message)] == ["Do 0", "Do 1", "Do 2", "Do 3", "Share with channel"]


def test_person_who_shared_is_named() -> None:
    message = blocks_message.message(builders.an_answer(), elements.RenderOptions(shared_by="U0SHARER"))

    assert "shared by <@U0SHARER>" in visible(message)


def test_notification_is_escaped() -> None:
    assert message_of(headline="<!channel> & co").text == "🟢 &lt;!channel&gt; &amp; co"


def test_unsafe_url_is_omitted_and_its_title_kept() -> None:
    pointer = reports.Pointer(number="1", title="a|b>c", url="https://example.com/|x")

    assert f"Runbook 1 a|b&gt;c · id {builders.ID}" in visible(message_of(runbook=(pointer,)))


def test_progress_shows_only_the_headline() -> None:
    message = blocks_message.progress(builders.a_report(headline="Waiting", sections=(reports.Text(text="more"),)))

    assert visible(message) == "⏳ Waiting"


def test_home_shows_a_pending_report() -> None:
    view = blocks_message.home([None, builders.a_report(headline="What posbot can do")])

    text = reading.visible_text(view["blocks"])
    assert "⏳ Checking all services …" in text
    assert "What posbot can do" in text


def test_home_counts_omitted_parts() -> None:
    table = builders.a_table(*[("service", "x" * 100)] * 500)

    view = blocks_message.home([builders.a_report(sections=(table,)), builders.a_report()])

    assert re.search(r"Left out: \d+ of 500 rows\.", reading.visible_text(view["blocks"]))


@given(report=strategies.REPORTS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_rendering_is_deterministic(report: reports.Report) -> None:
    """Live messages are compared with what stands in Slack before they are sent again."""
    assert json.dumps(message_of_report(report).blocks) == json.dumps(message_of_report(report).blocks)


def test_short_log_is_shown_whole_without_a_file() -> None:
    message = message_of(a_log("<!channel> ``` *bold*", "two\n\tlines"))

    assert visible(message).splitlines()[1:-1] == [
        "x2x │ <!channel> ``` *bold*",
        "x2x │ two",
        "x2x │ \tlines",
    ]
    assert message.files == ()


def test_long_log_shows_its_last_lines_and_counts_the_rest() -> None:
    log = a_log(*[f"line {number} {'x' * 80}" for number in range(1, 5_001)])

    message = blocks_message.message(
        builders.an_answer(builders.a_report(sections=(log,))),
        elements.RenderOptions(whereabouts="All of them are elsewhere."),
    )

    shown = [int(number) for number in re.findall(r"line (\d+) ", visible(message))]
    assert shown == list(range(5_001 - len(shown), 5_001))
    assert len(shown) > 50
    assert f"Last {len(shown):,} of 5,000 lines. All of them are elsewhere." in visible(message)
    assert message.files == (log,)


def test_very_long_line_is_truncated_visibly() -> None:
    message = message_of(a_log("first", "x" * 50_000, "last"))

    lines = visible(message).splitlines()
    assert lines[1] == "Long lines truncated. Narrow it down, or run it in a terminal."
    assert [len(line) for line in lines[2:-1]] == [len("x2x │ first"), 1_000, len("x2x │ last")]
    assert len(message.files) == 1


def test_log_leaves_room_for_the_rest_of_the_report() -> None:
    after = reports.Text(text="5,000 lines read.")

    message = message_of(a_log(*["x" * 80] * 5_000), after)

    assert visible(message).index("x2x │") < visible(message).index("5,000 lines read.")
    assert "Left out" not in visible(message)


def test_empty_log_is_stated() -> None:
    message = message_of(a_log())

    assert "No lines." in visible(message)
    assert message.files == ()


def test_log_without_room_becomes_a_file() -> None:
    log = a_log("x")

    message = message_of(log, *[reports.Text(text="y")] * 60)

    assert message.files == (log,)


def a_tail(*texts: str, total: int | None = None) -> log_tail.Tail:
    lines = tuple(log_tail.Line(text, is_truncated=False) for text in texts)
    return log_tail.Tail(lines=lines, total=len(lines) if total is None else total)


def test_followed_log_shows_newest_lines_and_a_stop_button() -> None:
    tail = a_tail(*[f"x2x │ {number} {'x' * 80}" for number in range(500)])

    message = blocks_message.following("pos-order.log", tail, ["3 pods <b>", "asked for by ada"], f"stop {builders.ID}")

    assert_sound_message(message)
    assert_harmless(message.blocks, message.text)
    assert "x2x │ 499" in visible(message)
    assert "x2x │ 0 " not in visible(message)
    assert "3 pods &lt;b&gt; · asked for by ada" in visible(message)
    assert buttons_of(message) == [("Stop", f"stop {builders.ID}")]


def test_empty_followed_log_is_stated() -> None:
    message = blocks_message.following("<log>", a_tail(), ["x"], "stop")

    assert_sound_message(message)
    assert_harmless(message.blocks, message.text)
    assert "No lines yet." in visible(message)


@pytest.mark.parametrize("total", [3, 3_000])
def test_followed_lines_are_between_headline_and_notes(total: int) -> None:
    report = builders.a_report(headline="Followed for 3 s.", sections=(reports.Text(text="3 read."),))

    message = blocks_message.message(
        builders.an_answer(report),
        elements.RenderOptions(tail=a_tail("a", "b", "c", total=total), whereabouts="Look there."),
    )

    told = ["Last 3 of 3,000 lines. Look there."] if total > 3 else []
    assert visible(message).splitlines()[1:-1] == [*told, "a", "b", "c", "3 read."]
    assert message.is_whole is (total == 3)
    assert buttons_of(message) == []


@THOROUGHLY
@given(report=strategies.REPORTS, lines=st.lists(strategies.TEXTS, max_size=5), times=st.sampled_from((1, 400)))
def test_any_followed_log_ends_with_a_valid_message(report: reports.Report, lines: list[str], times: int) -> None:
    tail = log_tail.Tail(lines=tuple(log_tail.truncated(lines * times)), total=len(lines) * times + 1)

    message = blocks_message.message(builders.an_answer(report), elements.RenderOptions(tail=tail))

    assert_sound_message(message)
    assert_harmless(message.blocks, message.text)
    assert message.is_whole is False


def test_paragraphs_are_separate_and_items_become_lists() -> None:
    content = message_of(prose("One.", "Two.", "• a", "• b", "3. c", "4. d")).blocks[1]["elements"]

    assert [part["type"] for part in content] == ["rich_text_section", "rich_text_list", "rich_text_list"]
    assert "".join(word["text"] for word in content[0]["elements"]) == "One.\n\nTwo."
    assert [(part["style"], len(part["elements"])) for part in content[1:]] == [("bullet", 2), ("ordered", 2)]
    assert content[2]["offset"] == 2


def test_emphasis_and_links_are_rendered() -> None:
    spans = (
        reports.Span(text="Run "),
        reports.Span(text="curl", is_code=True, is_bold=True),
        reports.Span(text=" "),
        reports.Span(text="there", url="https://example.com/#a"),
        reports.Span(text="not there", url="javascript:alert(1)"),
        reports.Span(text="too long", url="https://example.com/" + "a" * 500),
    )
    section = reports.Prose(paragraphs=(reports.Paragraph(spans=spans),))

    words = message_of(section).blocks[1]["elements"][0]["elements"]

    assert words == [
        {"type": "text", "text": "Run "},
        {"type": "text", "text": "curl ", "style": {"bold": True, "code": True}},
        {"type": "link", "url": "https://example.com/#a", "text": "there"},
        {"type": "text", "text": "not there"},
        {"type": "text", "text": "too long"},
    ]


def test_second_table_is_a_list_or_columns_by_its_cell_lengths() -> None:
    sentences = builders.a_table(("Timeout", "28", "Packets are lost. " * 6), columns=("what", "code", "means"))
    words = builders.a_table(("pos-order", "UP"))

    _, _, as_list, as_columns, _ = message_of(builders.a_table(("a", "b")), sentences, words).blocks

    assert as_list["elements"][0]["type"] == "rich_text_list"
    item = as_list["elements"][0]["elements"][0]["elements"]
    assert item[0] == {"type": "text", "text": "Timeout", "style": {"bold": True}}
    assert item[1]["text"].startswith(": 28 – Packets are lost.")
    assert as_columns["elements"][0]["type"] == "rich_text_preformatted"


def test_omitted_paragraphs_are_counted() -> None:
    message = message_of(prose(*["word " * 100] * 100))

    assert re.search(r"Left out: \d+ of 100 paragraphs\.", visible(message))
