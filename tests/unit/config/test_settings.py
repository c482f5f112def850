"""What the environment may say: defaults, every variable, one sentence for each half of a configuration, no secrets."""

import pathlib

import pytest

from bot import errors
from bot.config import settings as config_settings

PROJECT = pathlib.Path(__file__).parents[3]
VARIABLES = (
    *(
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_SIGNING_SECRET",
        "POSBOT_SLACK_API_URL",
        "POSBOT_SOCKET_CONNECTIONS",
    ),
    *("POSBOT_SOCKET_PING_SECONDS", "PORT", "POSBOT_HOST", "DATABASE_URL", "POSBOT_RUNBOOK_DATA", "POSBOT_AUDIT_DAYS"),
    "POSBOT_DATABASE_MAX_MB",
    *("POSBOT_LOG_LEVEL", "XDG_STATE_HOME", "POSBOT_DRAIN_SECONDS", "KUBECONFIG", "POSBOT_SERVICE_TOKENS"),
    *("PGHOST", "PGSSLMODE", "PGSSLROOTCERT"),
)
BOT, APP, SIGNING = "xoxb-hunter2", "xapp-hunter2", "hunter2-signing"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> config_settings.Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return config_settings.Settings.from_environment()


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(errors.BadConfiguration) as caught:
        config_settings.slack_access(read(monkeypatch, **variables))
    return str(caught.value)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).model_dump() == {
        "slack_bot_token": None,
        "slack_app_token": None,
        "slack_signing_secret": None,
        "slack_api_url": "https://slack.com/api/",
        "socket_connections": 2,
        "socket_ping_seconds": 5.0,
        "port": 8080,
        "host": "0.0.0.0",  # noqa: S104 - a pod's only address
        "database_url": None,
        "pghost": None,
        "pgsslmode": None,
        "pgsslrootcert": None,
        "runbook_data": PROJECT / "runbook_data",
        "drain_seconds": 12.0,
        "kubeconfig": None,
        "service_tokens": {},
        "audit_days": 90,
        "database_max_mb": 700,
        "log_level": None,
        "xdg_state_home": pathlib.Path("~/.local/state"),
    }


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("SLACK_BOT_TOKEN", BOT, "slack_bot_token", BOT),
        ("SLACK_APP_TOKEN", APP, "slack_app_token", APP),
        ("SLACK_SIGNING_SECRET", SIGNING, "slack_signing_secret", SIGNING),
        ("POSBOT_SLACK_API_URL", "http://127.0.0.1:1/api/", "slack_api_url", "http://127.0.0.1:1/api/"),
        ("POSBOT_SOCKET_CONNECTIONS", "3", "socket_connections", 3),
        ("POSBOT_SOCKET_PING_SECONDS", "0.5", "socket_ping_seconds", 0.5),
        ("PORT", "0", "port", 0),
        ("POSBOT_HOST", "127.0.0.1", "host", "127.0.0.1"),
        ("DATABASE_URL", "sqlite:////x.db", "database_url", "sqlite:////x.db"),
        ("PGHOST", "db.example.com", "pghost", "db.example.com"),
        ("PGSSLMODE", "verify-full", "pgsslmode", "verify-full"),
        ("PGSSLROOTCERT", "/ca.pem", "pgsslrootcert", "/ca.pem"),
        ("POSBOT_RUNBOOK_DATA", "/data", "runbook_data", pathlib.Path("/data")),
        ("POSBOT_AUDIT_DAYS", "1", "audit_days", 1),
        ("POSBOT_DATABASE_MAX_MB", "10", "database_max_mb", 10),
        ("POSBOT_DRAIN_SECONDS", "1.5", "drain_seconds", 1.5),
        ("KUBECONFIG", "/kube/config", "kubeconfig", "/kube/config"),
        ("POSBOT_LOG_LEVEL", "debug", "log_level", "debug"),
        ("XDG_STATE_HOME", "/state", "xdg_state_home", pathlib.Path("/state")),
    ],
    ids=lambda value: value if str(value).isupper() else "",
)
def test_each_variable_sets_its_field(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, expected: object
) -> None:
    before = read(monkeypatch).model_dump()

    after = read(monkeypatch, **{variable: value}).model_dump()

    changed = {name for name in after if after[name] != before[name]}
    revealed = getattr(after[field], "get_secret_value", lambda: after[field])()
    assert (changed, revealed) == ({field}, expected)


