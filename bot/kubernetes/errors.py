"""
Errors of the Kubernetes API in words for the person on call.

The API server's messages are written for administrators and name service accounts and node addresses, which must not
reach a channel. Their wording is no contract, so each pattern has a general message to fall back on.
"""

import json
import urllib.parse

import aiohttp
import re2
import tenacity

from bot import errors

_FORBIDDEN = re2.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[\w./-]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_NOT_FOUND = re2.compile(r'^(?P<kind>[\w.]+) "(?P<name>[^"]+)" not found')
_ANONYMOUS = 'User "system:anonymous"'
_MAX_RETRY_AFTER_SECONDS = 5.0
_MAX_PAUSE_DIGITS = 9
_MAX_ERROR_BYTES = 64_000
_TERMINATED = re2.compile(r"^container .* is (?:not available|terminated)")
# What the kubelet and the API server answer for logs that cannot be read (pkg/kubelet, registry/core/pod).
_LOG_ERRORS = tuple(
    (re2.compile(pattern), message, hint)
    for pattern, message, hint in (
        (
            r"is waiting to start: (?P<reason>.+)",
            "Container not started: {reason}.",
            "Check its pods and events for the reason.",
        ),
        (r"previous terminated container .* not found", "No previous log: the container was never restarted.", None),
        (
            r"container name must be specified for pod \S+, choose one of: (?P<names>\[[^\]]*\])",
            "The pod has several containers: {names}.",
            "Choose one with -c.",
        ),
        (
            r"container (?P<name>\S+) is not valid for pod",
            "The pod has no container “{name}”.",
            "Choose another with -c.",
        ),
    )
)
_RETRY = "Try again in a moment."


