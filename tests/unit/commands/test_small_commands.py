"""`services`, `version`, `audit`, and what the commands about pods say of a library."""

import importlib.metadata
import io
from collections.abc import AsyncIterator

import pytest
import rich.console

from bot.config import data_digest
from bot.model import invocations, reports
from bot.terminal import rendering
from tests import builders
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio
LIBRARY_COMMANDS = [
    "pods",
    "events",
    "logs",
    "logs --follow",
    "diagnose",
    "rollout status",
    "rollout verify",
    "rollout history",
]


@pytest.fixture(scope="module")
async def shared_app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[app_fixture.AppFixture]:
    """A posbot whose catalog has a library."""
    entries = {"pos-events": {"library": True, "port": None}}
    async with app_fixture.running(tmp_path_factory.mktemp("app"), entries=entries) as app:
        yield app


@pytest.mark.parametrize("command", LIBRARY_COMMANDS)
async def test_library_has_no_pods_to_look_at(app: app_fixture.AppFixture, command: str) -> None:
    name, _, options = command.partition(" --")

    answer = await app.dispatch(f"{name} pos-events{f' --{options}' if options else ''}")

    assert answer.status is invocations.Status.FAILED
    assert answer.report.headline == (
        "pos-events · sandbox: no deployment and no pods, a library, not a service (services.yaml)."
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "services ordr",
            "There is no service, group, owner or tier called “ordr”. Did you mean “order” or “orders”?",
        ),
        ("services --group sale", "There is no group called “sale”. Did you mean “sales”?"),
        ("services --owner nobody", "There is no owner called “nobody”."),
    ],
)
async def test_unknown_name_of_the_catalog_is_a_usage_error(
    app: app_fixture.AppFixture, line: str, sentence: str
) -> None:
    answer = await app.dispatch(line)

    assert answer.status is invocations.Status.USAGE_ERROR
    assert answer.report.headline == sentence


async def test_filters_that_exclude_each_other_find_nothing(app: app_fixture.AppFixture) -> None:
    report = await app.run("services order --tier supporting")

    assert (report.verdict, report.headline) == (reports.Verdict.OK, "No service matches.")


async def test_version_tells_which_data_is_served(app: app_fixture.AppFixture) -> None:
    report = await app.run("version")

    (fields,) = report.sections
    assert isinstance(fields, reports.Fields)
    pairs = dict(fields.pairs)
    digest = data_digest.digest(app.core.data.folder)
    assert report.headline == f"posbot {importlib.metadata.version('posbot')}"
    assert pairs["runbook data"] == report.facts["data"] == digest
    assert int(pairs["procedures"]) == 5
    changed = app.core.data.folder / "environments.yaml"
    changed.write_text(f"{changed.read_text()}\n# another data\n")
    assert data_digest.digest(app.core.data.folder) != digest


async def test_audit_fits_a_terminal_of_80_columns_without_breaking_ids(app: app_fixture.AppFixture) -> None:
    in_channel = builders.a_place(kind=invocations.ConversationKind.CHANNEL, id="C1", name="inc-2041-orders-fail")
    await app.dispatch("rollout status pos-api-gateway --env sandbox --wait 1s", conversation=in_channel)
    denied = await app.dispatch("unlock x --reason nobody-holds-it")
    failed = await app.dispatch("nonsense")

    report = await app.run("audit --limit 10")

    console = rich.console.Console(file=io.StringIO(), width=80, highlight=False, color_system=None)
    console.print(rendering.render(builders.an_answer(report)), crop=False)
    shown = console.file.getvalue()
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80, shown
    assert "command line: " not in shown, "a list in place of the table"
    for invocation in (denied, failed):
        assert f" {invocation.invocation_id}" in shown
    assert "usage" in shown and "denied," in shown and "problem" not in shown
