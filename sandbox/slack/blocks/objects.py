"""Composition objects: texts, options, confirmations and files that blocks and elements are made of."""

from sandbox.slack.blocks import shapes

MAX_ID = 255
MAX_TEXT = 3000
MAX_URL = 3000

identifier = shapes.text(MAX_ID)


def plain_text(maximum: int) -> shapes.Check:
    """Accept a text object of type plain_text only."""
    return shapes.tagged({"plain_text": _plain(maximum)})


def any_text(maximum: int = MAX_TEXT) -> shapes.Check:
    """Accept a text object of type plain_text or mrkdwn."""
    return shapes.tagged(
        {
            "plain_text": _plain(maximum),
            "mrkdwn": shapes.shape(required={"text": shapes.text(maximum)}, optional={"verbatim": shapes.flag}),
        }
    )


def _plain(maximum: int) -> shapes.Check:
    return shapes.shape(required={"text": shapes.text(maximum)}, optional={"emoji": shapes.flag})


confirmation = shapes.shape(
    required={
        "title": plain_text(100),
        "text": any_text(300),
        "confirm": plain_text(30),
        "deny": plain_text(30),
    },
    optional={"style": shapes.one_of("primary", "danger")},
)

option = shapes.shape(
    required={"text": plain_text(75), "value": shapes.text(150)},
    optional={"description": plain_text(75)},
)

# Only checkboxes and radio buttons show markup.
marked_option = shapes.shape(
    required={"text": any_text(75), "value": shapes.text(150)},
    optional={"description": any_text(75)},
)

overflow_option = shapes.shape(
    required={"text": plain_text(75), "value": shapes.text(150)},
    optional={"description": plain_text(75), "url": shapes.link(MAX_URL)},
)

option_group = shapes.shape(
    required={"label": plain_text(75), "options": shapes.list_of(option, 100)},
)

slack_file = shapes.shape(
    optional={"id": identifier, "url": shapes.link(MAX_URL)},
    rules=(shapes.exactly_one("id", "url"),),
)

conversation_filter = shapes.shape(
    optional={
        "include": shapes.list_of(shapes.one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": shapes.flag,
        "exclude_bot_users": shapes.flag,
    },
    rules=(shapes.at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),),
)

dispatch_action_config = shapes.shape(
    required={
        "trigger_actions_on": shapes.list_of(shapes.one_of("on_enter_pressed", "on_character_entered"), 2),
    },
)
