"""posbot in a terminal, where it matters as a process: answers, exit codes, JSON, and what it cannot start with."""

import json
import pathlib
import shutil

import pytest

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


async def test_json_is_the_whole_answer_and_nothing_else(environment: dict[str, str], data: pathlib.Path) -> None:
    async with fleets.running(["pos-order"]) as fleet:
        runbook_folder.write(data, {"pos-order": fleet["pos-order"].port})
        await fleet["pos-order"].goes_down()

        code, output, complaint = await processes.run(environment, "health", "order", "--output", "json")

    document = json.loads(output)
    assert (code, complaint) == (1, "")
    assert document["schema"] == 1
    assert document["ending"] == "done"
    assert document["verdict"] == "failed"
    assert document["facts"]["finding"] == "down"
    assert document["facts"]["failing"] == "db"
    assert document["runbook"][0]["number"] == "4.3"


async def test_the_fleet_is_one_table_worst_first(environment: dict[str, str], data: pathlib.Path) -> None:
    async with fleets.running(runbook_folder.service_names()) as fleet:
        runbook_folder.write(data, fleet.ports)
        await fleet["pos-order"].goes_down()

        code, output, _ = await cli_runner.run(environment, "health")

    told = output.splitlines()
    assert code == 1
    assert "1 of 23 services unhealthy in sandbox: 1 down" in told[0]
    assert "pos-order" in told[3]
    assert "pos-mcp-server" in next(line for line in told if "no endpoint" in line)


async def test_without_anything_it_explains_itself(environment: dict[str, str]) -> None:
    code, output, _ = await processes.run(environment)

    assert code == 0
    assert "posbot COMMAND" in output
    assert "Exit codes: 0 ok, 1 problem found, 2 usage, 3 could not tell." in output


async def test_an_unknown_output_format_is_a_usage_error(environment: dict[str, str]) -> None:
    code, output, complaint = await processes.run(environment, "health", "--output", "xml")

    assert (code, output) == (2, "")
    assert complaint == "--output is text or json, not “xml”.\n"


async def test_a_mistake_in_the_data_is_told_with_file_line_and_key(
    environment: dict[str, str], data: pathlib.Path
) -> None:
    catalogue = data / "services.yaml"
    catalogue.write_text(catalogue.read_text().replace("port: 9007", "port: ninety", 1))

    code, _, complaint = await cli_runner.run(environment, "check")

    line = next(number for number, text in enumerate(catalogue.read_text().splitlines(), 1) if "ninety" in text)
    assert code == 1
    assert complaint.startswith(f"{catalogue}:{line}: services.3.port: expected a valid integer")


async def test_sound_data_passes_the_check(environment: dict[str, str]) -> None:
    code, output, _ = await cli_runner.run(environment, "check")

    assert code == 0
    assert "The runbook data is sound: 24 services, 2 environments" in output


async def test_a_data_folder_that_is_not_there_is_named(environment: dict[str, str]) -> None:
    code, _, complaint = await cli_runner.run(environment | {"POSBOT_RUNBOOK_DATA": "/nowhere"}, "health")

    assert code == 3
    assert complaint == "/nowhere: there is no such folder; set POSBOT_RUNBOOK_DATA to the data folder.\n"


async def test_a_dead_database_does_not_keep_the_answer_back(environment: dict[str, str], data: pathlib.Path) -> None:
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
        ({"PORT": "http"}, "PORT: Input should be a valid integer"),
    ],
    ids=["nothing", "no bot token", "no bot token either", "no way", "a person's token", "wrong token", "wrong port"],
)
async def test_a_configuration_that_cannot_work_is_one_sentence_at_start(
    environment: dict[str, str], variables: dict[str, str], sentence: str
) -> None:
    code, _, complaint = await cli_runner.run(environment | variables, "serve")

    assert code == 3
    assert sentence in complaint
    assert len(complaint.splitlines()) == 1


async def test_migrate_says_what_it_did(environment: dict[str, str]) -> None:
    first = await processes.run(environment, "migrate")
    second = await cli_runner.run(environment, "migrate")

    assert first[:2] == (0, "The database is now at revision 0004.\n")
    assert second[:2] == (0, "The database is up to date.\n")
