"""
Spring Boot's endpoints for health and for how a service was built.

Asking never fails: whatever comes back, or does not, is the finding. It is never retried either, because
a service that answers every second time must not look healthy; whoever wants to wait asks again.
"""

import asyncio
import contextlib
import datetime
import http
import itertools
import json
import re
from collections.abc import Iterator

from bot.health import http_probe
from bot.health import status as health_status

GROUPS = ("readiness", "liveness")
BODY_LIMIT_BYTES = 1_000_000
"""A health document is a few kilobytes; reading stops here so that a wrong URL cannot fill the memory."""
MOST_COMPONENTS = 500
DEEPEST_COMPONENT = 8
"""Spring's own are two levels deep and a dozen; a document with more was not made by it."""
PROBE_SECONDS = 8.0
"""For one whole answer: Kubernetes and most gateways have given up long before."""
_LONGEST_NAME = 80
"""Of a version or a commit."""

_LOGIN = re.compile(r"login|log-in|signin|sign-in|oauth|openid|saml|sso|/auth\b", re.IGNORECASE)


class Actuator:
    """
    Reads health over HTTP; at most *concurrency* requests are under way at once.

    That is more than there are services, so that many which do not answer keep nobody waiting who asks for others.
    """

    def __init__(self, *, concurrency: int = 512, probe_seconds: float = PROBE_SECONDS) -> None:
        self._http = http_probe.HttpProbe(limit_bytes=BODY_LIMIT_BYTES, seconds=probe_seconds)
        self._slots = asyncio.Semaphore(concurrency)
        self._took_seconds: dict[str, float] = {}

    def last_took(self, url: str) -> float:
        """Give the seconds that *url* took when it was last asked; 0 where it was not."""
        return self._took_seconds.get(url, 0.0)

    async def read(self, service: str, url: str, *, with_groups: bool) -> health_status.Reading:
        """
        Give what *service* says at *url*, and what its readiness and liveness say where it has them.

        Without *with_groups* they are asked only where the root answers and is not well: a root that is UP includes
        them, because Spring Boot aggregates every contributor of every group into it.
        """
        if with_groups:
            root, groups = await asyncio.gather(self._probe(url), self._probe_groups(url))
        else:
            root = await self._probe(url)
            groups = await self._probe_groups(url) if root.is_document and not root.is_healthy else []
        # A group that the root does not list and that gives no health document does not exist.
        there = (named for named in groups if named[0] in root.groups or named[1].is_document)
        return health_status.Reading(service=service, root=root, groups=tuple(there))

    async def build(self, url: str) -> health_status.Build:
        """Give how the service was built that answers at the info endpoint *url*, or why that is not known."""
        async with self._slots:
            outcome = await self._http.get(url, accept="application/json")
        if isinstance(outcome, health_status.Failure):
            return health_status.Build(unavailable_reason=outcome.explanation)
        return _read_build(outcome)

    async def _probe_groups(self, url: str) -> list[tuple[str, health_status.Probe]]:
        probes = await asyncio.gather(*(self._probe(f"{url}/{name}") for name in GROUPS))
        return list(zip(GROUPS, probes, strict=True))

    async def _probe(self, url: str) -> health_status.Probe:
        async with self._slots:
            outcome = await self._http.get(url, accept="application/json")
        self._took_seconds[url] = outcome.exchange.total_seconds
        if isinstance(outcome, health_status.Failure):
            return health_status.Probe(
                finding=outcome.finding, explanation=outcome.explanation, exchange=outcome.exchange
            )
        return _judge(outcome)


def _judge(response: health_status.Response) -> health_status.Probe:
    refusal = _refusal(response)
    if refusal is not None:
        return _no_document(response, *refusal)
    document = _document(response.body)
    if isinstance(document, dict) and isinstance(document.get("status"), str):
        return _read_document(document, response)
    if response.exchange.status != http.HTTPStatus.OK:
        return _no_document(
            response, health_status.Finding.HTTP_ERROR, f"HTTP {_status(response)} without a health document"
        )
    return _no_document(response, *_misfit(response, document))


def _no_document(
    response: health_status.Response, finding: health_status.Finding, explanation: str
) -> health_status.Probe:
    return health_status.Probe(finding=finding, explanation=explanation, exchange=response.exchange)


