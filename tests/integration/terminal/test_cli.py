"""posbot in a terminal, where it matters as a process: answers, exit codes, JSON, and what it cannot start with."""

import importlib.metadata
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import commands
from bot import exit_codes
from bot.config import data_digest
from sandbox import processes, runbook_folder
from sandbox.services import fleets
from tests import cli_runner

pytestmark = pytest.mark.anyio


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    """Nothing configured but the data folder and a record of its own."""
    shutil.copytree(runbook_folder.PROJECT / "runbook_data", tmp_path / "runbook_data")
    return {
        **processes.plain_environment(tmp_path),
        "POSBOT_RUNBOOK_DATA": str(tmp_path / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/posbot.db",
    }


@pytest.fixture
def data(environment: dict[str, str]) -> pathlib.Path:
    return pathlib.Path(environment["POSBOT_RUNBOOK_DATA"])


async def test_every_state_has_its_exit_code(environment: dict[str, str], data: pathlib.Path) -> None:
    names = ["pos-order", "pos-price", "pos-catalog", "pos-invoice"]
    async with fleets.running(names) as fleet:
        runbook_folder.write(data, fleet.ports)
        await fleet["pos-price"].slows_to(seconds=0.6)
        await fleet["pos-catalog"].goes_down()
        await fleet["pos-invoice"].becomes_unknown()

        codes = {name: (await cli_runner.run(environment, "health", name))[0] for name in names}

    assert codes == {"pos-order": 0, "pos-price": 1, "pos-catalog": 1, "pos-invoice": 3}


async def test_json_is_the_whole_response_and_nothing_else(environment: dict[str, str], data: pathlib.Path) -> None:
    async with fleets.running(["pos-order"]) as fleet:
        runbook_folder.write(data, {"pos-order": fleet["pos-order"].port})
        await fleet["pos-order"].goes_down()

        code, output, complaint = await processes.run(environment, "health", "order", "--output", "json")

    document = json.loads(output)
    assert (code, complaint) == (1, "")
    assert document["schema"] == 1
    assert document["status"] == "ok"
    assert document["verdict"] == "failed"
    assert document["facts"]["finding"] == "down"
    assert document["facts"]["failing"] == "db"
    assert document["runbook"][0]["number"] == "4.3"


async def test_all_services_are_one_table_worst_first(environment: dict[str, str], data: pathlib.Path) -> None:
    async with fleets.running(runbook_folder.service_names()) as fleet:
        runbook_folder.write(data, fleet.ports)
        await fleet["pos-order"].goes_down()

        code, output, _ = await cli_runner.run(environment, "health")

    told = output.splitlines()
    assert code == 1
    assert "1 of 23 services unhealthy in sandbox: 1 down" in told[0]
    assert "pos-order" in told[3]
    assert "pos-mcp-server" in next(line for line in told if "no endpoint" in line)


async def test_empty_command_line_shows_the_help(environment: dict[str, str]) -> None:
    code, output, _ = await processes.run(environment)

    assert code == 0
    assert "Usage: posbot COMMAND" in output
    assert exit_codes.SUMMARY in output


async def test_unknown_output_format_is_a_usage_error(environment: dict[str, str]) -> None:
    code, output, complaint = await processes.run(environment, "health", "--output", "xml")

    assert (code, output) == (2, "")
    assert complaint == "--output must be text or json, not “xml”.\n"


@pytest.mark.parametrize("option", [("-o", "json"), ("--output", "json"), ("--output=json",)], ids=" ".join)
async def test_json_can_be_requested_in_three_ways(environment: dict[str, str], option: tuple[str, ...]) -> None:
    _, output, _ = await cli_runner.run(environment, "services", "order", *option)

    assert json.loads(output)["facts"] == {"count": 2}


LOCAL = [["version"], ["--version"], ["help"], ["help", "health"], ["health", "-h"], ["completion", "bash"], ["--help"]]


@pytest.mark.parametrize("arguments", LOCAL, ids=" ".join)
async def test_local_commands_need_no_database(
    environment: dict[str, str], tmp_path: pathlib.Path, arguments: list[str]
) -> None:
    code, output, complaint = await cli_runner.run(environment, *arguments)

    assert (code, complaint) == (0, "")
    assert output
    assert not (tmp_path / "posbot.db").exists()


async def test_version_is_a_document_too(environment: dict[str, str]) -> None:
    _, output, _ = await cli_runner.run(environment, "version", "-o", "json")

    document = json.loads(output)
    assert document["invocation"] is None
    digest = data_digest.digest(pathlib.Path(environment["POSBOT_RUNBOOK_DATA"]))
    assert document["facts"] == {"version": importlib.metadata.version("posbot"), "data": digest}


async def test_version_is_told_although_the_settings_are_invalid(environment: dict[str, str]) -> None:
    code, output, _ = await cli_runner.run(environment | {"PORT": "http"}, "version")

    assert code == 0
    assert "runbook data  unknown, the settings are invalid" in output


async def test_help_lists_procedures_without_validating_them(environment: dict[str, str], data: pathlib.Path) -> None:
    (data / "procedures" / "broken.yaml").write_text("{")

    _, output, _ = await cli_runner.run(environment, "help")

    assert re.search("^ +post-deployment +wait for the rollout", output, re.MULTILINE)
    assert re.search("^ +broken +invalid YAML; run posbot check", output, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["help", "nosuch"], ["completion"], ["completion", "tcsh"]], ids=" ".join)
