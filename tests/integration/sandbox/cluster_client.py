"""Requests to the sandboxed API server."""

import httpx

from sandbox import cluster

PODS = "/api/v1/namespaces/positivity/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/positivity/deployments"
SECRETS = "/api/v1/namespaces/positivity/secrets"


async def fetch(
    kube: cluster.Cluster, path: str, token: str | None = cluster.BOT_TOKEN, **query: str
) -> httpx.Response:
    """Send a GET request, anonymous if *token* is None."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=kube.url, headers=headers, trust_env=False) as client:
        return await client.get(path, params=query)
