"""Charts, rendered as the table of their numbers."""

from sandbox.demo.preview import elements
from sandbox.slack.blocks import shapes


def read(block: shapes.Json, _: elements.Names) -> tuple[elements.Element, ...]:
    """Return the chart's title and its numbers."""
    chart = block["chart"]
    rows = _shares(chart) if chart["type"] == "pie" else _series(chart)
    title = (elements.Span(block["title"], elements.Style.BOLD),)
    grid = elements.Grid(
        rows=tuple(tuple((elements.Span(cell),) for cell in row) for row in rows),
        columns=(elements.Column(), *[elements.Column(alignment="right")] * (len(rows[0]) - 1)),
    )
    return (elements.Box(title=title, inner=(grid,)),)


def _shares(chart: shapes.Json) -> list[list[str]]:
    total = sum(segment["value"] for segment in chart["segments"])
    rows = [[part["label"], f"{part['value']:g}", f"{part['value'] / total:.0%}"] for part in chart["segments"]]
    return [["", "value", "share"], *rows]


def _series(chart: shapes.Json) -> list[list[str]]:
    axis = chart["axis_config"]
    series = chart["series"]
    unit = axis.get("y_label")
    corner = " / ".join(label for label in (axis.get("x_label"), unit) if label)
    points = [{point["label"]: point["value"] for point in line["data"]} for line in series]
    rows = [[label, *(f"{line[label]:g}" for line in points)] for label in axis["categories"]]
    return [[corner, *(line["name"] for line in series)], *rows]