class Throttled(errors.Unavailable):
    """Too many requests: 429, or 503 with Retry-After."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, hint=_RETRY)
        self.seconds = seconds


def retry_after(state: tenacity.RetryCallState) -> float:
    """Return the pause that the API server asked for, bounded."""
    error = state.outcome.exception() if state.outcome else None
    return min(error.seconds, _MAX_RETRY_AFTER_SECONDS) if isinstance(error, Throttled) else 1.0


async def from_response(response: aiohttp.ClientResponse) -> errors.BotError:
    """Return the error for a response of 400 or above, and close the response."""
    try:
        body = (await response.content.read(_MAX_ERROR_BYTES)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError):
        # The status is enough.
        body = ""
    finally:
        response.close()
    status, message = response.status, _status_message(body)
    if status == 401:
        return errors.Refused(
            "Unauthorized: the API server does not accept posbot's credentials (401).",
            hint="The token expired or was revoked: renew the kubeconfig, or restart the pod.",
        )
    if status == 403:
        return _forbidden(message)
    if status == 404:
        return _not_found(message)
    if status == 410:
        return errors.Outdated("The resource version is too old (410): the list must be read again.")
    if status == 429 or (status == 503 and "Retry-After" in response.headers):
        return Throttled("The API server is overloaded (too many requests).", _retry_after_seconds(response))
    if status >= 500:
        return _server_error(status, message)
    if _TERMINATED.search(message):
        return errors.MissingResource(
            "The container terminated and its log was removed.", hint="Check its pods for the last termination."
        )
    for pattern, text, hint in _LOG_ERRORS:
        if found := pattern.search(message):
            return errors.Refused(text.format(**found.groupdict()), hint=hint)
    return errors.Refused(f"The API server rejected the request ({status}: {errors.shorten(message, 200)}).")


def from_network(error: Exception, server: str) -> errors.Unavailable:
    """Return the error for a failed connection to *server*, named by its address without a path or a login."""
    url = urllib.parse.urlsplit(server)
    address = f"{url.hostname}:{url.port}" if url.port else url.hostname or "unknown address"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return errors.Unavailable(
            f"The API server's name does not resolve: {address}.", hint="Check the server of the kubeconfig's context."
        )
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)):
        return errors.Unavailable(
            f"The API server's certificate is not trusted: {address}.",
            hint="Check certificate-authority in the kubeconfig.",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return errors.Unavailable(
            f"The API server is unreachable: {address}.", hint="Check the cluster, the network policy and the VPN."
        )
    if isinstance(error, TimeoutError):
        return errors.Unavailable(f"The API server did not respond in time: {address}.", hint=_RETRY)
    return errors.Unavailable(
        f"The connection to the API server {address} was lost ({type(error).__name__}).", hint=_RETRY
    )


def not_kubernetes(server: str, reason: str) -> errors.Unavailable:
    """Return the error for a server that speaks HTTP but is no API server."""
    return errors.Unavailable(
        f"{server} is not a Kubernetes API server: {reason}.", hint="Check the server of the kubeconfig's context."
    )


def from_configuration(error: Exception, context: str | None) -> errors.Refused:
    """Return the error for an unusable kubeconfig, without quoting its content."""
    name = f"context “{context}”" if context else "the current context"
    # The loader says a missing file as a missing key, and quotes the file (kubernetes/aio/config/kube_config.py).
    if "Expected key contexts" in str(error):
        problem = "there is no kubeconfig, or it has no contexts"
    elif "Expected object with name" in str(error) and str(error).endswith("contexts list"):
        problem = f"{name} does not exist in the kubeconfig"
    else:
        problem = f"{name} cannot be read from the kubeconfig"
    return errors.Refused(
        f"Kubernetes is not configured: {problem}.",
        hint="Check KUBECONFIG, and kube_context in environments.yaml; omit that inside the cluster.",
    )


def from_exec_plugin() -> errors.Refused:
    """Return the error for a credential plugin that hangs."""
    return errors.Refused(
        "Kubernetes is not configured: the kubeconfig's credential plugin (exec) timed out.",
        hint="Run it by hand; it may be waiting for a login.",
    )


def _status_message(body: str) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return body.strip()
    return str(document.get("message", "")) if isinstance(document, dict) else body.strip()


def _forbidden(message: str) -> errors.Refused:
    if _ANONYMOUS in message:
        return errors.Refused(
            "Unauthorized: posbot sent neither a token nor a certificate (system:anonymous).",
            hint="Check the user of the kubeconfig's context and its credential plugin (exec).",
        )
    match = _FORBIDDEN.search(message)
    if match is None:
        return errors.Refused(
            "Forbidden: the API server denied the request (403).", hint="Compare the Role in deploy/."
        )
    namespace = f" in namespace {match['namespace']}" if match["namespace"] else ""
    rule = f'apiGroups: ["{match["group"]}"], resources: ["{match["resource"]}"], verbs: ["{match["verb"]}"]'
    return errors.Refused(
        f"Forbidden: posbot cannot {match['verb']} {match['resource']}{namespace}.",
        hint=f"Add this rule to posbot's Role: {{{rule}}}",
    )


def _not_found(message: str) -> errors.Refused:
    match = _NOT_FOUND.match(message)
    if match is None:
        # A proxy, or an API that is not served: nothing is known about the object.
        return errors.Refused(
            "The API server has no such API (404).", hint="Check the server of the kubeconfig's context and its path."
        )
    kind = match["kind"].partition(".")[0].removesuffix("s")
    return errors.MissingResource(f"There is no {kind} “{match['name']}” in the cluster.")


def _server_error(status: int, message: str) -> errors.Unavailable:
    if "dial tcp" in message or "connection refused" in message or "i/o timeout" in message:
        return errors.Unavailable(
            "The node does not respond, so its containers cannot be read.", hint="Check the node; it may be NotReady."
        )
    return errors.Unavailable(f"The API server failed ({status}).", hint=_RETRY)


def _retry_after_seconds(response: aiohttp.ClientResponse) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() and len(value) <= _MAX_PAUSE_DIGITS else 1.0
