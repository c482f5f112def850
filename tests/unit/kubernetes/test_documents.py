"""Documents of an API server: the same as `json` reads, however large."""

import json

import pytest

from bot.kubernetes import documents

ITEMS = [{"metadata": {"name": f"pod-{number}", "labels": {"items": "x"}}} for number in range(6_000)]
LIST = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": ITEMS}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("rest", [{}, {"more": {"items": [1]}}])
def test_long_list_is_read_whole(indent: int | None, rest: dict[str, object]) -> None:
    body = json.dumps({**LIST, **rest}, indent=indent).encode()

    assert not documents.is_small(body)
    assert documents.parse(body) == {**LIST, **rest}


@pytest.mark.parametrize("end", [b"", b"]", b"]}}"])
def test_long_list_that_is_no_json_is_refused(end: bytes) -> None:
    body = json.dumps(LIST).encode()[:-2] + end

    with pytest.raises(ValueError, match=r".+"):
        documents.parse(body)


def test_other_long_document_is_read() -> None:
    body = json.dumps({"kind": "ConfigMap", "data": {"a": "x" * 300_000}}).encode()

    assert documents.parse(body) == json.loads(body)
