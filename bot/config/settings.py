"""
What the environment says; the only place that reads it.

Everything an operator tunes in review lives in `runbook_data/` instead; here is only what differs between machines
and what must not stand in a file.
"""

import dataclasses
import os
import pathlib
import urllib.parse
from collections.abc import Mapping
from typing import Annotated, Self

import pydantic
import pydantic_core

from bot import errors

_PROJECT = pathlib.Path(__file__).parents[2]
_EXPECTED_OF: Mapping[str, str] = {
    "POSBOT_LOG_LEVEL": "debug, info, warning or error",
    "POSBOT_SERVICE_TOKENS": 'a JSON object with a token for each environment, such as {"staging": "eyJ…"}',
}
"""What a variable holds, where the type of an error does not say it."""
_EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
}
"""Pydantic's type of an error → what the person reads of it."""
_OWN = ("SLACK_", "POSBOT_", "DATABASE_URL")


class Settings(pydantic.BaseModel):
    """
    Everything posbot is told from outside; read once, at start.

    A variable is called like its field, in capitals, or by its alias. pydantic-settings would do the same, at a tenth
    of what a terminal command may import.
    """

    model_config = pydantic.ConfigDict(
        extra="ignore",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
        alias_generator=pydantic.AliasGenerator(validation_alias=str.upper),
    )

    slack_bot_token: pydantic.SecretStr | None = None
    """`xoxb-…`: what the bot does in Slack."""
    slack_app_token: pydantic.SecretStr | None = None
    """`xapp-…`: turns on Socket Mode."""
    slack_signing_secret: pydantic.SecretStr | None = None
    """Turns on signed HTTP."""
    slack_api_url: Annotated[str, pydantic.Field(validation_alias="POSBOT_SLACK_API_URL")] = "https://slack.com/api/"
    """Another address for tests and for networks with a gateway in front of Slack."""
    socket_connections: Annotated[int, pydantic.Field(validation_alias="POSBOT_SOCKET_CONNECTIONS", ge=2, le=10)] = 2
    """Two, because one is away for the length of a handshake whenever Slack renews it; Slack allows ten."""
    socket_ping_seconds: Annotated[float, pydantic.Field(validation_alias="POSBOT_SOCKET_PING_SECONDS", gt=0)] = 5.0
    """How often a connection is asked whether it lives; no answer within half of it means that it does not."""
    port: Annotated[int, pydantic.Field(ge=0, le=65535)] = 8080
    """Where /slack/events, /healthz, /readyz and /metrics are served; 0 takes a free one."""
    host: Annotated[str, pydantic.Field(validation_alias="POSBOT_HOST")] = "0.0.0.0"  # noqa: S104 - a pod's only address
    database_url: pydantic.SecretStr | None = None
    """SQLite file or PostgreSQL; without it a SQLite file in the user's state folder."""
    pghost: str | None = None
    """libpq's, as the two below: what DATABASE_URL leaves open, and posbot warns of where nothing is verified."""
    pgsslmode: str | None = None
    pgsslrootcert: str | None = None
    runbook_data: Annotated[pathlib.Path, pydantic.Field(validation_alias="POSBOT_RUNBOOK_DATA")] = (
        _PROJECT / "runbook_data"
    )
    drain_seconds: Annotated[float, pydantic.Field(validation_alias="POSBOT_DRAIN_SECONDS", ge=0, le=60)] = 12.0
    """For what is under way at SIGTERM; with last words and the closing of connections the end stays within 20 s."""
    kubeconfig: str | None = None
    """Files for `kube_context`, as kubectl reads them; without it the account of the pod, or ~/.kube/config."""
    service_tokens: Annotated[
        pydantic.Json[dict[str, pydantic.SecretStr]],
        pydantic.Field(validation_alias="POSBOT_SERVICE_TOKENS", default="{}"),
    ]
    """The bot's own login at the services, by environment: `{"staging": "eyJ…"}`. A token goes nowhere else."""
    audit_days: Annotated[int, pydantic.Field(validation_alias="POSBOT_AUDIT_DAYS", ge=1, le=36_500)] = 90
    """How long the record of invocations is kept."""
    database_max_mb: Annotated[int, pydantic.Field(validation_alias="POSBOT_DATABASE_MAX_MB", ge=10)] = 700
    """What the database may hold; beyond it the oldest responses are dropped. It fits on the volume of 1 GiB."""
    log_level: Annotated[
        str | None, pydantic.Field(validation_alias="POSBOT_LOG_LEVEL", pattern="^(debug|info|warning|error)$")
    ] = None
    """Without it info for `posbot serve`, and none in a terminal, where the answer is all that should be seen."""
    xdg_state_home: pathlib.Path = pathlib.Path("~/.local/state")

    @pydantic.field_validator("service_tokens")
    @classmethod
    def _can_be_sent(cls, tokens: dict[str, pydantic.SecretStr]) -> dict[str, pydantic.SecretStr]:
        for name, token in tokens.items():
            value = token.get_secret_value().strip()
            if not value or not value.isascii() or not value.isprintable() or " " in value:
                raise ValueError(f"the token of {name} has characters that no token has, or is empty; copy it again")
        return tokens

    @pydantic.field_validator("slack_api_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("expected a URL such as https://slack.com/api/")
        return url

    @property
    def store_url(self) -> str:
        """Return the URL of the database, also where none is set."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.state_folder}/posbot.db"

    @property
    def state_folder(self) -> pathlib.Path | None:
        """Return posbot's own folder, which holds the database; None where DATABASE_URL names another place."""
        if self.database_url is not None:
            return None
        try:
            return self.xdg_state_home.expanduser() / "posbot"
        except RuntimeError as error:
            raise errors.BadConfiguration(
                "There is no home folder for the record: set HOME, XDG_STATE_HOME or DATABASE_URL."
            ) from error

    @property
    def tokens(self) -> dict[str, str]:
        """Return the bot's own tokens at the services, by environment."""
        return {name: value.get_secret_value().strip() for name, value in self.service_tokens.items()}

    @property
    def known_secrets(self) -> tuple[str, ...]:
        """Return the values that must never leave the bot."""
        secrets = (self.slack_bot_token, self.slack_app_token, self.slack_signing_secret, self.database_url)
        values = [value for value in (*map(_reveal, secrets), *self.tokens.values()) if value]
        return (*values, *_passwords(_reveal(self.database_url) or ""))

    @classmethod
    def from_environment(cls) -> Self:
        """
        Read the environment.

        Raises:
            errors.BadConfiguration: one sentence per variable that has a wrong value.
        """
        try:
            return cls.model_validate({name: value for name, value in os.environ.items() if value})  # noqa: TID251 - it is here
        except pydantic.ValidationError as error:
            lines = [f"{_variable(problem['loc'])}: {_expected(problem)}." for problem in error.errors()]
            raise errors.BadConfiguration("\n".join(dict.fromkeys(lines))) from None


def for_other_programs() -> dict[str, str]:
    """Return the environment for what posbot starts: all of its own, but for what is meant for posbot alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}  # noqa: TID251 - it is here


def _expected(problem: pydantic_core.ErrorDetails) -> str:
    """Return what was expected in place of an invalid value, which is not repeated: it may be a secret."""
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    own = _EXPECTED_OF.get(_variable(problem["loc"]))
    if own is not None:
        return f"expected {own}"
    expected = _EXPECTED.get(problem["type"], "another value; this one cannot be read")
    return f"expected {expected.format_map(problem.get('ctx') or {})}"


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "environment"


@pydantic.dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SlackAccess:
    """The tokens for one way, or both ways, of being reached by Slack."""

    bot_token: str = dataclasses.field(repr=False)
    app_token: str | None = dataclasses.field(repr=False)
    """Set for Socket Mode."""
    signing_secret: str | None = dataclasses.field(repr=False)
    """Set for signed HTTP."""


def slack_access(settings: Settings) -> SlackAccess:
    """
    Return the tokens that serving Slack needs.

    Raises:
        errors.BadConfiguration: one sentence that names the variable which is missing or of the wrong kind.
    """
    bot, app = _reveal(settings.slack_bot_token), _reveal(settings.slack_app_token)
    signing = _reveal(settings.slack_signing_secret)
    if not bot and not app and not signing:
        raise errors.BadConfiguration(
            "Slack is not configured: set SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for Socket Mode or"
            " SLACK_SIGNING_SECRET for signed HTTP."
        )
    if not bot:
        given = "SLACK_APP_TOKEN" if app else "SLACK_SIGNING_SECRET"
        raise errors.BadConfiguration(f"{given} is set but SLACK_BOT_TOKEN is not: set it to the app's xoxb- token.")
    if not bot.startswith("xoxb-"):
        raise errors.BadConfiguration("SLACK_BOT_TOKEN is not a bot token: expected one that begins with xoxb-.")
    if not app and not signing:
        raise errors.BadConfiguration(
            "SLACK_BOT_TOKEN is set, but no way for Slack to reach the bot: set SLACK_APP_TOKEN for Socket Mode or"
            " SLACK_SIGNING_SECRET for signed HTTP."
        )
    if app and not app.startswith("xapp-"):
        raise errors.BadConfiguration("SLACK_APP_TOKEN is not an app-level token: expected one that begins with xapp-.")
    for name, value in (("SLACK_BOT_TOKEN", bot), ("SLACK_APP_TOKEN", app), ("SLACK_SIGNING_SECRET", signing)):
        if value and not (value.isascii() and value.isprintable() and " " not in value):
            raise errors.BadConfiguration(f"{name} has characters that no token has; copy it again.")
    return SlackAccess(bot_token=bot, app_token=app, signing_secret=signing)


def _passwords(url: str) -> set[str]:
    """Return the password in *url*, encoded and decoded: a driver's message may contain either."""
    try:
        password = urllib.parse.urlsplit(url).password or ""
    except ValueError:
        # No URL at all, which the store will say.
        return set()
    return {password, urllib.parse.unquote(password)} - {""}


def _reveal(secret: pydantic.SecretStr | None) -> str | None:
    return secret.get_secret_value().strip() if secret is not None else None
