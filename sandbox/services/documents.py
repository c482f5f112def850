"""What a healthy service responds to a path: status, media type and JSON body, as Spring writes them."""

import dataclasses
import datetime
import http
import json
from typing import Any

from sandbox.services import health_documents

ACTUATOR_TYPE = "application/vnd.spring-boot.actuator.v3+json"
JSON_TYPE = "application/json"
VERSION = "1.4.2"

_HEALTH = "/actuator/health"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Document:
    """One answer before it is sent; a body of None is an answer without one."""

    status: int = 200
    media_type: str = ACTUATOR_TYPE
    body: Any

    @property
    def text(self) -> str:
        """Return the body as it is sent."""
        return "" if self.body is None else json.dumps(self.body, separators=(",", ":"))


def document_at(path: str, *, name: str, components: health_documents.Components) -> Document:
    """Return what the service called `name` answers at `path` while it has these components."""
    if path == _HEALTH:
        return _root(components)
    if path.startswith(_HEALTH + "/"):
        return _part(path.removeprefix(_HEALTH + "/").split("/"), components)
    if path == "/actuator/info":
        return Document(body=_about(name))
    return error(404, path)


def error(status: int, path: str) -> Document:
    """Return the JSON that Spring answers for a request it has nothing better for."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    body = {"timestamp": now, "status": status, "error": http.HTTPStatus(status).phrase, "path": path}
    return Document(status=status, media_type=JSON_TYPE, body=body)


def _root(components: health_documents.Components) -> Document:
    status = health_documents.worst(components.values())
    body = {
        "status": status.value,
        "groups": list(health_documents.GROUPS),
        "components": health_documents.documents(components),
    }
    return Document(status=status.http_status, body=body)


def _part(path: list[str], components: health_documents.Components) -> Document:
    """Return one group or one component; a group shows its status only, and an unknown name has no body at all."""
    group = health_documents.GROUPS.get(path[0]) if len(path) == 1 else None
    component = health_documents.find(components, [group] if group else path)
    if component is None:
        return Document(status=404, body=None)
    body = {"status": component.status.value} if group else component.document()
    return Document(status=component.status.http_status, body=body)


def _about(name: str) -> dict[str, Any]:
    commit = {"id": "5f3c1e2", "time": "2026-02-11T16:20:05Z"}
    build = {
        "artifact": name,
        "name": name,
        "time": "2026-02-11T16:24:41.313Z",
        "version": VERSION,
        "group": "com.positivity",
    }
    return {"git": {"branch": "main", "commit": commit}, "build": build}
