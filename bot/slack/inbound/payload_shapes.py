"""
The types of the keys that Slack's payloads share, checked once, before anything reads them.

Bolt reads these keys of every payload, wherever they stand, and posbot reads some of them after it; neither expects
another type. The types are those of docs.slack.dev (slash commands, events API, interaction payloads).
"""

from typing import Any

_TEXTS = frozenset(
    {
        *("type", "subtype", "command", "text", "user_id", "user_name", "channel_id", "channel_name"),
        *("channel_type", "team_id", "enterprise_id", "trigger_id", "response_url", "id", "name"),
        *("username", "ts", "thread_ts", "event_id", "event_ts", "bot_id", "app_id", "callback_id"),
        *("action_id", "action_ts", "block_id", "value", "tab", "user_team", "source_team"),
        *("app_installed_team_id", "execution_id"),
    }
)
_OBJECTS = frozenset(
    {
        *("event", "view", "message", "previous_message", "container", "state", "values", "edited"),
        *("item", "assistant_thread", "function_data"),
    }
)
_NAMED = frozenset({"user", "team", "channel", "enterprise"})
"""An object in clicks, an id in events."""
_LISTS = frozenset({"actions", "authorizations", "response_urls"})
_MAX_DEPTH = 8
"""Slack nests these objects four levels deep."""
_MAX_KEY_LENGTH = 40


def problem(body: object) -> str | None:
    """
    Return what is wrong with the types in a payload, as a sentence; None if they are Slack's.

    Bolt reads these keys before any listener, wherever they stand, and fails on other types.
    """
    if not isinstance(body, dict):
        return "The body is no payload."
    if body.get("type") == "event_callback" and not isinstance(_get(body.get("event"), "type"), str):
        return "Malformed payload: event is missing or has the wrong type."
    if body.get("type") == "block_actions" and not isinstance(_get(_first(body.get("actions")), "action_id"), str):
        return "Malformed payload: actions is missing or has the wrong type."
    wrong = _wrong_key(body, _MAX_DEPTH)
    return f"Malformed payload: {wrong} has the wrong type." if wrong else None


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


def _wrong_key(body: dict[str, Any], depth: int) -> str | None:
    """Return the first key in *body*, or in the objects in it, whose value has the wrong type."""
    for key, value in body.items():
        if not _is_right(key, value) or not depth:
            return key[:_MAX_KEY_LENGTH]
        inner = (
            (value or ()) if key in _LISTS else [value] if key in _OBJECTS | _NAMED and isinstance(value, dict) else []
        )
        # Below these, keys are names chosen by people.
        for one in inner if key != "values" else ():
            # A button has its label as an object.
            wrong = _wrong_key(
                {name: text for name, text in one.items() if (key, name) != ("actions", "text")}, depth - 1
            )
            if wrong is not None:
                return wrong
    return None


def _is_right(key: str, value: object) -> bool:
    """Return whether *value* has a type that Slack gives to *key*."""
    if key == "actions":
        return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    if value is None:
        return key != "event"
    if key in _TEXTS:
        return isinstance(value, str)
    if key in _OBJECTS:
        return isinstance(value, dict)
    if key in _NAMED:
        return isinstance(value, str | dict)
    return key not in _LISTS or (isinstance(value, list) and all(isinstance(one, dict) for one in value))
