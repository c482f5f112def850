"""Block Kit, read into elements: one small function for each kind of block."""

from collections.abc import Callable, Sequence

from sandbox.demo.preview import charts, markup, rich_texts
from sandbox.demo.preview import elements as preview_elements
from sandbox.slack.blocks import reading, shapes

Read = tuple[preview_elements.Element, ...]


def read(block: shapes.Json, names: preview_elements.Names) -> Read:
    """Return what a person sees of *block*; of a kind that has no style of its own here, its text."""
    reader = _READERS.get(block["type"])
    return reader(block, names) if reader else _text_only(block, names)


def read_all(blocks: Sequence[shapes.Json], names: preview_elements.Names) -> Read:
    """Return the elements of *blocks*, one below the other."""
    return tuple(element for block in blocks for element in read(block, names))


def _text_only(block: shapes.Json, _: preview_elements.Names) -> Read:
    text = reading.visible_text([block])
    return (preview_elements.Paragraph(spans=(preview_elements.Span(text),)),) if text else ()


def _object(
    text: shapes.Json, names: preview_elements.Names, style: preview_elements.Style = preview_elements.Style.PLAIN
) -> preview_elements.Spans:
    if text["type"] == "mrkdwn":
        return markup.read(text["text"], names, style)
    return (preview_elements.Span(text["text"], style),)


def _header(block: shapes.Json, names: preview_elements.Names) -> Read:
    return (preview_elements.Paragraph(spans=_object(block["text"], names), kind=preview_elements.Kind.HEADING),)


def _divider(_: shapes.Json, __: preview_elements.Names) -> Read:
    return (preview_elements.Divider(),)


def _section(block: shapes.Json, names: preview_elements.Names) -> Read:
    inner: list[preview_elements.Element] = []
    if "text" in block:
        inner.append(preview_elements.Paragraph(spans=_object(block["text"], names)))
    if "fields" in block:
        inner.append(preview_elements.Fields(cells=tuple(_object(field, names) for field in block["fields"])))
    accessory = block.get("accessory")
    if accessory is None:
        return tuple(inner)
    if accessory["type"] == "image":
        return (*inner, _image_note(accessory))
    return (preview_elements.WithAccessory(inner=tuple(inner), controls=_controls(block, [accessory])),)


def _context(block: shapes.Json, names: preview_elements.Names) -> Read:
    spans: list[preview_elements.Span] = []
    for element in block["elements"]:
        shown = _image_note(element).spans if element["type"] == "image" else _object(element, names)
        spans += [preview_elements.Span("  ")] * bool(spans) + list(shown)
    return (preview_elements.Paragraph(spans=tuple(spans), kind=preview_elements.Kind.NOTE),)


def _actions(block: shapes.Json, _: preview_elements.Names) -> Read:
    return (_controls(block, block["elements"]),)


def _controls(block: shapes.Json, elements: Sequence[shapes.Json]) -> preview_elements.Controls:
    return preview_elements.Controls(
        items=tuple(control for element in elements for control in _control(block, element))
    )


def _control(block: shapes.Json, element: shapes.Json) -> list[preview_elements.Control]:
    key = (block.get("block_id", ""), element.get("action_id", ""))
    lines = reading.visible_text([element]).splitlines()
    named = element.get("text") or element.get("placeholder") or {}
    label = str(named.get("text", ""))
    is_field = element["type"].endswith("_input")
    return [
        preview_elements.Control(
            label=label or ("" if is_field else "Choose"),
            key=key,
            is_button=element["type"].endswith("button"),
            style=element.get("style"),
            choices=tuple(line for line in lines if line not in label.splitlines()),
            is_field=is_field,
        )
    ]


def _input(block: shapes.Json, names: preview_elements.Names) -> Read:
    shown: list[preview_elements.Element] = [
        preview_elements.Paragraph(spans=_object(block["label"], names, preview_elements.Style.BOLD))
    ]
    shown.append(_controls(block, [block["element"]]))
    if "hint" in block:
        shown.append(preview_elements.Paragraph(spans=_object(block["hint"], names), kind=preview_elements.Kind.NOTE))
    return tuple(shown)


def _image_note(image: shapes.Json) -> preview_elements.Paragraph:
    return preview_elements.Paragraph(
        spans=(preview_elements.Span(f"[image: {image['alt_text']}]"),), kind=preview_elements.Kind.NOTE
    )


def _image(block: shapes.Json, names: preview_elements.Names) -> Read:
    title = (preview_elements.Paragraph(spans=_object(block["title"], names)),) if "title" in block else ()
    return (*title, _image_note(block))


def _table(block: shapes.Json, names: preview_elements.Names) -> Read:
    count = max(len(row) for row in block["rows"])
    settings = [*block.get("column_settings", []), *[{}] * count][:count]
    grid = preview_elements.Grid(
        rows=tuple(tuple([_cell(cell, names) for cell in row] + [()] * (count - len(row))) for row in block["rows"]),
        columns=tuple(
            preview_elements.Column(alignment=setting.get("align", "left"), is_wrapped=setting.get("is_wrapped", False))
            for setting in settings
        ),
    )
    caption = block.get("caption")
    note = (
        (preview_elements.Paragraph(spans=(preview_elements.Span(caption),), kind=preview_elements.Kind.NOTE),)
        if caption
        else ()
    )
    return (grid, *note)


def _cell(cell: shapes.Json, names: preview_elements.Names) -> preview_elements.Spans:
    return (
        rich_texts.read_inline(cell, names) if cell["type"] == "rich_text" else (preview_elements.Span(cell["text"]),)
    )


def _task(block: shapes.Json, names: preview_elements.Names) -> Read:
    inner: list[preview_elements.Element] = []
    for key in ("details", "output"):
        inner += rich_texts.read(block[key], names) if key in block else ()
    sources = tuple(preview_elements.Span(source["text"], url=source["url"]) for source in block.get("sources", []))
    if sources:
        spaced = tuple(span for source in sources for span in (preview_elements.Span("  "), source))[1:]
        inner.append(preview_elements.Paragraph(spans=spaced, kind=preview_elements.Kind.NOTE))
    title = (preview_elements.Span(block["title"]),)
    return (preview_elements.Task(title=title, state=preview_elements.TaskState(block["status"]), inner=tuple(inner)),)


def _plan(block: shapes.Json, names: preview_elements.Names) -> Read:
    tasks = tuple(element for task in block["tasks"] for element in _task(task, names))
    return (
        preview_elements.Box(title=(preview_elements.Span(block["title"], preview_elements.Style.BOLD),), inner=tasks),
    )


def _alert(block: shapes.Json, names: preview_elements.Names) -> Read:
    return (preview_elements.Paragraph(spans=_object(block["text"], names), kind=preview_elements.Kind.QUOTE),)


_READERS: dict[str, Callable[[shapes.Json, preview_elements.Names], Read]] = {
    "actions": _actions,
    "alert": _alert,
    "context": _context,
    "data_table": _table,
    "data_visualization": charts.read,
    "divider": _divider,
    "header": _header,
    "image": _image,
    "input": _input,
    "plan": _plan,
    "rich_text": rich_texts.read,
    "section": _section,
    "table": _table,
    "task_card": _task,
}
