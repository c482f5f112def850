"""Drawing a message loses nothing that a person would see, obeys nothing that it says, and stays within its width."""

import collections
import datetime
import html.parser
import io
import re

import pytest
import rich.cells
import rich.console
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.demo.preview import blocks, elements, markup, pages, posts, terminal
from sandbox.slack.blocks import checking, kinds, reading
from sandbox.slack.state import messages

WIDTHS = (60, 80, 120)
NIGHT = datetime.datetime(2026, 11, 23, 2, 47, tzinfo=datetime.UTC)
NAMES = {"U1": "alice", "C1": "pos-ops", "S1": "oncall", "U0POSBOT": "pos"}


def plain(text):
    return {"type": "plain_text", "text": text}


def mrkdwn(text):
    return {"type": "mrkdwn", "text": text}


def word(text, **style):
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def line(*words, kind="section"):
    return {"type": f"rich_text_{kind}", "elements": list(words)}


def rich_text(*lines):
    return {"type": "rich_text", "elements": list(lines)}


def button(label, **rest):
    return {"type": "button", "text": plain(label), "action_id": f"press {label}", **rest}


def raw(text):
    return {"type": "raw_text", "text": text}


A_TASK = {
    "type": "task_card",
    "task_id": "t1",
    "title": "Restart the deployment",
    "status": "in_progress",
    "details": rich_text(line(word("two of three pods are ready"))),
    "output": rich_text(line(word("deployment restarted"), kind="preformatted")),
    "sources": [{"type": "url", "url": "https://example.org/3.1", "text": "Runbook 3.1"}],
}
AN_IMAGE = {"type": "image", "alt_text": "a curve that rises", "image_url": "https://example.org/p95.png"}
A_MENU = {
    "type": "static_select",
    "placeholder": plain("Severity"),
    "action_id": "severity",
    "options": [{"text": plain("SEV-1"), "value": "1"}, {"text": plain("SEV-2"), "value": "2"}],
}

EXAMPLES = {
    "actions": {"type": "actions", "elements": [button("Run again"), button("Stop", style="danger"), A_MENU]},
    "alert": {"type": "alert", "text": plain("Only those on call may do this"), "level": "warning"},
    "context": {"type": "context", "elements": [plain("Runbook 4.3 · id 1123-0a1b2c3d"), AN_IMAGE]},
    "data_table": {
        "type": "data_table",
        "caption": "Errors by service",
        "rows": [
            [raw("service"), raw("errors")],
            [raw("pos-order"), {"type": "raw_number", "value": 41, "text": "41"}],
        ],
    },
    "data_visualization": {
        "type": "data_visualization",
        "title": "Errors",
        "chart": {
            "type": "bar",
            "series": [{"name": "5xx", "data": [{"label": "02:40", "value": 3}, {"label": "02:45", "value": 41}]}],
            "axis_config": {"categories": ["02:40", "02:45"], "x_label": "time", "y_label": "answers"},
        },
    },
    "divider": {"type": "divider"},
    "header": {"type": "header", "text": plain("Incident 2041: orders fail")},
    "image": {**AN_IMAGE, "title": plain("Response times")},
    "input": {
        "type": "input",
        "label": plain("Why"),
        "hint": plain("One sentence is enough"),
        "element": {"type": "plain_text_input", "action_id": "why", "placeholder": plain("because …")},
    },
    "markdown": {"type": "markdown", "text": "# Title\n\n- one\n- two"},
    "plan": {"type": "plan", "title": "Restart pos-order", "tasks": [A_TASK, {**A_TASK, "status": "pending"}]},
    "rich_text": rich_text(
        line(
            word("bold ", bold=True),
            word("italic ", italic=True),
            word("struck ", strike=True),
            word("code", code=True),
        ),
        line(word("ERROR  HikariPool-1 - Connection is not available"), kind="preformatted"),
        line(word("They are not now."), kind="quote"),
        {"type": "rich_text_list", "style": "ordered", "elements": [line(word("first")), line(word("second"))]},
        {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [line(word("inner"))]},
        line({"type": "link", "url": "https://example.org/", "text": "the runbook"}),
    ),
    "section": {
        "type": "section",
        "text": plain("pos-order is down"),
        "fields": [plain("Severity\nSEV-2"), plain("Commander\nalice"), plain("Since\n02:41")],
        "accessory": button("Open"),
    },
    "table": {
        "type": "table",
        "column_settings": [{"align": "right"}, {"is_wrapped": True}],
        "rows": [
            [raw("time"), raw("why"), raw("service")],
            [raw("738 ms"), raw("UP but slow: 738 ms against a target of 500 ms"), raw("pos-vehicle-reference-nhtsa")],
            [raw("–"), rich_text(line(word("it has no port"), word(" in the catalogue", bold=True))), raw("pos-mcp")],
        ],
    },
    "task_card": A_TASK,
}


