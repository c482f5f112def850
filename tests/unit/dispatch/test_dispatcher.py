"""What a long answer costs everybody else: nothing that they would notice."""

import threading
from typing import Any

import pytest

from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.dispatch import parser, permissions, redaction
from bot.model import reports
from tests import builders

pytestmark = pytest.mark.anyio


class NotingRedactor(redaction.Redactor):
    """Notes in which threads it is asked for whole reports."""

    def __init__(self) -> None:
        super().__init__(())
        self.threads: list[threading.Thread] = []

    def report(self, report: reports.Report) -> reports.Report:
        self.threads.append(threading.current_thread())
        return super().report(report)


async def test_redaction_does_not_block_the_event_loop() -> None:
    redactor, command, nothing = NotingRedactor(), builders.a_command("health"), {}
    tools: Any = lambda **_: None  # noqa: E731 - the command asks for none
    record: Any = None
    dispatcher = dispatch_dispatcher.Dispatcher(
        parser=parser.Parser({"health": command}, builders.a_vocabulary()),
        permissions=permissions.Permissions(
            builders.some_roles(), team_id=None, user_groups=permissions.NoUserGroups()
        ),
        redactor=redactor,
        audit_log=record,
        make_context=tools,
    )

    await dispatcher.perform(builders.an_invocation(), *dispatcher.validate("health", nothing))

    assert redactor.threads
    assert threading.main_thread() not in redactor.threads
