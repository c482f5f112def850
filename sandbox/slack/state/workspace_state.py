"""
Everything the sandboxed workspace knows, and the few ways in which it changes.

Methods, deliveries and people all work on one `State`. It holds values and hands out ids and timestamps; what
is allowed is decided by those who call it.
"""

import dataclasses
import itertools
import typing

from sandbox.slack.blocks import completing, shapes
from sandbox.slack.state import change_feed, channels, clocks, messages, rate_limits, records, settings, tokens
from sandbox.slack.state import errors as slack_errors

SLACKBOT = "USLACKBOT"


class State:
    """One workspace in memory."""

    def __init__(self, setup: settings.Settings, clock: clocks.Clock) -> None:
        self.settings = setup
        self.clock = clock
        self.changes = change_feed.Changes()
        self.tokens = tokens.IssuedTokens(clock, setup.timings)
        self.rate_limits = rate_limits.RateLimits(clock, setup)
        self.base_url = ""
        """Where the server listens; set when it does."""
        self.users: dict[str, channels.User] = {}
        self.groups: dict[str, channels.UserGroup] = {}
        self.channels: dict[str, channels.Channel] = {}
        self.messages: dict[tuple[str, str], messages.Message] = {}
        self.views: dict[str, messages.View] = {}
        self.homes: dict[str, messages.View] = {}
        self.files: dict[str, messages.File] = {}
        self.upload_tickets: dict[str, str] = {}
        self.socket_tickets: set[str] = set()
        self.calls: list[records.ApiCall] = []
        self.deliveries: list[records.Delivery] = []
        self.response_uses: list[records.ResponseUse] = []
        self.handshakes: list[records.Handshake] = []
        self._numbers = itertools.count(1)
        self._last_ts = (0, 0)
        self.add_user(self.bot_user())

    def bot_user(self) -> channels.User:
        """Return the app's own account."""
        own = self.settings
        return channels.User(id=own.bot_user_id, name=own.bot_name, team_id=own.team_id, is_bot=True)

    def new_id(self, prefix: str) -> str:
        """Return an id that nothing else has."""
        return f"{prefix}{next(self._numbers):09d}"

    def new_ts(self) -> str:
        """Return a message timestamp later than all others."""
        second = int(self.clock.seconds())
        last_second, last_fraction = self._last_ts
        fraction = last_fraction + 100 if second <= last_second else 100
        self._last_ts = (max(second, last_second), fraction)
        return f"{self._last_ts[0]}.{fraction:06d}"

    def add_user(self, user: channels.User) -> None:
        """Let *user* exist."""
        self.users[user.id] = user

    def put_channel(self, channel: channels.Channel) -> channels.Channel:
        """Add *channel*, or take it as the new state of the one with its id."""
        self.channels[channel.id] = channel
        self.changes.announce()
        return channel

    def change_channel(self, channel_id: str, **changed: typing.Any) -> channels.Channel:
        """Change some fields of a channel."""
        return self.put_channel(dataclasses.replace(self.channels[channel_id], **changed))

    def direct_channel(self, *user_ids: str) -> channels.Channel:
        """Return the direct message channel of two people, which is made when it is first asked for."""
        for channel in self.channels.values():
            if channel.kind is channels.Kind.DIRECT and set(channel.member_ids) == set(user_ids):
                return channel
        return self.put_channel(
            channels.Channel(
                id=self.new_id("D"),
                name="directmessage",
                kind=channels.Kind.DIRECT,
                member_ids=user_ids,
                created_at_seconds=self.clock.seconds(),
            )
        )

    def find_channel(self, name_or_id: str) -> channels.Channel:
        """
        Return the channel that the bot means by *name_or_id*.

        Raises Refusal for one that does not exist or that the bot may not know of.
        """
        channel = self.channels.get(name_or_id) or self._channel_by_name(name_or_id.removeprefix("#"))
        if channel is None:
            raise slack_errors.Refusal("channel_not_found")
        if channel.kind is not channels.Kind.PUBLIC and not self.is_bot_in(channel):
            raise slack_errors.Refusal("channel_not_found")
        return channel

    def is_bot_in(self, channel: channels.Channel) -> bool:
        """Return whether the bot is a member of *channel*."""
        return self.settings.bot_user_id in channel.member_ids

    def _channel_by_name(self, name: str) -> channels.Channel | None:
        named = (
            channel
            for channel in self.channels.values()
            if channel.name == name and channel.kind is not channels.Kind.DIRECT
        )
        return next(named, None)

    def complete(self, blocks: typing.Iterable[shapes.Json]) -> tuple[shapes.Json, ...]:
        """Copy *blocks* with the ids that Slack fills in."""
        return completing.complete_blocks(tuple(blocks), lambda: self.new_id("g"))

    def add_message(self, channel_id: str, **fields: typing.Any) -> messages.Message:
        """Add a message at the end of a channel."""
        fields["blocks"] = self.complete(fields.get("blocks", ()))
        message = messages.Message(
            channel_id=channel_id, ts=self.new_ts(), revision=self.changes.revision + 1, **fields
        )
        self.messages[channel_id, message.ts] = message
        self.changes.announce()
        return message

    def add_bot_message(self, channel_id: str, **fields: typing.Any) -> messages.Message:
        """Add a message that the bot wrote."""
        own = self.settings
        return self.add_message(channel_id, user_id=own.bot_user_id, bot_id=own.bot_id, team_id=own.team_id, **fields)

    def add_notice(self, channel_id: str, user_id: str, text: str) -> messages.Message:
        """Show one person a line from Slack itself."""
        return self.add_message(channel_id, user_id=SLACKBOT, text=text, seen_only_by=user_id)

    def change_message(
        self, message: messages.Message, *, is_edit: bool = False, **changed: typing.Any
    ) -> messages.Message:
        """Replace some fields of *message*; an edit keeps what it said before."""
        if "blocks" in changed:
            changed["blocks"] = self.complete(changed["blocks"])
        if is_edit:
            before = messages.Edit(text=message.text, blocks=message.blocks, at_seconds=self.clock.seconds())
            changed["edits"] = (*message.edits, before)
        revision = self.changes.revision + 1
        changed_message = dataclasses.replace(message, revision=revision, **changed)
        self.messages[message.channel_id, message.ts] = changed_message
        self.changes.announce()
        return changed_message

    def find_message(self, channel_id: str, ts: str) -> messages.Message | None:
        """Return the message with *ts* that is neither deleted nor ephemeral."""
        message = self.messages.get((channel_id, ts))
        return None if message is None or message.is_deleted or message.is_ephemeral else message

    def put_view(self, view: messages.View) -> messages.View:
        """Show *view*, in place of the one with its id."""
        if view.kind == "home":
            self.homes[view.user_id] = view
        self.views[view.id] = view
        self.changes.announce()
        return view

    def change_view(self, view: messages.View, **changed: typing.Any) -> messages.View:
        """Replace some fields of *view*."""
        return self.put_view(dataclasses.replace(view, revision=self.changes.revision + 1, **changed))

    def note_call(self, call: records.ApiCall) -> None:
        """Keep *call* for tests to read."""
        self.calls.append(call)
        self.changes.announce()
