"""Label and field selectors, read as strictly as the API server reads them."""

import re
from collections.abc import Callable, Iterable, Mapping

from sandbox.cluster.state import errors as cluster_errors
from sandbox.cluster.state.kinds import Json, Kind

Choice = Callable[[Json], bool]

_ALWAYS = ("metadata.name", "metadata.namespace")
_REQUIREMENT = re.compile(
    r"""\s*(?:
      !\s*(?P<missing>[^\s,=!()<>]+)
    | (?P<key>[^\s,=!()<>]+)\s*(?:
        (?P<set>in|notin)\s*\((?P<values>[^()]*)\)
      | (?P<operator>==|!=|=|<|>)\s*(?P<value>[^\s,=!()<>]*)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)
_KEY = re.compile(r"(?:[a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")


def chooser(kind: Kind, labels: str, fields: str) -> Choice:
    """
    Return what tells whether an object is chosen by both selectors.

    Raises:
        cluster_errors.Refusal: one of them cannot be read, or names a field that cannot be selected by.
    """
    requirements = [*_label_requirements(labels), *_field_requirements(kind, fields)]
    return lambda document: all(holds(document) for holds in requirements)


def _label_requirements(selector: str) -> Iterable[Choice]:
    position = 0
    while position < len(selector):
        found = _REQUIREMENT.match(selector, position)
        if found is None or found.end() == position:
            raise cluster_errors.bad_request(f"unable to parse requirement: found '{selector[position:]}'")
        yield _label_requirement(found)
        position = found.end()


def _label_requirement(found: re.Match[str]) -> Choice:
    missing, key, operator = found["missing"], found["key"], found["operator"] or found["set"]
    _check_key(missing or key)
    if missing:
        return lambda document: missing not in _labels(document)
    if operator is None:
        return lambda document: key in _labels(document)
    listed = found["values"].split(",") if found["set"] else [found["value"]]
    values = {value.strip() for value in listed}
    if operator in ("<", ">"):
        return lambda document: _is_beyond(_labels(document).get(key, ""), operator, found["value"])
    if operator in ("!=", "notin"):
        return lambda document: _labels(document).get(key) not in values
    return lambda document: _labels(document).get(key) in values


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        rule = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with one of the former"
        raise cluster_errors.bad_request(
            f'unable to parse requirement: <nil>: Invalid value: "{key}": name part {rule}'
        )


def _is_beyond(value: str, operator: str, limit: str) -> bool:
    if not (value.isdecimal() and limit.isdecimal()):
        return False
    return int(value) > int(limit) if operator == ">" else int(value) < int(limit)


def _labels(document: Json) -> Mapping[str, str]:
    labels: Mapping[str, str] = document["metadata"].get("labels") or {}
    return labels


def _field_requirements(kind: Kind, selector: str) -> Iterable[Choice]:
    for term in filter(None, selector.split(",")):
        found = re.fullmatch(r"([^=!]+)(==|!=|=)(.*)", term)
        if found is None:
            raise cluster_errors.bad_request(f"invalid selector: '{selector}'; can't understand '{term}'")
        yield _field_requirement(kind, *found.groups())


def _field_requirement(kind: Kind, field: str, operator: str, value: str) -> Choice:
    if field not in _ALWAYS and field not in kind.fields:
        known = 'only "metadata.name", "metadata.namespace"'
        problem = (
            f"field label not supported: {field}"
            if kind.fields
            else f'"{field}" is not a known field selector: {known}'
        )
        raise cluster_errors.bad_request(problem)
    if operator == "!=":
        return lambda document: _field(document, field) != value
    return lambda document: _field(document, field) == value


def _field(document: Json, path: str) -> str:
    if path == "source":
        return str(document.get("source", {}).get("component", ""))
    value: object = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)
