"""The app itself: who it is, how it connects, and whether its blocks are sound."""

import secrets

from sandbox.slack.blocks import checking, kinds, shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, workspace_state
from sandbox.slack.state import errors as slack_errors


def test_auth(at: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Name the app that the token belongs to."""
    own = at.settings
    return {
        "url": f"https://{own.team_domain}.slack.com/",
        "team": own.team_domain,
        "user": own.bot_name,
        "team_id": own.team_id,
        "user_id": own.bot_user_id,
        "bot_id": own.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(at: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Return the URL of a socket; its ticket can be used once."""
    ticket = secrets.token_urlsafe(18)
    at.socket_tickets.add(ticket)
    base = at.base_url.replace("http://", "ws://", 1)
    return {"url": f"{base}/link/?ticket={ticket}&app_id={at.settings.app_id}"}


def validate_blocks(at: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Check blocks, a message or a view without showing them to anybody."""
    named = [name for name in ("blocks", "message", "view") if given.has(name)]
    if len(named) != 1:
        raise slack_errors.of_argument("blocks", "exactly one of blocks, message or view")
    value = given.structure(named[0], "invalid_arguments")
    problems = _problems(named[0], value)
    if problems:
        raise slack_errors.Refusal(
            f"invalid_{named[0]}",
            errors=[
                {
                    "pointer": problem.pointer,
                    "code": problem.constraint,
                    "message": problem.message,
                    "constraint": problem.constraint,
                }
                for problem in problems
            ],
        )
    return {}


def _problems(name: str, value: object) -> list[shapes.Problem]:
    if name == "blocks":
        return checking.block_problems(value, kinds.Surface.MESSAGE)
    if not isinstance(value, dict):
        return [shapes.Problem(pointer="", message="must be an object", constraint="type")]
    if name == "message":
        return checking.block_problems(value.get("blocks", []), kinds.Surface.MESSAGE)
    surface = checking.surface_of(value)
    return checking.view_problems(value, "") or checking.block_problems(value["blocks"], surface)


METHODS = (
    tables.Method(name="auth.test", answer=test_auth, tier=4),
    tables.Method(name="apps.connections.open", answer=open_connection, token=tables.Token.APP),
    tables.Method(name="blocks.validate", answer=validate_blocks, token=tables.Token.NONE),
)