def test_every_setting_has_a_variable_in_these_tests() -> None:
    assert len(config_settings.Settings.model_fields) == len(VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES)
def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert read(monkeypatch, **{variable: ""}) == config_settings.Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSBOT_SOCKET_CONNECTIONS", "1"),
        ("POSBOT_SOCKET_CONNECTIONS", "11"),
        ("POSBOT_SOCKET_PING_SECONDS", "0"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "eighty"),
        ("POSBOT_AUDIT_DAYS", "0"),
        ("POSBOT_DATABASE_MAX_MB", "9"),
        ("POSBOT_LOG_LEVEL", "loud"),
    ],
)
def test_invalid_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        read(monkeypatch, **{variable: value})

    assert str(caught.value).startswith(f"{variable}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("POSBOT_LOG_LEVEL", "loud", "expected debug, info, warning or error."),
        ("PORT", "abc", "expected a whole number."),
        ("PORT", "99999999", "expected at most 65535."),
        ("POSBOT_DRAIN_SECONDS", "soon", "expected a number."),
        ("POSBOT_SOCKET_PING_SECONDS", "0", "expected more than 0."),
        ("POSBOT_SERVICE_TOKENS", "abc", "expected a JSON object with a token for each environment, such as {"),
        ("POSBOT_SERVICE_TOKENS", '{"a": 3, "b": 4}', "expected a JSON object with a token for each environment"),
        ("POSBOT_SLACK_API_URL", "x", "expected a URL such as https://slack.com/api/."),
    ],
)
def test_invalid_value_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(errors.BadConfiguration) as refused:
        config_settings.Settings.from_environment()

    assert str(refused.value).startswith(f"{variable}: {expected}")
    assert "\n" not in str(refused.value)


def test_all_invalid_values_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        read(monkeypatch, PORT="x", POSBOT_AUDIT_DAYS="x")

    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["PORT", "POSBOT_AUDIT_DAYS"]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        pytest.param(
            {}, "Slack is not configured: set SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for Socket Mode or", id="nothing"
        ),
        pytest.param(
            {"SLACK_APP_TOKEN": APP}, "SLACK_APP_TOKEN is set but SLACK_BOT_TOKEN is not", id="app token alone"
        ),
        pytest.param(
            {"SLACK_SIGNING_SECRET": SIGNING},
            "SLACK_SIGNING_SECRET is set but SLACK_BOT_TOKEN is not",
            id="secret alone",
        ),
        pytest.param(
            {"SLACK_APP_TOKEN": APP, "SLACK_SIGNING_SECRET": SIGNING},
            "SLACK_APP_TOKEN is set but SLACK_BOT_TOKEN is not",
            id="all but the bot token",
        ),
        pytest.param(
            {"SLACK_BOT_TOKEN": BOT}, "SLACK_BOT_TOKEN is set, but no way for Slack to reach the bot", id="alone"
        ),
        pytest.param(
            {"SLACK_BOT_TOKEN": APP, "SLACK_APP_TOKEN": APP},
            "SLACK_BOT_TOKEN is not a bot token",
            id="app token for bot's",
        ),
        pytest.param(
            {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": BOT},
            "SLACK_APP_TOKEN is not an app-level token",
            id="the reverse",
        ),
        pytest.param(
            {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": "hunter2", "SLACK_SIGNING_SECRET": SIGNING},
            "SLACK_APP_TOKEN is not an app-level token",
            id="a wrong token beside a good secret",
        ),
        pytest.param(
            {"SLACK_BOT_TOKEN": "  ", "SLACK_APP_TOKEN": APP}, "SLACK_APP_TOKEN is set but SLACK_BOT_", id="blank"
        ),
        pytest.param(
            {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": " \n"}, "SLACK_BOT_TOKEN is set, but no way", id="blank app"
        ),
    ],
)
def test_incomplete_configuration_names_the_missing_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    message = refusal(monkeypatch, **variables)

    assert message.startswith(sentence)
    assert message.endswith(".")
    assert "hunter2" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("variables", "app", "signing"),
    [
        pytest.param({"SLACK_APP_TOKEN": APP}, APP, None, id="Socket Mode"),
        pytest.param({"SLACK_SIGNING_SECRET": SIGNING}, None, SIGNING, id="HTTP"),
        pytest.param({"SLACK_APP_TOKEN": APP, "SLACK_SIGNING_SECRET": SIGNING}, APP, SIGNING, id="both"),
    ],
)
def test_complete_configuration_gives_access(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], app: str | None, signing: str | None
) -> None:
    access = config_settings.slack_access(read(monkeypatch, SLACK_BOT_TOKEN=BOT, **variables))

    assert (access.bot_token, access.app_token, access.signing_secret) == (BOT, app, signing)


