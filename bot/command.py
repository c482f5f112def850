"""
What a command is, and the context it is run with.

A command is one file in `commands/`: a model of its parameters, a coroutine that returns a Report, and a `Command` that
declares both under a name. The declaration serves chat text, the terminal's argv and the steps of a procedure; help,
usage errors and permissions follow from it.
"""

import dataclasses
import datetime
import enum
import functools
import shlex
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import pydantic
import pydantic.fields

from bot import errors
from bot.config import catalog as config_catalog
from bot.config import environments as config_environments
from bot.model import durations, reports
from bot.model import invocations as model_invocations
from bot.runbook import sections as runbook_sections

if TYPE_CHECKING:
    # Importing them would import httpx, SQLAlchemy and the format of procedures, which most commands do without.
    from bot.connectivity import eureka as connectivity_eureka
    from bot.connectivity import gateway as connectivity_gateway
    from bot.health import actuator as health_actuator
    from bot.kubernetes import workloads as kubernetes_workloads
    from bot.kubernetes.diagnosis import java as diagnosis_java
    from bot.kubernetes.diagnosis import rules
    from bot.procedures import schema
    from bot.procedures.engine import service as engine_service
    from bot.store import audit

EVERYONE = "everyone"
"""In place of a role: every person who may run commands that only read."""
STOP = "stop"
"""Name of the command that ends an invocation, which a followed log offers as a button."""


_CHAT_MARKS = "`*_~.,;:!? "

Effect = model_invocations.Effect


class Audience(enum.StrEnum):
    """Who may run a command that only reads."""

    MEMBERS = "members"
    # Only people whose role names the command, because it shows what others did.
    ROLE = "role"


class ValueType(enum.StrEnum):
    """The type of a fact in a report, or of a value in an expression of a procedure."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    # Only passed on: “90s” and “1m30s” are equal, which a comparison of texts would not see.
    DURATION = "duration"
    NULL = "null"


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """
    How a parameter is typed, where that differs from `--its-name VALUE`.

    Goes into the annotation of the model's field: `Annotated[str, Option(positional=True, label="SERVICE")]`.
    """

    positional: bool = False
    label: str | None = None
    """Stands for the value in a usage line."""
    short: str | None = None
    """A second name, such as `-e`."""
    takes_several: bool = False
    """Several words may be typed; they are joined by commas."""


class Parameters(pydantic.BaseModel):
    """Base of the parameters of every command."""

    # A line in a terminal uses one of them, so each is built when it is first validated.
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The closed lists that names in parameters come from; handed to pydantic as its context."""

    catalog: config_catalog.Catalog
    environments: config_environments.Environments
    commands: tuple[str, ...]
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Their aliases, with the names."""
    invalid_procedures: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Procedures that are disabled, by the name of their file, with the reason."""


def _vocabulary(info: pydantic.ValidationInfo) -> Vocabulary:
    if not isinstance(info.context, Vocabulary):
        raise TypeError("parameters with names in them are validated with a Vocabulary as context")
    return info.context


def _plain(name: str, known: Collection[str]) -> str:
    """Return a *known* name without the marks around it in chat and without a full stop; others as they are typed."""
    plain = name.strip(_CHAT_MARKS).lower()
    return plain if plain in known else name.strip()


def _known_service(value: str, info: pydantic.ValidationInfo) -> str:
    catalogue = _vocabulary(info).catalog
    names = [_plain(name, catalogue.names) for name in value.split(",")]
    if len(names) > 1 and all(name in catalogue.names for name in names):
        raise ValueError(f"One service at a time; {value} are {len(names)}. Run the command for each.")
    return _named(lambda: catalogue.find(_plain(value, catalogue.names)).name)


def _known_selection(value: str, info: pydantic.ValidationInfo) -> str:
    catalogue = _vocabulary(info).catalog
    known, parts = {*catalogue.names, *catalogue.groups, config_catalog.ALL}, []
    for name in (_plain(part, known) for part in value.split(",") if part.strip(_CHAT_MARKS)):
        found = _named(functools.partial(catalogue.select, name))
        is_one = len(found) == 1 and name not in (config_catalog.ALL, *catalogue.groups)
        parts.append(found[0].name if is_one else name.lower())
    if not parts:
        raise ValueError(f"“{errors.shorten(value, 60)}” names no service.")
    return ",".join(dict.fromkeys(parts))


def known_environment(value: str | None, info: pydantic.ValidationInfo) -> str:
    """Return the name of an environment; the default one for None."""
    environments = _vocabulary(info).environments
    name = environments.default if value is None else _plain(value, environments.environments).lower()
    _named(lambda: environments.find(name))
    return name