def a_post(*shown, **rest):
    values = {"author": "pos", "is_bot": True, "place": "#pos-ops", "at": NIGHT}
    return posts.Post(**(values | rest), groups=tuple(blocks.read(block, NAMES) for block in shown))


def draw(post, width=80, *, is_terminal=False, numbers=None):
    console = rich.console.Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, color_system="truecolor" if is_terminal else None
    )
    console.print(terminal.MessageView(shown=post, numbers=numbers or {}))
    return console.file.getvalue()


class _Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.text = ""
        self.tags = collections.Counter()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.addresses += [value for name, value in attrs if name in {"href", "src"}]
        self.text += " "

    def handle_data(self, data):
        self.text += data


def read_page(page):
    reader = _Reader()
    reader.feed(re.sub("<style>.*?</style>", "", page, flags=re.DOTALL))
    return reader


def visible_text(kind):
    """Return what must be seen of an example: without the bars between cells, and a chart's labels only once."""
    text = reading.visible_text([EXAMPLES[kind]]).replace(" | ", " ")
    return " ".join(dict.fromkeys(text.split())) if kind == "data_visualization" else text


def characters(text):
    return collections.Counter("".join(text.split()))


def test_there_is_example_of_every_kind_of_block_that_slack_would_take() -> None:
    known = {kind for by_kind in kinds.BY_SURFACE.values() for kind in by_kind}

    problems = {
        kind: checking.block_problems([block], kinds.Surface.MODAL if kind == "alert" else kinds.Surface.MESSAGE)
        for kind, block in EXAMPLES.items()
    }

    assert set(EXAMPLES) == known
    assert not any(problems.values()), problems


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_terminal_shows_all_text_within_its_width(kind: str, width: int) -> None:
    drawn = draw(a_post(EXAMPLES[kind]), width)

    assert characters(visible_text(kind)) <= characters(drawn)
    assert max(map(rich.cells.cell_len, drawn.splitlines())) <= width


@pytest.mark.parametrize("kind", EXAMPLES)
def test_page_shows_all_text(kind: str) -> None:
    page = read_page(pages.write([a_post(EXAMPLES[kind])]))

    for seen in visible_text(kind).split():
        assert seen in page.text


def test_chart_shows_its_numbers() -> None:
    assert re.search(r"02:45 +41", draw(a_post(EXAMPLES["data_visualization"])))


_words = st.text("aW0-.é日🟢", min_size=1, max_size=12)
_cells = st.lists(_words, min_size=1, max_size=6).map(" ".join)


@settings(deadline=None)
@given(
    st.integers(1, 8).flatmap(lambda n: st.lists(st.tuples(*[_cells] * n), min_size=1, max_size=5)),
    st.integers(60, 140),
)
def test_no_table_loses_character_or_leaves_its_width(rows: list[tuple[str, ...]], width: int) -> None:
    grid = elements.Grid(
        rows=tuple(tuple((elements.Span(cell),) for cell in row) for row in rows),
        columns=(elements.Column(),) * len(rows[0]),
    )

    drawn = draw_grid(grid, width)

    assert characters("".join(map("".join, rows))) <= characters(drawn)
    assert max(map(rich.cells.cell_len, drawn.splitlines())) <= width


def draw_grid(grid, width):
    post = posts.Post(author="pos", is_bot=True, place="#p", at=NIGHT, groups=((grid,),))
    return draw(post, width)


def test_table_keeps_names_and_figures_whole_where_sentence_can_wrap() -> None:
    drawn = draw(a_post(EXAMPLES["table"]), 60)

    assert "pos-vehicle-reference-nhtsa" in drawn
    assert "738 ms" in drawn


def test_table_too_wide_for_terminal_becomes_one_entry_for_each_row() -> None:
    wide = {"type": "table", "rows": [[raw(f"name{n}") for n in range(6)], [raw("w" * 20) for _ in range(6)]]}

    assert "name4: wwwwwwwwwwwwwwwwwwww" in draw(a_post(wide), 60)


HOSTILE = "a\x1b[2Jb\x07c\r\x9b31md\u202ee\x00f <script>alert(1)</script> & [bold]g"


def test_terminal_is_given_signs_instead_of_control_characters() -> None:
    drawn = draw(a_post(rich_text(line(word(HOSTILE)), line(word(HOSTILE), kind="preformatted"))))

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", drawn)
    assert "a␛[2Jb␇c␍�31md�e␀f <script>" in drawn
    assert "[bold]g" in drawn


def test_no_part_of_message_reaches_terminal_as_command() -> None:
    hostile = {"type": "section", "text": plain(HOSTILE), "accessory": button(HOSTILE)}
    link = rich_text(line({"type": "link", "url": f"https://example.org/{HOSTILE}", "text": HOSTILE}))

    drawn = draw(a_post(hostile, link, author=HOSTILE, place=HOSTILE), is_terminal=True)

    assert "\x1b[2J" not in drawn
    assert not re.search("[\x00\x07\r\x9b\u202e]", drawn)


