"""
Slack's Web API and response URLs, the outgoing half.

Reads are retried after every kind of failure. Writes are retried only where Slack surely did not accept them: it
answered 429, or no connection was made. slack_sdk's default would also retry a post whose connection was dropped after
Slack accepted it, and so post it twice.
"""

import contextlib
import dataclasses
import json
import re
from collections.abc import Awaitable, Collection, Sequence
from typing import Any

from slack_sdk import errors as slack_errors
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot import errors
from bot.model import invocations
from bot.slack.client import errors as client_errors
from bot.slack.client import lookups
from bot.slack.client import retries as client_retries

Blocks = list[dict[str, Any]]

CALL_TIMEOUT_SECONDS = 20
_WORKSPACE = re.compile(r"T[A-Z0-9]{2,30}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The bot's identity in Slack."""

    team_id: str
    """Of an organization-wide installation, the organization's id or that of any workspace."""
    team: str
    user_id: str
    bot_id: str | None
    enterprise_id: str | None
    is_organization_wide: bool = False
    """The app is installed for a whole organization (Enterprise Grid), and not in one workspace."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person in Slack."""

    name: str
    team_id: str | None
    """The person's workspace, in a shared channel perhaps that of another company."""
    kind: invocations.ActorKind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel in Slack."""

    name: str
    is_private: bool
    """Only its members can read it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """A reference to a message."""

    channel: str
    timestamp: str


class SlackApi:
    """Slack's Web API as the bot; *url* is its root."""

    def __init__(self, token: str, url: str) -> None:
        self.token = token
        self.url = url
        self.reader = AsyncWebClient(
            token=token, base_url=url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=client_retries.read_retries()
        )
        self.writer = AsyncWebClient(
            token=token, base_url=url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=client_retries.write_retries()
        )
        self._no_retry = AsyncWebClient(token=token, base_url=url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=[])
        self.workspaces: tuple[str, ...] = ()
        """Of an organization-wide installation, the workspaces that are served: some calls have to name one."""
        self._lookups = lookups.Lookups()
        self.block_support = client_retries.BlockSupport()

    async def identify(self) -> Identity:
        """
        Return the bot's identity.

        Raises:
            errors.Refused: the token is not accepted.
            errors.Unavailable: Slack does not answer.
        """
        return await client_retries.call("auth.test", lambda: _identity(self.reader.auth_test()))

    async def check_app_token(self, app_token: str) -> None:
        """
        Ask for a Socket Mode connection, which is not opened.

        Raises:
            errors.Refused: the app-level token is not accepted.
            errors.Unavailable: Slack does not answer.
        """
        try:
            await client_retries.call(
                "apps.connections.open",
                lambda: client_retries.data(self.reader.apps_connections_open(app_token=app_token)),
            )
        except client_errors.SlackRefused as error:
            raise client_errors.app_token_refused(error.code) from error

    async def post(
        self,
        channel: str,
        *,
        thread: str | None,
        text: str,
        blocks: Blocks,
        metadata: dict[str, Any] | None = None,
        is_patient: bool = True,
    ) -> MessageRef:
        """
        Post a message; a person's id as the channel posts in the bot's DM with them.

        Without *is_patient* there is no retry: the caller has its own backoff.

        Raises:
            client_errors.RateLimited
            errors.Refused, errors.Unavailable
        """
        client = self.writer if is_patient else self._no_retry
        answer = await client_retries.call(
            "chat.postMessage",
            lambda: client_retries.data(
                client.chat_postMessage(
                    channel=channel,
                    thread_ts=thread,
                    text=text,
                    blocks=blocks,
                    metadata=metadata,
                    unfurl_links=False,
                    unfurl_media=False,
                )
            ),
        )
        return MessageRef(channel=str(answer["channel"]), timestamp=str(answer["ts"]))

    async def update(self, message: MessageRef, *, text: str, blocks: Blocks, is_patient: bool = True) -> None:
        """
        Edit a message of the bot; without *is_patient* there is no retry: a newer edit follows.

        Raises:
            client_errors.RateLimited
            errors.Refused, errors.Unavailable
        """
        # The same edit twice is the same as once, so that it may be retried like a read.
        client = self.reader if is_patient else self._no_retry
        await client_retries.call(
            "chat.update",
            lambda: client_retries.data(
                client.chat_update(channel=message.channel, ts=message.timestamp, text=text, blocks=blocks)
            ),
        )

    async def delete(self, message: MessageRef) -> None:
        """
        Delete a message of the bot.

        Raises:
            errors.Refused, errors.Unavailable
        """
        await client_retries.call(
            "chat.delete",
            lambda: client_retries.data(self.reader.chat_delete(channel=message.channel, ts=message.timestamp)),
        )

    async def open_dm(self, user: str) -> str:
        """
        Return the id of the bot's DM with *user*.

        Raises:
            errors.Refused, errors.Unavailable
        """
        answer = await client_retries.call(
            "conversations.open", lambda: client_retries.data(self.reader.conversations_open(users=user))
        )
        return str(answer["channel"]["id"])

    async def post_ephemeral(self, channel: str, user: str, *, thread: str | None, text: str, blocks: Blocks) -> None:
        """
        Post an ephemeral message, which only *user* sees.

        Raises:
            errors.Refused, errors.Unavailable
        """
        await client_retries.call(
            "chat.postEphemeral",
            lambda: client_retries.data(
                self.writer.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, text=text, blocks=blocks)
            ),
        )

    async def publish_home(self, user: str, view: dict[str, Any]) -> None:
        """
        Show *view* as the bot's App Home to *user*.

        Raises:
            errors.Refused, errors.Unavailable
        """
        # The same view twice is the same as once, so that it may be retried like a read.
        await client_retries.call(
            "views.publish", lambda: client_retries.data(self.reader.views_publish(user_id=user, view=view))
        )

    async def respond(self, response_url: str, body: dict[str, Any], *, is_patient: bool = True) -> None:
        """
        Respond over the response URL of a command or click; works where the bot is no member.

        Raises:
            errors.Refused: the URL is used up (five times) or expired (thirty minutes).
            client_errors.RateLimited: Slack answered and did not accept it.
            errors.Unavailable: Slack does not answer, so nobody knows.
        """
        retries = client_retries.write_retries() if is_patient else []

        async def send() -> None:
            client = AsyncWebhookClient(response_url, timeout=CALL_TIMEOUT_SECONDS, retry_handlers=retries)
            answer = await client.send_dict(body)
            if answer.status_code >= 500 or answer.status_code == 429:
                raise client_errors.RateLimited(f"Slack answered {answer.status_code} to a response.")
            if answer.status_code != 200:
                raise client_errors.SlackRefused("a response", _reason(answer.body))

        await client_retries.call("response_url", send)

    async def person(self, user: str) -> Person:
        """
        Return a person, cached for some minutes.

        Raises:
            errors.Refused, errors.Unavailable
        """
        return await self._lookups.find(
            user, "users.info", lambda: _person(self.reader.users_info(user=user), self.workspaces), may_be_stale=True
        )

    async def channel(self, channel: str) -> Channel:
        """
        Return a channel, cached for some minutes.

        Raises:
            errors.Refused: it is private and the bot is no member.
            errors.Unavailable
        """
        return await self._lookups.find(
            channel, "conversations.info", lambda: _channel(self.reader.conversations_info(channel=channel))
        )

    async def members_of(self, group_id: str) -> frozenset[str]:
        """
        Return the ids of the members of a user group, cached for some minutes.

        Raises:
            errors.Refused, errors.Unavailable
        """
        return await self._lookups.find(
            group_id, "usergroups.users.list", lambda: _members(self.reader, group_id, self.workspaces)
        )


