"""What posbot warns of at start and in `check`: secrets that would go over a network unprotected."""

import json

import pytest

from bot.config import environments, security_warnings
from bot.config import settings as config_settings
from tests import builders


def some_environments(**changes: object) -> environments.Environments:
    staging = builders.an_environment(**{"gateway_url": "http://gateway.positivity:8080"} | changes)
    return environments.Environments(default="staging", environments={"staging": staging})


def said(environment: environments.Environments | None = None, **variables: str) -> tuple[str, ...]:
    settings = config_settings.Settings.model_validate(variables)
    return security_warnings.find(settings, environment or some_environments())


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/posbot/posbot.db",
        "postgresql://posbot:hunter2@localhost/posbot",
        "postgresql://posbot:hunter2@127.0.0.1:5432/posbot",
        "postgresql://posbot:hunter2@[::1]:5432/posbot",
        "postgresql:///posbot?host=/var/run/postgresql",
        "postgresql:///posbot",
        "postgresql://posbot:hunter2@db.example.com/posbot?sslmode=verify-full",
        "postgresql://posbot:hunter2@db.example.com/posbot?sslmode=verify-ca&sslrootcert=/ca.pem",
        "postgresql://posbot:hunter2@db.example.com/posbot?sslmode=require&sslrootcert=/ca.pem",
        "postgresql://posbot:hunter2@db.example.com/posbot?sslrootcert=system",
        "not a url",
        "postgresql://[half",
    ],
)
def test_database_on_this_machine_or_verified_is_no_warning(url: str) -> None:
    assert said(DATABASE_URL=url) == ()


@pytest.mark.parametrize(
    ("variables", "host", "mode"),
    [
        ({"DATABASE_URL": "postgresql://posbot:hunter2@db.example.com/posbot"}, "db.example.com", "prefer"),
        ({"DATABASE_URL": "postgres://posbot:hunter2@10.0.0.7/x?sslmode=require"}, "10.0.0.7", "require"),
        ({"DATABASE_URL": "postgresql+psycopg://posbot:hunter2@db:5432/x?sslmode=disable"}, "db", "disable"),
        ({"DATABASE_URL": "postgresql:///x?host=db.example.com&sslmode=allow"}, "db.example.com", "allow"),
        ({"DATABASE_URL": "postgresql://posbot:hunter2@localhost,db2:5432/x"}, "db2", "prefer"),
        ({"DATABASE_URL": "postgresql://posbot:hunter2@[fd00::7]:5432/x"}, "fd00::7", "prefer"),
        ({"DATABASE_URL": "postgresql:///x?hostaddr=10.0.0.7"}, "10.0.0.7", "prefer"),
        ({"DATABASE_URL": "postgresql://localhost/x?hostaddr=10.0.0.7"}, "10.0.0.7", "prefer"),
        ({"DATABASE_URL": "postgresql:///x", "PGHOST": "db.example.com"}, "db.example.com", "prefer"),
        ({"DATABASE_URL": "postgresql://u:hunter2@db/x", "PGSSLMODE": "require"}, "db", "require"),
    ],
)
def test_unverified_connection_to_another_host_is_a_warning(variables: dict[str, str], host: str, mode: str) -> None:
    (sentence,) = said(**variables)

    assert sentence.startswith(
        f"DATABASE_URL: the connection to {host} does not verify the server (sslmode={mode}), so the password"
    )
    assert "hunter2" not in sentence


def test_variables_of_libpq_count() -> None:
    assert said(DATABASE_URL="postgresql://u@db/x", PGSSLMODE="verify-full") == ()


@pytest.mark.parametrize(
    ("changes", "is_warning"),
    [
        ({}, True),
        ({"token_over_http": True}, False),
        ({"gateway_url": "https://gateway.example.com"}, False),
        ({"gateway_url": "http://127.0.0.1:8080"}, False),
        ({"gateway_url": None}, True),
        ({"gateway_url": None, "health_url": "https://{service}.example.com{health_path}"}, False),
    ],
)
def test_token_over_http_is_a_warning_unless_it_is_allowed(changes: dict[str, object], *, is_warning: bool) -> None:
    tokens = {"POSBOT_SERVICE_TOKENS": json.dumps({"staging": "t"})}

    assert bool(said(some_environments(**changes), **tokens)) is is_warning
    assert said(some_environments(**changes)) == ()


@pytest.mark.parametrize(
    ("url", "is_warning"),
    [("https://slack.com/api/", False), ("http://127.0.0.1:1/api/", False), ("http://slack.example.com/api/", True)],
)
def test_slack_over_http_is_a_warning(url: str, *, is_warning: bool) -> None:
    assert bool(said(POSBOT_SLACK_API_URL=url)) is is_warning
