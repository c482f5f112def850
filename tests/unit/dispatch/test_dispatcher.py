"""What holds for every command: nothing secret leaves, changes are recorded, and nobody else waits."""

import asyncio
import threading
import types
from typing import Any

import pytest

from bot import command as bot_command
from bot import errors
from bot.dispatch import dispatcher as dispatch_dispatcher
from bot.dispatch import parser, permissions, redaction
from bot.model import invocations, reports
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


def a_redacting_dispatcher(redactor: redaction.Redactor) -> dispatch_dispatcher.Dispatcher:
    command = builders.a_command("health")
    tools: Any = lambda **_: None  # noqa: E731 - the command asks for none
    record: Any = None
    return dispatch_dispatcher.Dispatcher(
        parser=parser.Parser({"health": command}, builders.a_vocabulary()),
        permissions=permissions.Permissions(
            builders.some_roles(), team_id=None, user_groups=permissions.NoUserGroups()
        ),
        redactor=redactor,
        audit_log=record,
        make_context=tools,
    )


async def test_redaction_does_not_block_the_event_loop() -> None:
    redactor = NotingRedactor()
    dispatcher = a_redacting_dispatcher(redactor)

    await dispatcher.perform(builders.an_invocation(), *dispatcher.validate("health", {}))

    assert redactor.threads
    assert threading.main_thread() not in redactor.threads


async def test_short_response_does_not_wait_for_a_long_one() -> None:
    may_end = threading.Event()

    class Redactor(redaction.Redactor):
        def report(self, report: reports.Report) -> reports.Report:
            if redaction.is_long(report):
                may_end.wait(10)
            return super().report(report)

    dispatcher = a_redacting_dispatcher(Redactor(()))
    long = builders.a_report(sections=(reports.Code(text="a\n" * redaction.WINDOW_LENGTH),))
    waiting = [asyncio.create_task(dispatcher._redacted(a_response(long))) for _ in range(2)]

    short = await dispatcher.perform(builders.an_invocation(), *dispatcher.validate("health", {}))

    assert short.status is invocations.Status.OK
    assert not any(task.done() for task in waiting)
    may_end.set()
    assert [response.report for response in await asyncio.gather(*waiting)] == [long, long]


def a_response(report: reports.Report) -> invocations.Response:
    return invocations.Response(invocation_id="1128-1", status=invocations.Status.OK, report=report)


async def test_response_that_cannot_be_redacted_is_not_shown() -> None:
    class Redactor(redaction.Redactor):
        def report(self, report: reports.Report) -> reports.Report:
            raise RecursionError

    dispatcher = a_redacting_dispatcher(Redactor(()))

    response = await dispatcher.perform(builders.an_invocation(), *dispatcher.validate("health", {}))

    assert response.status is invocations.Status.FAILED
    assert response.report.headline.startswith("The result could not be redacted, so it is not shown")