def _reason(body: str) -> str:
    """Return the error code of a response URL, or the beginning of whatever else was answered."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        return errors.shorten(body, 80)


async def _identity(call: Awaitable[Any]) -> Identity:
    answer = await client_retries.data(call)
    return Identity(
        team_id=str(answer.get("team_id") or answer["enterprise_id"]),
        team=str(answer.get("team", "")),
        user_id=str(answer["user_id"]),
        bot_id=answer.get("bot_id"),
        enterprise_id=answer.get("enterprise_id"),
        is_organization_wide=answer.get("is_enterprise_install") is True,
    )


async def _person(call: Awaitable[Any], served: Collection[str]) -> Person:
    """Return a person; of the workspaces of an organization that they belong to, preferably a *served* one."""
    user = (await client_retries.data(call))["user"]
    teams = [user.get("team_id"), *(user.get("enterprise_user") or {}).get("teams", ())]
    own = [team for team in teams if is_workspace(team)]
    chosen = next((team for team in own if team in served), next(iter(own), None))
    return Person(name=str(user.get("name") or user["id"]), team_id=chosen, kind=_kind(user))


def _kind(user: dict[str, Any]) -> invocations.ActorKind:
    """Return what a user is (docs.slack.dev, user object); a single-channel guest is a restricted one, too."""
    if user.get("deleted"):
        return invocations.ActorKind.DEACTIVATED
    if user.get("is_bot") or user.get("is_workflow_bot"):
        return invocations.ActorKind.BOT
    is_guest = user.get("is_restricted") or user.get("is_ultra_restricted")
    return invocations.ActorKind.GUEST if is_guest else invocations.ActorKind.MEMBER


def is_workspace(team_id: object) -> bool:
    """Return whether *team_id* is that of a workspace: in its place Slack may give the organization's, E…."""
    return isinstance(team_id, str) and _WORKSPACE.fullmatch(team_id) is not None


async def _channel(call: Awaitable[Any]) -> Channel:
    channel = (await client_retries.data(call))["channel"]
    # Public is what Slack calls so; group DMs and DMs have flags of their own.
    is_public = channel.get("is_private") is False and not channel.get("is_im") and not channel.get("is_mpim")
    return Channel(name=str(channel.get("name", "")), is_private=not is_public)


async def _members(reader: AsyncWebClient, group: str, workspaces: Sequence[str]) -> frozenset[str]:
    """Return the members of a user group; of an organization, each workspace is asked until one has the group."""
    for workspace in workspaces[:-1]:
        with contextlib.suppress(slack_errors.SlackApiError):
            return await _members_in(reader, group, workspace)
    return await _members_in(reader, group, workspaces[-1] if workspaces else None)


async def _members_in(reader: AsyncWebClient, group: str, workspace: str | None) -> frozenset[str]:
    answer = await client_retries.data(reader.usergroups_users_list(usergroup=group, team_id=workspace))
    return frozenset(str(user) for user in answer["users"])
