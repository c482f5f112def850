"""
Errors of Slack, and the one table that says what its error codes mean.

    errors.Unavailable     Slack did not answer, so nobody knows whether it accepted the call
    └── NotAccepted        Slack surely did not accept it; a retry does not do it twice
        ├── RateLimited      it answered so
        └── NotConnected     no connection was made
    errors.Refused
    └── SlackRefused       Slack answered no; `kind` says what to do about it

Callers decide by `SlackRefused.kind` and never by a code:

    except errors.SlackRefused as error:
        if error.is_gone: post the message again, or mark it as done
"""

import dataclasses
import enum
from collections.abc import Mapping

from bot import errors

MALFORMED = "unreadable"
"""In place of Slack's code for a response that is none of Slack's."""
_MAX_CODE_LENGTH = 60


class Kind(enum.Enum):
    """What a refusal means for the caller."""

    # The message, or its channel, accepts nothing any more. Another channel may.
    GONE = enum.auto()
    # There is no such thread in the channel. The channel itself may accept the message.
    NO_THREAD = enum.auto()
    # The workspace does not know a block. Older blocks may be accepted.
    BLOCKS_REFUSED = enum.auto()
    # The token or a scope. No other channel helps: until it is repaired, Slack is as good as unavailable.
    APP_AT_FAULT = enum.auto()
    # Too many calls. `RateLimited` is raised for it.
    RATE_LIMITED = enum.auto()
    # Slack's own failure, after which nobody knows what was done. `Unavailable` is raised for it.
    INTERNAL = enum.auto()
    # Anything else; repeated, it would be refused again.
    OTHER = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an error code of Slack means."""

    kind: Kind
    reason: str | None = None
    """As the end of a sentence."""
    hint: str | None = None
    """What to do about it."""


_INVITE = "Invite posbot to the channel."
_BOT_TOKEN, _APP_TOKEN = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"
_SOURCES: Mapping[str, str] = {
    _BOT_TOKEN: "the bot token (xoxb-…) from “OAuth & Permissions” of the app",
    _APP_TOKEN: "an app-level token (xapp-…) from “Basic Information” of the app",
}
_TOKEN_ERRORS: Mapping[str, str] = {
    "invalid_auth": "Slack does not know the token, or does not accept it from this address.",
    "not_authed": "Slack received no token.",
    "token_revoked": "The token was revoked, or the app was removed from the workspace: install the app again.",
    "token_expired": "The token has expired.",
    "account_inactive": "The token’s workspace or bot was deleted or deactivated: install the app again.",
    "org_login_required": "Slack is moving the workspace to an organization; wait until that is done.",
    "ekm_access_denied": "The workspace’s administrators have suspended its encryption keys; ask them.",
}
"""Error codes of a token, whatever is called (docs.slack.dev, errors of auth.test) → what is known of it."""
_LASTING_TOKEN_ERRORS = _TOKEN_ERRORS.keys() - {"org_login_required", "ekm_access_denied"}
"""Those that another token mends."""
_CODES: Mapping[str, Meaning] = {
    "message_not_found": Meaning(kind=Kind.GONE, reason="because its message was deleted"),
    "channel_not_found": Meaning(kind=Kind.GONE, reason="because posbot was removed from the channel", hint=_INVITE),
    "not_in_channel": Meaning(kind=Kind.GONE, reason="because posbot was removed from the channel", hint=_INVITE),
    "is_archived": Meaning(kind=Kind.GONE, reason="because the channel was archived", hint="The channel is archived."),
    "is_inactive": Meaning(kind=Kind.GONE, reason="because the channel was archived"),
    "thread_not_found": Meaning(kind=Kind.NO_THREAD, reason="because its thread was deleted"),
    "cannot_reply_to_message": Meaning(kind=Kind.NO_THREAD, reason="because its thread accepts no replies"),
    "invalid_blocks": Meaning(kind=Kind.BLOCKS_REFUSED),
    "invalid_blocks_format": Meaning(kind=Kind.BLOCKS_REFUSED),
    "invalid_attachments": Meaning(kind=Kind.BLOCKS_REFUSED),
    "missing_scope": Meaning(
        kind=Kind.APP_AT_FAULT,
        hint="The app lacks a scope; apply the output of `posbot manifest` and install the app again.",
    ),
    "internal_error": Meaning(kind=Kind.INTERNAL),
    "fatal_error": Meaning(kind=Kind.INTERNAL),
    "service_unavailable": Meaning(kind=Kind.INTERNAL),
    "request_timeout": Meaning(kind=Kind.INTERNAL),
    "ratelimited": Meaning(kind=Kind.RATE_LIMITED),
    "rate_limited": Meaning(kind=Kind.RATE_LIMITED),
}
_UNKNOWN = Meaning(kind=Kind.OTHER)
_APP_TOKEN_HINTS: Mapping[str, str] = {
    "not_allowed_token_type": "SLACK_APP_TOKEN is not an app-level token; set the one that begins with xapp-.",
    "missing_scope": "SLACK_APP_TOKEN lacks the scope connections:write; generate an app-level token that has it.",
    "forbidden_team": "Socket Mode is turned off for the app; turn it on in the app's settings, or use signed HTTP.",
}
"""Error codes of apps.connections.open (docs.slack.dev) with a remedy of their own."""


class NotAccepted(errors.Unavailable):
    """Slack surely did not accept the call."""


class NotConnected(NotAccepted):
    """No connection to Slack was made, so that it accepted nothing."""


class RateLimited(NotAccepted):
    """Slack answered and did not accept the call; sent another way, it is not done twice."""

    def __init__(self, message: str, *, pause_seconds: float | None = None) -> None:
        super().__init__(message)
        self.pause_seconds = pause_seconds
        """How long Slack asks to wait, where it does."""


class SlackRefused(errors.Refused):
    """Slack answered no; *code* is Slack's error code."""

    def __init__(self, method: str, code: str) -> None:
        meaning = meaning_of(code)
        what = f"Slack rejected {_BOT_TOKEN}" if code in _TOKEN_ERRORS else f"Slack refused {method}"
        super().__init__(f"{what} ({code}).", hint=meaning.hint)
        self.code = code
        self.kind = meaning.kind
        self.reason = meaning.reason or f"because Slack refused it ({code})"
        """Why something that was in Slack ended, as the end of a sentence."""

    @property
    def is_gone(self) -> bool:
        """Whether the message cannot be edited any more, because it, its thread or its channel is gone."""
        return self.kind in {Kind.GONE, Kind.NO_THREAD}


def meaning_of(code: str) -> Meaning:
    """Return what Slack's error *code* means."""
    if code in _TOKEN_ERRORS:
        return Meaning(kind=Kind.APP_AT_FAULT, hint=_token_hint(code, _BOT_TOKEN))
    return _CODES.get(code, _UNKNOWN)


def app_token_refused(code: str) -> errors.Refused:
    """Return the error for an app-level token that was refused with *code*."""
    hint = _APP_TOKEN_HINTS.get(code) or _token_hint(code, _APP_TOKEN)
    return errors.Refused(f"Slack rejected {_APP_TOKEN} ({code}).", hint=hint)


def _token_hint(code: str, name: str) -> str:
    """Return what *code* says of the token in the variable *name*, and what to do about it."""
    is_other = code not in _TOKEN_ERRORS
    remedy = f"Set {name} to {_SOURCES[name]}." if is_other or code in _LASTING_TOKEN_ERRORS else ""
    return " ".join(filter(None, (_TOKEN_ERRORS.get(code, ""), remedy)))


def is_code(code: object) -> bool:
    """Return whether *code* looks like an error code of Slack, and not like the answer of a proxy."""
    return isinstance(code, str) and code.replace("_", "").isalnum() and len(code) < _MAX_CODE_LENGTH
