"""
Requests that tests send to a sandboxed service.
"""

import httpx

from sandbox.services.service import Service
from tests import plain_http

HEALTH = "/actuator/health"
READINESS = "/actuator/health/readiness"
LIVENESS = "/actuator/health/liveness"


async def fetch(service: Service, path: str = HEALTH, **headers: str) -> httpx.Response:
    async with plain_http.client(timeout=5) as client:
        return await client.get(service.url + path, headers=headers)


async def fetch_all(service: Service) -> list[httpx.Response]:
    """Return the answers of the root, of readiness and of liveness."""
    return [await fetch(service, path) for path in (HEALTH, READINESS, LIVENESS)]
