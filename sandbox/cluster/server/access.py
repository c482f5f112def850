"""Authentication and authorization of a request."""

from aiohttp import web

from sandbox.cluster.server import targets
from sandbox.cluster.state import accounts
from sandbox.cluster.state import errors as cluster_errors

_SCHEME = "bearer "

PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version")
"""Readable without a token."""
KNOWN_PREFIXES = ("/api", "/openapi")
"""Readable by every account."""


def account_of(request: web.BaseRequest, known: accounts.Accounts) -> accounts.Account:
    """
    Return the account that sends a request; without a token it is the anonymous one.

    Raises:
        cluster_errors.Refusal: the token is not accepted.
    """
    header = request.headers.get("Authorization", "")
    if not header.lower().startswith(_SCHEME):
        return accounts.ANONYMOUS
    account = known.of(header[len(_SCHEME) :].strip())
    if account is None:
        raise cluster_errors.unauthorized()
    return account


def check(account: accounts.Account, target: targets.Target) -> None:
    """
    Require that an account may act on a target.

    Raises:
        cluster_errors.Refusal: it may not.
    """
    kind = target.kind
    if not account.is_allowed(target.verb, kind.group, target.resource, target.namespace):
        raise cluster_errors.forbidden(
            kind,
            user=account.user,
            verb=target.verb,
            resource=target.resource,
            namespace=target.namespace,
            name=target.name,
        )


def check_path(account: accounts.Account, verb: str, path: str) -> None:
    """
    Require that an account may read a path that is no resource.

    Raises:
        cluster_errors.Refusal: it may not.
    """
    is_known = account is not accounts.ANONYMOUS and path.startswith(KNOWN_PREFIXES)
    if path not in PUBLIC_PATHS and not is_known and not account.is_allowed("*", "*", "*", ""):
        raise cluster_errors.forbidden_path(account.user, verb, path)
