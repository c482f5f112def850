"""
What a person can ask posbot for: one module per command, and this index of them.

A command reads like its section of the runbook. It gets everything through its `Context`, returns a Report, knows no
other command, and neither posts nor formats. To add one, write its module, a line of the index and its import here.

The index repeats what each module declares, because `posbot --help` and shell completion need nothing else: importing
every module takes ten times as long as Python itself. A test holds the two against each other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from bot import command


class Entry(NamedTuple):
    """A command as the index knows it, with the values of its module; a dataclass would import `inspect`."""

    module: str
    name: str
    summary: str
    aliases: tuple[str, ...] = ()
    needs_procedures: bool = False
    hidden_aliases: tuple[str, ...] = ()


SERVICES = (
    Entry("health", "health", "check service health, and optionally wait until healthy"),
    Entry(
        "connectivity",
        "connectivity",
        "check reachability and authentication: DNS, port, Eureka, gateway route, with and without a token",
        hidden_aliases=("access",),
    ),
    Entry("pods", "pods", "show the pods of a service: status, restarts, last termination"),
    Entry("events", "events", "show Kubernetes events of a service, warnings first"),
    Entry("rollout", "rollout", "show rollout status and history, verify a deployment", hidden_aliases=("deploy",)),
    Entry("logs", "logs", "show or follow the logs of a service"),
    Entry("diagnose", "diagnose", "diagnose why a service does not start", hidden_aliases=("startup",)),
    Entry("runbook", "runbook", "show or search the runbook", needs_procedures=True),
    Entry("services", "services", "list the catalogue of services"),
)
"""Commands about the services."""
POSBOT = (
    Entry("run", "run", "run a procedure; show, watch, answer, cancel or retry a run", needs_procedures=True),
    Entry("runs", "run list", "list runs of procedures with their state", aliases=("runs",), needs_procedures=True),
    Entry("share", "share", "show one of your responses to everyone here"),
    Entry("stop", "stop", "stop following a log that you started, or that is shown where you ask"),
    Entry("unlock", "unlock", "release a lock that a run holds", needs_procedures=True),
    Entry("audit", "audit", "show who ran which command"),
    Entry("check", "check", "validate the runbook data, compare the catalogue with a checkout", needs_procedures=True),
    Entry("help", "help", "list the commands, show the options and examples of one", needs_procedures=True),
    Entry("version", "version", "show the version of posbot and its data", needs_procedures=True),
)
"""Commands about posbot itself and the runs of procedures."""
INDEX = (*SERVICES, *POSBOT)


def find(words: Sequence[str]) -> Entry | None:
    """Return the command that a command line begins with, by its name or an alias of one or two words."""
    for count in (2, 1):
        beginning = " ".join(words[:count]).lower()
        for entry in INDEX:
            if beginning in (entry.name, *entry.aliases, *entry.hidden_aliases):
                return entry
    return None


def load(entry: Entry) -> "command.Command[Any]":
    """Return the command itself; imports its module and no other."""
    return _load_service_command(entry.module) if entry in SERVICES else _load_posbot_command(entry.module)


def load_all() -> "tuple[command.Command[Any], ...]":
    """Return all commands in the order of the index."""
    return tuple(map(load, INDEX))


def _load_service_command(module: str) -> "command.Command[Any]":
    match module:
        case "health":
            from commands import health

            return health.COMMAND
        case "connectivity":
            from commands import connectivity

            return connectivity.COMMAND
        case "pods":
            from commands import pods

            return pods.COMMAND
        case "events":
            from commands import events

            return events.COMMAND
        case "rollout":
            from commands import rollout

            return rollout.COMMAND
        case "logs":
            from commands import logs

            return logs.COMMAND
        case "diagnose":
            from commands import diagnose

            return diagnose.COMMAND
        case "runbook":
            from commands import runbook

            return runbook.COMMAND
        case "services":
            from commands import services

            return services.COMMAND
        case _:
            raise KeyError(module)


def _load_posbot_command(module: str) -> "command.Command[Any]":
    match module:
        case "run":
            from commands import run

            return run.COMMAND
        case "runs":
            from commands import runs

            return runs.COMMAND
        case "share":
            from commands import share

            return share.COMMAND
        case "stop":
            from commands import stop

            return stop.COMMAND
        case "unlock":
            from commands import unlock

            return unlock.COMMAND
        case "audit":
            from commands import audit

            return audit.COMMAND
        case "check":
            from commands import check

            return check.COMMAND
        case "help":
            from commands import help as help_command

            return help_command.COMMAND
        case "version":
            from commands import version

            return version.COMMAND
        case _:
            raise KeyError(module)