def test_whitespace_around_a_token_is_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, SLACK_BOT_TOKEN=f" {BOT}\n", SLACK_SIGNING_SECRET=f"{SIGNING} ")

    access = config_settings.slack_access(settings)

    assert (access.bot_token, access.signing_secret) == (BOT, SIGNING)
    assert {BOT, SIGNING} <= set(settings.known_secrets)


ALL_SECRETS = {
    "SLACK_BOT_TOKEN": BOT,
    "SLACK_APP_TOKEN": APP,
    "SLACK_SIGNING_SECRET": SIGNING,
    "DATABASE_URL": "postgresql://pos:hunter2@db/pos",
}


def test_no_secret_is_shown_by_repr_or_str(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, **ALL_SECRETS)

    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert "hunter2" not in shown


def test_access_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    access = config_settings.slack_access(read(monkeypatch, **ALL_SECRETS))

    assert "hunter2" not in repr(access)


def test_error_about_another_variable_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        read(monkeypatch, **ALL_SECRETS, PORT="hunter2")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_redactor_knows_every_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(ALL_SECRETS.values()) <= set(read(monkeypatch, **ALL_SECRETS).known_secrets)


def test_redactor_knows_the_database_password_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's message may hold the password without the rest of the URL."""
    settings = read(monkeypatch, DATABASE_URL="postgresql://pos:p%40ssword@db/pos")

    assert "p@ssword" in settings.known_secrets


def test_service_tokens_are_known_per_environment_and_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, POSBOT_SERVICE_TOKENS='{"staging": "eyJ-hunter2", "prod": " eyJ-hunter3 "}')

    assert settings.tokens == {"staging": "eyJ-hunter2", "prod": "eyJ-hunter3"}
    assert {"eyJ-hunter2", "eyJ-hunter3"} <= set(settings.known_secrets)
    assert "hunter" not in repr(settings)


@pytest.mark.parametrize("value", ['{"staging": "two words"}', '{"staging": ""}', '{"staging": "eyJ-hunter2', '["x"]'])
def test_invalid_service_token_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(errors.BadConfiguration) as caught:
        read(monkeypatch, POSBOT_SERVICE_TOKENS=value)

    assert str(caught.value).startswith("POSBOT_SERVICE_TOKENS: ")
    assert "two words" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_invalid_database_url_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, DATABASE_URL="postgresql://[hunter2").known_secrets == ("postgresql://[hunter2",)


def test_default_database_is_a_file_in_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")

    assert read(monkeypatch).store_url == "sqlite:////home/alice/.local/state/posbot/posbot.db"
    assert read(monkeypatch, XDG_STATE_HOME="/state").store_url == "sqlite:////state/posbot/posbot.db"
    assert read(monkeypatch, DATABASE_URL="sqlite:////x.db").store_url == "sqlite:////x.db"


def test_settings_are_immutable(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)

    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1
