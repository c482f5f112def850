"""Block Kit, read into pieces: one small function for each kind of block."""

from collections.abc import Callable, Sequence

from sandbox.showing import charts, markup, pieces, rich_texts
from sandbox.slack.blocks import reading, shapes

Read = tuple[pieces.Piece, ...]


def read(block: shapes.Json, names: pieces.Names) -> Read:
    """Give what a person sees of *block*; of a kind that has no look of its own here, its text."""
    reader = _READERS.get(block["type"])
    return reader(block, names) if reader else _text_only(block, names)


def read_all(blocks: Sequence[shapes.Json], names: pieces.Names) -> Read:
    """Give the pieces of *blocks*, one below the other."""
    return tuple(piece for block in blocks for piece in read(block, names))


def _text_only(block: shapes.Json, _: pieces.Names) -> Read:
    text = reading.visible_text([block])
    return (pieces.Words(spans=(pieces.Span(text),)),) if text else ()


def _object(text: shapes.Json, names: pieces.Names, look: pieces.Look = pieces.Look.PLAIN) -> pieces.Spans:
    if text["type"] == "mrkdwn":
        return markup.read(text["text"], names, look)
    return (pieces.Span(text["text"], look),)


def _header(block: shapes.Json, names: pieces.Names) -> Read:
    return (pieces.Words(spans=_object(block["text"], names), kind=pieces.Kind.HEADING),)


def _divider(_: shapes.Json, __: pieces.Names) -> Read:
    return (pieces.Rule(),)


def _section(block: shapes.Json, names: pieces.Names) -> Read:
    inner: list[pieces.Piece] = []
    if "text" in block:
        inner.append(pieces.Words(spans=_object(block["text"], names)))
    if "fields" in block:
        inner.append(pieces.Facts(cells=tuple(_object(field, names) for field in block["fields"])))
    accessory = block.get("accessory")
    if accessory is None:
        return tuple(inner)
    if accessory["type"] == "image":
        return (*inner, _image_note(accessory))
    return (pieces.Beside(inner=tuple(inner), controls=_controls(block, [accessory])),)


def _context(block: shapes.Json, names: pieces.Names) -> Read:
    spans: list[pieces.Span] = []
    for element in block["elements"]:
        shown = _image_note(element).spans if element["type"] == "image" else _object(element, names)
        spans += [pieces.Span("  ")] * bool(spans) + list(shown)
    return (pieces.Words(spans=tuple(spans), kind=pieces.Kind.NOTE),)


def _actions(block: shapes.Json, _: pieces.Names) -> Read:
    return (_controls(block, block["elements"]),)


def _controls(block: shapes.Json, elements: Sequence[shapes.Json]) -> pieces.Controls:
    return pieces.Controls(items=tuple(control for element in elements for control in _control(block, element)))


def _control(block: shapes.Json, element: shapes.Json) -> list[pieces.Control]:
    key = (block.get("block_id", ""), element.get("action_id", ""))
    if element["type"] == "feedback_buttons":
        sides = (element["positive_button"], element["negative_button"])
        return [
            pieces.Control(label=side["text"]["text"], key=(*key[:1], f"{key[1]}/{side['value']}")) for side in sides
        ]
    lines = reading.visible_text([element]).splitlines()
    named = element.get("text") or element.get("placeholder") or {}
    label = str(named.get("text", ""))
    is_field = element["type"].endswith("_input")
    return [
        pieces.Control(
            label=label or ("" if is_field else "Choose"),
            key=key,
            is_button=element["type"].endswith("button"),
            style=element.get("style"),
            choices=tuple(line for line in lines if line not in label.splitlines()),
            is_field=is_field,
        )
    ]


def _input(block: shapes.Json, names: pieces.Names) -> Read:
    shown: list[pieces.Piece] = [pieces.Words(spans=_object(block["label"], names, pieces.Look.BOLD))]
    shown.append(_controls(block, [block["element"]]))
    if "hint" in block:
        shown.append(pieces.Words(spans=_object(block["hint"], names), kind=pieces.Kind.NOTE))
    return tuple(shown)


