"""
Block Kit's limits: accepted at the bound, refused just above it, and the same as `slackblocks` knows them.
"""

import collections.abc
import dataclasses
import typing

import pytest
import slackblocks
from slackblocks import _limits

from sandbox.slack.blocks import checking, completing, kinds, reading

Json = dict[str, typing.Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: object) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(**more: object) -> Json:
    return {"type": "button", "text": plain("Go"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def input_with(element: Json, **more: object) -> Json:
    return {"type": "input", "label": plain("Name"), "element": element, **more}


def options(count: int) -> list[Json]:
    return [{"text": plain(str(index)), "value": str(index)} for index in range(count)]


def raw(text: str = "x") -> Json:
    return {"type": "raw_text", "text": text}


def rich(text: str = "x") -> Json:
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [line]}


def table(rows: int, columns: int = 1) -> Json:
    return {"type": "table", "rows": [[raw() for _ in range(columns)] for _ in range(rows)]}


def data_table(rows: int, columns: int = 1, text: str = "x", **more: object) -> Json:
    cells = [[raw(text) for _ in range(columns)] for _ in range(rows)]
    return {"type": "data_table", "caption": "c", "rows": cells, **more}


def chart(chart: Json, title: str = "t") -> Json:
    return {"type": "data_visualization", "title": title, "chart": chart}


def pie(count: int, label: str = "x") -> Json:
    return {"type": "pie", "segments": [{"label": label, "value": 1} for _ in range(count)]}


def bars(series: int = 1, categories: int = 1, name: str = "s") -> Json:
    labels = [str(index) for index in range(categories)]
    points = [{"label": label, "value": 1.5} for label in labels]
    return {
        "type": "bar",
        "series": [{"name": name, "data": points} for _ in range(series)],
        "axis_config": {"categories": labels},
    }


def card(**parts: object) -> Json:
    return {"type": "card", "title": mrkdwn("t")} | parts


def container(children: int, **more: object) -> Json:
    return {"type": "container", "title": plain("t"), "child_blocks": [{"type": "divider"}] * children} | more


def task(status: str = "complete", task_id: str = "1") -> Json:
    return {"type": "task_card", "task_id": task_id, "title": "t", "status": status}


def plan(count: int) -> Json:
    return {"type": "plan", "title": "p", "tasks": [task("pending", str(index)) for index in range(count)]}


def confirm(**parts: Json) -> Json:
    whole = {"title": plain("t"), "text": plain("t"), "confirm": plain("y"), "deny": plain("n")} | parts
    return actions(button(confirm=whole))


def select(count: int, **more: object) -> Json:
    return {"type": "static_select", "options": options(count), **more}


def select_of(option: Json) -> Json:
    return {"type": "static_select", "options": [option]}


def context(count: int) -> Json:
    return {"type": "context", "elements": [mrkdwn("x")] * count}


def alert(text: str) -> Json:
    return {"type": "alert", "text": plain(text)}


def image(**parts: object) -> Json:
    return {"type": "image", "image_url": "https://a.b/c.png", "alt_text": "a"} | parts


def feedback(count: int) -> Json:
    icon = {"type": "icon_button", "icon": "trash", "text": plain("Remove")}
    return {"type": "context_actions", "elements": [icon] * count}


def web(length: int) -> str:
    return "https://a.b/".ljust(length, "x")


MESSAGE, MODAL, HOME = kinds.Surface.MESSAGE, kinds.Surface.MODAL, kinds.Surface.HOME


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    name: str
    maximum: int
    build: collections.abc.Callable[[int], Json | list[Json]]
    surface: kinds.Surface = MESSAGE
    elsewhere: str = ""
    """The name of the same limit in slackblocks."""

    def blocks(self, size: int) -> list[Json]:
        built = self.build(size)
        return built if isinstance(built, list) else [built]


LIMITS = [
    Limit(name="blocks in a message", maximum=50, build=lambda n: [section()] * n,
          elsewhere="MESSAGE_BLOCKS_MAX_ITEMS"),
    Limit(name="blocks in a modal", maximum=100, build=lambda n: [section()] * n, surface=MODAL,
          elsewhere="VIEW_BLOCKS_MAX_ITEMS"),
    Limit(name="blocks on the Home tab", maximum=100, build=lambda n: [section()] * n, surface=HOME,
          elsewhere="VIEW_BLOCKS_MAX_ITEMS"),
    Limit(name="block_id", maximum=255, build=lambda n: section(block_id="x" * n),
          elsewhere="BLOCK_ID_MAX_LENGTH"),
    Limit(name="action_id", maximum=255, build=lambda n: actions(button(action_id="x" * n)),
          elsewhere="ACTION_ID_MAX_LENGTH"),
    Limit(name="section text", maximum=3000, build=lambda n: section("x" * n),
          elsewhere="SECTION_TEXT_MAX_LENGTH"),
    Limit(name="section fields", maximum=10, elsewhere="SECTION_FIELDS_MAX_ITEMS",
          build=lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}),
    Limit(name="section field text", maximum=2000, elsewhere="SECTION_FIELDS_ITEM_MAX_LENGTH",
          build=lambda n: {"type": "section", "fields": [mrkdwn("x" * n)]}),
    Limit(name="header text", maximum=150, build=lambda n: {"type": "header", "text": plain("x" * n)},
          elsewhere="HEADER_TEXT_MAX_LENGTH"),
    Limit(name="actions elements", maximum=25, build=lambda n: actions(*[button()] * n),
          elsewhere="ACTIONS_ELEMENTS_MAX_ITEMS"),
    Limit(name="context elements", maximum=10, build=context, elsewhere="CONTEXT_ELEMENTS_MAX_ITEMS"),
    Limit(name="button text", maximum=75, build=lambda n: actions(button(text=plain("x" * n))),
          elsewhere="BUTTON_TEXT_MAX_LENGTH"),
    Limit(name="button value", maximum=2000, build=lambda n: actions(button(value="x" * n)),
          elsewhere="BUTTON_VALUE_MAX_LENGTH"),
    Limit(name="button url", maximum=3000, build=lambda n: actions(button(url=web(n))),
          elsewhere="BUTTON_URL_MAX_LENGTH"),
    Limit(name="confirmation title", maximum=100, build=lambda n: confirm(title=plain("x" * n)),
          elsewhere="CONFIRMATION_TITLE_MAX_LENGTH"),
    Limit(name="confirmation text", maximum=300, build=lambda n: confirm(text=plain("x" * n)),
          elsewhere="CONFIRMATION_TEXT_MAX_LENGTH"),
    Limit(name="confirmation yes", maximum=30, build=lambda n: confirm(confirm=plain("x" * n)),
          elsewhere="CONFIRMATION_CONFIRM_MAX_LENGTH"),
    Limit(name="select options", maximum=100, build=lambda n: actions(select(n)),
          elsewhere="SELECT_OPTIONS_MAX_ITEMS"),
    Limit(name="select placeholder", maximum=150, elsewhere="SELECT_PLACEHOLDER_MAX_LENGTH",
          build=lambda n: actions(select(1, placeholder=plain("x" * n)))),
    Limit(name="option text", maximum=75, elsewhere="OPTION_TEXT_MAX_LENGTH",
          build=lambda n: actions(select_of({"text": plain("x" * n), "value": "v"}))),
    Limit(name="option value", maximum=150, elsewhere="OPTION_VALUE_MAX_LENGTH",
          build=lambda n: actions(select_of({"text": plain("x"), "value": "v" * n}))),
    Limit(name="overflow options", maximum=5, elsewhere="OVERFLOW_OPTIONS_MAX_ITEMS",
          build=lambda n: actions({"type": "overflow", "options": options(n)})),
    Limit(name="checkboxes", maximum=10, elsewhere="CHECKBOXES_OPTIONS_MAX_ITEMS",
          build=lambda n: actions({"type": "checkboxes", "options": options(n)})),
    Limit(name="radio buttons", maximum=10, elsewhere="RADIO_BUTTONS_OPTIONS_MAX_ITEMS",
          build=lambda n: actions({"type": "radio_buttons", "options": options(n)})),
    Limit(name="input label", maximum=2000, surface=MODAL, elsewhere="INPUT_LABEL_MAX_LENGTH",
          build=lambda n: input_with({"type": "plain_text_input"}, label=plain("x" * n))),
    Limit(name="input hint", maximum=2000, surface=MODAL, elsewhere="INPUT_HINT_MAX_LENGTH",
          build=lambda n: input_with({"type": "plain_text_input"}, hint=plain("x" * n))),
    Limit(name="markdown", maximum=12_000, build=lambda n: {"type": "markdown", "text": "x" * n},
          elsewhere="MARKDOWN_TEXT_MAX_LENGTH"),
    Limit(name="markdown together", maximum=12_000, elsewhere="MARKDOWN_TOTAL_TEXT_MAX_LENGTH",
          build=lambda n: [{"type": "markdown", "text": "x" * part} for part in (n // 2, n - n // 2)]),
    Limit(name="table rows", maximum=100, build=table, elsewhere="TABLE_ROWS_MAX_ITEMS"),
    Limit(name="table columns", maximum=20, build=lambda n: table(1, n), elsewhere="TABLE_COLUMNS_MAX_ITEMS"),
    Limit(name="tables", maximum=1, build=lambda n: [table(1)] * n),
    Limit(name="data table rows", maximum=101, build=data_table),
    Limit(name="data table columns", maximum=20, build=lambda n: data_table(2, n),
          elsewhere="DATA_TABLE_COLUMNS_MAX_ITEMS"),
    Limit(name="data table characters", maximum=20_000, elsewhere="DATA_TABLE_CONTENT_MAX_LENGTH",
          build=lambda n: {"type": "data_table", "caption": "c", "rows": [[raw()], [raw("x" * (n - 1))]]}),
    Limit(name="data table page", maximum=100, build=lambda n: data_table(2, page_size=n),
          elsewhere="DATA_TABLE_PAGE_SIZE_MAX"),
    Limit(name="chart title", maximum=50, build=lambda n: chart(pie(1), "x" * n),
          elsewhere="DATA_VISUALIZATION_TITLE_MAX_LENGTH"),
    Limit(name="chart label", maximum=20, build=lambda n: chart(pie(1, "x" * n)),
          elsewhere="DATA_VISUALIZATION_SEGMENT_LABEL_MAX_LENGTH"),
    Limit(name="chart segments", maximum=6, build=lambda n: chart(pie(n))),
    Limit(name="chart series", maximum=6, build=lambda n: chart(bars(n))),
    Limit(name="chart categories", maximum=20, build=lambda n: chart(bars(1, n)),
          elsewhere="DATA_VISUALIZATION_CATEGORIES_MAX_ITEMS"),
    Limit(name="charts", maximum=2, build=lambda n: [chart(pie(1))] * n,
          elsewhere="MESSAGE_DATA_VISUALIZATIONS_MAX_ITEMS"),
    Limit(name="plan tasks", maximum=50, build=plan, elsewhere="PLAN_TASKS_MAX_ITEMS"),
    Limit(name="alert text", maximum=200, build=lambda n: alert("x" * n), surface=MODAL,
          elsewhere="ALERT_TEXT_MAX_LENGTH"),
    Limit(name="card title", maximum=150, build=lambda n: card(title=mrkdwn("x" * n)),
          elsewhere="CARD_TITLE_MAX_LENGTH"),
    Limit(name="card body", maximum=200, build=lambda n: card(body=mrkdwn("x" * n)),
          elsewhere="CARD_BODY_MAX_LENGTH"),
    Limit(name="card buttons", maximum=3, build=lambda n: card(actions=[button()] * n),
          elsewhere="CARD_ACTIONS_MAX_ITEMS"),
    Limit(name="carousel cards", maximum=10, elsewhere="CAROUSEL_ELEMENTS_MAX_ITEMS",
          build=lambda n: {"type": "carousel", "elements": [card()] * n}),
    Limit(name="container children", maximum=10, build=container,
          elsewhere="CONTAINER_CHILD_BLOCKS_MAX_ITEMS"),
    Limit(name="container title", maximum=150, build=lambda n: container(1, title=plain("x" * n)),
          elsewhere="CONTAINER_TITLE_MAX_LENGTH"),
    Limit(name="context actions", maximum=5, build=feedback,
          elsewhere="CONTEXT_ACTIONS_ELEMENTS_MAX_ITEMS"),
    Limit(name="image url", maximum=3000, build=lambda n: image(image_url=web(n)),
          elsewhere="IMAGE_IMAGE_URL_MAX_LENGTH"),
    Limit(name="image alt text", maximum=2000, build=lambda n: image(alt_text="x" * n),
          elsewhere="IMAGE_ALT_TEXT_MAX_LENGTH"),
]  # fmt: skip
by_name = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)


@by_name
def test_limit_is_accepted_at_its_bound(limit: Limit) -> None:
    assert checking.block_problems(limit.blocks(limit.maximum), limit.surface) == []


@by_name
def test_limit_is_refused_just_above_its_bound(limit: Limit) -> None:
    problems = checking.block_problems(limit.blocks(limit.maximum + 1), limit.surface)

    assert problems and all(problem.pointer.startswith("/blocks") for problem in problems)


@pytest.mark.parametrize("limit", [x for x in LIMITS if x.elsewhere], ids=lambda limit: limit.name)
def test_limit_is_one_that_slackblocks_knows(limit: Limit) -> None:
    assert getattr(_limits, limit.elsewhere) == limit.maximum


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        pytest.param([{"type": "sektion", "text": mrkdwn("x")}], "/blocks/0/type", id="unknown block"),
        pytest.param([{"text": mrkdwn("x")}], "/blocks/0", id="no type"),
        pytest.param([actions({"type": "knob"})], "/blocks/0/elements/0/type", id="unknown element"),
        pytest.param([section() | {"text": {"type": "html"}}], "/blocks/0/text/type", id="text type"),
        pytest.param([{"type": "header", "text": mrkdwn("x")}], "/blocks/0/text/type", id="mrkdwn header"),
        pytest.param([section("")], "/blocks/0/text/text", id="empty text"),
        pytest.param([{"type": "section"}], "/blocks/0", id="empty section"),
        pytest.param([section(colour="red")], "/blocks/0", id="unknown key"),
        pytest.param([section(block_id="a"), section(block_id="a")], "/blocks/1/block_id", id="block_id"),
        pytest.param([actions(button(action_id="a"), button(action_id="a"))], "/blocks/0", id="action_id"),
        pytest.param([actions()], "/blocks/0/elements", id="no elements"),
        pytest.param([actions(button(url="javascript:x"))], "/blocks/0/elements/0/url", id="no web address"),
        pytest.param([actions({"type": "multi_users_select"})], "/blocks/0/elements/0/type", id="multi"),
        pytest.param([alert("x")], "/blocks/0/type", id="alert in a message"),
        pytest.param([task("pending")], "/blocks/0/status", id="pending task alone"),
        pytest.param([chart(bars(1, 2)) | {"chart": bars(1, 2) | {"axis_config": {"categories": ["0"]}}}],
                     "/blocks/0/chart", id="points without category"),
        pytest.param([data_table(2) | {"rows": [[rich()], [raw()]]}], "/blocks/0", id="rich text header"),
        pytest.param([data_table(2) | {"rows": [[raw()], [raw(), raw()]]}], "/blocks/0", id="uneven rows"),
        pytest.param([container(1, default_collapsed=True)], "/blocks/0", id="collapsed but not collapsible"),
        pytest.param([card(icon=image(), slack_icon={"name": "x"})], "/blocks/0", id="two icons"),
        pytest.param([{"type": "table", "rows": [[raw("")]]}], "/blocks/0/rows/0/0/text", id="empty cell"),
        pytest.param([rich("")], "/blocks/0/elements/0/elements/0/text", id="empty rich text"),
        pytest.param("blocks", "/blocks", id="not a list"),
    ],
)  # fmt: skip
def test_what_slack_does_not_know_is_refused_by_its_pointer(blocks: object, pointer: str) -> None:
    assert checking.block_problems(blocks, MESSAGE)[0].pointer == pointer


