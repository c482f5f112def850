"""Builders: a sound value of each noun with one thing changed, so that a test shows only what it is about."""

import datetime
from collections.abc import Mapping
from typing import Any

import pydantic

from bot import command
from bot.config import catalog, roles
from bot.config import environments as config_environments
from bot.model import invocations, reports

NOW = datetime.datetime(2026, 11, 23, 18, 0, tzinfo=datetime.UTC)
ID = "1123-0a1b2c3d"


def a_report(**changes: Any) -> reports.Report:
    return reports.Report(**{"verdict": reports.Verdict.OK, "headline": "All is well."} | changes)


def a_table(*rows: tuple[str, ...], columns: tuple[str, ...] = ("service", "state"), **changes: Any) -> reports.Table:
    return reports.Table(columns=columns, rows=tuple(reports.Row(cells=cells) for cells in rows), **changes)


def an_answer(report: reports.Report | None = None, **changes: Any) -> invocations.Response:
    values = {"invocation_id": ID, "status": invocations.Status.OK, "report": report or a_report()}
    return invocations.Response(**values | changes)


def an_actor(**changes: Any) -> invocations.Actor:
    return invocations.Actor(**{"id": "U0ALICE", "name": "alice", "team_id": "T0HOME"} | changes)


def a_local_actor(name: str = "root") -> invocations.Actor:
    return invocations.Actor(id=f"terminal:{name}", name=name)


def a_place(**changes: Any) -> invocations.Conversation:
    values = {"kind": invocations.ConversationKind.CHANNEL, "id": "C0OPS", "name": "ops"}
    return invocations.Conversation(**values | changes)


def an_invocation(**changes: Any) -> invocations.Invocation:
    values = {
        "id": ID,
        "text": "health pos-order",
        "source": invocations.Source.SLASH,
        "actor": an_actor(),
        "conversation": a_place(),
        "received_at": NOW,
    }
    return invocations.Invocation(**values | changes)


def a_service(name: str = "pos-order", **changes: Any) -> catalog.Service:
    keys = dict.fromkeys(("name", "module", "deployment", "container"), name)
    more = {"port": 8080, "owner": "devops-team", "group": "sales", "tier": "critical"}
    return catalog.Service.model_validate(keys | more | changes)


def a_catalogue(*members: catalog.Service) -> catalog.Catalog:
    return catalog.Catalog(services=members or (a_service(), a_service("pos-price", aliases=("price", "pricing"))))


def an_environment(**changes: Any) -> config_environments.Environment:
    template = "http://{service}.{namespace}:{port}{health_path}"
    return config_environments.Environment.model_validate({"namespace": "positivity", "health_url": template} | changes)


def a_vocabulary(words: tuple[str, ...] = ("health", "help")) -> command.Vocabulary:
    environments = config_environments.Environments(
        default="staging", environments={"staging": an_environment(), "prod": an_environment()}
    )
    return command.Vocabulary(catalog=a_catalogue(), environments=environments, commands=words)


def a_command(
    word: str = "restart", parameters: type[command.Parameters] | None = None, **changes: Any
) -> command.Command[Any]:
    async def run(_: command.Parameters, __: command.Context) -> reports.Report:
        return a_report()

    values = {"summary": "do it", "parameters": parameters or command.Parameters, "run": run, "examples": (word,)}
    return command.Command(**{"name": word} | values | changes)


def some_parameters(**fields: Any) -> type[command.Parameters]:
    """Return a class of parameters; each field is a pair of annotation and default (`...` where it is required)."""
    made: type[command.Parameters] = pydantic.create_model("Made", __base__=command.Parameters, **fields)
    return made


def some_roles(members: tuple[str, ...] = (), may: tuple[str, ...] = ("restart",), **channels: Any) -> roles.Roles:
    named: Mapping[str, roles.Role] = {"operators": roles.Role(members=members, may=may)} if members else {}
    return roles.Roles(channels=roles.Channels(**channels), roles=dict(named))
