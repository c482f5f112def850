"""
Payloads of Slack, parsed: the invocation, and where its response belongs.

Pure functions of the payload (docs.slack.dev: slash commands, app_mention, block_actions, app_home_opened). Ids are
checked by their form, because others follow from it: who has a role, and whether a conversation is a DM.
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

_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
_CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,30}")
_TIMESTAMP = re.compile(r"\d{1,16}\.\d{1,9}")
_SLACKBOT = "USLACKBOT"
"""Slack's own; users.info does not call it a bot."""
_PRIVATE = frozenset({"privategroup", "directmessage"})
"""What Slack sends in place of the name of a conversation that others cannot read."""
_GROUP_DM = "mpdm-"
_MAX_EDIT_SECONDS = 600.0
_REST_OF_MENTION = re.compile(r"^[^>]*>[\s:,]*")
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
    conversation = _conversation(body["channel_id"], body.get("channel_name"))
    actor = _actor(body["user_id"], body.get("user_name"), body.get("team_id"))
    key = f"command:{body['trigger_id']}" if body.get("trigger_id") else None
    return Request(
        invocation=_invocation(_text(body.get("text")), invocations.Source.SLASH, actor, conversation, key),
        target=replies.ReplyTarget(channel=conversation.id, user=actor.id, response_url=body.get("response_url")),
    )


@_complete
def from_message(body: Payload, bot_user_id: str, source: invocations.Source) -> Request:
    """
    Return the request of a message that mentions the bot, or that is in its DM; text before a mention is ignored.

    Its key is the message, not the event: an edit is another event about the same message.
    """
    event = body["event"]
    before, mention, after = _text(event.get("text")).partition(f"<@{bot_user_id}")
    text = _REST_OF_MENTION.sub("", after) if mention else before
    # A mention is answered in its thread, a DM where it was written.
    timestamp = _id(event["ts"], _TIMESTAMP, "timestamp")
    thread = _thread(event.get("thread_ts")) or (timestamp if source is invocations.Source.MENTION else None)
    conversation = _conversation(event["channel"], "", thread=thread)
    team = event.get("user_team") or event.get("source_team") or event.get("team")
    actor = _actor(event["user"], event["user"], team, is_bot=bool(event.get("bot_id")))
    key = f"message:{conversation.id}:{timestamp}"
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


@_complete
def is_direct_message(body: Payload) -> bool:
    """Return whether a person has written to the bot: no edit or deletion, and no message of a bot."""
    event = body["event"]
    is_direct = event.get("channel_type") == "im" and str(event.get("channel")).startswith("D")
    return is_direct and bool(event.get("user")) and event.get("subtype") in _WRITTEN and not event.get("bot_id")


@_complete
def from_click(body: Payload) -> Request:
    """Return the request of a button whose value is a command line."""
    action, container = body["actions"][0], body.get("container", {})
    user, channel = body["user"], body.get("channel", {})
    is_home = container.get("type") == "view"
    thread = _thread(body.get("message", {}).get("thread_ts") or container.get("thread_ts"))
    conversation = _home() if is_home else _conversation(channel["id"], channel.get("name"), thread=thread)
    actor = _actor(user["id"], user.get("username") or user.get("name"), user.get("team_id"))
    key = f"click:{actor.id}:{action.get('action_id')}:{action.get('action_ts')}"
    return Request(
        invocation=_invocation(_text(action.get("value")), invocations.Source.BUTTON, actor, conversation, key),
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
    notes = (_text(fields[message.NOTE].get("value")) for fields in values.values() if message.NOTE in fields)
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
def user_of_home(body: Payload) -> str:
    """Return the id of the person who opened the App Home."""
    return _id(body["event"]["user"], _USER, "user id")


@_complete
def from_home(body: Payload, line: str, person: slack_api.Person) -> Request:
    """Return a request for the App Home; its event tells only the id of the *person*."""
    actor = invocations.Actor(id=user_of_home(body), name=person.name, team_id=person.team_id, kind=person.kind)
    return Request(
        invocation=_invocation(line, invocations.Source.APP_HOME, actor, _home(), f"event:{body['event_id']}:{line}"),
        target=replies.ReplyTarget(channel=actor.id, user=actor.id),
    )


def _id(value: object, form: re.Pattern[str], name: str) -> str:
    """Return *value* if it has the form of Slack's ids; raise ValueError otherwise, which becomes a usage error."""
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise ValueError(f"the {name}")
    return value


def _thread(value: object) -> str | None:
    return _id(value, _TIMESTAMP, "timestamp") if value else None


def _text(value: object) -> str:
    if not isinstance(value, str | None):
        raise TypeError("a text")
    return value or ""


def _actor(user: object, name: object, team: object, *, is_bot: bool = False) -> invocations.Actor:
    """Return the actor; their kind is looked up, and their workspace where Slack gives the organization's id."""
    user_id = _id(user, _USER, "user id")
    kind = invocations.ActorKind.BOT if is_bot or user_id == _SLACKBOT else invocations.ActorKind.UNKNOWN
    team_id = team if isinstance(team, str) and slack_api.is_workspace(team) else None
    return invocations.Actor(id=user_id, name=_text(name), team_id=team_id, kind=kind)


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


def _conversation(channel: object, named: object, thread: str | None = None) -> invocations.Conversation:
    channel_id, name = _id(channel, _CHANNEL, "channel id"), _text(named)
    # A channel may be called anything, also directmessage.
    is_direct = channel_id.startswith("D")
    kind = invocations.ConversationKind.DM if is_direct else invocations.ConversationKind.CHANNEL
    is_private = not channel_id.startswith("C") or name in _PRIVATE or name.startswith(_GROUP_DM)
    return invocations.Conversation(
        kind=kind, id=channel_id, name=name, thread=thread, is_private=is_private if name or is_private else None
    )


def _home() -> invocations.Conversation:
    return invocations.Conversation(kind=invocations.ConversationKind.APP_HOME, id="home", name="home")