@pytest.mark.parametrize(
    ("block", "surfaces"),
    [
        pytest.param(section(), {MESSAGE, MODAL, HOME}, id="section"),
        pytest.param(alert("x"), {MODAL}, id="alert"),
        pytest.param(table(1), {MESSAGE}, id="table"),
        pytest.param({"type": "markdown", "text": "x"}, {MESSAGE}, id="markdown"),
        pytest.param(plan(1), {MESSAGE}, id="plan"),
        pytest.param(data_table(2), {MESSAGE}, id="data table"),
        pytest.param({"type": "carousel", "elements": [card()]}, {MESSAGE, HOME}, id="carousel"),
        pytest.param(card(), {MESSAGE, MODAL, HOME}, id="card"),
    ],
)
def test_block_is_shown_only_on_its_surfaces(block: Json, surfaces: set[kinds.Surface]) -> None:
    assert {surface for surface in kinds.Surface if not checking.block_problems([block], surface)} == surfaces


@pytest.mark.parametrize(
    "block",
    [
        slackblocks.SectionBlock("hello", fields=["a", "b"], accessory=slackblocks.Button("Go", "go")),
        slackblocks.HeaderBlock("hello"),
        slackblocks.DividerBlock(),
        slackblocks.ContextBlock([slackblocks.Text("a"), slackblocks.Image("c", "https://a.b/c.png")]),
        slackblocks.ActionsBlock([slackblocks.Button("Go", "go", style="danger")]),
        slackblocks.ActionsBlock(
            [slackblocks.StaticSelectMenu("m", [slackblocks.Option(slackblocks.PlainText("a"), "a")])]
        ),
        slackblocks.ImageBlock("https://a.b/c.png", "c", title="t"),
        slackblocks.MarkdownBlock("**hello**"),
        slackblocks.TableBlock([[slackblocks.RawText("a"), slackblocks.RawText("b")]]),
        slackblocks.RichTextBlock(slackblocks.RichTextSection([slackblocks.RichText("hi", bold=True)])),
        slackblocks.RichTextBlock(slackblocks.RichTextCodeBlock([slackblocks.RichText("x = 1")])),
        slackblocks.InputBlock("Name", slackblocks.PlainTextInput("name", multiline=True)),
        slackblocks.CardBlock(title="t", actions=[slackblocks.Button("Go", "go")]),
        slackblocks.ContainerBlock([slackblocks.DividerBlock()], title="t"),
        slackblocks.PlanBlock("p", [slackblocks.TaskCardBlock(task_id="1", title="t", status="pending")]),
        slackblocks.DataTableBlock([[slackblocks.RawText("a")], [slackblocks.RawNumber(1.5, "1.5")]], "c"),
        slackblocks.DataVisualizationBlock("t", slackblocks.PieChart([slackblocks.ChartSegment("a", 1)])),
    ],
    ids=lambda block: type(block).__name__,
)  # fmt: skip
def test_what_slackblocks_builds_is_accepted(block: typing.Any) -> None:
    assert checking.block_problems([block._resolve()], MESSAGE) == []


