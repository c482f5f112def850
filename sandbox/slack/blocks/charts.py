"""Tables, data tables and charts."""

import typing

from sandbox.slack.blocks import objects, rich_text, shapes

_block = {"block_id": objects.identifier}
_ANY_LENGTH = 1_000_000

_raw_cells: dict[str, shapes.Check] = {
    "raw_text": shapes.shape(required={"text": shapes.text(_ANY_LENGTH)}),
    "raw_number": shapes.shape(
        required={
            "value": shapes.number(float("-inf"), is_whole=False),
            "text": shapes.text(_ANY_LENGTH),
        }
    ),
}
_cell = shapes.tagged({**_raw_cells, "rich_text": rich_text.body})

table = shapes.shape(
    required={"rows": shapes.list_of(shapes.list_of(_cell, 20), 100)},
    optional={
        **_block,
        "column_settings": shapes.list_of(
            shapes.shape(
                optional={
                    "align": shapes.one_of("left", "center", "right"),
                    "is_wrapped": shapes.flag,
                }
            ),
            20,
        ),
    },
)


def _columns_are_even(value: shapes.Json) -> str | None:
    widths = {len(row) for row in value["rows"]}
    return None if len(widths) == 1 else "every row must have the same number of cells"


def _header_is_raw(value: shapes.Json) -> str | None:
    kinds = {cell["type"] for cell in value["rows"][0]}
    return "header cells cannot be rich text" if "rich_text" in kinds else None


def _cells_are_short(value: shapes.Json) -> str | None:
    return None if _cell_characters(value["rows"]) <= 20_000 else "no more than 20000 characters allowed"


def _cell_characters(value: typing.Any) -> int:
    if isinstance(value, list):
        return sum(_cell_characters(item) for item in value)
    if isinstance(value, dict):
        own = value.get("text")
        length = len(own) if isinstance(own, str) else 0
        return length + sum(_cell_characters(item) for item in value.values())
    return 0


data_table = shapes.shape(
    required={
        "rows": shapes.list_of(shapes.list_of(_cell, 20), 101, 2),
        "caption": shapes.text(_ANY_LENGTH),
    },
    optional={
        **_block,
        "page_size": shapes.number(1, 100),
        "row_header_column_index": shapes.number(0, 19),
    },
    rules=(_columns_are_even, _header_is_raw, _cells_are_short),
)

_label = shapes.text(20)
_segment = shapes.shape(
    required={"label": _label, "value": shapes.number(1e-300, is_whole=False)},
)
_point = shapes.shape(
    required={"label": _label, "value": shapes.number(float("-inf"), is_whole=False)},
)
_series = shapes.shape(required={"name": _label, "data": shapes.list_of(_point, 20)})
_axis = shapes.shape(
    required={"categories": shapes.list_of(_label, 20)},
    optional={"x_label": shapes.text(50), "y_label": shapes.text(50)},
)


def _points_match_categories(value: shapes.Json) -> str | None:
    categories = value["axis_config"]["categories"]
    if len(set(categories)) != len(categories):
        return "categories must be unique"
    for series in value["series"]:
        if sorted(point["label"] for point in series["data"]) != sorted(categories):
            return "every series must have exactly one point for every category"
    return None


_axis_chart = shapes.shape(
    required={"series": shapes.list_of(_series, 6), "axis_config": _axis},
    rules=(_points_match_categories,),
)

data_visualization = shapes.shape(
    required={
        "title": shapes.text(50),
        "chart": shapes.tagged(
            {
                "pie": shapes.shape(required={"segments": shapes.list_of(_segment, 6)}),
                "bar": _axis_chart,
                "line": _axis_chart,
                "area": _axis_chart,
            }
        ),
    },
    optional=_block,
)