def _known_command(value: str, info: pydantic.ValidationInfo) -> str:
    vocabulary = _vocabulary(info)
    name = vocabulary.aliases.get(value.lower(), value)
    if name.lower() not in vocabulary.commands and (reason := vocabulary.invalid_procedures.get(name.lower())):
        raise ValueError(f"The procedure {name} is disabled: {reason}")
    return _named(lambda: find_command(name, vocabulary.commands))


def find_command(name: str, names: Iterable[str]) -> str:
    """
    Return *name* as it is spelt in *names*.

    Raises:
        errors.NotFound: with the nearest ones.
    """
    if name.lower() not in names:
        raise errors.NotFound("command", name, names)
    return name.lower()


Result = TypeVar("Result")


def _named(find: Callable[[], Result]) -> Result:
    try:
        return find()
    except errors.NotFound as error:
        # pydantic collects ValueErrors; the sentence and its hint travel in one text.
        raise ValueError(f"{error} {error.hint or ''}".strip()) from error


ServiceName = Annotated[str, pydantic.AfterValidator(_known_service)]
"""The name or alias of one service; becomes its name."""
Selection = Annotated[str, pydantic.AfterValidator(_known_selection)]
"""One service, a group, `all`, or several of them with commas."""
EnvironmentName = Annotated[
    str | None,
    pydantic.AfterValidator(known_environment),
    pydantic.Field(
        default=None, validate_default=True, description="where to look; the default environment if not given"
    ),
    Option(label="ENV", short="-e"),
]
"""The name of an environment; the default one where none is given."""


class ServiceParameters(Parameters):
    """Base of the parameters of commands about one service in one environment."""

    service: Annotated[
        ServiceName, Option(positional=True, label="SERVICE"), pydantic.Field(description="a service by name or alias")
    ]
    env: EnvironmentName