class MemoryAudit:
    """Keeps what is recorded, unless it is away."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.begun: list[invocations.Invocation] = []
        self.is_away = is_away

    async def begin(self, invocation: invocations.Invocation) -> bool:
        if self.is_away:
            raise errors.Unavailable("The database is away.")
        self.begun.append(invocation)
        return True

    async def end(self, response: invocations.Response, **_: object) -> None:
        assert response.invocation_id == self.begun[-1].id


class NoAudit(MemoryAudit):
    """Keeps nothing."""

    async def end(self, response: invocations.Response, **_: object) -> None:
        """Do nothing."""


class MemoryDisplay(dispatch_dispatcher.NoDisplay):
    """Keeps everything that is shown before the response."""

    def __init__(self) -> None:
        self.shown: list[object] = []

    async def progress(self, report: reports.Report) -> None:
        self.shown.append(report)

    async def append(self, log: reports.Log, status: str) -> None:
        self.shown += [log, status]

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        self.shown.append(prompt)
        return None


def a_dispatcher(audit: MemoryAudit, command: bot_command.Command[Any]) -> dispatch_dispatcher.Dispatcher:
    record: Any = audit
    tools: Any = types.SimpleNamespace
    return dispatch_dispatcher.Dispatcher(
        parser=parser.Parser({command.name: command}, builders.a_vocabulary()),
        permissions=permissions.Permissions(
            builders.some_roles(("U0ALICE",)), team_id=None, user_groups=permissions.NoUserGroups()
        ),
        redactor=redaction.Redactor(["hunter2"]),
        audit_log=record,
        make_context=tools,
    )


async def test_nothing_is_changed_while_the_audit_log_is_away() -> None:
    ran: list[str] = []

    async def run(_: bot_command.Parameters, context: bot_command.Context) -> reports.Report:
        ran.append(context.invocation.text)
        return builders.a_report()

    statuses = []
    for effect in bot_command.Effect:
        command = builders.a_command("restart", run=run, effect=effect)
        invocation = builders.an_invocation(text="restart")
        response = await a_dispatcher(MemoryAudit(is_away=True), command).dispatch(invocation)
        statuses.append((effect, response.status))

    assert statuses == [
        (bot_command.Effect.READ, invocations.Status.OK),
        (bot_command.Effect.CHANGE, invocations.Status.FAILED),
    ]
    assert ran == ["restart"]
    assert response.report.headline == "restart was not run, because the audit log is unavailable."


async def test_unrecorded_command_is_carried_out_once_however_often_it_is_delivered() -> None:
    runs = []

    async def run(_: bot_command.Parameters, __: bot_command.Context) -> reports.Report:
        runs.append(1)
        return builders.a_report()

    dispatcher = a_dispatcher(MemoryAudit(is_away=True), builders.a_command(run=run))
    keys = ["command:1", "command:1", "command:2", "command:1", None, None]
    responses = [await dispatcher.dispatch(builders.an_invocation(text="restart", delivery_key=key)) for key in keys]

    assert [one.status is invocations.Status.DUPLICATE for one in responses] == [False, True, False, True, False, False]
    assert len(runs) == 4


async def test_unrecorded_command_delivered_again_after_the_outage_is_a_duplicate() -> None:
    audit = MemoryAudit(is_away=True)
    dispatcher = a_dispatcher(audit, builders.a_command("health"))
    invocation = builders.an_invocation(text="health", delivery_key="command:1")
    await dispatcher.dispatch(invocation)
    audit.is_away = False

    assert (await dispatcher.dispatch(invocation)).status is invocations.Status.DUPLICATE
    assert audit.begun == []


class SlowAudit(NoAudit):
    """Accepts the first record after a while, or fails then; what arrives meanwhile would be recorded at once."""

    def __init__(self, *, is_away: bool) -> None:
        super().__init__(is_away=is_away)
        self.is_released = asyncio.Event()

    async def begin(self, invocation: invocations.Invocation) -> bool:
        is_away, self.is_away = self.is_away, False
        if not self.is_released.is_set():
            await self.is_released.wait()
        if is_away:
            raise errors.Unavailable("The database is locked.")
        return await super().begin(invocation)


@pytest.mark.parametrize("is_away", [True, False], ids=["fails", "accepts"])
async def test_redelivery_while_the_database_is_locked_is_a_duplicate(is_away: bool) -> None:
    audit = SlowAudit(is_away=is_away)
    dispatcher = a_dispatcher(audit, builders.a_command("health"))
    invocation = builders.an_invocation(text="health", delivery_key="command:1")
    first = asyncio.create_task(dispatcher.dispatch(invocation))
    again = [asyncio.create_task(dispatcher.dispatch(invocation)) for _ in range(2)]
    await asyncio.sleep(0)
    audit.is_released.set()
    late = await dispatcher.refuse(invocation, builders.a_report()) if is_away else None

    assert (await first).status is invocations.Status.OK
    assert {one.status for one in await asyncio.gather(*again)} == {invocations.Status.DUPLICATE}
    assert late is None or late.status is invocations.Status.DUPLICATE
    assert dispatcher._unrecorded.keys() == ({"command:1"} if is_away else set())


async def test_only_the_newest_unrecorded_commands_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_dispatcher, "_MAX_UNRECORDED", 2)
    dispatcher = a_dispatcher(MemoryAudit(is_away=True), builders.a_command("health"))
    keys = ["command:1", "command:2", "command:3", "command:3", "command:1"]
    responses = [await dispatcher.dispatch(builders.an_invocation(text="health", delivery_key=key)) for key in keys]

    assert [one.status is invocations.Status.DUPLICATE for one in responses] == [False, False, False, True, False]


async def test_text_too_long_for_a_command_is_shortened_before_it_is_redacted() -> None:
    audit, seen = NoAudit(), []
    dispatcher = a_dispatcher(audit, builders.a_command("health"))

    class Redactor(redaction.Redactor):
        def text(self, text: str) -> str:
            seen.append(len(text))
            return super().text(text)

    dispatcher._redactor = Redactor(())
    response = await dispatcher.dispatch(builders.an_invocation(text="x" * 1_000_000))

    assert response.status is invocations.Status.USAGE_ERROR
    assert max(seen) == len(audit.begun[0].text) == parser.TEXT_LIMIT


async def test_nothing_secret_is_shown_before_the_response_or_recorded() -> None:
    secret = "it was hunter2"

    async def run(_: bot_command.Parameters, context: bot_command.Context) -> reports.Report:
        await context.display.progress(builders.a_report(headline=secret))
        await context.display.append(
            reports.Log(name="log", entries=(reports.LogEntry(text=secret, source="pod-1"),)), secret
        )
        await context.display.ask(invocations.Prompt(text=secret, options=("yes", "no")))
        return builders.a_report(headline=secret)

    audit, display = MemoryAudit(), MemoryDisplay()
    command = builders.a_command("health", builders.some_parameters(text=(str, "")), run=run)
    invocation = builders.an_invocation(text="health --text hunter2")
    response = await a_dispatcher(audit, command).dispatch(invocation, display)

    assert response.report.headline == f"it was {redaction.MASK}"
    assert len(display.shown) == 4
    assert [one for one in map(repr, display.shown) if "hunter2" in one or redaction.MASK not in one] == []
    assert [one.text for one in audit.begun] == [f"health --text {redaction.MASK}"]


async def test_command_that_exceeds_its_deadline_has_timed_out() -> None:
    async def run(_: bot_command.Parameters, __: bot_command.Context) -> reports.Report:
        await asyncio.sleep(30)
        return builders.a_report()

    command = builders.a_command("health", run=run, deadline=lambda _: 0.05)

    response = await a_dispatcher(MemoryAudit(), command).dispatch(builders.an_invocation(text="health"))

    assert response.status is invocations.Status.TIMED_OUT
    assert response.report.headline == "health timed out after 0.05 s."


class Gate:
    """A command that runs until it is let go, and counts how often it runs at once."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.running = 0
        self.most = 0

    async def run(self, _: bot_command.Parameters, __: bot_command.Context) -> reports.Report:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.opened.wait()
        self.running -= 1
        return builders.a_report()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def an_invocation_of(person: str, number: int = 0, **changes: Any) -> invocations.Invocation:
    return builders.an_invocation(
        id=f"1123-{person}{number}", text="health", actor=builders.an_actor(id=person), **changes
    )


