"""
What a person can ask posbot for: one file per word, and this table of them.

A command reads like its section of the runbook. It gets everything through its `Tools`, gives a Report, knows no
other command, and neither posts nor formats. To add one, write its file and a line here.
"""

from typing import Any

from bot import toolkit
from commands import (
    access,
    audit,
    check,
    deploy,
    events,
    health,
    logs,
    pods,
    run,
    runbook,
    runs,
    services,
    share,
    startup,
    stop,
    unlock,
    version,
)
from commands import help as help_command

COMMANDS: tuple[toolkit.Command[Any], ...] = (
    health.COMMAND,
    access.COMMAND,
    pods.COMMAND,
    events.COMMAND,
    deploy.COMMAND,
    logs.COMMAND,
    startup.COMMAND,
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
