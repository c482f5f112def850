"""The exit codes of `posbot`: one table for every command line, as README has it."""

import pathlib
import re

import pytest

from bot import exit_codes
from sandbox import processes, runbook_folder
from tests import cli_runner, databases

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The shipped data and a database of its own; no cluster."""
    folder = tmp_path_factory.mktemp("exit-codes")
    databases.fill(f"sqlite:///{folder}/posbot.db")
    return {
        **processes.plain_environment(folder),
        "POSBOT_RUNBOOK_DATA": str(runbook_folder.PROJECT / "runbook_data"),
        "DATABASE_URL": f"sqlite:///{folder}/posbot.db",
    }


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("version", exit_codes.OK, id="shown"),
        pytest.param("services order", exit_codes.OK, id="found"),
        pytest.param("services order --tier supporting", exit_codes.OK, id="an empty list is an answer"),
        pytest.param("run list", exit_codes.OK, id="no runs"),
        pytest.param("runbook xylophone", exit_codes.OK, id="no section matches"),
        pytest.param("audit --actor nobody", exit_codes.OK, id="no entries"),
        pytest.param("triage pos-price --plan", exit_codes.OK, id="a dry run"),
        pytest.param("nonsense", exit_codes.USAGE, id="unknown command"),
        pytest.param("restart pos-order", exit_codes.USAGE, id="a change that posbot does not make"),
        pytest.param("health nope", exit_codes.USAGE, id="unknown service"),
        pytest.param("services nope", exit_codes.USAGE, id="nothing is called so"),
        pytest.param("services --group nope", exit_codes.USAGE, id="unknown group"),
        pytest.param("services --owner nope", exit_codes.USAGE, id="unknown owner"),
        pytest.param("services --tier nope", exit_codes.USAGE, id="unknown tier"),
        pytest.param("health --env nope", exit_codes.USAGE, id="unknown environment"),
        pytest.param("logs pos-order --tail many", exit_codes.USAGE, id="invalid value"),
        pytest.param("run show r1124-0a1b2c3d", exit_codes.USAGE, id="unknown run"),
        pytest.param("runbook --output xml", exit_codes.USAGE, id="unknown format"),
        pytest.param("serve now", exit_codes.USAGE, id="an argument too many"),
        pytest.param("completion", exit_codes.USAGE, id="a missing argument"),
        pytest.param("pods pos-order", exit_codes.UNKNOWN, id="no cluster"),
        pytest.param("unlock x --reason nobody-holds-it", exit_codes.UNKNOWN, id="permission denied"),
        pytest.param("serve", exit_codes.UNKNOWN, id="not configured"),
    ],
)
def test_exit_code_says_how_it_ended(environment: dict[str, str], line: str, code: int) -> None:
    returned, output, complaint = cli_runner.answer(environment, *line.split())

    assert returned == code, output + complaint


def test_invalid_data_is_a_finding_of_check_and_unknown_to_others(
    environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "services.yaml").write_text("services: 1")
    invalid = environment | {"POSBOT_RUNBOOK_DATA": str(tmp_path)}

    codes = [cli_runner.answer(invalid, line)[0] for line in ("check", "health")]

    assert codes == [exit_codes.PROBLEM, exit_codes.UNKNOWN]


def test_readme_has_the_table() -> None:
    readme = (runbook_folder.PROJECT / "README.md").read_text()
    table = re.findall(r"^\| (\d+) \| (.+) \| .+ \|$", str(exit_codes.__doc__), re.MULTILINE)

    assert [int(code) for code, _ in table] == [0, 1, 2, 3, 130]
    for row in re.findall(r"^\| \d+ \| .+$", str(exit_codes.__doc__), re.MULTILINE):
        assert row in readme


VERBS = ["serve", "manifest", "migrate", "schema", "generate", "completion"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("line", ["VERB -h", "VERB --help", "help VERB"])
def test_help_of_a_verb_is_its_own(environment: dict[str, str], verb: str, line: str) -> None:
    code, output, complaint = cli_runner.answer(environment, *line.replace("VERB", verb).split())

    assert (code, complaint) == (exit_codes.OK, "")
    assert output.startswith(f"Usage: posbot {verb}")
    assert "Commands, in a terminal" not in output
    assert max(map(len, output.splitlines())) <= 80
