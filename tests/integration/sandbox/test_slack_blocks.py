"""
Block Kit's limits: accepted at the bound, refused just above it, and the same as slackblocks enforces.
"""

import collections.abc
import dataclasses
import typing

import pytest
import slackblocks

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


def web(length: int) -> str:
    return "https://a.b/".ljust(length, "x")


MESSAGE, MODAL, HOME = kinds.Surface.MESSAGE, kinds.Surface.MODAL, kinds.Surface.HOME


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    name: str
    maximum: int
    build: collections.abc.Callable[[int], Json | list[Json]]
    surface: kinds.Surface = MESSAGE

    def blocks(self, size: int) -> list[Json]:
        built = self.build(size)
        return built if isinstance(built, list) else [built]


LIMITS = [
    Limit(name="blocks in a message", maximum=50, build=lambda n: [section()] * n),
    Limit(name="blocks in a modal", maximum=100, build=lambda n: [section()] * n, surface=MODAL),
    Limit(name="blocks on the Home tab", maximum=100, build=lambda n: [section()] * n, surface=HOME),
    Limit(name="block_id", maximum=255, build=lambda n: section(block_id="x" * n)),
    Limit(name="action_id", maximum=255, build=lambda n: actions(button(action_id="x" * n))),
    Limit(name="section text", maximum=3000, build=lambda n: section("x" * n)),
    Limit(name="section fields", maximum=10,
          build=lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}),
    Limit(name="section field text", maximum=2000,
          build=lambda n: {"type": "section", "fields": [mrkdwn("x" * n)]}),
    Limit(name="header text", maximum=150, build=lambda n: {"type": "header", "text": plain("x" * n)}),
    Limit(name="actions elements", maximum=25, build=lambda n: actions(*[button()] * n)),
    Limit(name="context elements", maximum=10, build=context),
    Limit(name="button text", maximum=75, build=lambda n: actions(button(text=plain("x" * n)))),
    Limit(name="button value", maximum=2000, build=lambda n: actions(button(value="x" * n))),
    Limit(name="button url", maximum=3000, build=lambda n: actions(button(url=web(n)))),
    Limit(name="confirmation title", maximum=100, build=lambda n: confirm(title=plain("x" * n))),
    Limit(name="confirmation text", maximum=300, build=lambda n: confirm(text=plain("x" * n))),
    Limit(name="confirmation yes", maximum=30, build=lambda n: confirm(confirm=plain("x" * n))),
    Limit(name="select options", maximum=100, build=lambda n: actions(select(n))),
    Limit(name="select placeholder", maximum=150,
          build=lambda n: actions(select(1, placeholder=plain("x" * n)))),
    Limit(name="option text", maximum=75,
          build=lambda n: actions(select_of({"text": plain("x" * n), "value": "v"}))),
    Limit(name="option value", maximum=150,
          build=lambda n: actions(select_of({"text": plain("x"), "value": "v" * n}))),
    Limit(name="overflow options", maximum=5,
          build=lambda n: actions({"type": "overflow", "options": options(n)})),
    Limit(name="checkboxes", maximum=10,
          build=lambda n: actions({"type": "checkboxes", "options": options(n)})),
    Limit(name="radio buttons", maximum=10,
          build=lambda n: actions({"type": "radio_buttons", "options": options(n)})),
    Limit(name="input label", maximum=2000, surface=MODAL,
          build=lambda n: input_with({"type": "plain_text_input"}, label=plain("x" * n))),
    Limit(name="input hint", maximum=2000, surface=MODAL,
          build=lambda n: input_with({"type": "plain_text_input"}, hint=plain("x" * n))),
    Limit(name="markdown", maximum=12_000, build=lambda n: {"type": "markdown", "text": "x" * n}),
    Limit(name="markdown together", maximum=12_000,
          build=lambda n: [{"type": "markdown", "text": "x" * part} for part in (n // 2, n - n // 2)]),
    Limit(name="table rows", maximum=100, build=table),
    Limit(name="table columns", maximum=20, build=lambda n: table(1, n)),
    Limit(name="tables", maximum=1, build=lambda n: [table(1)] * n),
    Limit(name="data table rows", maximum=101, build=data_table),
    Limit(name="data table columns", maximum=20, build=lambda n: data_table(2, n)),
    Limit(name="data table characters", maximum=20_000,
          build=lambda n: {"type": "data_table", "caption": "c", "rows": [[raw()], [raw("x" * (n - 1))]]}),
    Limit(name="data table page", maximum=100, build=lambda n: data_table(2, page_size=n)),
    Limit(name="chart title", maximum=50, build=lambda n: chart(pie(1), "x" * n)),
    Limit(name="chart label", maximum=20, build=lambda n: chart(pie(1, "x" * n))),
    Limit(name="chart segments", maximum=6, build=lambda n: chart(pie(n))),
    Limit(name="chart series", maximum=6, build=lambda n: chart(bars(n))),
    Limit(name="chart categories", maximum=20, build=lambda n: chart(bars(1, n))),
    Limit(name="charts", maximum=2, build=lambda n: [chart(pie(1))] * n),
    Limit(name="plan tasks", maximum=50, build=plan),
    Limit(name="alert text", maximum=200, build=lambda n: alert("x" * n), surface=MODAL),
    Limit(name="image url", maximum=3000, build=lambda n: image(image_url=web(n))),
    Limit(name="image alt text", maximum=2000, build=lambda n: image(alt_text="x" * n)),
]  # fmt: skip
by_name = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)


@by_name
def test_limit_is_accepted_at_its_bound(limit: Limit) -> None:
    assert checking.block_problems(limit.blocks(limit.maximum), limit.surface) == []


@by_name
def test_limit_is_refused_just_above_its_bound(limit: Limit) -> None:
    problems = checking.block_problems(limit.blocks(limit.maximum + 1), limit.surface)

    assert problems and all(problem.pointer.startswith("/blocks") for problem in problems)


BUILDERS: dict[str, collections.abc.Callable[[int], object]] = {
    "block_id": lambda n: slackblocks.DividerBlock(block_id="x" * n),
    "action_id": lambda n: slackblocks.Button("Go", "x" * n),
    "section text": lambda n: slackblocks.SectionBlock("x" * n),
    "section fields": lambda n: slackblocks.SectionBlock("x", fields=["x"] * n),
    "section field text": lambda n: slackblocks.SectionBlock("x", fields=["x" * n]),
    "header text": lambda n: slackblocks.HeaderBlock("x" * n),
    "actions elements": lambda n: slackblocks.ActionsBlock([slackblocks.Button("Go", str(i)) for i in range(n)]),
    "context elements": lambda n: slackblocks.ContextBlock([slackblocks.Text("x")] * n),
    "button text": lambda n: slackblocks.Button("x" * n, "go"),
    "button value": lambda n: slackblocks.Button("Go", "go", value="x" * n),
    "button url": lambda n: slackblocks.Button("Go", "go", url=web(n)),
    "select options": lambda n: slackblocks.StaticSelectMenu(
        "m", [slackblocks.Option(slackblocks.PlainText(str(i)), str(i)) for i in range(n)]
    ),
    "option text": lambda n: slackblocks.Option(slackblocks.PlainText("x" * n), "v"),
    "option value": lambda n: slackblocks.Option(slackblocks.PlainText("x"), "v" * n),
    "input label": lambda n: slackblocks.InputBlock("x" * n, slackblocks.PlainTextInput("name")),
    "markdown": lambda n: slackblocks.MarkdownBlock("x" * n),
    "table rows": lambda n: slackblocks.TableBlock([[slackblocks.RawText("a")] for _ in range(n)]),
    "table columns": lambda n: slackblocks.TableBlock([[slackblocks.RawText("a")] * n]),
    "data table columns": lambda n: slackblocks.DataTableBlock([[slackblocks.RawText("a")] * n] * 2, "c"),
    "chart title": lambda n: slackblocks.DataVisualizationBlock(
        "x" * n, slackblocks.PieChart([slackblocks.ChartSegment("a", 1)])
    ),
    "chart label": lambda n: slackblocks.ChartSegment("x" * n, 1),
    "plan tasks": lambda n: slackblocks.PlanBlock(
        "p", [slackblocks.TaskCardBlock(task_id=str(i), title="t", status="pending") for i in range(n)]
    ),
    "image url": lambda n: slackblocks.ImageBlock(web(n), "c"),
    "image alt text": lambda n: slackblocks.ImageBlock("https://a.b/c.png", "x" * n),
}
"""What slackblocks builds of a size, by the name of the limit."""


@pytest.mark.parametrize("name", BUILDERS)
def test_slackblocks_enforces_same_limit(name: str) -> None:
    [maximum] = [limit.maximum for limit in LIMITS if limit.name == name]

    BUILDERS[name](maximum)
    with pytest.raises(slackblocks.InvalidUsageError):
        BUILDERS[name](maximum + 1)


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
