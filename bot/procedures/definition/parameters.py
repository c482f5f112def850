"""The parameters of a procedure, as a model that commands have, and as names for what stands in its steps."""

import dataclasses
import datetime
import keyword
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
import pydantic_core

from bot import command
from bot.model import durations, reports
from bot.procedures import schema
from bot.procedures.definition import references

TEXT_LIMIT = 500
"""Characters of a text that somebody hands to a procedure."""
_SORTS = {
    schema.Kind.NUMBER: references.ValueType.NUMBER,
    schema.Kind.FLAG: references.ValueType.BOOLEAN,
    schema.Kind.DURATION: references.ValueType.DURATION,
}


_OWN: Mapping[str, tuple[Any, bool]] = {
    "plan": (
        Annotated[bool, pydantic.Field(description="show every step as it would be done, and do nothing")],
        False,
    ),
    "step_by_step": (Annotated[bool, pydantic.Field(description="ask before each step")], False),
}
"""What whoever starts a run can say beside the procedure's own parameters."""
RESERVED = frozenset(_OWN)
"""Names that no parameter of a procedure can have."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What somebody has typed behind a procedure's word."""

    values: Mapping[str, reports.Scalar]
    """Of its parameters, as a run remembers them."""
    is_plan: bool
    is_step_by_step: bool


def model_of(params: tuple[schema.Param, ...]) -> type[command.Parameters]:
    """Give the model of what is typed behind the procedure's word; those that are required come first."""
    ordered = sorted(params, key=lambda param: not param.is_required)
    fields: dict[str, Any] = {**{param.name: _field(param) for param in ordered}, **_OWN}
    model: type[command.Parameters] = pydantic.create_model("Parameters", __base__=command.Parameters, **fields)
    return model


def read(params: tuple[schema.Param, ...], typed: command.Parameters) -> Given:
    """Give what *typed*, which is of the model of *params*, says."""
    values = typed.model_dump()
    return Given(
        values={param.name: _scalar(values[param.name]) for param in params},
        is_plan=values["plan"],
        is_step_by_step=values["step_by_step"],
    )


def types_of(params: tuple[schema.Param, ...]) -> Mapping[str, references.Type]:
    """Give what each parameter holds where a step names it."""
    return {
        param.name: references.Type(sort=_SORTS.get(param.type, references.ValueType.TEXT), words=param.choices)
        for param in params
    }


def _field(param: schema.Param) -> tuple[Any, Any]:
    described = pydantic.Field(description=param.help)
    positional = (command.Option(positional=True, label=param.name.upper()),) if param.is_required else ()
    match param.type:
        case schema.Kind.SERVICE:
            own: Any = command.ServiceName
        case schema.Kind.ENVIRONMENT:
            return Annotated[command.EnvironmentName, pydantic.Field(validate_default=True)], param.default
        case schema.Kind.CHOICE:
            own = Literal[param.choices]
        case schema.Kind.FLAG:
            return Annotated[bool, described], bool(param.default)
        case schema.Kind.DURATION:
            own = durations.Duration
        case schema.Kind.NUMBER:
            own = Annotated[int | float, pydantic.Field(ge=param.min, le=param.max, allow_inf_nan=False)]
        case schema.Kind.TEXT:
            own = Annotated[str, _shape(param)]
    default = ... if param.default is None else param.default
    described = pydantic.Field(description=param.help, validate_default=default is not ...)
    return Annotated[own, described, *positional], default


def _shape(param: schema.Param) -> pydantic.StringConstraints:
    """Give what a text must look like; without a pattern of its own, one line."""
    pattern = rf"^(?:{param.pattern})$" if param.pattern else r"^[^\r\n]*$"
    return pydantic.StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_LIMIT, pattern=pattern)


def _scalar(value: object) -> reports.Scalar:
    if isinstance(value, datetime.timedelta):
        return durations.write(value)
    return value if isinstance(value, (str, int, float, bool)) else None


def can_be_named(name: str) -> bool:
    """Tell whether a model can have a field called *name*."""
    return not keyword.iskeyword(name) and not name.startswith("model_") and not hasattr(command.Parameters, name)


def is_pattern(text: str) -> bool:
    """Tell whether *text* is a regular expression that pydantic's engine, which cannot be made to hang, takes."""
    try:
        # Alone as well: brackets of its own must not close ours.
        for pattern in (text, rf"^(?:{text})$"):
            pydantic.TypeAdapter(Annotated[str, pydantic.StringConstraints(pattern=pattern)])
    except pydantic_core.SchemaError:
        return False
    return True
