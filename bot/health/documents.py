"""
Spring Boot's health and info documents, as findings.

The shape of a health document changed twice: Boot 1 writes components as keys of the document, Boot 2.0 and 2.1 below
`details`, later versions below `components`. Libraries still nest health documents in `details` (Resilience4j).
"""

import contextlib
import dataclasses
import datetime
import http
import itertools
import json
import zlib
from collections.abc import Iterator, Mapping

import re2

from bot import errors
from bot.health import status as health_status

MAX_COMPONENTS = 500
MAX_COMPONENT_DEPTH = 8
"""Spring's own documents are two levels deep and have about a dozen components."""
MAX_DETAILS = 100
"""Of one component."""
_MAX_TEXT_LENGTH = 120
_MAX_NAME_LENGTH = 80
"""Of a version or a commit."""
_LOGIN = re2.compile(r"(?i)login|log-in|signin|sign-in|oauth|openid|saml|sso|/auth\b")
_HEALTH_KEYS = frozenset({"status", "description", "details", "components"})
_ROOT_KEYS = _HEALTH_KEYS | {"groups"}
_CHAINS = ("validChains", "expiringChains", "invalidChains")
"""Details of Spring Boot's `ssl` component, each a list of certificate chains."""
_GZIP_MAGIC, _ZLIB_MAGIC = b"\x1f\x8b", b"\x78"
_INVALID_JSON = object()


def decompress(body: bytes, max_bytes: int) -> bytes:
    """
    Return *body* decompressed if it is gzip or zlib, which some proxies send although nobody asked for it.

    At most *max_bytes* and one more are returned, however much a few bytes would expand to. Any other body is returned
    as it is, whatever its header says.
    """
    if body[:2] != _GZIP_MAGIC and body[:1] != _ZLIB_MAGIC:
        return body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, max_bytes + 1)
    except zlib.error:
        return body


def parse_health(response: health_status.HttpResponse) -> health_status.EndpointHealth:
    """Return the health that *response* reports, or why it reports none."""
    exchange = response.exchange
    found = _status_finding(exchange)
    if found is None:
        document = _parse_json(response.body)
        if isinstance(document, dict) and _status_of(document):
            health = _evaluate(document, exchange)
            if exchange.is_success or not health.is_healthy:
                return health
            found = health_status.Finding.HTTP_ERROR, f"{exchange.status_line}, although the body has status UP"
        elif exchange.status != http.HTTPStatus.OK:
            said = _plain_text(response)
            problem = f": {said}" if said else " without a health document"
            found = health_status.Finding.HTTP_ERROR, f"{exchange.status_line}{problem}"
        elif document is not _INVALID_JSON:
            found = health_status.Finding.NOT_HEALTH, "not a health document: JSON without “status”"
        elif not response.body:
            found = health_status.Finding.NOT_JSON, "empty response body"
        else:
            headers = dict(exchange.headers)
            content_type = headers.get("content-type", "no content type").partition(";")[0]
            encoding = headers.get("content-encoding")
            compressed = f" compressed with {encoding[:20]}, which was not requested" if encoding else ""
            found = health_status.Finding.NOT_JSON, f"not JSON but {content_type}{compressed}"
    finding, explanation = found
    return health_status.EndpointHealth(finding=finding, explanation=explanation, exchange=exchange)


def _plain_text(response: health_status.HttpResponse) -> str:
    """Return the beginning of a plain text, such as Envoy's `no healthy upstream`; empty for any other body."""
    if not dict(response.exchange.headers).get("content-type", "").startswith("text/plain"):
        return ""
    text = response.body[: 4 * _MAX_TEXT_LENGTH].decode(errors="replace")
    return errors.shorten(" ".join("".join(c if c.isprintable() else " " for c in text).split()), _MAX_TEXT_LENGTH)


def _status_finding(exchange: health_status.Exchange) -> tuple[health_status.Finding, str] | None:
    """Return the finding where the HTTP status alone decides, whatever the body."""
    code = exchange.status or 0
    if 300 <= code < 400:
        target = dict(exchange.headers).get("location", "no location")
        is_login = _LOGIN.search(target) is not None
        kind = "login page" if is_login else "redirect"
        return (
            health_status.Finding.LOGIN_PAGE if is_login else health_status.Finding.REDIRECTED,
            f"{exchange.status_line}, {kind}: {target}",
        )
    by_code = {
        401: (health_status.Finding.UNAUTHORIZED, f"{exchange.status_line}, authentication required"),
        403: (health_status.Finding.FORBIDDEN, exchange.status_line),
        404: (health_status.Finding.NOT_FOUND, f"{exchange.status_line}, no health endpoint at this path"),
    }
    return by_code.get(code)


def _evaluate(document: Mapping[str, object], exchange: health_status.Exchange) -> health_status.EndpointHealth:
    reported = _status_of(document)
    finding = health_status.SPRING_STATUSES.get(reported.upper())
    if finding is None:
        # Spring Boot sends 200 for a status that it does not know, unless status.http-mapping says otherwise.
        finding = health_status.Finding.CUSTOM if exchange.is_success else health_status.Finding.DOWN
    if finding is health_status.Finding.UP and exchange.total_seconds > health_status.TARGET_SECONDS:
        finding = health_status.Finding.SLOW
    groups = document.get("groups")
    children, _ = _split(document, _ROOT_KEYS)
    health = health_status.EndpointHealth(
        finding=finding,
        explanation="",
        components=tuple(itertools.islice(_parse_components(children, prefix=""), MAX_COMPONENTS)),
        groups=tuple(str(group)[:_MAX_TEXT_LENGTH] for group in groups[:MAX_COMPONENTS])
        if isinstance(groups, list)
        else (),
        exchange=exchange,
    )
    return dataclasses.replace(health, explanation=_explanation(health, reported))


