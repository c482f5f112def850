"""What one person sees, and waiting for it."""

import collections.abc

from sandbox.slack.methods import views
from sandbox.slack.state import channels, messages, records, workspace_state

Moment = messages.Message | messages.View | records.Delivery
"""Something that happened, so that only what came later is looked at."""

_TIMEOUT_SECONDS = 5.0


class Observer:
    """Sees what Slack shows to one person."""

    def __init__(self, state: workspace_state.State, user: channels.User) -> None:
        self._state = state
        self.user = user

    @property
    def id(self) -> str:
        """Return the person's user id."""
        return self.user.id

    def sees(self, channel: channels.Channel) -> tuple[messages.Message, ...]:
        """List a channel's messages in order, with those that only this person sees."""
        return tuple(reversed(tuple(self._newest_first(channel))))

    @property
    def ephemerals(self) -> tuple[messages.Message, ...]:
        """List what only this person saw, in all channels, with Slack's own notices."""
        return tuple(message for message in self._state.messages.values() if message.seen_only_by == self.id)

    @property
    def home(self) -> messages.View | None:
        """Return the Home tab, once the bot has published it."""
        return self._state.homes.get(self.id)

    @property
    def modals(self) -> tuple[messages.View, ...]:
        """List the modals that are open, the lowest first."""
        return tuple(views.open_views(self._state, self.id))

    async def waits_for_message(
        self,
        channel: channels.Channel,
        *,
        containing: str = "",
        thread: messages.Message | None = None,
        after: Moment | None = None,
        matching: collections.abc.Callable[[messages.Message], bool] | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> messages.Message:
        """
        Return the newest message that this person sees, as soon as there is one that fits.

        *thread* looks at one thread's replies only; *after* overlooks what was written or changed before it.
        Raises TimeoutError that tells what was seen instead.
        """

        def find() -> messages.Message | None:
            for message in self._newest_first(channel):
                if thread is not None and message.thread_ts != (thread.thread_ts or thread.ts):
                    continue
                if _fits(message, containing, after) and (matching is None or matching(message)):
                    return message
            return None

        return await self._state.changes.wait_for(
            find,
            timeout_seconds=timeout_seconds,
            describe=lambda: f"{self.user.name} waited for {containing!r}; {self._describe(channel)}",
        )

    async def waits_for_change(
        self,
        message: messages.Message,
        *,
        containing: str = "",
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> messages.Message:
        """Return *message* as it stands after a later change that brought *containing*."""

        def find() -> messages.Message | None:
            now = self._state.messages[message.channel_id, message.ts]
            return now if _fits(now, containing, message) else None

        channel = self._state.channels[message.channel_id]
        return await self._state.changes.wait_for(
            find,
            timeout_seconds=timeout_seconds,
            describe=lambda: f"{self.user.name} waited for {containing!r}; {self._describe(channel)}",
        )

    async def waits_for_home(
        self,
        *,
        containing: str = "",
        after: Moment | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> messages.View:
        """Return the Home tab as soon as it shows *containing*."""

        def find() -> messages.View | None:
            home = self.home
            return home if home is not None and _fits(home, containing, after) else None

        return await self._state.changes.wait_for(
            find,
            timeout_seconds=timeout_seconds,
            describe=lambda: f"The Home tab shows {self.home.plain_text if self.home else None!r}.",
        )

    async def waits_for_modal(
        self,
        *,
        containing: str = "",
        after: Moment | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> messages.View:
        """Return the topmost modal as soon as it shows *containing*."""

        def find() -> messages.View | None:
            top = self.modals[-1:]
            return top[0] if top and _fits(top[0], containing, after) else None

        return await self._state.changes.wait_for(
            find,
            timeout_seconds=timeout_seconds,
            describe=lambda: f"Open modals: {[view.plain_text for view in self.modals]}",
        )

    def files_in(
        self, channel: channels.Channel, *, thread: messages.Message | None = None
    ) -> tuple[messages.File, ...]:
        """List the files that this person can open in a channel, or in one thread of it, with their content."""
        at_hand = self._state.channels[channel.id]
        if at_hand.kind is not channels.Kind.PUBLIC and self.id not in at_hand.member_ids:
            return ()
        return tuple(
            self._state.files[file_id]
            for message in self.sees(channel)
            if thread is None or message.thread_ts == (thread.thread_ts or thread.ts)
            for file_id in message.file_ids
        )

    async def waits_for_file(
        self,
        channel: channels.Channel,
        *,
        thread: messages.Message | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> messages.File:
        """Return the newest file that this person can open in a channel or a thread, as soon as there is one."""
        (newest,) = await self._state.changes.wait_for(
            lambda: self.files_in(channel, thread=thread)[-1:],
            timeout_seconds=timeout_seconds,
            describe=lambda: f"{self.user.name} waited for a file; {self._describe(channel)}",
        )
        return newest

    def _newest_first(self, channel: channels.Channel) -> collections.abc.Iterator[messages.Message]:
        for message in reversed(self._state.messages.values()):
            is_shown = not message.is_deleted and message.seen_only_by in (None, self.id)
            if message.channel_id == channel.id and is_shown:
                yield message

    def _describe(self, channel: channels.Channel) -> str:
        seen = [message.plain_text for message in self.sees(channel)]
        failed = [f"{call.method}: {call.outcome}" for call in self._state.calls if not call.is_ok]
        return f"seen in {channel.name}: {seen}; calls that failed: {failed}"


def _fits(surface: messages.Message | messages.View, containing: str, after: Moment | None) -> bool:
    is_later = after is None or surface.revision > after.revision
    return is_later and containing in surface.plain_text