def _image_note(image: shapes.Json) -> pieces.Words:
    return pieces.Words(spans=(pieces.Span(f"[image: {image['alt_text']}]"),), kind=pieces.Kind.NOTE)


def _image(block: shapes.Json, names: pieces.Names) -> Read:
    title = (pieces.Words(spans=_object(block["title"], names)),) if "title" in block else ()
    return (*title, _image_note(block))


def _table(block: shapes.Json, names: pieces.Names) -> Read:
    count = max(len(row) for row in block["rows"])
    settings = [*block.get("column_settings", []), *[{}] * count][:count]
    grid = pieces.Grid(
        rows=tuple(tuple([_cell(cell, names) for cell in row] + [()] * (count - len(row))) for row in block["rows"]),
        columns=tuple(
            pieces.Column(alignment=setting.get("align", "left"), is_wrapped=setting.get("is_wrapped", False))
            for setting in settings
        ),
    )
    caption = block.get("caption")
    note = (pieces.Words(spans=(pieces.Span(caption),), kind=pieces.Kind.NOTE),) if caption else ()
    return (grid, *note)


def _cell(cell: shapes.Json, names: pieces.Names) -> pieces.Spans:
    return rich_texts.read_inline(cell, names) if cell["type"] == "rich_text" else (pieces.Span(cell["text"]),)


def _task(block: shapes.Json, names: pieces.Names) -> Read:
    inner: list[pieces.Piece] = []
    for key in ("details", "output"):
        inner += rich_texts.read(block[key], names) if key in block else ()
    sources = tuple(pieces.Span(source["text"], url=source["url"]) for source in block.get("sources", []))
    if sources:
        spaced = tuple(span for source in sources for span in (pieces.Span("  "), source))[1:]
        inner.append(pieces.Words(spans=spaced, kind=pieces.Kind.NOTE))
    title = (pieces.Span(block["title"]),)
    return (pieces.Task(title=title, state=pieces.TaskState(block["status"]), inner=tuple(inner)),)


def _plan(block: shapes.Json, names: pieces.Names) -> Read:
    tasks = tuple(piece for task in block["tasks"] for piece in _task(task, names))
    return (pieces.Box(title=(pieces.Span(block["title"], pieces.Look.BOLD),), inner=tasks),)


def _card(block: shapes.Json, names: pieces.Names) -> Read:
    inner: list[pieces.Piece] = [_image_note(block[key]) for key in ("hero_image", "icon") if key in block]
    for key, kind in (("subtitle", pieces.Kind.NOTE), ("body", pieces.Kind.TEXT), ("subtext", pieces.Kind.NOTE)):
        inner += [pieces.Words(spans=_object(block[key], names), kind=kind)] if key in block else []
    inner += [_controls(block, block["actions"])] if "actions" in block else []
    title = _object(block["title"], names, pieces.Look.BOLD) if "title" in block else ()
    return (pieces.Box(title=title, inner=tuple(inner)),)


def _carousel(block: shapes.Json, names: pieces.Names) -> Read:
    return read_all(block["elements"], names)


def _container(block: shapes.Json, names: pieces.Names) -> Read:
    title = _object(block["title"], names, pieces.Look.BOLD) if "title" in block else ()
    title += rich_texts.read_inline(block["rich_text_title"], names) if "rich_text_title" in block else ()
    subtitle = block.get("subtitle")
    above = (pieces.Words(spans=_object(subtitle, names), kind=pieces.Kind.NOTE),) if subtitle else ()
    icon = (_image_note(block["icon"]),) if "icon" in block else ()
    return (pieces.Box(title=title, inner=(*icon, *above, *read_all(block["child_blocks"], names))),)


def _alert(block: shapes.Json, names: pieces.Names) -> Read:
    return (pieces.Words(spans=_object(block["text"], names), kind=pieces.Kind.QUOTE),)


_READERS: dict[str, Callable[[shapes.Json, pieces.Names], Read]] = {
    "actions": _actions,
    "alert": _alert,
    "card": _card,
    "carousel": _carousel,
    "container": _container,
    "context": _context,
    "context_actions": _actions,
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
