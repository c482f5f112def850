"""Interactive elements, and which block may hold which."""

import collections.abc

from sandbox.slack.blocks import objects, rich_text, shapes

_placeholder = objects.plain_text(150)
_action = {"action_id": objects.identifier}
_focus = {"focus_on_load": shapes.flag}
_confirm = {"confirm": objects.confirmation}
_user_ids = shapes.list_of(objects.identifier, 100)

button = shapes.shape(
    required={"text": objects.plain_text(75)},
    optional={
        **_action,
        **_confirm,
        "url": shapes.link(objects.MAX_URL),
        "value": shapes.text(2000),
        "style": shapes.one_of("primary", "danger"),
        "accessibility_label": shapes.text(75),
    },
)

image = shapes.shape(
    required={"alt_text": shapes.text(2000)},
    optional={"image_url": shapes.link(objects.MAX_URL), "slack_file": objects.slack_file},
    rules=(shapes.exactly_one("image_url", "slack_file"),),
)


def _select(
    required: collections.abc.Mapping[str, shapes.Check] | None = None,
    optional: collections.abc.Mapping[str, shapes.Check] | None = None,
    rules: tuple[shapes.Rule, ...] = (),
    *,
    is_multiple: bool = False,
) -> shapes.Check:
    extra: dict[str, shapes.Check] = {"placeholder": _placeholder}
    if is_multiple:
        extra["max_selected_items"] = shapes.number(1)
    shared = {**_action, **_focus, **_confirm, **extra}
    return shapes.shape(required=required, optional={**shared, **(optional or {})}, rules=rules)


_options = {
    "options": shapes.list_of(objects.option, 100),
    "option_groups": shapes.list_of(objects.option_group, 100),
}
_from_options = (shapes.exactly_one("options", "option_groups"),)
_response_url = {"response_url_enabled": shapes.flag}
_of_conversations = {
    "default_to_current_conversation": shapes.flag,
    "filter": objects.conversation_filter,
}

SELECTS: dict[str, shapes.Check] = {
    "static_select": _select(optional={**_options, "initial_option": objects.option}, rules=_from_options),
    "external_select": _select(optional={"initial_option": objects.option, "min_query_length": shapes.number(0)}),
    "users_select": _select(optional={"initial_user": objects.identifier}),
    "conversations_select": _select(
        optional={"initial_conversation": objects.identifier, **_of_conversations, **_response_url}
    ),
    "channels_select": _select(optional={"initial_channel": objects.identifier, **_response_url}),
}

MULTI_SELECTS: dict[str, shapes.Check] = {
    "multi_static_select": _select(
        optional={**_options, "initial_options": shapes.list_of(objects.option, 100)},
        rules=_from_options,
        is_multiple=True,
    ),
    "multi_external_select": _select(
        optional={
            "initial_options": shapes.list_of(objects.option, 100),
            "min_query_length": shapes.number(0),
        },
        is_multiple=True,
    ),
    "multi_users_select": _select(optional={"initial_users": _user_ids}, is_multiple=True),
    "multi_conversations_select": _select(
        optional={"initial_conversations": _user_ids, **_of_conversations}, is_multiple=True
    ),
    "multi_channels_select": _select(optional={"initial_channels": _user_ids}, is_multiple=True),
}

_choice = {"options": shapes.list_of(objects.marked_option, 10)}

CHOICES: dict[str, shapes.Check] = {
    "checkboxes": shapes.shape(
        required=_choice,
        optional={
            **_action,
            **_focus,
            **_confirm,
            "initial_options": shapes.list_of(objects.marked_option, 10),
        },
    ),
    "radio_buttons": shapes.shape(
        required=_choice, optional={**_action, **_focus, **_confirm, "initial_option": objects.marked_option}
    ),
}

_moment = {**_action, **_focus, **_confirm}

MOMENTS: dict[str, shapes.Check] = {
    "datepicker": shapes.shape(optional={**_moment, "initial_date": shapes.text(10, 10), "placeholder": _placeholder}),
    "timepicker": shapes.shape(
        optional={
            **_moment,
            "initial_time": shapes.text(5, 5),
            "timezone": shapes.text(255),
            "placeholder": _placeholder,
        }
    ),
}

DATETIMEPICKER: dict[str, shapes.Check] = {
    "datetimepicker": shapes.shape(
        optional={**_moment, "initial_date_time": shapes.number(1_000_000_000, 9_999_999_999)}
    ),
}

OVERFLOW: dict[str, shapes.Check] = {
    "overflow": shapes.shape(
        required={"options": shapes.list_of(objects.overflow_option, 5)},
        optional={**_action, **_confirm},
    ),
}

_typed = {
    **_action,
    **_focus,
    "placeholder": _placeholder,
    "dispatch_action_config": objects.dispatch_action_config,
}
_initial = {"initial_value": shapes.text(3000, 0)}

TEXT_INPUTS: dict[str, shapes.Check] = {
    "plain_text_input": shapes.shape(
        optional={
            **_typed,
            **_initial,
            "multiline": shapes.flag,
            "min_length": shapes.number(0, 3000),
            "max_length": shapes.number(1, 3000),
        }
    ),
    "email_text_input": shapes.shape(optional={**_typed, **_initial}),
    "url_text_input": shapes.shape(optional={**_typed, **_initial}),
    "number_input": shapes.shape(
        required={"is_decimal_allowed": shapes.flag},
        optional={
            **_typed,
            **_initial,
            "min_value": shapes.text(255),
            "max_value": shapes.text(255),
        },
    ),
    "rich_text_input": shapes.shape(optional={**_typed, "initial_value": rich_text.block}),
    "file_input": shapes.shape(
        optional={
            **_action,
            "filetypes": shapes.list_of(shapes.text(50), 100),
            "max_files": shapes.number(1, 10),
        }
    ),
}

_buttons: dict[str, shapes.Check] = {"button": button}

in_actions = shapes.tagged({**_buttons, **SELECTS, **CHOICES, **MOMENTS, **DATETIMEPICKER, **OVERFLOW})
in_section = shapes.tagged({**_buttons, **SELECTS, **MULTI_SELECTS, **CHOICES, **MOMENTS, **OVERFLOW, "image": image})
in_input = shapes.tagged({**SELECTS, **MULTI_SELECTS, **CHOICES, **MOMENTS, **DATETIMEPICKER, **TEXT_INPUTS})
image_only = shapes.tagged({"image": image})
