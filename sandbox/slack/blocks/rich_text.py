"""Rich text: the block that also stands inside tables, plans and inputs."""

from sandbox.slack.blocks import objects, shapes

_word_style = shapes.shape(optional=dict.fromkeys(("bold", "italic", "strike", "code", "underline"), shapes.flag))
_mention_style = shapes.shape(
    optional=dict.fromkeys(("bold", "italic", "strike", "highlight", "client_highlight", "unlink"), shapes.flag)
)
_border = {"border": shapes.number(0, 1)}

# Slack names no limit for a single rich text; the whole message's limit is checked elsewhere.
_UNLIMITED = 1_000_000

_words = shapes.tagged(
    {
        "text": shapes.shape(required={"text": shapes.text(_UNLIMITED)}, optional={"style": _word_style}),
        "link": shapes.shape(
            required={"url": shapes.link(objects.MAX_URL)},
            optional={"text": shapes.text(_UNLIMITED), "unsafe": shapes.flag, "style": _word_style},
        ),
        "emoji": shapes.shape(
            required={"name": objects.identifier},
            optional={
                "unicode": objects.identifier,
                "skin_tone": shapes.number(1, 6),
                "style": _word_style,
            },
        ),
        "user": shapes.shape(required={"user_id": objects.identifier}, optional={"style": _mention_style}),
        "usergroup": shapes.shape(required={"usergroup_id": objects.identifier}, optional={"style": _mention_style}),
        "channel": shapes.shape(required={"channel_id": objects.identifier}, optional={"style": _mention_style}),
        "broadcast": shapes.shape(
            required={"range": shapes.one_of("here", "channel", "everyone")},
            optional={"style": _word_style},
        ),
        "color": shapes.shape(required={"value": objects.identifier}, optional={"style": _word_style}),
        "date": shapes.shape(
            required={"timestamp": shapes.number(0), "format": objects.identifier},
            optional={
                "url": shapes.link(objects.MAX_URL),
                "fallback": objects.identifier,
                "style": _word_style,
            },
        ),
    }
)

_line = {"elements": shapes.list_of(_words, _UNLIMITED, 0)}
_section = shapes.tagged({"rich_text_section": shapes.shape(required=_line)})

_parts = shapes.tagged(
    {
        "rich_text_section": shapes.shape(required=_line),
        "rich_text_preformatted": shapes.shape(required=_line, optional={**_border, "language": shapes.text(50)}),
        "rich_text_quote": shapes.shape(required=_line, optional=_border),
        "rich_text_list": shapes.shape(
            required={
                "style": shapes.one_of("bullet", "ordered"),
                "elements": shapes.list_of(_section, _UNLIMITED),
            },
            optional={**_border, "indent": shapes.number(0, 8), "offset": shapes.number(0)},
        ),
    }
)

body = shapes.shape(
    required={"elements": shapes.list_of(_parts, _UNLIMITED)},
    optional={"block_id": objects.identifier},
)
block = shapes.tagged({"rich_text": body})
