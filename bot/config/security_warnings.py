"""
What the settings and the data leave unprotected: secrets that would go over a network in clear text or to anybody.

None of it is an error: only an operator knows what protects the network. posbot logs it at start, and `check` shows it.
"""

import ipaddress
import urllib.parse
from collections.abc import Iterator

from bot.config import environments as config_environments
from bot.config import settings as config_settings

_VERIFYING = frozenset({"verify-ca", "verify-full"})
_DEFAULT_MODE = "prefer"
"""libpq's (postgresql.org/docs/current/libpq-ssl.html), which takes any certificate, and none at all."""


def find(settings: config_settings.Settings, environments: config_environments.Environments) -> tuple[str, ...]:
    """Return one sentence for each secret that is not protected in transit."""
    return (
        *_database(settings),
        *_slack(settings.slack_api_url),
        *_tokens(settings, environments),
    )


def is_loopback(host: str | None) -> bool:
    """Return whether *host* is this machine, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def may_carry_token(url: str, *, over_http: bool) -> bool:
    """Return whether a token may be sent to *url*: over https, to this machine, or where *over_http* allows it."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme == "https" or over_http or is_loopback(parts.hostname)


def _database(settings: config_settings.Settings) -> Iterator[str]:
    """
    Yield that the connection to PostgreSQL on another host does not verify its certificate.

    libpq verifies it with sslmode verify-ca or verify-full, and with `require` where a root certificate is given.
    """
    try:
        parts = urllib.parse.urlsplit(settings.store_url)
        options = urllib.parse.parse_qs(parts.query)
    except ValueError:
        # No URL at all, which the store will say.
        return
    if not parts.scheme.startswith("postgres"):
        return
    given = (*options.get("host", ()), *options.get("hostaddr", ()))
    named = [host for value in (parts.netloc.rpartition("@")[2], *given) for host in value.split(",")]
    hosts = [host for host in map(_without_port, named) if host] or [settings.pghost or ""]
    others = [host for host in hosts if host and not host.startswith(("/", "@")) and not is_loopback(host)]
    mode = options.get("sslmode", [settings.pgsslmode or _DEFAULT_MODE])[-1]
    root = options.get("sslrootcert", [settings.pgsslrootcert or ""])[-1]
    is_verified = mode in _VERIFYING or root == "system" or (mode == "require" and root)
    if others and not is_verified:
        yield (
            f"DATABASE_URL: the connection to {others[0]} does not verify the server (sslmode={mode}), so the password"
            " and every response can be read on the way. Set sslmode=verify-full, with sslrootcert for a private CA."
        )


def _slack(url: str) -> Iterator[str]:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        yield f"POSBOT_SLACK_API_URL: the tokens are sent to {parts.hostname or url} in clear text. Use https."


def _tokens(settings: config_settings.Settings, environments: config_environments.Environments) -> Iterator[str]:
    for name in settings.tokens:
        environment = environments.environments.get(name)
        if environment is None:
            continue
        url = environment.gateway_url or environment.health_url
        if not may_carry_token(url, over_http=environment.token_over_http):
            yield (
                f"POSBOT_SERVICE_TOKENS: the token of {name} is not sent, because its services are requested over http."
                f" Use https in environments.yaml, or set {name}.token_over_http: true if the network is trusted."
            )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host
