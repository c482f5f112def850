"""A client for servers on this machine that speak HTTP without TLS."""

import functools
import ssl
from typing import Any

import httpx


def client(**options: Any) -> httpx.AsyncClient:
    """Return a client that knows no authority: reading the machine's takes longer than most tests."""
    return httpx.AsyncClient(verify=_no_authority(), trust_env=False, **options)


@functools.cache
def _no_authority() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