@pytest.mark.parametrize(
    ("view", "pointer"),
    [
        pytest.param({"type": "modal", "blocks": []}, "/view", id="modal without title"),
        pytest.param({"type": "modal", "title": plain("x" * 25), "blocks": []},
                     "/view/title/text", id="long title"),
        pytest.param({"type": "modal", "title": plain("x"), "blocks": [], "submit": plain("x" * 25)},
                     "/view/submit/text", id="long submit"),
        pytest.param({"type": "home", "blocks": [], "private_metadata": "x" * 3001}, "/view/private_metadata",
                     id="long metadata"),
        pytest.param({"type": "home", "blocks": [], "title": plain("x")}, "/view", id="home with title"),
        pytest.param({"type": "modal", "title": plain("x"), "blocks": [input_with({"type": "file_input"})]},
                     "/view/submit", id="input without submit"),
        pytest.param({"type": "page", "blocks": []}, "/view/type", id="unknown type"),
    ],
)  # fmt: skip
def test_unsound_view_is_refused_by_its_pointer(view: Json, pointer: str) -> None:
    assert [problem.pointer for problem in checking.view_problems(view)] == [pointer]


def test_whole_message_may_hold_12_000_characters() -> None:
    four = [section("x" * 3000)] * 4

    assert not checking.is_too_long(four)
    assert checking.is_too_long([*four, section("x")])


def test_missing_ids_are_filled_in_and_given_ones_kept() -> None:
    numbers = iter("abcdef")

    completed = completing.complete_blocks([actions(button(), button(action_id="mine"))], lambda: next(numbers))

    assert completed[0]["block_id"] == "a"
    assert [element["action_id"] for element in completed[0]["elements"]] == ["b", "mine"]


def test_person_reads_text_of_all_kinds_of_blocks() -> None:
    blocks: list[Json] = [
        {"type": "header", "text": plain("Title")},
        {"type": "table", "rows": [[raw("a"), rich("b")], [raw("c"), raw("d")]]},
        rich("rich"),
        actions(button()),
        {"type": "plan", "title": "Plan", "tasks": [task()]},
    ]

    assert reading.visible_text(blocks).splitlines() == ["Title", "a | b", "c | d", "rich", "Go", "Plan", "t"]
