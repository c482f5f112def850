"""Finding controls on a surface, and what a person's choice looks like in a payload."""

from sandbox.slack.blocks import reading, shapes
from sandbox.slack.state import messages


def find_control(surface: messages.Message | messages.View, label: str, kinds: tuple[str, ...]) -> reading.Control:
    """
    Find the control that is called *label* or has it as its action_id.

    Raises LookupError with what there is instead.
    """
    fitting = [control for control in surface.controls if not kinds or control.kind in kinds]
    for control in fitting:
        if label in (control.text, control.action_id):
            return control
    there = [control.text or control.action_id for control in fitting]
    raise LookupError(f"There is no {label!r}; there is {there}")


def chosen(control: reading.Control, choice: str) -> shapes.Json:
    """Describe *choice* in the words of the control's kind."""
    kind = control.kind
    if kind in ("static_select", "radio_buttons", "overflow", "external_select"):
        return {"selected_option": _option(control, choice)}
    if kind in ("checkboxes", "multi_static_select"):
        return {"selected_options": [_option(control, choice)]}
    if kind.startswith("multi_"):
        name = kind.removeprefix("multi_").removesuffix("_select")
        return {f"selected_{name}": [choice]}
    field = {
        "users_select": "selected_user",
        "conversations_select": "selected_conversation",
        "channels_select": "selected_channel",
        "datepicker": "selected_date",
        "timepicker": "selected_time",
        "datetimepicker": "selected_date_time",
    }.get(kind, "value")
    return {field: int(choice) if kind == "datetimepicker" else choice}


def fill_in(
    surface: messages.Message | messages.View, values: dict[str, str | list[str]], *, is_submitted: bool = True
) -> shapes.Json:
    """
    Return a surface's `state.values` with *values* by action_id, and what was preset elsewhere.

    Raises LookupError for an input that is not there, and ValueError for a text that is too long, or for a required
    one left empty where the surface is *submitted*: a message is not, so there Slack requires nothing.
    """
    unknown = set(values) - {control.action_id for control in surface.controls}
    if unknown:
        raise LookupError(f"There is no input {sorted(unknown)}")
    filled: shapes.Json = {}
    for block in surface.blocks:
        for control in reading.controls([block]) if block["type"] in ("input", "actions", "section") else ():
            if control.kind != "button":
                entry = {"type": control.kind, **_entry(control, values.get(control.action_id))}
                filled.setdefault(control.block_id, {})[control.action_id] = entry
                _limit(control, entry)
                if is_submitted:
                    _require(block, entry)
    return filled


def _entry(control: reading.Control, value: str | list[str] | None) -> shapes.Json:
    if value is None:
        return _preset(control)
    if isinstance(value, str):
        return chosen(control, value)
    parts = [chosen(control, item) for item in value]
    name = next(iter(parts[0]))
    return {name: [item for part in parts for item in part[name]]}


def _preset(control: reading.Control) -> shapes.Json:
    names = {"initial_value": "value"}
    preset = {
        names.get(key, key.replace("initial_", "selected_")): value
        for key, value in control.element.items()
        if key.startswith("initial_")
    }
    return preset or dict.fromkeys(chosen(control, "0") if not _has_options(control) else ("selected_option",))


def _has_options(control: reading.Control) -> bool:
    return "options" in control.element or "option_groups" in control.element


def _option(control: reading.Control, choice: str) -> shapes.Json:
    groups = control.element.get("option_groups", [])
    options: list[shapes.Json] = [
        *control.element.get("options", []),
        *(option for group in groups for option in group["options"]),
    ]
    for option in options:
        if choice in (option["text"]["text"], option["value"]):
            return option
    if control.kind == "external_select":
        return {"text": {"type": "plain_text", "text": choice}, "value": choice}
    raise LookupError(f"There is no option {choice!r}; there is {[item['value'] for item in options]}")


def _limit(control: reading.Control, entry: shapes.Json) -> None:
    most, text = control.element.get("max_length"), entry.get("value")
    if most is not None and isinstance(text, str) and len(text) > most:
        raise ValueError(f"Slack would not let this be typed: {control.action_id} holds {most} characters")


def _require(block: shapes.Json, entry: shapes.Json) -> None:
    is_empty = all(not value for key, value in entry.items() if key != "type")
    if block["type"] == "input" and not block.get("optional") and is_empty:
        raise ValueError(f"Slack would not let this be submitted: {block['label']['text']!r} is empty")