def _explanation(health: health_status.EndpointHealth, status: str) -> str:
    if health.is_healthy:
        first, *others = health.failing_components or (None,)
        milliseconds = f"{health.exchange.total_seconds * 1000:.0f} ms"
        exceptions = f"; {first.path} {first.status}" if first else ""
        exceptions += f" and {len(others)} more" if others else ""
        if health.finding is health_status.Finding.UP:
            return f"UP, {milliseconds}{exceptions}"
        return f"degraded (slow), {milliseconds} (target {health_status.TARGET_SECONDS * 1000:.0f} ms){exceptions}"
    failing = health_status.list_components(health.failing_components)
    shown = status.upper() if status.upper() in health_status.SPRING_STATUSES else status
    return f"{shown} ({failing})" if failing else shown


def _split(content: Mapping[str, object], own_keys: frozenset[str]) -> tuple[dict[str, object], dict[str, object]]:
    """Return the components inside a document or component, and its details, in the shape of any Boot version."""
    details = content.get("details")
    candidates = {name: value for name, value in content.items() if name not in own_keys}
    children: dict[str, object] = {name: value for name, value in candidates.items() if _is_component(value)}
    if isinstance(details, dict):
        candidates |= details
        children |= {
            name: value for name, value in details.items() if _is_component(value) and _HEALTH_KEYS.issuperset(value)
        }
    components = content.get("components")
    if isinstance(components, dict):
        children |= components
    return children, {name: value for name, value in candidates.items() if name not in children}


def _is_component(value: object) -> bool:
    return isinstance(value, dict) and bool(_status_of(value))


def _status_of(content: Mapping[str, object]) -> str:
    """Return the status of a document or component, empty if it has none; Gson writes it as an object with a code."""
    status = content.get("status")
    if isinstance(status, dict):
        status = status.get("code")
    return status[: health_status.MAX_STATUS_LENGTH] if isinstance(status, str) else ""


def _parse_components(tree: Mapping[str, object], prefix: str, depth: int = 0) -> Iterator[health_status.Component]:
    if depth > MAX_COMPONENT_DEPTH:
        return
    for name, content in tree.items():
        if not isinstance(content, dict):
            continue
        path = f"{prefix}{name[:_MAX_TEXT_LENGTH]}"
        children, details = _split(content, _HEALTH_KEYS)
        description = content.get("description")
        yield health_status.Component(
            path=path,
            status=_status_of(content) or "UNKNOWN",
            description=errors.shorten(description, health_status.MAX_TEXT_LENGTH)
            if isinstance(description, str)
            else "",
            details=tuple(itertools.islice(_details(details), MAX_DETAILS)),
        )
        yield from _parse_certificates(details, prefix=f"{path}.")
        yield from _parse_components(children, prefix=f"{path}.", depth=depth + 1)


def _details(details: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in details.items():
        if value is not None and value not in ({}, []):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield key[:_MAX_TEXT_LENGTH], errors.shorten(text, health_status.MAX_TEXT_LENGTH)


def _parse_certificates(details: Mapping[str, object], prefix: str) -> Iterator[health_status.Component]:
    """Yield a component for each certificate that is not valid, or not for long: the `ssl` component may be UP."""
    chains = [chain for name in _CHAINS for chain in _list_of_objects(details.get(name))]
    for chain in chains[:MAX_COMPONENTS]:
        for certificate in _list_of_objects(chain.get("certificates")):
            validity = certificate.get("validity")
            state = validity.get("status") if isinstance(validity, dict) else None
            if isinstance(validity, dict) and isinstance(state, str) and state != "VALID":
                known = ((key, certificate.get(key)) for key in ("subject", "validityEnds"))
                yield health_status.Component(
                    path=f"{prefix}{chain.get('alias', 'certificate')}",
                    status=state[: health_status.MAX_STATUS_LENGTH],
                    description=str(validity.get("message") or ""),
                    details=tuple((key, value) for key, value in known if isinstance(value, str)),
                )


def _list_of_objects(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _parse_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _INVALID_JSON


def parse_build(response: health_status.HttpResponse) -> health_status.Build:
    """Return the build information in *response*; publishing none is no fault of the service."""
    exchange = response.exchange
    if exchange.status == 404:
        return health_status.Build(unavailable_reason="info endpoint not exposed")
    if (found := _status_finding(exchange)) is not None:
        return health_status.Build(unavailable_reason=found[1])
    document = _parse_json(response.body)
    if exchange.status != http.HTTPStatus.OK or not isinstance(document, dict):
        return health_status.Build(unavailable_reason=f"{exchange.status_line} without an info document")
    commit = _lookup(document, "git", "commit", "id")
    if isinstance(commit, dict):
        # With management.info.git.mode=full the id is an object.
        commit = commit.get("full") or commit.get("abbrev")
    build = health_status.Build(
        version=_shorten(_lookup(document, "build", "version")),
        commit=_shorten(commit),
        built_at=_parse_time(_lookup(document, "build", "time")),
    )
    is_known = bool(build.name or build.built_at)
    return build if is_known else health_status.Build(unavailable_reason="info endpoint has no build information")


def _lookup(document: object, *path: str) -> object:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _shorten(value: object) -> str:
    return value[:_MAX_NAME_LENGTH] if isinstance(value, str) else ""


def _parse_time(value: object) -> datetime.datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    return None
