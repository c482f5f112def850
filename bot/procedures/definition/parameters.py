"""The parameters of a procedure: as the model of its command, and as names for its steps."""

import dataclasses
import datetime
import keyword
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
import pydantic_core

from bot import command
from bot.config import catalog
from bot.config import environments as config_environments
from bot.model import durations, reports
from bot.procedures import schema
from bot.procedures.definition import references

MAX_TEXT_LENGTH = 500
_VALUE_TYPES = {
    schema.ParamType.NUMBER: command.ValueType.NUMBER,
    schema.ParamType.FLAG: command.ValueType.BOOLEAN,
    schema.ParamType.DURATION: command.ValueType.DURATION,
}
_PROPERTIES = {
    schema.ParamType.ENVIRONMENT: ("kubectl", "context", "namespace"),
    schema.ParamType.SERVICE: ("deployment",),
}
"""What a template can name of a parameter's value, as `params.env.kubectl`."""
_OPTIONS: Mapping[str, tuple[Any, bool]] = {
    "plan": (
        Annotated[bool, pydantic.Field(description="dry run: show every step, and do nothing")],
        False,
    ),
    "step_by_step": (Annotated[bool, pydantic.Field(description="ask before each step")], False),
}
"""Options that every procedure has."""
RESERVED = frozenset(_OPTIONS)
"""Names that no parameter can have."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The arguments of a run."""

    values: Mapping[str, reports.Scalar]
    """Of the procedure's parameters, as they are stored with the run."""
    is_plan: bool
    is_step_by_step: bool


def model_of(params: tuple[schema.Param, ...]) -> type[command.Parameters]:
    """Return the model of the command's parameters, required ones first."""
    ordered = sorted(params, key=lambda param: not param.is_required)
    fields: dict[str, Any] = {**{param.name: _field(param) for param in ordered}, **_OPTIONS}
    model: type[command.Parameters] = pydantic.create_model("Parameters", __base__=command.Parameters, **fields)
    return model


def read(params: tuple[schema.Param, ...], typed: command.Parameters) -> Given:
    """Return the arguments in *typed*, an instance of the model of *params*."""
    values = typed.model_dump()
    return Given(
        values={param.name: _scalar(values[param.name]) for param in params},
        is_plan=values["plan"],
        is_step_by_step=values["step_by_step"],
    )


def types_of(params: tuple[schema.Param, ...]) -> Mapping[str, references.Type]:
    """Return the type of each parameter."""
    types = {
        param.name: references.Type(
            value_type=_VALUE_TYPES.get(param.type, command.ValueType.TEXT), choices=param.choices
        )
        for param in params
    }
    properties = (f"{param.name}.{name}" for param in params for name in _PROPERTIES.get(param.type, ()))
    return types | dict.fromkeys(properties, references.TEXT)


def properties_of(
    params: tuple[schema.Param, ...],
    values: Mapping[str, reports.Scalar],
    services: catalog.Catalog,
    environments: config_environments.Environments,
) -> Mapping[str, str]:
    """Return what templates can name beside *values*, such as `env.kubectl`; what an environment lacks is missing."""
    properties = {}
    for param in params:
        value = values.get(param.name)
        if param.type is schema.ParamType.ENVIRONMENT and isinstance(value, str):
            environment = environments.find(value)
            # posbot in the cluster has no name for it: the person who copies the line chooses the context.
            context = ("--context", environment.kube_context) if environment.kube_context else ()
            properties[f"{param.name}.kubectl"] = shlex.join(("kubectl", *context, "-n", environment.namespace))
            properties[f"{param.name}.namespace"] = environment.namespace
            if environment.kube_context:
                properties[f"{param.name}.context"] = environment.kube_context
        elif param.type is schema.ParamType.SERVICE and isinstance(value, str):
            properties[f"{param.name}.deployment"] = services.find(value).deployment
    return properties


def _field(param: schema.Param) -> tuple[Any, Any]:
    described = pydantic.Field(description=param.help)
    positional = (command.Option(positional=True, label=param.name.upper()),) if param.is_required else ()
    match param.type:
        case schema.ParamType.SERVICE:
            own: Any = command.ServiceName
        case schema.ParamType.ENVIRONMENT:
            return Annotated[command.EnvironmentName, pydantic.Field(validate_default=True)], param.default
        case schema.ParamType.CHOICE:
            own = Literal[param.choices]
        case schema.ParamType.FLAG:
            return Annotated[bool, described], bool(param.default)
        case schema.ParamType.DURATION:
            own = durations.Duration
        case schema.ParamType.NUMBER:
            own = Annotated[int | float, pydantic.Field(ge=param.min, le=param.max, allow_inf_nan=False)]
        case schema.ParamType.TEXT:
            own = Annotated[str, _constraints(param)]
    default = ... if param.default is None else param.default
    described = pydantic.Field(description=param.help, validate_default=default is not ...)
    return Annotated[own, described, *positional], default


def _constraints(param: schema.Param) -> pydantic.StringConstraints:
    """Return the constraints of a text: the pattern, or one line."""
    pattern = rf"^(?:{param.pattern})$" if param.pattern else r"^[^\r\n]*$"
    # An empty default means that a text need not be given.
    min_length = 0 if param.default == "" else 1
    return pydantic.StringConstraints(
        strip_whitespace=True, min_length=min_length, max_length=MAX_TEXT_LENGTH, pattern=pattern
    )


def _scalar(value: object) -> reports.Scalar:
    if isinstance(value, datetime.timedelta):
        return durations.write(value)
    return value if isinstance(value, (str, int, float, bool)) else None


def can_be_named(name: str) -> bool:
    """Return whether a model can have a field called *name*."""
    return not keyword.iskeyword(name) and not name.startswith("model_") and not hasattr(command.Parameters, name)


def is_pattern(text: str) -> bool:
    """Return whether *text* is a regular expression of pydantic's engine, which has no backtracking."""
    try:
        # By itself as well: its brackets must not close ours.
        for pattern in (text, rf"^(?:{text})$"):
            pydantic.TypeAdapter(Annotated[str, pydantic.StringConstraints(pattern=pattern)])
    except pydantic_core.SchemaError:
        return False
    return True