async def test_commands_of_one_person_take_turns_and_others_do_not_wait() -> None:
    gate = Gate()
    dispatcher = a_dispatcher(NoAudit(), builders.a_command("health", run=gate.run))
    tasks = [asyncio.create_task(dispatcher.dispatch(an_invocation_of("U0ALICE", number))) for number in range(50)]
    await settled()
    bobs = asyncio.create_task(dispatcher.dispatch(an_invocation_of("U0BOB")))
    await settled()

    assert gate.running == 21
    gate.opened.set()
    responses = await asyncio.gather(bobs, *tasks)
    assert {response.status for response in responses} == {invocations.Status.OK}
    assert gate.most == 21


async def test_whoever_follows_too_many_logs_reads_so_and_may_again_later() -> None:
    gate = Gate()
    follow = builders.a_command("health", run=gate.run, is_followed=lambda _: True, deadline=lambda _: None)
    dispatcher = a_dispatcher(NoAudit(), follow)
    following = [asyncio.create_task(dispatcher.dispatch(an_invocation_of("U0ALICE", number))) for number in range(3)]
    await settled()

    fourth = await dispatcher.dispatch(an_invocation_of("U0ALICE", 3))

    assert fourth.status is invocations.Status.FAILED
    assert fourth.report.headline == "You already follow 3 logs, the most for one person."
    gate.opened.set()
    await asyncio.gather(*following)
    assert (await dispatcher.dispatch(an_invocation_of("U0ALICE", 4))).status is invocations.Status.OK


async def test_acknowledgements_and_steps_do_not_wait_for_a_turn() -> None:
    gate = Gate()
    stop = builders.a_command("health", run=gate.run, reply=lambda _: invocations.Reply.ACKNOWLEDGEMENT)
    step = builders.a_command("health", run=gate.run)
    tasks = []
    for command, source in ((stop, invocations.Source.BUTTON), (step, invocations.Source.STEP)):
        dispatcher = a_dispatcher(NoAudit(), command)
        tasks += [
            asyncio.create_task(dispatcher.dispatch(an_invocation_of("U0ALICE", number, source=source)))
            for number in range(40)
        ]
    await settled()

    assert gate.running == 80
    gate.opened.set()
    await asyncio.gather(*tasks)


async def test_memory_of_an_answer_is_released_with_the_dispatch_unless_it_is_delivered_later() -> None:
    async def run(_: bot_command.Parameters, context: bot_command.Context) -> reports.Report:
        await context.reserve(12_000_000)
        return builders.a_report()

    dispatcher = a_dispatcher(NoAudit(), builders.a_command("health", run=run))
    for number in range(3):
        assert (await dispatcher.dispatch(an_invocation_of("U0ALICE", number))).status is invocations.Status.OK
    reservation = dispatcher.limits.reservation("U0ALICE")
    await dispatcher.dispatch(an_invocation_of("U0ALICE", 3), None, reservation)
    waiting = asyncio.create_task(dispatcher.dispatch(an_invocation_of("U0ALICE", 4)))
    await settled()

    assert not waiting.done()
    reservation.release()
    assert (await waiting).status is invocations.Status.OK
