"""Markdown as sections of a report."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bot.model import reports

if TYPE_CHECKING:
    import markdown_it
    from markdown_it import token as tokens

_BULLET = "•"
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z“\"(`])")


def parse(text: str) -> tuple[reports.Section, ...]:
    """Return the Markdown *text* as sections: prose with lists, code, tables."""
    return tuple(_Converter(_parser().parse(text)).sections())


def links(sections: Sequence[reports.Section]) -> tuple[reports.Span, ...]:
    """Return the links in *sections*, each URL once."""
    spans = [
        span
        for section in sections
        if isinstance(section, reports.Prose)
        for paragraph in section.paragraphs
        for span in paragraph.spans
        if span.url
    ]
    by_url: dict[str | None, reports.Span] = {}
    for span in spans:
        by_url.setdefault(span.url, span)
    return tuple(by_url.values())


def sentences(sections: Sequence[reports.Section]) -> Iterator[str]:
    """Yield the sentences, table rows and lines of code in *sections*."""
    for section in sections:
        match section:
            case reports.Prose():
                for paragraph in section.paragraphs:
                    yield from _SENTENCE_END.split(paragraph.text)
            case reports.Table():
                for row in section.rows:
                    yield " – ".join(row.cells)
            case reports.Code():
                yield from (line.strip() for line in section.text.splitlines() if line.strip())


@functools.cache
def _parser() -> "markdown_it.MarkdownIt":
    # Takes as long to load as a short terminal command runs, and few commands need it.
    import markdown_it  # noqa: PLC0415

    return markdown_it.MarkdownIt("commonmark").enable("table")


@dataclasses.dataclass(slots=True)
class _List:
    """An open list."""

    is_ordered: bool
    number: int
    has_bullet: bool = False
    """The current item has its bullet; a further paragraph in it has none."""


class _Converter:
    """Converts the tokens of a document."""

    def __init__(self, stream: "Sequence[tokens.Token]") -> None:
        self._stream = stream
        self._lists: list[_List] = []
        self._paragraphs: list[reports.Paragraph] = []

    def sections(self) -> Iterator[reports.Section]:
        """Yield the sections in document order."""
        index = 0
        while index < len(self._stream):
            token = self._stream[index]
            if token.type in {"fence", "code_block", "table_open"}:
                yield from self._flush()
            if token.type in {"fence", "code_block"}:
                yield reports.Code(text=token.content.rstrip("\n"))
            elif token.type == "table_open":
                end = next(at for at in range(index, len(self._stream)) if self._stream[at].type == "table_close")
                yield _table(self._stream[index:end])
                index = end
            else:
                self._convert(token, is_heading=index > 0 and self._stream[index - 1].type == "heading_open")
            index += 1
        yield from self._flush()

    def _flush(self) -> Iterator[reports.Section]:
        if self._paragraphs:
            yield reports.Prose(paragraphs=tuple(self._paragraphs))
        self._paragraphs = []

    def _convert(self, token: "tokens.Token", *, is_heading: bool) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                first = int(token.attrs.get("start", 1))
                self._lists.append(_List(is_ordered=token.type.startswith("ordered"), number=first))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._lists[-1].has_bullet = False
            case "list_item_close":
                self._lists[-1].number += 1
            case "inline":
                spans = _spans(token.children or ())
                self._add_paragraph(
                    tuple(dataclasses.replace(span, is_bold=True) for span in spans) if is_heading else spans
                )

    def _add_paragraph(self, spans: tuple[reports.Span, ...]) -> None:
        bullet = ""
        if self._lists and not self._lists[-1].has_bullet:
            current = self._lists[-1]
            bullet = f"{current.number}." if current.is_ordered else _BULLET
            current.has_bullet = True
        depth = max(len(self._lists) - 1, 0)
        self._paragraphs.append(reports.Paragraph(spans=spans, bullet=bullet, depth=depth))


def _spans(children: "Sequence[tokens.Token]") -> tuple[reports.Span, ...]:
    spans: list[reports.Span] = []
    bold = italic = 0
    url: str | None = None
    for child in children:
        bold += {"strong_open": 1, "strong_close": -1}.get(child.type, 0)
        italic += {"em_open": 1, "em_close": -1}.get(child.type, 0)
        if child.type in {"link_open", "link_close"}:
            url = str(child.attrs["href"]) if child.type == "link_open" else None
        text = {"softbreak": " ", "hardbreak": "\n"}.get(child.type, child.content)
        if text:
            is_code = child.type == "code_inline"
            spans.append(
                reports.Span(text=text, is_bold=bold > 0, is_italic=italic > 0, is_code=is_code, url=_web_url(url))
            )
    return tuple(spans)


def _web_url(url: str | None) -> str | None:
    """Return *url* if a browser can open it; a path inside a repository is shown without a link."""
    return url if url is not None and url.startswith(("https://", "http://")) else None


def _table(stream: "Sequence[tokens.Token]") -> reports.Table:
    lines: list[list[str]] = []
    for token in stream:
        if token.type == "tr_open":
            lines.append([])
        elif token.type == "inline":
            lines[-1].append("".join(span.text for span in _spans(token.children or ())))
    head, *rows = lines
    return reports.Table(columns=tuple(head), rows=tuple(reports.Row(cells=tuple(cells)) for cells in rows))
