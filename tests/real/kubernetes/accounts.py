"""
Service accounts, and what they prove themselves with.
"""

import asyncio
import base64
import json
import pathlib
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.real.kubernetes import control_plane, kubeconfigs, manifests

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_RULES_SECONDS = 10.0
_POLL_SECONDS = 0.05
_COORDINATE_BYTES = 32


async def sign_up(
    cluster: control_plane.ControlPlane,
    namespace: str,
    account: str,
    *,
    rules: Sequence[Mapping[str, Sequence[str]]] = (),
) -> str:
    """
    Make a service account that may do what the rules of a role say, and give a token of it once it may.
    """
    await cluster.apply(
        manifests.account(account, namespace=namespace),
        manifests.role(account, namespace=namespace, rules=rules),
        manifests.role_binding(account, namespace=namespace, account_name=account),
    )
    token = await make_token(cluster, namespace, account)
    await wait_for_rights(cluster, token, namespace, rules)
    return token


async def wait_for_rights(
    cluster: control_plane.ControlPlane, token: str, namespace: str, rules: Sequence[Mapping[str, Sequence[str]]]
) -> None:
    """
    Return once whoever has the token may do what the rules say.
    """
    async with asyncio.timeout(_RULES_SECONDS), cluster.client(token) as client:
        while True:
            if await _may_all(client, namespace, rules):
                return
            await asyncio.sleep(_POLL_SECONDS)


async def make_token(
    cluster: control_plane.ControlPlane,
    namespace: str,
    account: str,
    *,
    seconds: int = 3600,
    lives_with: Mapping[str, Any] | None = None,
) -> str:
    """
    Have the API server make a token of a service account, by its TokenRequest API; 600 seconds are the least.

    With `lives_with`, a Secret of the same namespace as it stands in the cluster, the token ends when that is deleted.
    """
    spec: dict[str, Any] = {"expirationSeconds": seconds}
    if lives_with is not None:
        metadata = lives_with["metadata"]
        kind = {"apiVersion": lives_with["apiVersion"], "kind": lives_with["kind"]}
        spec["boundObjectRef"] = {**kind, "name": metadata["name"], "uid": metadata["uid"]}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    async with cluster.client() as client:
        response = await client.post(path, json=request)
    response.raise_for_status()
    return str(response.json()["status"]["token"])


def expired(cluster: control_plane.ControlPlane, token: str) -> str:
    """
    Return the same token, validly signed, but expired an hour ago.
    """
    header, claims, _ = [_decode(part) for part in token.split(".")]
    over = int(time.time()) - 3600
    told = json.loads(claims) | {"iat": over - 600, "nbf": over - 600, "exp": over}
    signed = f"{_encode(header)}.{_encode(json.dumps(told).encode())}"
    return f"{signed}.{_encode(_sign(cluster.api_server.accounts_key, signed.encode()))}"


def write_kubeconfig(cluster: control_plane.ControlPlane, token: str, *, namespace: str) -> pathlib.Path:
    """
    Write what kubectl needs to be the token's service account.
    """
    path = cluster.folder / f"{namespace}-{secrets.token_hex(4)}.kubeconfig"
    return kubeconfigs.write_for_token(
        path, server=cluster.url, authority=cluster.authority.path, token=token, namespace=namespace
    )


async def _may_all(client: httpx.AsyncClient, namespace: str, rules: Sequence[Mapping[str, Sequence[str]]]) -> bool:
    """
    Return whether the API server applies the rules yet: it does so shortly after it has stored them.
    """
    rights = [
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    for group, named, verb in rights:
        resource, _, subresource = named.partition("/")
        wanted = {"namespace": namespace, "verb": verb, "group": group}
        attributes = wanted | {"resource": resource, "subresource": subresource}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        response = await client.post(_REVIEWS, json=review | {"spec": {"resourceAttributes": attributes}})
        response.raise_for_status()
        if not response.json()["status"]["allowed"]:
            return False
    return True


def _sign(key_file: pathlib.Path, text: bytes) -> bytes:
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("tokens are signed with an elliptic curve here")
    pair = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return b"".join(number.to_bytes(_COORDINATE_BYTES, "big") for number in pair)


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
