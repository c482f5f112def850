"""
Names with a # that YAML takes for comments: `reads: [ops, #sre]` lists one channel and closes no bracket.

In a file that names channels nobody sees the loss, so a comment after a value has a space behind its #.
"""

import re
from collections.abc import Iterator

import yaml

_NAME = re.compile(r"#([\w-]+)[\s\],}]*$")
"""On one line of a file that operators edit."""


def swallowed_names(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each comment in the place of a value that looks like a channel's name."""
    if not any(_NAME.search(line) for line in text.splitlines()):
        return
    taken, depths = _tokens(text)
    start = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        position = next(
            (start + index for index, one in enumerate(line) if one == "#" and start + index not in taken), None
        )
        if position is not None and (found := _NAME.match(line[position - start :].rstrip("\r\n"))):
            is_after_value = bool(line[: position - start].strip())
            if is_after_value or any(begin < position <= end for begin, end in depths):
                yield number, found[1]
        start += len(line)


def _tokens(text: str) -> tuple[set[int], list[tuple[int, int]]]:
    """Return the places of # within values, and where brackets open and close, up to what is not YAML any more."""
    taken: set[int] = set()
    opened: list[int] = []
    spans: list[tuple[int, int]] = []
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            begin, end = token.start_mark.index, token.end_mark.index
            if isinstance(token, yaml.ScalarToken):
                taken.update(index for index in range(begin, end) if text[index] == "#")
            elif isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                opened.append(begin)
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken) and opened:
                spans.append((opened.pop(), begin))
    except yaml.YAMLError:
        pass
    return taken, [*spans, *((begin, len(text)) for begin in opened)]
