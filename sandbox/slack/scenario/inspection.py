"""Inspection: everything that has happened in the workspace so far."""

import collections.abc

from sandbox.slack.server import sockets
from sandbox.slack.state import change_feed, channels, messages, records, workspace_state


class Inspection:
    """Read access to everything in a workspace."""

    def __init__(self, state: workspace_state.State, held_sockets: sockets.Sockets) -> None:
        self._state = state
        self._sockets = held_sockets

    def latest(self, message: messages.Message) -> messages.Message:
        """Return *message* as it stands now."""
        return self._state.messages[message.channel_id, message.ts]

    def latest_channel(self, channel: channels.Channel) -> channels.Channel:
        """Return *channel* as it stands now."""
        return self._state.channels[channel.id]

    def find_channel(self, name: str) -> channels.Channel | None:
        """Return the channel called *name*."""
        named = (channel for channel in self._state.channels.values() if channel.name == name)
        return next(named, None)

    def messages_in(self, channel: channels.Channel) -> tuple[messages.Message, ...]:
        """List all messages of a channel in order: deleted ones and everybody's ephemeral ones too."""
        return tuple(message for message in self._state.messages.values() if message.channel_id == channel.id)

    @property
    def files(self) -> tuple[messages.File, ...]:
        """List the files that were shared."""
        return tuple(file for file in self._state.files.values() if file.is_complete)

    @property
    def file_names(self) -> dict[str, str]:
        """Return what the shared files are called, by id."""
        return {file.id: file.name for file in self.files}

    def calls(self, method: str | None = None) -> tuple[records.ApiCall, ...]:
        """List the calls of the Web API in order, of one *method* or of all."""
        return tuple(call for call in self._state.calls if method in (None, call.method))

    @property
    def deliveries(self) -> tuple[records.Delivery, ...]:
        """List everything that was to be brought to the bot, in order."""
        return tuple(self._state.deliveries)

    @property
    def response_uses(self) -> tuple[records.ResponseUse, ...]:
        """List the requests to response urls in order."""
        return tuple(self._state.response_uses)

    @property
    def handshakes(self) -> tuple[records.Handshake, ...]:
        """List the attempts to open a socket in order."""
        return tuple(self._state.handshakes)

    @property
    def open_sockets(self) -> tuple[sockets.Socket, ...]:
        """List the sockets that are connected."""
        return self._sockets.open

    async def wait_for(
        self,
        find: collections.abc.Callable[[], change_feed.Found | None],
        *,
        timeout_seconds: float = 5.0,
    ) -> change_feed.Found:
        """Return what *find* gives as soon as it is neither None nor false; it is asked after every change."""
        return await self._state.changes.wait_for(
            find,
            timeout_seconds=timeout_seconds,
            describe=lambda: f"Deliveries: {self._state.deliveries}",
        )

    async def wait_for_sockets(self, count: int = 1, *, timeout_seconds: float = 5.0) -> None:
        """Wait until at least *count* sockets are open."""
        await self.wait_for(lambda: len(self.open_sockets) >= count or None, timeout_seconds=timeout_seconds)
