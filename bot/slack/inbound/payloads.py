"""
Payloads of Slack, parsed: the invocation, and where its response belongs.

Pure functions of the payload (docs.slack.dev: slash commands, app_mention, block_actions, app_home_opened).
"""

import dataclasses
import datetime
import functools
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from bot import errors
from bot.dispatch import dispatcher, parser
from bot.model import invocations
from bot.slack.blocks import message
from bot.slack.client import api as slack_api
from bot.slack.outbound import replies

Payload = dict[str, Any]
P = ParamSpec("P")
Built = TypeVar("Built")

_DIRECT = "directmessage"
_MAX_EDIT_SECONDS = 600.0
_WRITTEN = frozenset({None, "file_share", "thread_broadcast"})
"""Subtypes of a message that a person has just written (docs.slack.dev, message event)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An invocation, and where its response belongs."""

    invocation: invocations.Invocation
    target: replies.ReplyTarget
    note: str = ""
    """Typed into the field beside the button that was clicked."""

    @property
    def is_share(self) -> bool:
        """Whether it is the button that shows a response to everyone."""
        return self.target.reply is invocations.Reply.PUBLIC


def _complete(build: Callable[P, Built]) -> Callable[P, Built]:
    """Turn what a payload lacks, and Slack always sends, into a usage error."""

    @functools.wraps(build)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Built:
        try:
            return build(*args, **kwargs)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
            raise errors.UsageError(f"Malformed payload: {error} is missing or has the wrong type.") from error

    return checked


@_complete
def from_command(body: Payload) -> Request:
    """
    Return the request of a slash command.

    Raises:
        errors.UsageError: the payload is malformed, as for all that follow.
    """
    conversation = _conversation(body["channel_id"], body.get("channel_name") or "")
    actor = _actor(body["user_id"], body.get("user_name") or "", body.get("team_id"))
    key = f"command:{body['trigger_id']}" if body.get("trigger_id") else None
    return Request(
        invocation=_invocation(body.get("text") or "", invocations.Source.SLASH, actor, conversation, key),
        target=replies.ReplyTarget(channel=conversation.id, user=actor.id, response_url=body.get("response_url")),
    )


@_complete
def from_message(body: Payload, bot_user_id: str, source: invocations.Source) -> Request:
    """
    Return the request of a message that mentions the bot, or that is in its DM; text before a mention is ignored.

    Its key is the message, not the event: an edit is another event about the same message.
    """
    event = body["event"]
    before, mention, after = (event.get("text") or "").partition(f"<@{bot_user_id}")
    text = re.sub(r"^[^>]*>[\s:,]*", "", after) if mention else before
    # A mention is answered in its thread, a DM where it was written.
    thread = event.get("thread_ts") or (event["ts"] if source is invocations.Source.MENTION else None)
    conversation = _conversation(event["channel"], "", thread=thread)
    team = event.get("user_team") or event.get("source_team") or event.get("team")
    actor = _actor(event["user"], event["user"], team)
    key = f"message:{conversation.id}:{event['ts']}"
    return Request(
        invocation=_invocation(text, source, actor, conversation, key),
        target=replies.ReplyTarget(channel=conversation.id, user=actor.id, thread=thread, is_private=False),
    )


@_complete
def is_late_edit(body: Payload) -> bool:
    """
    Return whether a message was edited long after it was written.

    An edit that only now mentions the bot is a request; in a message of last week nobody expects it to run.
    """
    event = body["event"]
    edited = event.get("edited")
    return bool(edited) and float(edited["ts"]) - float(event["ts"]) > _MAX_EDIT_SECONDS


def is_direct_message(body: Payload) -> bool:
    """Return whether a person has written to the bot: no edit or deletion, and no message of a bot."""
    event = body["event"]
    is_written = event.get("subtype") in _WRITTEN and not event.get("bot_id")
    return event.get("channel_type") == "im" and bool(event.get("user")) and is_written


@_complete
def from_click(body: Payload) -> Request:
    """Return the request of a button whose value is a command line."""
    action, container = body["actions"][0], body.get("container", {})
    user, channel = body["user"], body.get("channel", {})
    is_home = container.get("type") == "view"
    thread = body.get("message", {}).get("thread_ts") or container.get("thread_ts")
    conversation = (
        _home() if is_home else _conversation(channel.get("id") or "", channel.get("name") or "", thread=thread)
    )
    actor = _actor(user["id"], user.get("username") or user.get("name") or "", user.get("team_id"))
    key = f"click:{actor.id}:{action.get('action_id')}:{action.get('action_ts')}"
    return Request(
        invocation=_invocation(action.get("value") or "", invocations.Source.BUTTON, actor, conversation, key),
        target=replies.ReplyTarget(
            # Nothing can be posted to the App Home; the DM with the person is next to it.
            channel=actor.id if is_home else conversation.id,
            user=actor.id,
            thread=thread,
            response_url=body.get("response_url"),
            is_private=bool(container.get("is_ephemeral")) or is_home,
            is_click=True,
        ),
        note=_note(body),
    )


def _note(body: Payload) -> str:
    values = (body.get("state") or {}).get("values") or {}
    notes = (fields[message.NOTE].get("value") or "" for fields in values.values() if message.NOTE in fields)
    return next((note for note in map(str.strip, notes) if note), "")


def resolve(request: Request, commands: parser.Parser) -> Request:
    """Return *request* with what the command table says about its button, or about the message in the bot's DM."""
    invocation = request.invocation
    if invocation.source is invocations.Source.DIRECT_MESSAGE:
        return dataclasses.replace(
            request, invocation=dataclasses.replace(invocation, text=commands.or_help(invocation.text))
        )
    if not request.target.is_click:
        return request
    if request.note:
        invocation = dataclasses.replace(invocation, text=commands.add_note(invocation.text, request.note))
    target = dataclasses.replace(request.target, reply=commands.reply_to(invocation.text))
    return dataclasses.replace(request, invocation=invocation, target=target)


@_complete
def from_home(body: Payload, line: str, person: slack_api.Person) -> Request:
    """Return a request for the App Home; its event tells only the id of the *person*."""
    event = body["event"]
    actor = _actor(event["user"], person.name, person.team_id)
    return Request(
        invocation=_invocation(line, invocations.Source.APP_HOME, actor, _home(), f"event:{body['event_id']}:{line}"),
        target=replies.ReplyTarget(channel=actor.id, user=actor.id),
    )


def _actor(user: str, name: str, team: str | None) -> invocations.Actor:
    """Return the person; their workspace is looked up where Slack gives the organization's id instead."""
    return invocations.Actor(id=user, name=name, team_id=team if slack_api.is_workspace(team) else None)


def _invocation(
    text: str,
    source: invocations.Source,
    actor: invocations.Actor,
    conversation: invocations.Conversation,
    key: str | None,
) -> invocations.Invocation:
    now = datetime.datetime.now(datetime.UTC)
    return invocations.Invocation(
        id=dispatcher.new_id(now),
        text=text,
        source=source,
        actor=actor,
        conversation=conversation,
        received_at=now,
        delivery_key=key,
    )


def _conversation(channel_id: str, name: str, thread: str | None = None) -> invocations.Conversation:
    is_direct = name == _DIRECT or channel_id.startswith("D")
    kind = invocations.ConversationKind.DM if is_direct else invocations.ConversationKind.CHANNEL
    return invocations.Conversation(kind=kind, id=channel_id, name=name, thread=thread)


def _home() -> invocations.Conversation:
    return invocations.Conversation(kind=invocations.ConversationKind.APP_HOME, id="home", name="home")
