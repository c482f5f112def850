"""Making, joining and changing channels."""

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, channels, workspace_state
from sandbox.slack.state import errors as slack_errors

_WRITE = ("channels:manage", "groups:write", "im:write")
GENERAL = "general"
MAX_TOPIC = 250
MAX_INVITED = 1000


def create(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Make a channel with the bot in it."""
    name = given.text("name") or ""
    error = channels.name_error(name)
    if error:
        raise slack_errors.Refusal(error)
    kind = channels.Kind.PRIVATE if given.flag("is_private") else channels.Kind.PUBLIC
    tables.require_scope(state, "groups:write" if kind is channels.Kind.PRIVATE else "channels:manage")
    if any(channel.name == name for channel in state.channels.values()):
        raise slack_errors.Refusal("name_taken")
    channel = state.put_channel(
        channels.Channel(
            id=state.new_id("C"),
            name=name,
            kind=kind,
            member_ids=(state.settings.bot_user_id,),
            creator_id=state.settings.bot_user_id,
            created_at_seconds=state.clock.seconds(),
        )
    )
    return {"channel": channel.to_json(state.settings.bot_user_id)}


def invite(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Bring people into a channel; with `force`, those who can come do."""
    channel = _writable(state, given)
    user_ids = given.names("users")
    if not user_ids:
        raise slack_errors.Refusal("no_user")
    if len(user_ids) > MAX_INVITED:
        raise slack_errors.Refusal("too_many_users")
    errors = [(user_id, _invite_error(state, channel, user_id)) for user_id in user_ids]
    failed = [{"user": user_id, "error": error, "ok": False} for user_id, error in errors if error]
    if failed and not given.flag("force"):
        raise slack_errors.Refusal(str(failed[0]["error"]), errors=failed)
    invited = tuple(user_id for user_id, error in errors if not error)
    changed = state.change_channel(channel.id, member_ids=(*channel.member_ids, *invited))
    answer = {"channel": changed.to_json(state.settings.bot_user_id)}
    return answer | ({"errors": failed} if failed else {})


def archive(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Close a channel."""
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    tables.require_channel_scope(state, channel, "write")
    if channel.kind is channels.Kind.DIRECT:
        raise slack_errors.Refusal("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise slack_errors.Refusal("already_archived")
    if channel.name == GENERAL:
        raise slack_errors.Refusal("cant_archive_general")
    if not state.is_bot_in(channel):
        raise slack_errors.Refusal("not_in_channel")
    state.change_channel(channel.id, is_archived=True)
    return {}


def set_topic(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Change a channel's topic."""
    channel = _writable(state, given)
    topic = given.text("topic") or ""
    if len(topic) > MAX_TOPIC:
        raise slack_errors.Refusal("too_long")
    changed = state.change_channel(channel.id, topic=topic)
    return {"channel": changed.to_json(state.settings.bot_user_id)}


def open_direct(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Return the direct message channel with one person."""
    user_ids = given.names("users")
    if given.has("channel"):
        channel = state.find_channel(given.required("channel"))
    elif not user_ids:
        raise slack_errors.Refusal("users_list_not_supplied")
    elif len(user_ids) > 1:
        raise slack_errors.Refusal("not_enough_users")
    elif user_ids[0] not in state.users:
        raise slack_errors.Refusal("user_not_found")
    else:
        channel = state.direct_channel(user_ids[0], state.settings.bot_user_id)
    full = given.flag("return_im")
    body = channel.to_json(state.settings.bot_user_id) if full else {"id": channel.id}
    return {"channel": body}


def _writable(state: workspace_state.State, given: arguments.Arguments) -> channels.Channel:
    channel = state.find_channel(given.required("channel", "channel_not_found"))
    tables.require_channel_scope(state, channel, "write")
    if channel.kind is channels.Kind.DIRECT:
        raise slack_errors.Refusal("method_not_supported_for_channel_type")
    if not state.is_bot_in(channel):
        raise slack_errors.Refusal("not_in_channel")
    if channel.is_archived:
        raise slack_errors.Refusal("is_archived")
    return channel


def _invite_error(state: workspace_state.State, channel: channels.Channel, user_id: str) -> str | None:
    user = state.users.get(user_id)
    if user is None:
        return "user_not_found"
    if user_id == state.settings.bot_user_id:
        return "cant_invite_self"
    if user_id in channel.member_ids:
        return "already_in_channel"
    if user.team_id != state.settings.team_id and not channel.is_shared:
        return "org_user_not_in_team"
    return None


METHODS = (
    tables.Method(name="conversations.create", answer=create, scopes=_WRITE, tier=2),
    tables.Method(name="conversations.invite", answer=invite, scopes=_WRITE),
    tables.Method(name="conversations.archive", answer=archive, scopes=_WRITE, tier=2),
    tables.Method(name="conversations.setTopic", answer=set_topic, scopes=_WRITE, tier=2),
    tables.Method(name="conversations.open", answer=open_direct, scopes=("im:write",)),
)
