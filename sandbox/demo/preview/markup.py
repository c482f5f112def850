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
_STYLES = {"bold": elements.Style.BOLD, "italic": elements.Style.ITALIC, "struck": elements.Style.STRUCK}


def read(text: str, names: elements.Names, style: elements.Style = elements.Style.PLAIN) -> elements.Spans:
    """Return *text* as a person sees it; ids become names."""
    return tuple(span for span in _read(text, names, style) if span.text)


def _read(text: str, names: elements.Names, style: elements.Style) -> Iterator[elements.Span]:
    end = 0
    for match in _TOKEN.finditer(text):
        yield elements.Span(_unescaped(text[end : match.start()]), style)
        end = match.end()
        kind, inner = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "reference":
            yield _reference(inner, names, style)
        elif kind in _STYLES:
            yield from _read(inner, names, style | _STYLES[kind])
        else:
            yield elements.Span(_unescaped(inner), style | elements.Style.CODE)
    yield elements.Span(_unescaped(text[end:]), style)


def _reference(inner: str, names: elements.Names, style: elements.Style) -> elements.Span:
    target, _, label = inner.partition("|")
    target, label = _unescaped(target), _unescaped(label)
    mention = style | elements.Style.MENTION
    if target.startswith("!date^"):
        return elements.Span(label or target, style)
    if target.startswith("!subteam^"):
        return elements.Span(_called(label or names.get(target.removeprefix("!subteam^"), target), "@"), mention)
    if target.startswith("!"):
        return elements.Span("@" + (label or target[1:]).removeprefix("@"), mention)
    if target.startswith(("@", "#")):
        return elements.Span(_called(names.get(target[1:], label or target[1:]), target[0]), mention)
    return elements.Span(label or target, style, url=target)


def _called(name: str, sign: str) -> str:
    return sign + name.removeprefix(sign)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