async def test_unknown_topic_or_shell_is_a_usage_error(environment: dict[str, str], arguments: list[str]) -> None:
    code, output, _ = await cli_runner.run(environment, *arguments)

    assert (code, output) == (2, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_names_every_command(environment: dict[str, str], shell: str) -> None:
    _, script, _ = await cli_runner.run(environment, "completion", shell)

    assert [entry.name for entry in commands.INDEX if entry.name not in script] == []
    assert "output" in script


def test_help_imports_no_command() -> None:
    """Everything `--help` imports is paid by every command line."""
    code = "import sys; from bot import __main__ as entry; entry.run(['--help']); print(*sorted(sys.modules))"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"asyncio", "dataclasses", "inspect", "pydantic", "rich", "sqlalchemy", "structlog", "yaml"}
    assert heavy.isdisjoint(ran.stdout.splitlines()[-1].split())
    assert "commands.health" not in ran.stdout


@pytest.mark.slow
def test_one_command_imports_no_other(environment: dict[str, str]) -> None:
    cli_runner.answer(environment, "migrate")
    code = "import sys; from bot import __main__ as entry; entry.run(['services']); print(*sorted(sys.modules))"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    imported = set(ran.stdout.splitlines()[-1].split())
    assert [name for name in imported if name.startswith("commands.")] == ["commands.services"]
    unused = {"alembic", "bot.procedures.schema", "httpx", "kubernetes", "pydantic_settings", "sqlalchemy.orm"}
    assert imported & unused == set()


async def test_invalid_data_is_reported_with_file_line_and_key(environment: dict[str, str], data: pathlib.Path) -> None:
    catalogue = data / "services.yaml"
    catalogue.write_text(catalogue.read_text().replace("port: 8761", "port: ninety", 1))

    code, _, complaint = await cli_runner.run(environment, "check")

    line = next(number for number, text in enumerate(catalogue.read_text().splitlines(), 1) if "ninety" in text)
    assert code == 1
    assert complaint.startswith(f"{catalogue}:{line}: services.0.port: expected a valid integer")


async def test_valid_data_passes_the_check(environment: dict[str, str]) -> None:
    code, output, _ = await cli_runner.run(environment, "check")

    assert code == 0
    assert "The runbook data is sound: 24 services, 2 environments" in output


async def test_missing_data_folder_is_named(environment: dict[str, str]) -> None:
    code, _, complaint = await cli_runner.run(environment | {"POSBOT_RUNBOOK_DATA": "/nowhere"}, "health")

    assert code == 3
    assert complaint == "/nowhere: there is no such folder; set POSBOT_RUNBOOK_DATA to the data folder.\n"


async def test_unavailable_database_does_not_prevent_the_response(
    environment: dict[str, str], data: pathlib.Path
) -> None:
    nobody_listens = {"DATABASE_URL": "postgresql://posbot:hunter22hunter@127.0.0.1:1/posbot"}
    async with fleets.running(["pos-order"]) as fleet:
        runbook_folder.write(data, {"pos-order": fleet["pos-order"].port})

        code, output, complaint = await processes.run(environment | nobody_listens, "health", "order")

    assert code == 0
    assert "pos-order · sandbox: UP" in output
    assert "hunter22hunter" not in complaint
    assert "Traceback" not in complaint


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "Slack is not configured: set SLACK_BOT_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-1-x"}, "SLACK_APP_TOKEN is set but SLACK_BOT_TOKEN is not"),
        ({"SLACK_SIGNING_SECRET": "s"}, "SLACK_SIGNING_SECRET is set but SLACK_BOT_TOKEN is not"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "no way for Slack to reach the bot"),
        ({"SLACK_BOT_TOKEN": "xoxp-1", "SLACK_APP_TOKEN": "xapp-1-x"}, "SLACK_BOT_TOKEN is not a bot token"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN is not an app-level token"),
        ({"PORT": "http"}, "PORT: expected a whole number."),
    ],
    ids=["nothing", "no bot token", "no bot token either", "no way", "a person's token", "wrong token", "wrong port"],
)
async def test_invalid_configuration_is_one_sentence_at_startup(
    environment: dict[str, str], variables: dict[str, str], sentence: str
) -> None:
    code, _, complaint = await cli_runner.run(environment | variables, "serve")

    assert code == 3
    assert sentence in complaint
    assert len(complaint.splitlines()) == 1


@pytest.mark.slow
async def test_migrate_reports_its_result(environment: dict[str, str]) -> None:
    first = await processes.run(environment, "migrate")
    second = await cli_runner.run(environment, "migrate")

    versions = runbook_folder.PROJECT / "bot" / "store" / "migrations" / "versions"
    newest = max(path.name for path in versions.glob("*.py")).partition("_")[0]
    assert first[:2] == (0, f"The database is now at revision {newest}.\n")
    assert second[:2] == (0, "The database is up to date.\n")
