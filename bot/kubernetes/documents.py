"""
JSON documents of an API server, parsed without keeping the interpreter from the event loop.

One call of `json` keeps it until it returns, a hundredth of a second for each megabyte. So a list is parsed in a
thread, object by object: etcd holds no object of more than about one and a half megabytes.
"""

import json
from typing import Any

import re2

MAX_BYTES = 200_000_000
_SMALL_BYTES = 256_000
_HEAD_LENGTH = 4_000
_ITEMS = re2.compile(r',\s*"items"\s*:\s*\[\s*')
_DECODER = json.JSONDecoder()

Json = dict[str, Any]


def parse(body: bytes) -> object:
    """
    Return the document in *body*.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if len(body) > _SMALL_BYTES:
        text = body.decode()
        found = _ITEMS.search(text[:_HEAD_LENGTH])
        if found is not None:
            return _parse_list(text, found.start(), found.end())
    document: object = json.loads(body)
    return document


def is_small(body: bytes) -> bool:
    """Return whether parsing *body* takes no time worth a thread."""
    return len(body) <= _SMALL_BYTES


def _parse_list(text: str, end_of_head: int, position: int) -> object:
    """Return a list whose items begin at *position*; as API servers write it, they are its last key."""
    document: Json = json.loads(text[:end_of_head] + "}")
    items: list[object] = []
    while text[position : position + 1] != "]":
        item, position = _DECODER.raw_decode(text, position)
        items.append(item)
        while text[position : position + 1] in (",", " ", "\n", "\r", "\t"):
            position += 1
        if position >= len(text):
            raise ValueError("the list does not end")
    rest: Json = json.loads("{" + text[position + 1 :].lstrip(" \t\r\n,"))
    return {**document, "items": items, **rest}
