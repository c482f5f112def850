"""What the bot is handed for a short while: trigger ids and response urls."""

import dataclasses
import secrets

from sandbox.slack.state import clocks, settings
from sandbox.slack.state import errors as slack_errors


@dataclasses.dataclass(slots=True, kw_only=True)
class _Trigger:
    user_id: str
    expires_at_seconds: float
    is_used: bool = False


@dataclasses.dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """The right to answer one command or click without being in its channel."""

    key: str
    channel_id: str
    user_id: str
    expires_at_seconds: float
    message_ts: str | None = None
    """The message that was clicked, which can be replaced or deleted."""
    thread_ts: str | None = None
    uses: int = 0


class IssuedTokens:
    """Gives out trigger ids and response urls, and takes each back when it is used up or too old."""

    def __init__(self, clock: clocks.Clock, patience: settings.Timings) -> None:
        self._clock = clock
        self._patience = patience
        self._triggers: dict[str, _Trigger] = {}
        self._urls: dict[str, ResponseUrl] = {}

    def new_trigger(self, user_id: str) -> str:
        """Return *user_id*'s next trigger_id."""
        trigger_id = f"{len(self._triggers) + 1}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        expires = self._clock.seconds() + self._patience.trigger_seconds
        self._triggers[trigger_id] = _Trigger(user_id=user_id, expires_at_seconds=expires)
        return trigger_id

    def exchange_trigger(self, trigger_id: str) -> str:
        """
        Use up *trigger_id* and name the person it belongs to.

        Raises Refusal when it is unknown, used or too old.
        """
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise slack_errors.Refusal("invalid_trigger_id")
        if trigger.is_used:
            raise slack_errors.Refusal("exchanged_trigger_id")
        if self._clock.seconds() > trigger.expires_at_seconds:
            raise slack_errors.Refusal("expired_trigger_id")
        trigger.is_used = True
        return trigger.user_id

    def new_response_url(
        self, channel_id: str, user_id: str, *, message_ts: str | None = None, thread_ts: str | None = None
    ) -> str:
        """Return the key of a new response url."""
        key = secrets.token_urlsafe(18)
        expires = self._clock.seconds() + self._patience.response_url_seconds
        self._urls[key] = ResponseUrl(
            key=key,
            channel_id=channel_id,
            user_id=user_id,
            expires_at_seconds=expires,
            message_ts=message_ts,
            thread_ts=thread_ts,
        )
        return key

    def use_response_url(self, key: str) -> ResponseUrl:
        """
        Count one more use of the response url *key*.

        Raises Refusal when it is unknown, used up or too old.
        """
        url = self.check_response_url(key)
        url.uses += 1
        return url

    def check_response_url(self, key: str) -> ResponseUrl:
        """
        Return the response url *key* without using it.

        Raises Refusal when it is unknown, used up or too old.
        """
        url = self._urls.get(key)
        if url is None:
            raise slack_errors.Refusal("no_such_url", status=404)
        if self._clock.seconds() > url.expires_at_seconds:
            raise slack_errors.Refusal("expired_url", status=404)
        if url.uses >= self._patience.response_url_uses:
            raise slack_errors.Refusal("used_url", status=404)
        return url

    def expire_response_urls(self) -> None:
        """Let every response url given out so far be too old."""
        for url in self._urls.values():
            url.expires_at_seconds = float("-inf")
