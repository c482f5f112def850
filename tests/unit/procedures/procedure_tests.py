"""The shipped procedures with what their tests need, and a way to run one test."""

import commands
from bot import app, runbook_data
from bot.config import yaml_files
from bot.procedures import schema, testing
from sandbox import runbook_folder

PROCEDURES = runbook_folder.PROJECT / "runbook_data" / "procedures"
FOLDER = PROCEDURES / "tests"
COMMANDS = {command.name: command for command in commands.load_all()}
VOCABULARY = app.vocabulary_of(runbook_data.load(runbook_folder.PROJECT / "runbook_data"), COMMANDS)


def shipped(procedure_id: str) -> schema.Procedure:
    return yaml_files.load(PROCEDURES / f"{procedure_id}.yaml", schema.Procedure)


def check(procedure: schema.Procedure, test: testing.ProcedureTest) -> testing.Result:
    return testing.check(procedure, test, COMMANDS, VOCABULARY)
