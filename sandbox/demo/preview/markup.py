"""Slack's own markup, as in `text` fields and mrkdwn objects."""

import re
from collections.abc import Iterator

from sandbox.demo.preview import elements

# Marks count only at the edge of a word, as in Slack: snake_case is no italic.
_TOKEN = re.compile(
    r"```(?P<block>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<reference>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<bold>[^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])"
    r"|(?<!\w)_(?P<italic>[^\s_](?:[^_\n]*[^\s_])?)_(?!\w)"
    r"|(?<![\w~])~(?P<struck>[^\s~](?:[^~\n]*[^\s~])?)~(?![\w~])",
    re.DOTALL,
)
_LOOKS = {"bold": elements.Look.BOLD, "italic": elements.Look.ITALIC, "struck": elements.Look.STRUCK}


def read(text: str, names: elements.Names, look: elements.Look = elements.Look.PLAIN) -> elements.Spans:
    """Give *text* as a person sees it; ids become names."""
    return tuple(span for span in _read(text, names, look) if span.text)


def _read(text: str, names: elements.Names, look: elements.Look) -> Iterator[elements.Span]:
    end = 0
    for match in _TOKEN.finditer(text):
        yield elements.Span(_unescaped(text[end : match.start()]), look)
        end = match.end()
        kind, inner = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "reference":
            yield _reference(inner, names, look)
        elif kind in _LOOKS:
            yield from _read(inner, names, look | _LOOKS[kind])
        else:
            yield elements.Span(_unescaped(inner), look | elements.Look.CODE)
    yield elements.Span(_unescaped(text[end:]), look)


def _reference(inner: str, names: elements.Names, look: elements.Look) -> elements.Span:
    target, _, label = inner.partition("|")
    target, label = _unescaped(target), _unescaped(label)
    mention = look | elements.Look.MENTION
    if target.startswith("!date^"):
        return elements.Span(label or target, look)
    if target.startswith("!subteam^"):
        return elements.Span(_called(label or names.get(target.removeprefix("!subteam^"), target), "@"), mention)
    if target.startswith("!"):
        return elements.Span("@" + (label or target[1:]).removeprefix("@"), mention)
    if target.startswith(("@", "#")):
        return elements.Span(_called(names.get(target[1:], label or target[1:]), target[0]), mention)
    return elements.Span(label or target, look, url=target)


def _called(name: str, sign: str) -> str:
    return sign + name.removeprefix(sign)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
