"""The workspace as tests, the demo and the benchmarks use it."""

import collections.abc
import contextlib
import dataclasses

import aiohttp

from sandbox.slack.scenario import inspection, people
from sandbox.slack.server import delivery as server_delivery
from sandbox.slack.server import faults, listener, requests, sockets
from sandbox.slack.state import channels, clocks, messages, records, tasks, workspace_state
from sandbox.slack.state import settings as state_settings


class Workspace(inspection.Inspection):
    """A sandboxed Slack workspace with one app in it."""

    def __init__(
        self, state: workspace_state.State, session: aiohttp.ClientSession, background: tasks.BackgroundTasks
    ) -> None:
        held_sockets = sockets.Sockets(state, background)
        super().__init__(state, held_sockets)
        self._people: dict[str, people.Person] = {}
        self._requests = requests.Requests(state.settings, session)
        self.faults = faults.Faults(self._sockets, state.tokens)
        self._sent = server_delivery.Deliveries(state, self.faults, self._requests, held_sockets, background)
        self.server = listener.Server(state, self.faults, held_sockets)

    @property
    def settings(self) -> state_settings.Settings:
        """Return what the workspace was set up with."""
        return self._state.settings

    @property
    def api_url(self) -> str:
        """Return the base URL for Slack clients, with a slash at its end."""
        return f"{self._state.base_url}/api/"

    @property
    def bot_token(self) -> str:
        """Return the token for the Web API."""
        return self._state.settings.bot_token

    @property
    def app_token(self) -> str:
        """Return the token for Socket Mode."""
        return self._state.settings.app_token

    @property
    def signing_secret(self) -> str:
        """Return the secret that requests are signed with."""
        return self._state.settings.signing_secret

    def deliver_to(self, request_url: str | None) -> None:
        """Deliver by signed HTTP to *request_url* from now on; None goes back to Socket Mode."""
        self._requests.url = request_url

    def person(
        self,
        name: str,
        *,
        team: str | None = None,
        is_bot: bool = False,
        is_guest: bool = False,
        is_deactivated: bool = False,
    ) -> people.Person:
        """Return the one called *name*, who is of another workspace when *team* is given."""
        if name not in self._people:
            team_id = team or self._state.settings.team_id
            letters = "".join(letter for letter in name.upper() if letter.isalnum())
            user = channels.User(
                id=f"U0{letters}",
                name=name,
                team_id=team_id,
                is_bot=is_bot,
                is_guest=is_guest,
                is_deactivated=is_deactivated,
            )
            self._state.add_user(user)
            self._people[name] = people.Person(self._state, user, self._sent)
        return self._people[name]

    def channel(
        self,
        name: str,
        *,
        members: collections.abc.Iterable[people.Person] = (),
        bot_is_member: bool = True,
        is_private: bool = False,
        is_shared: bool = False,
    ) -> channels.Channel:
        """Make a channel; *is_shared*, or a member of another team, makes it a Slack Connect channel."""
        people_in = tuple(members)
        own = (self._state.settings.bot_user_id,) if bot_is_member else ()
        has_strangers = any(member.user.team_id != self._state.settings.team_id for member in people_in)
        return self._state.put_channel(
            channels.Channel(
                id=self._state.new_id("C"),
                name=name,
                kind=channels.Kind.PRIVATE if is_private else channels.Kind.PUBLIC,
                member_ids=(*(member.id for member in people_in), *own),
                is_shared=is_shared or has_strangers,
                created_at_seconds=self._state.clock.seconds(),
            )
        )

    def direct_message(self, first: people.Person, second: people.Person) -> channels.Channel:
        """Return the direct message channel of two people, where the bot is not."""
        return self._state.direct_channel(first.id, second.id)

    def user_group(self, handle: str, members: collections.abc.Iterable[people.Person] = ()) -> channels.UserGroup:
        """Make a user group that is called by @*handle*."""
        member_ids = tuple(member.id for member in members)
        group = channels.UserGroup(id=self._state.new_id("S"), handle=handle, name=handle, member_ids=member_ids)
        self._state.groups[group.id] = group
        return group

    def change_user_group(
        self, group: channels.UserGroup, members: collections.abc.Iterable[people.Person]
    ) -> channels.UserGroup:
        """Replace the members of a user group."""
        changed = dataclasses.replace(group, member_ids=tuple(member.id for member in members))
        self._state.groups[group.id] = changed
        return changed

    def archive(self, channel: channels.Channel) -> channels.Channel:
        """Archive a channel behind the bot's back."""
        return self._state.change_channel(channel.id, is_archived=True)

    def remove_bot_from(self, channel: channels.Channel) -> channels.Channel:
        """Take the bot out of a channel behind its back."""
        left = self._state.channels[channel.id].member_ids
        own_id = self._state.settings.bot_user_id
        member_ids = tuple(member for member in left if member != own_id)
        return self._state.change_channel(channel.id, member_ids=member_ids)

    def delete_message(self, message: messages.Message) -> None:
        """Delete a message behind the bot's back."""
        self._state.change_message(self.latest(message), is_deleted=True)

    async def deliver_again(self, delivery: records.Delivery) -> records.Delivery:
        """Deliver the same payload once more, under a new envelope, as after a lost acknowledgement."""
        return await self._sent.deliver(delivery.kind, delivery.payload, what=delivery.what)

    async def post_raw(
        self,
        *,
        body: bytes | str,
        headers: collections.abc.Mapping[str, str] | None = None,
        sign: bool = True,
        timestamp: int | None = None,
        content_type: str = requests.FORM,
    ) -> requests.Reply:
        """
        Send any body to the request URL, signed as at *timestamp* or not at all, for bad-input tests.

        *headers* are added last and win.
        """
        raw = body.encode() if isinstance(body, str) else body
        signed = self._requests.signed_headers(raw, content_type, timestamp)
        own = signed if sign else {"Content-Type": content_type}
        return await self._requests.post(raw, {**own, **(headers or {})})

    async def verify_request_url(self) -> bool:
        """Send Slack's url_verification challenge and tell whether it was answered."""
        body, content_type = requests.encode(
            records.Kind.EVENT,
            {
                "type": "url_verification",
                "token": self._state.settings.verification_token,
                "challenge": "sandbox-challenge",
            },
        )
        reply = await self._requests.post(body, self._requests.signed_headers(body, content_type))
        return reply.status == 200 and "sandbox-challenge" in reply.text


@contextlib.asynccontextmanager
async def running(
    setup: state_settings.Settings | None = None,
    *,
    clock: clocks.Clock | None = None,
    port: int = 0,
) -> collections.abc.AsyncIterator[Workspace]:
    """Start a workspace on loopback and close everything at the end."""
    at = workspace_state.State(setup or state_settings.Settings(), clock or clocks.SystemClock())
    background = tasks.BackgroundTasks()
    async with aiohttp.ClientSession() as session:
        workspace = Workspace(at, session, background)
        await workspace.server.start(port)
        try:
            yield workspace
        finally:
            await workspace.server.close()
            await background.close()
