"""Every kind of block: its shape and the surfaces that show it."""

import collections.abc
import enum

from sandbox.slack.blocks import charts, elements, objects, rich_text, shapes

_block = {"block_id": objects.identifier}


class Surface(enum.Enum):
    """Where blocks are shown."""

    MESSAGE = "message"
    MODAL = "modal"
    HOME = "home"


section = shapes.shape(
    optional={
        **_block,
        "text": objects.any_text(3000),
        "fields": shapes.list_of(objects.any_text(2000), 10),
        "accessory": elements.in_section,
        "expand": shapes.flag,
    },
    rules=(shapes.at_least_one("text", "fields"),),
)

header = shapes.shape(required={"text": objects.plain_text(150)}, optional=_block)

divider = shapes.shape(optional=_block)

actions = shapes.shape(required={"elements": shapes.list_of(elements.in_actions, 25)}, optional=_block)


def _context_item(value: object, pointer: str) -> collections.abc.Iterator[shapes.Problem]:
    is_image = isinstance(value, dict) and value.get("type") == "image"
    check = elements.image_only if is_image else objects.any_text()
    yield from check(value, pointer)


context = shapes.shape(required={"elements": shapes.list_of(_context_item, 10)}, optional=_block)

image = shapes.shape(
    required={"alt_text": shapes.text(2000)},
    optional={
        **_block,
        "image_url": shapes.link(objects.MAX_URL),
        "slack_file": objects.slack_file,
        "title": objects.plain_text(2000),
    },
    rules=(shapes.exactly_one("image_url", "slack_file"),),
)

input_block = shapes.shape(
    required={"label": objects.plain_text(2000), "element": elements.in_input},
    optional={
        **_block,
        "hint": objects.plain_text(2000),
        "optional": shapes.flag,
        "dispatch_action": shapes.flag,
    },
)

markdown = shapes.shape(required={"text": shapes.text(12_000)}, optional=_block)

alert = shapes.shape(
    required={"text": objects.any_text(200)},
    optional={**_block, "level": shapes.one_of("default", "info", "warning", "error", "success")},
)

_source = shapes.shape(required={"url": shapes.link(objects.MAX_URL), "text": shapes.text(3000)})

_task_parts = {
    **_block,
    "details": rich_text.block,
    "output": rich_text.block,
    "sources": shapes.list_of(shapes.tagged({"url": _source}), 100),
}


def _task(*statuses: str) -> shapes.Check:
    return shapes.shape(
        required={
            "task_id": objects.identifier,
            "title": shapes.text(3000),
            "status": shapes.one_of(*statuses),
        },
        optional=_task_parts,
    )


# A task that stands alone has begun by the time it is shown; only a plan shows what is still to come.
task_card = _task("in_progress", "complete", "error")

_planned_task = _task("pending", "in_progress", "complete", "error")


def _task_in_plan(value: object, pointer: str) -> collections.abc.Iterator[shapes.Problem]:
    # Slack's own examples leave the type out within a plan; its SDK writes it.
    has_type = isinstance(value, dict) and "type" in value
    check = shapes.tagged({"task_card": _planned_task}) if has_type else _planned_task
    yield from check(value, pointer)


plan = shapes.shape(
    required={"title": shapes.text(3000), "tasks": shapes.list_of(_task_in_plan, 50)},
    optional=_block,
)


_everywhere: dict[str, shapes.Check] = {
    "actions": actions,
    "context": context,
    "divider": divider,
    "header": header,
    "image": image,
    "input": input_block,
    "rich_text": rich_text.body,
    "section": section,
}

BY_SURFACE: dict[Surface, dict[str, shapes.Check]] = {
    Surface.MESSAGE: {
        **_everywhere,
        "data_table": charts.data_table,
        "data_visualization": charts.data_visualization,
        "markdown": markdown,
        "plan": plan,
        "table": charts.table,
        "task_card": task_card,
    },
    Surface.MODAL: {**_everywhere, "alert": alert},
    Surface.HOME: _everywhere,
}
