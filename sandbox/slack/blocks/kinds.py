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

context_actions = shapes.shape(required={"elements": shapes.list_of(elements.in_context_actions, 5)}, optional=_block)

image = shapes.shape(
    required={"alt_text": shapes.text(2000)},
    optional={
        **_block,
        "image_url": shapes.link(objects.URL_MAXIMUM),
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

video = shapes.shape(
    required={
        "alt_text": shapes.text(2000),
        "title": objects.plain_text(200),
        "thumbnail_url": shapes.link(objects.URL_MAXIMUM),
        "video_url": shapes.link(objects.URL_MAXIMUM),
    },
    optional={
        **_block,
        "author_name": shapes.text(50),
        "description": objects.plain_text(200),
        "provider_icon_url": shapes.link(2000),
        "provider_name": shapes.text(50),
        "title_url": shapes.link(2000),
    },
)

file = shapes.shape(required={"external_id": objects.identifier, "source": shapes.one_of("remote")}, optional=_block)

alert = shapes.shape(
    required={"text": objects.any_text(200)},
    optional={**_block, "level": shapes.one_of("default", "info", "warning", "error", "success")},
)

card = shapes.shape(
    optional={
        **_block,
        "hero_image": elements.image_only,
        "icon": elements.image_only,
        "slack_icon": shapes.shape(required={"name": objects.identifier}),
        "title": objects.any_text(150),
        "subtitle": objects.any_text(150),
        "body": objects.any_text(200),
        "subtext": objects.any_text(200),
        "actions": shapes.list_of(elements.in_card, 3),
    },
    rules=(
        shapes.at_least_one("hero_image", "title", "actions", "body"),
        shapes.at_most_one("icon", "slack_icon"),
    ),
)

carousel = shapes.shape(required={"elements": shapes.list_of(shapes.tagged({"card": card}), 10)}, optional=_block)

_source = shapes.shape(required={"url": shapes.link(objects.URL_MAXIMUM), "text": shapes.text(3000)})

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


def _collapses_soundly(value: shapes.Json) -> str | None:
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        return "default_collapsed needs is_collapsible"
    if value.get("has_header_divider") and value.get("is_collapsible"):
        return "has_header_divider is not for collapsible containers"
    return None


container = shapes.shape(
    required={
        "child_blocks": shapes.list_of(
            shapes.tagged(
                {
                    "actions": actions,
                    "context": context,
                    "divider": divider,
                    "file": file,
                    "header": header,
                    "image": image,
                    "input": input_block,
                    "rich_text": rich_text.body,
                    "section": section,
                    "table": charts.table,
                    "video": video,
                }
            ),
            10,
        )
    },
    optional={
        **_block,
        "title": objects.plain_text(150),
        "rich_text_title": rich_text.block,
        "subtitle": objects.any_text(150),
        "width": shapes.one_of("narrow", "standard", "wide", "full"),
        "icon": elements.image_only,
        "is_collapsible": shapes.flag,
        "default_collapsed": shapes.flag,
        "has_header_divider": shapes.flag,
    },
    rules=(shapes.at_least_one("title", "rich_text_title"), _collapses_soundly),
)

_everywhere: dict[str, shapes.Check] = {
    "actions": actions,
    "card": card,
    "context": context,
    "divider": divider,
    "header": header,
    "image": image,
    "input": input_block,
    "rich_text": rich_text.body,
    "section": section,
    "video": video,
}

BY_SURFACE: dict[Surface, dict[str, shapes.Check]] = {
    Surface.MESSAGE: {
        **_everywhere,
        "carousel": carousel,
        "container": container,
        "context_actions": context_actions,
        "data_table": charts.data_table,
        "data_visualization": charts.data_visualization,
        "file": file,
        "markdown": markdown,
        "plan": plan,
        "table": charts.table,
        "task_card": task_card,
    },
    Surface.MODAL: {**_everywhere, "alert": alert},
    Surface.HOME: {**_everywhere, "carousel": carousel},
}
