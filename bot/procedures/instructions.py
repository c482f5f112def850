"""What a person is asked or told: text in which `code` stands between backticks, and a line of code is a block."""

import re
from collections.abc import Iterator

from bot.model import reports

_CODE = re.compile(r"`([^`\n]+)`")


def sections(title: str | None, text: str) -> tuple[reports.Section, ...]:
    """Return *text* as sections: its lines of code as blocks, which are easy to copy, and the prose between them."""
    return tuple(_sections(title, text))


def plain(text: str) -> str:
    """Return *text* for where nothing can be formatted: code without its backticks."""
    return _CODE.sub(r"\1", text)


def _sections(title: str | None, text: str) -> Iterator[reports.Section]:
    prose: list[str] = []
    for line in text.splitlines():
        code = _CODE.fullmatch(line.strip())
        if code is None:
            prose.append(line)
            continue
        if prose or title:
            yield _prose(title, prose)
        title, prose = None, []
        yield reports.Code(text=code[1])
    if prose or title:
        yield _prose(title, prose)


def _prose(title: str | None, lines: list[str]) -> reports.Section:
    text = "\n".join(lines)
    if _CODE.search(text) is None:
        return reports.Text(title=title, text=text)
    # Every second part is code.
    parts = _CODE.split(text)
    spans = tuple(reports.Span(text=part, is_code=bool(index % 2)) for index, part in enumerate(parts) if part)
    return reports.Prose(title=title, paragraphs=(reports.Paragraph(spans=spans),))
