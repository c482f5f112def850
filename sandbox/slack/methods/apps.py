"""The app itself: auth.test and opening a Socket Mode connection."""

import secrets

from sandbox.slack.blocks import shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, workspace_state


def test_auth(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Name the app that the token belongs to."""
    own = state.settings
    answer = {
        "url": f"https://{own.team_domain}.slack.com/",
        "team": own.team_domain,
        "user": own.bot_name,
        "team_id": own.team_id,
        "user_id": own.bot_user_id,
        "bot_id": own.bot_id,
        "is_enterprise_install": False,
    }
    if own.enterprise_id is None:
        return answer
    # The fields are those of AuthTestResponse in @slack/web-api; an organization stands in for the workspace.
    organization = {"team_id": own.enterprise_id, "enterprise_id": own.enterprise_id, "is_enterprise_install": True}
    return answer | organization


def open_connection(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Return the URL of a socket; its ticket can be used once."""
    ticket = secrets.token_urlsafe(18)
    state.socket_tickets.add(ticket)
    base = state.base_url.replace("http://", "ws://", 1)
    return {"url": f"{base}/link/?ticket={ticket}&app_id={state.settings.app_id}"}


METHODS = (
    tables.Method(name="auth.test", answer=test_auth, tier=4),
    tables.Method(name="apps.connections.open", answer=open_connection, token=tables.Token.APP),
)
