"""Who asks, and may they: the first two things that any request meets."""

import json

from aiohttp import web

from sandbox.cluster.server import discovery, targets
from sandbox.cluster.state import accounts, kinds
from sandbox.cluster.state import errors as cluster_errors

_SCHEME = "bearer "
REVIEWS_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def account_of(request: web.BaseRequest, known: accounts.Accounts) -> accounts.Account:
    """
    Give the account that sends a request; a request without a token is a stranger's.

    Raises:
        refusals.Refusal: the token is not accepted.
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
    Look whether an account may do what it asks for.

    Raises:
        refusals.Refusal: it may not.
    """
    kind = target.kind
    if not account.may(target.verb, kind.group, target.resource, target.namespace):
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
    Look whether an account may read a path that is no resource: strangers see little, accounts what is served.

    Raises:
        refusals.Refusal: it may not.
    """
    is_known = account is not accounts.ANONYMOUS and path.startswith(discovery.KNOWN_PREFIXES)
    if path not in discovery.PUBLIC_PATHS and not is_known and not account.may("*", "*", "*", ""):
        raise cluster_errors.forbidden_path(account.user, verb, path)


def review(account: accounts.Account, body: bytes) -> kinds.Json:
    """
    Answer a SelfSubjectAccessReview: may I?

    Raises:
        refusals.Refusal: it is not JSON; a real server knows protobuf and YAML too.
    """
    try:
        asked = json.loads(body)
    except ValueError:
        raise cluster_errors.unsupported_media_type() from None
    spec = asked.get("spec") or {}
    wanted = {"verb": "", "group": "", "resource": "", "namespace": "", "subresource": ""}
    wanted |= spec.get("resourceAttributes") or {}
    resource = f"{wanted['resource']}/{wanted['subresource']}" if wanted["subresource"] else wanted["resource"]
    is_allowed = account.may(wanted["verb"], wanted["group"], resource, wanted["namespace"])
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": spec,
        "status": {"allowed": is_allowed},
    }
