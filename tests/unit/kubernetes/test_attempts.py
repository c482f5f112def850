"""Which records of a start explain that it failed."""

import pathlib

import pytest

from bot import runbook_data
from bot.kubernetes.diagnosis import attempts, matcher, rules
from bot.kubernetes.logs import parser
from sandbox import runbook_folder

HEAD = "2026-11-27T12:01:{second:02}.548Z {level:>5} 1 --- [pos-order] [{thread:>15}] a.b.C : {message}"
STARTED = "Started OrderApplication in 4.3 seconds (process running for 6.18)"
BOOT = "APPLICATION FAILED TO START\n\nDescription:\n\n{description}\n\nAction:\n\nCorrect it."


@pytest.fixture(scope="module")
def ruleset() -> rules.Rules:
    folder: pathlib.Path = runbook_folder.PROJECT / "runbook_data"
    return runbook_data.load(folder).diagnosis_rules


def a_line(message: str, level: str = "INFO", thread: str = "main") -> str:
    return HEAD.format(second=1, level=level, thread=thread, message=message)


def diagnosed(ruleset: rules.Rules, *messages: str, exit_code: int | None = 1) -> list[matcher.Finding]:
    lines = [line for message in messages for line in message.split("\n")]
    attempt = attempts.StartAttempt(
        pod="a", container="c", source="log", entries=parser.join_lines(lines), exit_code=exit_code
    )
    return attempts.find(ruleset, [attempt])


def test_failure_decides_over_noise_before_it(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(
        ruleset,
        a_line("was unable to refresh its cache! Cannot execute request on any known server", "ERROR"),
        a_line("Connection to node -1 (kafka/10.0.0.1:9092) could not be established.", "WARN"),
        a_line("Application run failed\na.b.E: x\nCaused by: java.lang.IllegalStateException: no till", "ERROR"),
    )

    assert (finding.id, finding.title) == (
        "application-failed", "application failed to start (IllegalStateException: no till)",
    )  # fmt: skip


def test_analysis_of_boot_is_told_and_shown(ruleset: rules.Rules) -> None:
    said = "Web application could not be started as there was no ServletWebServerFactory bean defined in the context."

    [finding] = diagnosed(ruleset, a_line(BOOT.format(description=said), "ERROR"))

    assert finding.title == said.rstrip(".")
    assert finding.advice == "Spring Boot advises: Correct it."
    assert finding.evidence.text == said


def test_earlier_entry_explains_what_only_points_to_it(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(
        ruleset,
        a_line("HHH000342\norg.postgresql.util.PSQLException: The connection attempt failed.\n"
               "Caused by: java.net.UnknownHostException: db.pos", "WARN"),
        a_line("Application run failed\norg.hibernate.HibernateException: Unable to determine Dialect without JDBC "
               "metadata", "ERROR"),
    )  # fmt: skip

    assert finding.title == "database host db.pos does not resolve"


def test_frames_do_not_make_it_the_database(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(
        ruleset,
        a_line("Application run failed\na.b.ClientException: no answer\n\tat org.postgresql.A.a(A.java:1)\n"
               "Caused by: java.net.ConnectException: Connection refused\n\tat com.zaxxer.B.b(B.java:2)", "ERROR"),
    )  # fmt: skip

    assert "database" not in finding.title


def test_errors_after_the_start_explain_nothing(ruleset: rules.Rules) -> None:
    refused = "org.postgresql.util.PSQLException: Connection to db:5432 refused. Check"

    assert diagnosed(ruleset, a_line(STARTED), a_line(f"failed\n{refused}", "ERROR")) == []


def test_failed_runner_after_the_start_explains_it(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(
        ruleset,
        a_line(STARTED),
        a_line("Application run failed\njava.lang.IllegalStateException: Failed to execute ApplicationRunner\n"
               "Caused by: java.nio.file.NoSuchFileException: /data/prices.csv", "ERROR"),
    )  # fmt: skip

    assert finding.title == "file /data/prices.csv does not exist"


def test_service_without_web_server_ends_by_itself(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(
        ruleset,
        a_line(STARTED),
        a_line("registration failed Cannot execute request on any known server", "WARN", "ionShutdownHook"),
        exit_code=0,
    )

    assert finding.id == attempts.NOTHING_KEEPS_RUNNING
    assert finding.certainty is rules.Certainty.CERTAIN
    assert "exit code 0: no web server" in finding.title


def test_service_with_web_server_is_not_blamed_for_exit_code_0(ruleset: rules.Rules) -> None:
    assert diagnosed(ruleset, a_line("Tomcat started on port 9007 (http)"), a_line(STARTED), exit_code=0) == []


def test_warning_without_failure_is_likely_at_most(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(ruleset, a_line("Waiting for changelog lock...."), exit_code=143)

    assert (finding.id, finding.certainty) == ("changelog-waiting", rules.Certainty.LIKELY)


def a_failure(said: str) -> str:
    return a_line(f"Application run failed\na.b.E: x\nCaused by: java.lang.IllegalStateException: {said}", "ERROR")


def test_last_of_several_failures_decides(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(ruleset, a_failure("the first"), a_failure("the second"))

    assert "the second" in finding.title


def test_failure_before_a_successful_start_explains_nothing(ruleset: rules.Rules) -> None:
    assert diagnosed(ruleset, a_failure("no till"), a_line(STARTED), exit_code=143) == []


def test_entries_before_a_successful_start_do_not_explain_a_failure_after_it(ruleset: rules.Rules) -> None:
    unknown = "org.postgresql.util.PSQLException: x\nCaused by: java.net.UnknownHostException: db.pos"
    failed = (
        "Application run failed\norg.hibernate.HibernateException: Unable to determine Dialect without JDBC metadata"
    )

    [finding] = diagnosed(ruleset, a_line(f"HHH000342\n{unknown}", "WARN"), a_line(STARTED), a_line(failed, "ERROR"))

    assert "db.pos" not in finding.title


def test_what_is_logged_while_it_stops_explains_nothing(ruleset: rules.Rules) -> None:
    refused = a_line(
        "failed\norg.postgresql.util.PSQLException: Connection to db:5432 refused. Check", "ERROR", "ionShutdownHook"
    )

    assert diagnosed(ruleset, refused, exit_code=143) == []


def test_entry_on_another_subject_does_not_explain_a_symptom(ruleset: rules.Rules) -> None:
    [finding] = diagnosed(
        ruleset,
        a_line("prices not read\njava.nio.file.NoSuchFileException: /data/prices.csv", "ERROR"),
        a_line("Application run failed\norg.hibernate.HibernateException: Unable to determine Dialect without JDBC "
               "metadata", "ERROR"),
    )  # fmt: skip

    assert "/data/prices.csv" not in finding.title


def test_error_that_the_application_survived_does_not_explain_a_failure_with_a_cause(ruleset: rules.Rules) -> None:
    refused = a_line("failed\norg.postgresql.util.PSQLException: Connection to db:5432 refused. Check", "ERROR")

    [finding] = diagnosed(ruleset, refused, a_failure("no till"))

    assert "no till" in finding.title


def test_running_pod_that_opened_no_port_is_not_said_to_have_ended(ruleset: rules.Rules) -> None:
    assert diagnosed(ruleset, a_line(STARTED), exit_code=None) == []


def test_analysis_of_a_log_without_dates_is_one_record(ruleset: rules.Rules) -> None:
    said = "Parameter 0 of constructor in a.B required a bean of type 'a.C' that could not be found."

    [finding] = diagnosed(ruleset, "banner", "***", BOOT.format(description=said))

    assert finding.title == said.rstrip(".")
