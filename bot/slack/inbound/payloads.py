"""
What Slack sends → an Invocation, and where its answer belongs.

Pure functions of the payload (docs.slack.dev: slash commands, app_mention, block_actions, app_home_opened).
"""

import dataclasses
import datetime
import functools
import re
import shlex
from collections.abc import Callable
from typing import Any, ParamSpec

from bot import errors
from bot.dispatch import dispatcher
from bot.model import invocations
from bot.slack.blocks import message
from bot.slack.outbound import targets

Payload = dict[str, Any]
P = ParamSpec("P")

_DIRECT = "directmessage"
_SHARE = "share "
_ANSWER = "run answer "
_ASIDE = ("stop ", _ANSWER, "run cancel ", "run retry ")
"""What acts on something that is shown by a message of its own."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An invocation and where its answer belongs."""

    invocation: invocations.Invocation
    target: targets.ReplyTarget

    @property
    def is_share(self) -> bool:
        """Tell whether it is the button that shows an answer to everyone."""
        return self.target.is_click and self.invocation.text.startswith(_SHARE)


def _complete(build: Callable[P, Request]) -> Callable[P, Request]:
    """Let *build* say in a sentence when a payload lacks something that Slack always sends."""

    @functools.wraps(build)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Request:
        try:
            return build(*args, **kwargs)
        except (KeyError, IndexError, AttributeError, TypeError) as error:
            raise errors.UsageError(f"The payload is not complete: {error} is missing or of another shape.") from error

    return checked


@_complete
def from_command(body: Payload) -> Request:
    """
    Give the request of a slash command.

    Raises:
        errors.UsageError: the payload is not complete, as in all that follow.
    """
    place = _place(body["channel_id"], body.get("channel_name") or "")
    actor = invocations.Actor(id=body["user_id"], name=body.get("user_name") or "", team_id=body.get("team_id"))
    key = f"command:{body['trigger_id']}" if body.get("trigger_id") else None
    return Request(
        invocation=_invocation(body.get("text") or "", invocations.Source.SLASH, actor, place, key),
        target=targets.ReplyTarget(channel=place.id, user=actor.id, response_url=body.get("response_url")),
    )


@_complete
def from_mention(body: Payload, bot_user_id: str) -> Request:
    """Give the request of a message that mentions the bot; what stands before the mention does not count."""
    event = body["event"]
    _, _, text = (event.get("text") or "").partition(f"<@{bot_user_id}")
    thread = event.get("thread_ts") or event["ts"]
    place = _place(event["channel"], "", thread=thread)
    team = event.get("user_team") or event.get("source_team") or event.get("team")
    actor = invocations.Actor(id=event["user"], name=event["user"], team_id=team)
    return Request(
        invocation=_invocation(
            re.sub(r"^[^>]*>[\s:,]*", "", text), invocations.Source.MENTION, actor, place, f"event:{body['event_id']}"
        ),
        target=targets.ReplyTarget(channel=place.id, user=actor.id, thread=thread, is_private=False),
    )


@_complete
def from_click(body: Payload) -> Request:
    """Give the request of a button whose value is a line for dispatch."""
    action, container = body["actions"][0], body.get("container", {})
    user, channel = body["user"], body.get("channel", {})
    is_home = container.get("type") == "view"
    thread = body.get("message", {}).get("thread_ts") or container.get("thread_ts")
    place = _home() if is_home else _place(channel.get("id") or "", channel.get("name") or "", thread=thread)
    actor = invocations.Actor(
        id=user["id"], name=user.get("username") or user.get("name") or "", team_id=user.get("team_id")
    )
    key = f"click:{actor.id}:{action.get('action_id')}:{action.get('action_ts')}"
    line = _with_note(action.get("value") or "", body)
    return Request(
        invocation=_invocation(line, invocations.Source.BUTTON, actor, place, key),
        target=targets.ReplyTarget(
            # The App Home is no place to write to; the person's own messages with the bot are.
            channel=actor.id if is_home else place.id,
            user=actor.id,
            thread=thread,
            response_url=body.get("response_url"),
            is_private=bool(container.get("is_ephemeral")) or is_home,
            is_click=True,
            is_ephemeral=line.startswith(_ASIDE),
        ),
    )


def _with_note(line: str, body: Payload) -> str:
    """Give *line* with what stands in the field beside the button, where it is an answer."""
    values = (body.get("state") or {}).get("values") or {}
    notes = (fields[message.NOTE].get("value") or "" for fields in values.values() if message.NOTE in fields)
    note = next((note for note in map(str.strip, notes) if note), "")
    return f"{line} --note={shlex.quote(note)}" if note and line.startswith(_ANSWER) else line


@_complete
def from_home(body: Payload, line: str, team: str | None) -> Request:
    """Give the request that opening the App Home stands for; the event does not say of which *team* the person is."""
    event = body["event"]
    actor = invocations.Actor(id=event["user"], name=event["user"], team_id=team)
    return Request(
        invocation=_invocation(line, invocations.Source.APP_HOME, actor, _home(), f"event:{body['event_id']}:{line}"),
        target=targets.ReplyTarget(channel=actor.id, user=actor.id),
    )


def _invocation(
    text: str, door: invocations.Source, actor: invocations.Actor, place: invocations.Conversation, key: str | None
) -> invocations.Invocation:
    now = datetime.datetime.now(datetime.UTC)
    return invocations.Invocation(
        id=dispatcher.new_id(now),
        text=text,
        source=door,
        actor=actor,
        conversation=place,
        received_at=now,
        delivery_key=key,
    )


def _place(channel_id: str, name: str, thread: str | None = None) -> invocations.Conversation:
    is_direct = name == _DIRECT or channel_id.startswith("D")
    kind = invocations.ConversationKind.DM if is_direct else invocations.ConversationKind.CHANNEL
    return invocations.Conversation(kind=kind, id=channel_id, name=name, thread=thread)


def _home() -> invocations.Conversation:
    return invocations.Conversation(kind=invocations.ConversationKind.APP_HOME, id="home", name="home")
