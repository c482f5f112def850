"""The state of a sandboxed service: what is wrong with its health, its behavior and its listener."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from sandbox.services import health_documents


class Behavior(enum.StrEnum):
    """How a service answers a request that has reached it."""

    PROMPT = "prompt"
    SLOW = "slow"
    HANGING = "hanging"
    TRICKLING = "trickling"
    DROPPING = "dropping"
    BREAKING_OFF = "breaking off"
    GARBLED = "garbled"
    WRONG_PATH = "wrong path"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    LOGIN_PAGE = "login page"
    HTML = "html"
    NOT_JSON = "not json"
    OTHER_JSON = "other json"
    EMPTY = "empty"
    HUGE = "huge"


class Listener(enum.StrEnum):
    """What a client connects to: a port, closed or open, and its certificate."""

    PLAIN = "plain"
    CLOSED = "closed"
    TLS = "tls"
    TLS_EXPIRED = "tls, expired certificate"
    TLS_WRONG_HOST = "tls, certificate of another host"
    TLS_UNTRUSTED = "tls, unknown authority"


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """Everything about a service that can be switched; the default is healthy."""

    components: health_documents.Components = dataclasses.field(default_factory=dict)
    """Components that are not as in a healthy service."""
    behavior: Behavior = Behavior.PROMPT
    listener: Listener = Listener.PLAIN
    seconds: float = 0.0
    """SLOW: the wait before the answer. TRICKLING: the wait before each piece of the body."""
    document: Mapping[str, Any] | list[Any] = dataclasses.field(default_factory=lambda: {"hello": "world"})
    """OTHER_JSON: what is answered instead of a health document."""
    megabytes: int = 20
    """HUGE: the size of the body."""

    @property
    def is_listening(self) -> bool:
        """Return whether connections are accepted."""
        return self.listener is not Listener.CLOSED

    @property
    def scheme(self) -> str:
        """Return the scheme of the service's address."""
        return "http" if self.listener in (Listener.PLAIN, Listener.CLOSED) else "https"
