"""
What a person can ask posbot for: one file per word, and this table of them.

A command reads like its section of the runbook. It gets everything through its `Tools`, gives a Report, knows no
other command, and neither posts nor formats. To add one, write its file and a line here.
"""

from typing import Any

from bot import command
from commands import (
    audit,
    check,
    connectivity,
    diagnose,
    events,
    health,
    logs,
    pods,
    rollout,
    run,
    runbook,
    runs,
    services,
    share,
    stop,
    unlock,
    version,
)
from commands import help as help_command

COMMANDS: tuple[command.Command[Any], ...] = (
    health.COMMAND,
    connectivity.COMMAND,
    pods.COMMAND,
    events.COMMAND,
    rollout.COMMAND,
    logs.COMMAND,
    diagnose.COMMAND,
    run.COMMAND,
    runs.COMMAND,
    runbook.COMMAND,
    services.COMMAND,
    share.COMMAND,
    stop.COMMAND,
    unlock.COMMAND,
    audit.COMMAND,
    check.COMMAND,
    help_command.COMMAND,
    version.COMMAND,
)