CommandName = Annotated[str, pydantic.AfterValidator(_known_command)]
"""The name of a command."""
Duration = durations.Duration


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a command may use; it gets nothing from elsewhere."""

    invocation: model_invocations.Invocation
    data_digest: str
    """Of the data folder when it was read."""
    catalog: config_catalog.Catalog
    environments: config_environments.Environments
    runbook: runbook_sections.Runbook
    diagnosis_rules: "rules.Rules"
    actuator: "health_actuator.Actuator"
    gateway: "connectivity_gateway.Gateway"
    eureka: "connectivity_eureka.Eureka"
    workloads: Callable[[config_environments.Environment], "kubernetes_workloads.Workloads"]
    """Returns the workloads of an environment."""
    java: "diagnosis_java.Java"
    audit: "audit.AuditLog"
    commands: Mapping[str, "Command[Any]"]
    """By name, procedures included; in a terminal only the one that runs, where it does not set `needs_procedures`."""
    command_names: Collection[str]
    """Names of all commands, also where only one is imported."""
    run_service: "engine_service.RunService | None"
    procedures: "schema.ProcedureCatalog | None"
    may_run: "MayRun"
    """Returns whether the actor of this invocation may run a command here."""
    display: model_invocations.Display
    reserve: "Reserve"
    """Waits until an answer of so many bytes may be read into memory; called again with its size once that is known."""
    now: Callable[[], datetime.datetime]
    security_warnings: tuple[str, ...] = ()
    """What the settings leave unprotected, one sentence each."""

    @property
    def runs(self) -> "engine_service.RunService":
        """The runs of procedures; for commands with `needs_procedures`."""
        if self.run_service is None:
            raise RuntimeError("only a command with needs_procedures has runs")
        return self.run_service

    @property
    def procedure_catalog(self) -> "schema.ProcedureCatalog":
        """The procedures; for commands with `needs_procedures`."""
        if self.procedures is None:
            raise RuntimeError("only a command with needs_procedures has procedures")
        return self.procedures


MayRun = Callable[["Command[Any]"], Awaitable[bool]]
Reserve = Callable[[int], Awaitable[None]]
MAX_RESERVE_SECONDS = 240.0
"""For which an answer waits for memory."""
P = TypeVar("P", bound=Parameters)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[P]):
    """A command: its name, parameters, coroutine and permissions."""

    name: str
    summary: str
    """One line, without a full stop, as the help shows it."""
    parameters: type[P]
    run: Callable[[P, Context], Awaitable[reports.Report]]
    examples: tuple[str, ...]
    """What could be typed after `/pos`; `{service}`, `{services}`, `{group}` and `{environment}` are names of data."""
    effect: Effect = Effect.READ
    audience: Audience = Audience.MEMBERS
    is_terminal_only: bool = False
    """Needs files of the machine it runs on, so there is nothing to type in Slack."""
    reply: Callable[[P], model_invocations.Reply] = lambda _: model_invocations.Reply.PRIVATE
    """Who sees its response in Slack; a button with this command does the same."""
    app_home: str | None = None
    """Command line whose report App Home shows."""
    sections: tuple[str, ...] = ()
    """Markers of the sections of the runbook that it carries out."""
    deadline: Callable[[P], float | None] = lambda _: 30.0
    """Seconds after which it is timed out; None for what ends with its viewer."""
    is_followed: Callable[[P], bool] = lambda _: False
    """It shows a log until it is stopped; fewer of these may run at once."""
    facts: Mapping[str, ValueType] = dataclasses.field(default_factory=dict)
    """Facts of its reports that procedures can use; each is of this type, or null, or missing."""
    is_step: bool = True
    """A procedure can use it as a step, because it reports about services."""
    needs_procedures: bool = False
    """Uses procedures or their runs, which a terminal otherwise neither imports nor loads."""
    aliases: tuple[str, ...] = ()
    """Other names for it; one of these may be two words."""
    hidden_aliases: tuple[str, ...] = ()
    """Former names, which stored runs and buttons in old messages carry; neither shown nor suggested."""
    roles: tuple[str, ...] | None = None
    """Roles that may run it, or `everyone`, where it declares them itself; None where roles.yaml does."""

    @property
    def needs_role(self) -> bool:
        """Return whether it requires a role."""
        if self.roles is not None:
            return EVERYONE not in self.roles
        return self.effect is Effect.CHANGE or self.audience is Audience.ROLE

    def examples_for(
        self, catalogue: "config_catalog.Catalog", environments: "config_environments.Environments"
    ) -> tuple[str, ...]:
        """Return its examples with the first service that has a port, and an environment other than the default."""
        services = [service for service in catalogue.services if service.port is not None] or catalogue.services
        others = (name for name in environments.environments if name != environments.default)
        names = {
            "{services}": " ".join(service.name for service in services[:2]),
            "{service}": services[0].name,
            "{group}": services[0].group,
            "{environment}": next(others, environments.default),
        }
        examples = []
        for example in self.examples:
            for placeholder, name in names.items():
                example = example.replace(placeholder, name)  # noqa: PLW2901
            examples.append(example)
        return tuple(examples)

    @property
    def usage(self) -> str:
        """The usage line, from its name on."""
        return " ".join([self.name, *(_usage(name, field) for name, field in self.parameters.model_fields.items())])


def facts(
    *, texts: tuple[str, ...] = (), numbers: tuple[str, ...] = (), truths: tuple[str, ...] = ()
) -> Mapping[str, ValueType]:
    """Return the declaration of these facts."""
    kinds = ((ValueType.TEXT, texts), (ValueType.NUMBER, numbers), (ValueType.BOOLEAN, truths))
    return {name: kind for kind, names in kinds for name in names}


def command_line(name: str, parameters: Parameters) -> str:
    """Return the command line for the command *name* with *parameters*."""
    words = [name]
    for key, field in type(parameters).model_fields.items():
        value = getattr(parameters, key)
        if value is None or value is False or (key not in parameters.model_fields_set and key != "env"):
            continue
        typed = [_typed(one) for one in value] if isinstance(value, tuple) else [_typed(value)]
        if option_of(field).positional:
            words += map(shlex.quote, typed)
        elif value is True:
            words.append(_flag(key))
        else:
            words += [option(key, text) for text in typed]
    return " ".join(words)


def option(key: str, value: str) -> str:
    """Return the option for the parameter *key* as it is typed; a value that looks like an option is joined to it."""
    return f"{_flag(key)}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}"


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _typed(value: object) -> str:
    return durations.write(value) if isinstance(value, datetime.timedelta) else str(value)


def option_of(field: pydantic.fields.FieldInfo) -> Option:
    """Return how *field* is typed."""
    return next((extra for extra in field.metadata if isinstance(extra, Option)), Option())


def _usage(name: str, field: pydantic.fields.FieldInfo) -> str:
    option = option_of(field)
    label = option.label or name.upper()
    flag = f"--{name.replace('_', '-')}"
    shown = label if option.positional else flag if field.annotation is bool else f"{flag} {label}"
    return shown if field.is_required() else f"[{shown}]"
