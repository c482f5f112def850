"""People and the groups they are called by."""

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, channels, workspace_state
from sandbox.slack.state import errors as slack_errors


def user_info(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Describe one person."""
    user = state.users.get(given.required("user"))
    if user is None:
        raise slack_errors.Refusal("user_not_found")
    own, described = state.settings, user.to_json(state.settings.team_id)
    if own.enterprise_id is None:
        return {"user": described}
    # docs.slack.dev, user object: enterprise_user stands only in organizations, with all workspaces of the person.
    person = {"id": user.id, "enterprise_id": own.enterprise_id, "teams": [user.team_id]}
    return {"user": described | {"team_id": own.enterprise_id, "enterprise_user": person}}


def list_groups(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """List the user groups."""
    groups = [
        _group_json(group, given.flag("include_users"))
        for group in state.groups.values()
        if not group.is_disabled or given.flag("include_disabled")
    ]
    return {"usergroups": groups}


def list_group_members(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """List who is in one user group."""
    if state.settings.enterprise_id is not None and given.required("team_id") != state.settings.team_id:
        # docs.slack.dev, usergroups.users.list: required with a token of an organization.
        raise slack_errors.Refusal("no_such_subteam")
    group = state.groups.get(given.required("usergroup"))
    if group is None or (group.is_disabled and not given.flag("include_disabled")):
        raise slack_errors.Refusal("no_such_subteam")
    return {"users": list(group.member_ids)}


def _group_json(group: channels.UserGroup, has_users: bool) -> shapes.Json:
    body: shapes.Json = {
        "id": group.id,
        "handle": group.handle,
        "name": group.name,
        "is_usergroup": True,
        "date_delete": 1 if group.is_disabled else 0,
        "user_count": len(group.member_ids),
    }
    return body | ({"users": list(group.member_ids)} if has_users else {})


METHODS = (
    tables.Method(name="users.info", answer=user_info, scopes=("users:read",), tier=4, takes_json=False),
    tables.Method(
        name="usergroups.list",
        answer=list_groups,
        scopes=("usergroups:read",),
        tier=2,
        takes_json=False,
    ),
    tables.Method(
        name="usergroups.users.list",
        answer=list_group_members,
        scopes=("usergroups:read",),
        tier=2,
        takes_json=False,
    ),
)
