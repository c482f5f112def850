"""The elements of a message, as HTML."""

import html

from sandbox.demo.preview import elements

_TAGS = {
    elements.Style.BOLD: "b",
    elements.Style.ITALIC: "i",
    elements.Style.STRUCK: "s",
    elements.Style.UNDERLINED: "u",
    elements.Style.CODE: "code",
}
_KINDS = {
    elements.Kind.TEXT: ("<p>", "</p>"),
    elements.Kind.HEADING: ("<h3>", "</h3>"),
    elements.Kind.CODE: ("<pre>", "</pre>"),
    elements.Kind.QUOTE: ("<blockquote>", "</blockquote>"),
    elements.Kind.NOTE: ('<p class="note">', "</p>"),
}
# A page that is opened must not be able to run what a message says.
_ADDRESSES = ("https://", "http://", "mailto:", "tel:", "slack://")
_STATE_MARKS = {elements.TaskState.COMPLETE: "✓", elements.TaskState.ERROR: "!"}


def escape(text: str) -> str:
    """Return *text* so that a browser shows it and obeys none of it."""
    return html.escape(elements.clean(text))


def render_all(drawn: tuple[elements.Element, ...]) -> str:
    """Return the HTML of elements that stand one below the other."""
    return "\n".join(render(element) for element in drawn)


def render(element: elements.Element) -> str:
    """Return the HTML of *element*."""
    match element:
        case elements.Paragraph():
            before, after = _KINDS[element.kind]
            return f"{before}{_inline(element.spans).rstrip()}{after}"
        case elements.Bullets():
            return _bullets(element)
        case elements.Grid():
            return _grid(element)
        case elements.Fields():
            cells = "".join(f"<p>{_inline(cell)}</p>" for cell in element.cells)
            return f'<div class="facts">{cells}</div>'
        case elements.Controls():
            return f'<div class="controls">{"".join(_control(control) for control in element.items)}</div>'
        case elements.Divider():
            return "<hr>"
        case elements.Task():
            return _task(element)
        case elements.Box():
            title = f"<h4>{_inline(element.title)}</h4>" if element.title else ""
            return f'<div class="box">{title}{render_all(element.inner)}</div>'
        case elements.WithAccessory():
            return f'<div class="beside"><div>{render_all(element.inner)}</div>{render(element.controls)}</div>'


def _inline(spans: elements.Spans) -> str:
    return "".join(_span(span) for span in spans)


def _span(span: elements.Span) -> str:
    shown = escape(span.text)
    for style, tag in _TAGS.items():
        if style in span.style:
            shown = f"<{tag}>{shown}</{tag}>"
    if elements.Style.MENTION in span.style:
        shown = f'<span class="mention">{shown}</span>'
    is_address = span.url is not None and span.url.startswith(_ADDRESSES)
    return f'<a href="{escape(span.url or "")}">{shown}</a>' if is_address else shown


def _bullets(bullets: elements.Bullets) -> str:
    items = "".join(f"<li>{_inline(item)}</li>" for item in bullets.items)
    style = f' style="margin-left: {bullets.indent * 24}px"' if bullets.indent else ""
    if bullets.first_number is None:
        return f"<ul{style}>{items}</ul>"
    return f'<ol start="{bullets.first_number}"{style}>{items}</ol>'


def _grid(grid: elements.Grid) -> str:
    head, *rows = grid.rows
    lines = [_row(head, "th", grid), *(_row(row, "td", grid) for row in rows)]
    return f'<div class="grid"><table>{"".join(lines)}</table></div>'


def _row(row: tuple[elements.Spans, ...], tag: str, grid: elements.Grid) -> str:
    classes = (f"{column.alignment}{' wrapped' * column.is_wrapped}" for column in grid.columns)
    cells = (f'<{tag} class="{name}">{_inline(cell)}</{tag}>' for cell, name in zip(row, classes, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _control(control: elements.Control) -> str:
    if control.is_field:
        return f'<span class="field">{escape(control.label)}</span>'
    style = f" {control.style}" if control.style else ""
    label = escape(control.label) + ("" if control.is_button else " ▾")
    choices = f'<span class="choices">{escape(", ".join(control.choices))}</span>' if control.choices else ""
    return f'<span class="control{style}">{label}</span>{choices}'


def _task(task: elements.Task) -> str:
    mark = f'<span class="state {task.state.value}">{_STATE_MARKS.get(task.state, "")}</span>'
    return f'<div class="task">{mark}<div><p>{_inline(task.title)}</p>{render_all(task.inner)}</div></div>'