def _refusal(response: health_status.Response) -> tuple[health_status.Finding, str] | None:
    """Give what the HTTP status alone says, where the body cannot be a health document."""
    status = response.exchange.status or 0
    if 300 <= status < 400:
        target = dict(response.exchange.headers).get("location", "nowhere")
        finding = health_status.Finding.LOGIN_PAGE if _LOGIN.search(target) else health_status.Finding.REDIRECTED
        kind = "a login page" if finding is health_status.Finding.LOGIN_PAGE else "another place"
        return finding, f"HTTP {_status(response)} redirects to {kind}: {target}"
    plain = {
        http.HTTPStatus.UNAUTHORIZED: (health_status.Finding.UNAUTHORIZED, "it wants a login (HTTP 401)"),
        http.HTTPStatus.FORBIDDEN: (health_status.Finding.FORBIDDEN, "it forbids the request (HTTP 403)"),
        http.HTTPStatus.NOT_FOUND: (
            health_status.Finding.NOT_FOUND,
            "there is no health endpoint at that path (HTTP 404)",
        ),
    }
    return plain.get(http.HTTPStatus(status)) if status in {401, 403, 404} else None


def _document(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON


_NOT_JSON = object()


def _misfit(response: health_status.Response, document: object) -> tuple[health_status.Finding, str]:
    if document is not _NOT_JSON:
        return health_status.Finding.OTHER_SHAPE, "JSON, but not a health document: it has no “status”"
    content_type = dict(response.exchange.headers).get("content-type", "no content type")
    if not response.body:
        return health_status.Finding.NOT_JSON, "an empty answer instead of JSON"
    return health_status.Finding.NOT_JSON, f"not JSON but {content_type.partition(';')[0]}"


def _read_document(document: dict[str, object], response: health_status.Response) -> health_status.Probe:
    groups = document.get("groups")
    probe = health_status.judge(
        str(document["status"]),
        components=tuple(itertools.islice(_components(document.get("components"), prefix=""), MOST_COMPONENTS)),
        groups=tuple(str(group) for group in groups) if isinstance(groups, list) else (),
        exchange=response.exchange,
    )
    if probe.is_healthy and not 200 <= (response.exchange.status or 0) < 300:
        return _no_document(
            response, health_status.Finding.HTTP_ERROR, f"HTTP {_status(response)}, although it says UP"
        )
    return probe


def _components(tree: object, prefix: str, depth: int = 0) -> Iterator[health_status.Component]:
    if not isinstance(tree, dict) or depth > DEEPEST_COMPONENT:
        return
    for name, content in tree.items():
        if not isinstance(content, dict):
            continue
        path = f"{prefix}{name}"
        yield health_status.Component(
            path=path, status=str(content.get("status", "UNKNOWN")), details=_details(content)
        )
        yield from _components(content.get("components"), prefix=f"{path}.", depth=depth + 1)


def _details(content: dict[str, object]) -> tuple[tuple[str, str], ...]:
    details = content.get("details")
    if not isinstance(details, dict):
        return ()
    return tuple((str(name), value if isinstance(value, str) else json.dumps(value)) for name, value in details.items())


def _status(response: health_status.Response) -> str:
    return f"{response.exchange.status} {response.exchange.reason}".strip()


def _read_build(response: health_status.Response) -> health_status.Build:
    """Give what an info document says; a service that says nothing of its build does nothing wrong."""
    refusal = _refusal(response)
    if response.exchange.status == 404:
        return health_status.Build(unavailable_reason="not exposed")
    if refusal is not None:
        return health_status.Build(unavailable_reason=refusal[1])
    document = _document(response.body)
    if response.exchange.status != http.HTTPStatus.OK or not isinstance(document, dict):
        return health_status.Build(unavailable_reason=f"HTTP {_status(response)} without an info document")
    commit = _inside(document, "git", "commit", "id")
    if isinstance(commit, dict):
        # With management.info.git.mode=full the id has forms of its own.
        commit = commit.get("full") or commit.get("abbrev")
    build = health_status.Build(
        version=_brief(_inside(document, "build", "version")),
        commit=_brief(commit),
        built_at=_moment(_inside(document, "build", "time")),
    )
    return (
        build
        if build.name or build.built_at
        else health_status.Build(unavailable_reason="exposed, but nothing of the build in it")
    )


def _inside(document: object, *path: str) -> object:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _brief(value: object) -> str:
    return value[:_LONGEST_NAME] if isinstance(value, str) else ""


def _moment(value: object) -> datetime.datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
    return None
