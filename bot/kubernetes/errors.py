"""
Kubernetes' refusals in the words of the person on call.

The API server answers with a `Status` document whose message was written for administrators: it names service
accounts and node addresses, which stay here. Its wording is no contract, so every pattern has a general text behind
it.
"""

import json
import re

import aiohttp
import tenacity

from bot import errors

_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[\w./-]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_NOT_FOUND = re.compile(r'^(?P<kind>[\w.]+) "(?P<name>[^"]+)" not found')
_ANONYMOUS = 'User "system:anonymous"'
_LONGEST_WAIT_SECONDS = 5.0
_ENDED = re.compile(r"^container .* is (?:not available|terminated)")
# What the kubelet and the API server say of logs that cannot be read (pkg/kubelet, registry/core/pod).
_LOG_REFUSALS = tuple(
    (re.compile(pattern), words, hint)
    for pattern, words, hint in (
        (
            r"is waiting to start: (?P<why>.+)",
            "It has not started yet: {why}.",
            "See its pods and events for what keeps it.",
        ),
        (r"previous terminated container .* not found", "It was not started again, so there is no earlier log.", None),
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


class Throttled(errors.Unavailable):
    """The API server asks to be asked later (429, or 503 with Retry-After)."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message, hint="The API server protects itself; try again in a moment.")
        self.seconds = seconds


def retry_after(state: tenacity.RetryCallState) -> float:
    """Give the pause that the API server asked for, within reason."""
    error = state.outcome.exception() if state.outcome else None
    return min(error.seconds, _LONGEST_WAIT_SECONDS) if isinstance(error, Throttled) else 1.0


async def from_response(response: aiohttp.ClientResponse) -> errors.BotError:
    """Give the error that an answer of 400 or above means, and close it."""
    try:
        body = (await response.content.read(64_000)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError):
        # The status alone says most of it.
        body = ""
    finally:
        response.close()
    message = _message(body)
    status = response.status
    if status == 401:
        return errors.Refused(
            "The cluster does not accept the bot's account (401).",
            hint="Its token has expired or was revoked: renew the kubeconfig, or restart the pod.",
        )
    if status == 403:
        return _forbidden(message)
    if status == 404:
        return _missing(message)
    if status == 410:
        return errors.Outdated("The cluster has forgotten that version; the list must be read again.")
    if status == 429 or (status == 503 and "Retry-After" in response.headers):
        return Throttled("The API server is overloaded.", _seconds(response.headers.get("Retry-After")))
    if status >= 500:
        return _server_error(message)
    if _ENDED.search(message):
        return errors.MissingResource("It ended and its log went with it.", hint="See its pods for why it ended.")
    for pattern, words, hint in _LOG_REFUSALS:
        if found := pattern.search(message):
            return errors.Refused(words.format(**found.groupdict()), hint=hint)
    return errors.Refused(f"The cluster refused the request ({status}: {errors.shorten(message, 200)}).")


def from_network(error: Exception) -> errors.Unavailable:
    """Give the error that a failed connection means; no address is named."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return errors.Unavailable("The API server's name does not resolve.", hint="Check the context in kubeconfig.")
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)):
        return errors.Unavailable(
            "The API server's certificate is not trusted.", hint="Check certificate-authority in kubeconfig."
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return errors.Unavailable(
            "The API server cannot be reached.", hint="Check the cluster, the network policy and the VPN."
        )
    if isinstance(error, TimeoutError):
        return errors.Unavailable("The API server did not answer in time.", hint="Try again in a moment.")
    return errors.Unavailable(
        f"The connection to the API server broke ({type(error).__name__}).", hint="Try again in a moment."
    )


def from_configuration(error: Exception, context: str | None) -> errors.Refused:
    """Give the error that an unusable kubeconfig means; its content is not repeated."""
    wanted = f"the context “{context}”" if context else "the current context"
    return errors.Refused(
        f"The cluster is not configured: {wanted} cannot be read from kubeconfig ({type(error).__name__}).",
        hint="Check KUBECONFIG, and kube_context in environments.yaml; leave that out inside the cluster.",
    )


def from_plugin() -> errors.Refused:
    """Give the error that a program for tokens means which does not come to an end."""
    return errors.Refused(
        "The cluster is not configured: the program that gets the bot's token (exec in kubeconfig) does not end.",
        hint="Run it by hand; it may be waiting for somebody to log in.",
    )


def _message(body: str) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return body.strip()
    return str(document.get("message", "")) if isinstance(document, dict) else body.strip()


def _forbidden(message: str) -> errors.Refused:
    if _ANONYMOUS in message:
        return errors.Refused(
            "The cluster does not know who the bot is: no token or certificate was sent.",
            hint="Check the user of the context in kubeconfig, and whether its program for tokens (exec) works.",
        )
    match = _FORBIDDEN.search(message)
    if match is None:
        return errors.Refused("The cluster forbids that to the bot (403).", hint="Compare its Role with deploy/.")
    place = f" in namespace {match['namespace']}" if match["namespace"] else ""
    rule = f'apiGroups: ["{match["group"]}"], resources: ["{match["resource"]}"], verbs: ["{match["verb"]}"]'
    return errors.Refused(
        f"The bot may not {match['verb']} {match['resource']}{place}.", hint=f"Add to its Role: {{{rule}}}"
    )


def _missing(message: str) -> errors.Refused:
    match = _NOT_FOUND.match(message)
    if match is None:
        # A proxy answers so, or an API that is not there: nothing is known of what was asked for.
        return errors.Refused(
            "The API server does not know that address (404).", hint="Check the server in kubeconfig, with its path."
        )
    kind = match["kind"].partition(".")[0].removesuffix("s")
    return errors.MissingResource(f"There is no {kind} “{match['name']}” in the cluster.")


def _server_error(message: str) -> errors.Unavailable:
    if "dial tcp" in message or "connection refused" in message or "i/o timeout" in message:
        return errors.Unavailable(
            "The node does not answer, so what runs there cannot be read.", hint="Look at the node: it may be down."
        )
    return errors.Unavailable("The API server failed.", hint="Try again in a moment.")


def _seconds(value: str | None) -> float:
    return float(value) if value and value.isdigit() else 1.0
