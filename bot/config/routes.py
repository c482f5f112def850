"""Routes of Spring Cloud Gateway: which requests they take, and where these are sent."""

import dataclasses
import re

LOAD_BALANCED = "lb"
_MAX_PATH_SEGMENTS = 100
_MAX_HOST_LENGTH = 255
# What java.net.URI takes for a host name (RFC 2396), except that a name without a dot may begin with a digit.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,250}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.){{0,50}}(?P<last>{_LABEL})\.?")
_PATH = re.compile("[/?#]")
_ADDRESS = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[[0-9A-Fa-f:.]{2,60}\]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a route sends its requests."""

    uri: str
    scheme: str
    host: str
    """For the scheme `lb` an id of Eureka."""

    @property
    def is_load_balanced(self) -> bool:
        """Return whether Eureka says where the requests go."""
        return self.scheme == LOAD_BALANCED

    @property
    def has_valid_host(self) -> bool:
        """Return whether Java finds a host in the URI; the gateway fails on each request where it finds none."""
        match = _HOST.fullmatch(self.host[:_MAX_HOST_LENGTH])
        if match is None:
            return bool(_ADDRESS.fullmatch(self.host))
        return match.start("last") == 0 or match["last"][0].isalpha() or bool(_ADDRESS.fullmatch(self.host))

    def leads_to(self, registry_id: str, *hosts: str) -> bool:
        """Return whether requests reach the service that registers as *registry_id*, or has one of *hosts*."""
        if self.is_load_balanced:
            return self.host.upper() == registry_id.upper()
        return bool({self.host.lower(), self.host.lower().partition(".")[0]} & {*hosts})


def target_of(uri: str) -> Target:
    """Return the target that *uri* names; `lb:ws://ORDER` has the scheme `lb` too."""
    schemes, _, rest = uri.partition("://")
    authority = _PATH.split(rest, maxsplit=1)[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    is_port = bool(colon) and (not port or port.isdigit()) and not authority.endswith("]")
    return Target(uri=uri, scheme=schemes.partition(":")[0].lower(), host=host if is_port else authority)


def takes(pattern: str, path: str) -> bool:
    """
    Return whether the path *pattern* of a route matches *path*.

    Spring's patterns: `*` and `?` within a segment, `{name}` for one, `**` and `{*name}` for all that follow.
    """
    patterns = pattern.strip("/").split("/")[:_MAX_PATH_SEGMENTS]
    segments = path.strip("/").split("/")[:_MAX_PATH_SEGMENTS]
    for index, one in enumerate(patterns):
        if one == "**" or one.startswith("{*"):
            return True
        if index >= len(segments) or not _matches_segment(one, segments[index]):
            return False
    return len(patterns) == len(segments)


def _matches_segment(pattern: str, segment: str) -> bool:
    """Return whether one segment matches; a variable with an expression of its own counts as a match."""
    if pattern.startswith("{") and pattern.endswith("}"):
        return bool(segment)
    first, *others = pattern.split("*")
    if not others:
        return _equals(first, segment)
    if len(segment) < len(first) or not _equals(first, segment[: len(first)]):
        return False
    *middle, last = others
    position = len(first)
    for piece in middle:
        found = next(
            (at for at in range(position, len(segment)) if _equals(piece, segment[at : at + len(piece)])), None
        )
        if found is None:
            return False
        position = found + len(piece)
    rest = segment[position:]
    return len(rest) >= len(last) and _equals(last, rest[len(rest) - len(last) :])


def _equals(pattern: str, text: str) -> bool:
    return len(pattern) == len(text) and all(one in {"?", other} for one, other in zip(pattern, text, strict=True))
