"""Modals and the Home tab."""

import hashlib
import json

from sandbox.slack.blocks import checking, shapes
from sandbox.slack.methods import tables
from sandbox.slack.state import arguments, messages, workspace_state
from sandbox.slack.state import errors as slack_errors

MAX_STACK = 3


def open_modal(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Show a modal to the person whose trigger_id it is."""
    body = _read_view(given, "modal")
    trigger_id = given.required("trigger_id", "invalid_trigger_id")
    user_id = state.tokens.exchange_trigger(trigger_id)
    _require_new_external_id(state, body)
    return {"view": view_json(state, show_modal(state, user_id, body))}


def push(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Show a modal on top of the one that the trigger_id came from."""
    body = _read_view(given, "modal")
    user_id = state.tokens.exchange_trigger(given.required("trigger_id", "invalid_trigger_id"))
    below = open_views(state, user_id)
    if not below:
        raise slack_errors.Refusal("not_found")
    if len(below) >= MAX_STACK:
        raise slack_errors.Refusal("push_limit_reached")
    _require_new_external_id(state, body)
    return {"view": view_json(state, show_modal(state, user_id, body, root_id=below[0].id))}


def update(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Change a modal that is open."""
    body = _read_view(given, "modal")
    view = _find_view(state, given)
    if given.text("hash") not in (None, "", view.hash):
        raise slack_errors.Refusal("hash_conflict")
    return {"view": view_json(state, change_view(state, view, body))}


def publish(state: workspace_state.State, given: arguments.Arguments) -> shapes.Json:
    """Set one person's Home tab."""
    body = _read_view(given, "home")
    user_id = given.required("user_id")
    if user_id not in state.users:
        raise slack_errors.Refusal("invalid_arguments")
    current = state.homes.get(user_id)
    if given.text("hash") not in (None, "", current.hash if current else ""):
        raise slack_errors.Refusal("hash_conflict")
    if current:
        return {"view": view_json(state, change_view(state, current, body))}
    return {"view": view_json(state, show_modal(state, user_id, body))}


def show_modal(
    state: workspace_state.State, user_id: str, body: shapes.Json, root_id: str | None = None
) -> messages.View:
    """Put a view that has passed the checks before a person."""
    view_id = state.new_id("V")
    completed = body | {"blocks": list(state.complete(body["blocks"]))}
    view = messages.View(
        id=view_id,
        user_id=user_id,
        revision=state.changes.revision + 1,
        hash=_hash(completed, state.changes.revision),
        body=completed,
        root_id=root_id or view_id,
    )
    return state.put_view(view)


def change_view(state: workspace_state.State, view: messages.View, body: shapes.Json) -> messages.View:
    """Replace what *view* shows."""
    completed = body | {"blocks": list(state.complete(body["blocks"]))}
    return state.change_view(view, body=completed, hash=_hash(completed, state.changes.revision), errors={})


def open_views(state: workspace_state.State, user_id: str) -> list[messages.View]:
    """List the modals that a person has open, the lowest first."""
    return [
        view for view in state.views.values() if view.user_id == user_id and view.kind == "modal" and not view.is_closed
    ]


def check_view(body: object, kind: str) -> shapes.Json:
    """
    Return *body* when it is a sound view of *kind*.

    Raises Refusal with the problems: `invalid_blocks` for the blocks, `invalid_arguments` for the rest.
    """
    if not isinstance(body, dict):
        raise slack_errors.of_argument("view", "must provide an object")
    if checking.is_view_too_large(body):
        raise slack_errors.Refusal("view_too_large")
    problems = checking.view_problems(body)
    if problems:
        raise slack_errors.of_problems("invalid_arguments", problems)
    if body["type"] != kind:
        raise slack_errors.of_argument("view/type", f"must be {kind}")
    problems = checking.block_problems(body["blocks"], checking.surface_of(body), "/view/blocks")
    if problems:
        raise slack_errors.of_problems("invalid_blocks", problems)
    return body


def view_json(state: workspace_state.State, view: messages.View) -> shapes.Json:
    """Return the view object that Slack puts into answers and payloads."""
    own = state.settings
    return {
        "id": view.id,
        "team_id": own.team_id,
        "app_id": own.app_id,
        "app_installed_team_id": own.team_id,
        "bot_id": own.bot_id,
        "callback_id": "",
        "external_id": "",
        "private_metadata": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "root_view_id": view.root_id,
        "previous_view_id": None,
        "hash": view.hash,
        "state": {"values": {}},
        **view.body,
    }


def _read_view(given: arguments.Arguments, kind: str) -> shapes.Json:
    if not given.has("view"):
        raise slack_errors.of_argument("view", "missing required field: view")
    return check_view(given.structure("view", "invalid_arguments"), kind)


def _require_new_external_id(state: workspace_state.State, body: shapes.Json) -> None:
    external_id = body.get("external_id")
    taken = (view for view in state.views.values() if not view.is_closed)
    if external_id and any(view.body.get("external_id") == external_id for view in taken):
        raise slack_errors.Refusal("duplicate_external_id")


def _find_view(state: workspace_state.State, given: arguments.Arguments) -> messages.View:
    view_id, external_id = given.text("view_id"), given.text("external_id")
    for view in state.views.values():
        is_named = view.id == view_id or (external_id and view.body.get("external_id") == external_id)
        if is_named and not view.is_closed:
            return view
    raise slack_errors.Refusal("not_found")


def _hash(body: shapes.Json, revision: int) -> str:
    digest = hashlib.sha256(json.dumps([body, revision], sort_keys=True).encode()).hexdigest()
    return f"{revision}.{digest[:8]}"


METHODS = (
    tables.Method(name="views.open", answer=open_modal, tier=4),
    tables.Method(name="views.push", answer=push, tier=4),
    tables.Method(name="views.update", answer=update, tier=4),
    tables.Method(name="views.publish", answer=publish, tier=4),
)
