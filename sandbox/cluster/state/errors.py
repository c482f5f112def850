"""The `Status` documents with which the API server refuses, in its own words: what clients learn to tell apart."""

from collections.abc import Sequence
from typing import Any

from sandbox.cluster.state.kinds import Json, Kind

_TOO_OLD_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


class Refusal(Exception):
    """A request that the API server does not carry out."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    @property
    def document(self) -> Json:
        """Return the Status."""
        known = {"reason": self.reason or None, "details": self.details}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            **{key: value for key, value in known.items() if value is not None},
            "code": self.code,
        }


def bad_request(message: str) -> Refusal:
    """Refuse what cannot be understood or cannot be done now."""
    return Refusal(400, "BadRequest", message)


def unauthorized() -> Refusal:
    """Refuse an account that is not accepted."""
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(kind: Kind, *, user: str, verb: str, resource: str, namespace: str, name: str) -> Refusal:
    """Refuse what no role allows; *resource* may carry a subresource."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    what = f'{kind.full_name} "{name}"' if name else kind.full_name
    return Refusal(
        403,
        "Forbidden",
        f'{what} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{kind.group}" {where}',
        details=_about(kind, name),
    )


def forbidden_path(user: str, verb: str, path: str) -> Refusal:
    """Refuse a path that is no resource."""
    return Refusal(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"', details={})


def not_found(kind: Kind, name: str) -> Refusal:
    """Refuse because there is no such object."""
    return Refusal(404, "NotFound", f'{kind.full_name} "{name}" not found', details=_about(kind, name))


def no_such_resource() -> Refusal:
    """Refuse a resource that is not served."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", details={})


def method_not_allowed() -> Refusal:
    """Refuse a verb that the resource does not have."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, details={})


def too_large_version(version: int, newest: int) -> Refusal:
    """Refuse to show a moment that has not come yet."""
    problem = "Too large resource version"
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": problem}], "retryAfterSeconds": 1}
    message = f"Timeout: {problem}: {version}, current: {newest}"
    return Refusal(504, "Timeout", message, details=details, retry_after_seconds=1)


def too_old_version(version: int, oldest: int) -> Refusal:
    """Refuse to tell what has changed since a version that is forgotten."""
    return Refusal(410, "Expired", f"too old resource version: {version} ({oldest})")


def too_old_continue() -> Refusal:
    """Refuse to go on with a list that is forgotten."""
    return Refusal(410, "Expired", _TOO_OLD_CONTINUE)


def invalid_log_options(name: str, problems: Sequence[tuple[str, str]]) -> Refusal:
    """Refuse options of a log request that contradict each other or make no sense, each a field and what it is."""
    listed = [f"{field}: {problem}" for field, problem in problems]
    told = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    causes = [{"reason": _cause(problem), "message": problem, "field": field} for field, problem in problems]
    details = {"name": name, "kind": "PodLogOptions", "causes": causes}
    return Refusal(422, "Invalid", f'PodLogOptions "{name}" is invalid: {told}', details=details)


def server_error(message: str) -> Refusal:
    """Refuse because something behind the API server failed; such a Status has no reason."""
    return Refusal(500, "", message)


def _cause(problem: str) -> str:
    return "FieldValueForbidden" if problem.startswith("Forbidden") else "FieldValueInvalid"


def _about(kind: Kind, name: str) -> dict[str, Any]:
    about = {"name": name, "group": kind.group, "kind": kind.plural}
    return {key: value for key, value in about.items() if value}
