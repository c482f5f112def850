"""Requests to the sandboxed API server."""

import httpx

from sandbox import cluster
from tests import plain_http

PODS = "/api/v1/namespaces/positivity/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/positivity/deployments"
SECRETS = "/api/v1/namespaces/positivity/secrets"


async def fetch(
    kube: cluster.Cluster, path: str, token: str | None = cluster.BOT_TOKEN, **query: str
) -> httpx.Response:
    """Send a GET request, anonymous if *token* is None."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with plain_http.client(base_url=kube.url, headers=headers) as client:
        return await client.get(path, params=query)