def test_page_shows_markup_and_never_obeys_it() -> None:
    page = read_page(pages.write([a_post(rich_text(line(word(HOSTILE))), author=HOSTILE, place=HOSTILE)]))

    assert "script" not in page.tags
    assert "<script>alert(1)</script> & [bold]g" in page.text
    assert "\x1b" not in page.text


def test_page_needs_nothing_from_elsewhere() -> None:
    page = pages.write([a_post(*EXAMPLES.values())])

    assert not {"script", "img", "link", "iframe", "video"} & set(read_page(page).tags)
    assert not re.search(r"url\(|@import|\ssrc=", page)


def test_address_that_would_run_something_is_no_link() -> None:
    page = pages.write(
        [a_post({"type": "section", "text": mrkdwn("<javascript:alert(1)|here> <https://a.example|there>")})]
    )

    assert read_page(page).addresses == ["https://a.example"]


def test_slacks_own_markup_is_read_as_slack_reads_it() -> None:
    text = "*bold* _italic_ ~struck~ `x < y` snake_case 2*3*4 &lt;b&gt; <https://a.example|a link> <@U1> <#C1> <!here>"

    spans = markup.read(text, NAMES)

    assert elements.plain(spans) == ("bold italic struck x < y snake_case 2*3*4 <b> a link @alice #pos-ops @here")
    looks = {span.text: span.style for span in spans}
    assert looks["bold"] is elements.Style.BOLD
    assert looks["struck"] is elements.Style.STRUCK
    assert looks["@alice"] is elements.Style.MENTION


def test_names_stand_where_ids_were() -> None:
    words = [
        {"type": "user", "user_id": "U1"},
        {"type": "channel", "channel_id": "C1"},
        {"type": "usergroup", "usergroup_id": "S1"},
        {"type": "broadcast", "range": "here"},
        {"type": "emoji", "name": "red_circle", "unicode": "1f534"},
        {"type": "date", "timestamp": 1_795_456_859, "format": "{time}", "fallback": "02:41"},
    ]

    assert "@alice#pos-ops@oncall@here🔴02:41" in draw(a_post(rich_text(line(*words))))


def test_link_can_be_followed_in_terminal_and_is_written_out_elsewhere() -> None:
    post = a_post(EXAMPLES["rich_text"])

    assert "the runbook <https://example.org/>" in draw(post)
    assert ";https://example.org/\x1b\\" in draw(post, is_terminal=True)


def test_buttons_can_carry_numbers_they_are_pressed_by() -> None:
    block = {"type": "actions", "block_id": "b", "elements": [button("Run again"), button("Details")]}
    numbers = {("b", "press Run again"): 1, ("b", "press Details"): 2}

    assert "[ Run again ]  [ Details ]" in draw(a_post(block))
    assert "1 [ Run again ]  2 [ Details ]" in draw(a_post(block), numbers=numbers)


def a_message(**rest):
    values = {"channel_id": "C1", "ts": "1795456859.000100", "user_id": "U0POSBOT", "bot_id": "B1", "revision": 1}
    return messages.Message(**(values | {"text": "fallback & more"} | rest))


def test_private_message_says_who_sees_it() -> None:
    private = posts.post_of(a_message(seen_only_by="U1"), NAMES)
    public = posts.post_of(a_message(), NAMES)

    assert re.search(r"pos APP  \d\d:\d\d  Only visible to you +#pos-ops$", draw(private), re.MULTILINE)
    assert "Only visible to you" in read_page(pages.write([private])).text
    assert "Only visible to you" not in draw(public) + pages.write([public])


def test_reply_says_that_it_stands_in_thread() -> None:
    reply = posts.post_of(a_message(thread_ts="1795456858.000100"), NAMES)

    assert "#pos-ops › thread" in draw(reply)
    assert "in a thread" in read_page(pages.write([reply])).text


def test_message_without_blocks_shows_its_text_and_its_attachments() -> None:
    attachments = ({"text": "first"}, {"blocks": [EXAMPLES["header"]]})
    post = posts.post_of(a_message(text="plain &amp; simple", attachments=attachments), NAMES)

    for seen in ("plain & simple", "first", "Incident 2041"):
        assert seen in draw(post)


def test_file_stands_under_message_by_its_name() -> None:
    post = posts.post_of(a_message(text="the log", file_ids=("F1", "F2")), {**NAMES, "F1": "<b>.log"})

    assert "▏ 📎 <b>.log" in draw(post)
    assert "F2" in read_page(pages.write([post])).text


def test_home_tab_is_drawn_with_its_title() -> None:
    body = {"type": "home", "blocks": [EXAMPLES["header"]]}
    sheet = posts.view_of(messages.View(id="V1", user_id="U1", revision=1, hash="h", body=body), NAMES)

    assert draw(sheet).startswith("┃ Home")
    assert "Incident 2041" in read_page(pages.write_view(sheet)).text
