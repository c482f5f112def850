"""Who is who: accounts of a terminal, ids and kinds of Slack's people, and what each may see of others."""

import asyncio
import datetime
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.model import invocations, reports
from bot.procedures import runs
from bot.slack.client import api as slack_api
from bot.slack.inbound import handler, payloads
from bot.slack.outbound import log_stream, pending_responses
from sandbox import slack
from sandbox.slack.scenario import people
from sandbox.slack.state import channels
from tests import builders
from tests.unit.commands import app_fixture

pytestmark = pytest.mark.anyio

ROLES = """
channels: {incidents: ["inc-*"]}
guests: [U0GUSTAV]
bots: [U0TRUSTY]
roles:
  releasers: {members: [U0ALICE, U0BOB, "terminal:*"], may: []}
  approvers: {members: [U0ERIN], may: []}
"""
GUARDED = {
    "schema": 1,
    "id": "guarded",
    "title": "Guarded",
    "summary": "Needs a role",
    "owner": "tests",
    "doc": {"section": "health-checks"},
    "command": {"name": "guarded", "examples": ["guarded"]},
    "access": {"run": ["releasers"]},
    "steps": [
        {"id": "look", "title": "Look", "uses": "manual", "with": {"instructions": "Look.", "by": "not_requester"}},
        {"id": "sign", "title": "Sign", "uses": "manual", "with": {"instructions": "Sign.", "by": "role:approvers"}},
    ],
}
TERMINAL = builders.a_place(kind=invocations.ConversationKind.TERMINAL, id="terminal", name="")
DM = builders.a_place(kind=invocations.ConversationKind.DM, id="D0SOMEBODY", name="", is_private=True)
SECRET = builders.a_place(id="C0SECRET", name="secret", is_private=True)
OPEN = builders.a_place(id="C0OPEN", name="open", is_private=False)


def in_slack(name: str, place: invocations.Conversation = DM, **changes: Any) -> dict[str, Any]:
    actor = builders.an_actor(id=f"U0{name.upper()}", name=name)
    return {"source": invocations.Source.SLASH, "actor": actor, "conversation": place, **changes}


def at_terminal(name: str) -> dict[str, Any]:
    return {"actor": builders.a_local_actor(name), "conversation": TERMINAL}


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[app_fixture.AppFixture]:
    texts = {"roles.yaml": ROLES, "procedures/guarded.yaml": json.dumps(GUARDED)}
    async with (
        app_fixture.running(tmp_path_factory.mktemp("app"), names=["pos-order"], texts=texts) as app,
        app.core.member.registered(),
    ):
        await app.kube.deploys("pos-order")
        watch = asyncio.create_task(app.core.member.watch())
        try:
            yield app
        finally:
            watch.cancel()
            await asyncio.wait({watch})


async def a_run(app: app_fixture.AppFixture, **requested: Any) -> runs.Run:
    """Return a run of `guarded` that waits for its first answer."""
    run_id = str((await app.dispatch("guarded", **requested)).report.facts["run"])
    async with asyncio.timeout(20):
        while True:
            run = await app.core.runs.find(run_id)
            if run.state is runs.RunState.WAITING:
                return run
            await asyncio.sleep(0.02)


def hint_of(response: invocations.Response) -> str:
    return " ".join(one.text for one in response.report.sections if isinstance(one, reports.Text))


async def test_another_account_of_a_terminal_is_not_another_person(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **at_terminal("alice"))

    by_another = await app.dispatch(f"run answer {run.id} done", **at_terminal("bob"))
    in_slack_too = await app.dispatch(f"run answer {run.id} done", **in_slack("bob"))

    assert [by_another.status, in_slack_too.status] == [invocations.Status.DENIED] * 2
    assert hint_of(by_another) == hint_of(in_slack_too)
    assert hint_of(by_another).startswith("Who uses the account terminal:alice is not known. Start the run in Slack,")


async def test_question_for_another_person_is_answered_in_slack(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **in_slack("alice"))

    shared = await app.dispatch(f"run answer {run.id} done", **at_terminal("root"))
    own = await app.dispatch(f"run answer {run.id} done", **in_slack("alice"))
    other = await app.dispatch(f"run answer {run.id} done", **in_slack("bob"))

    assert [one.status for one in (shared, own)] == [invocations.Status.DENIED] * 2
    assert "Answer it in Slack" in hint_of(shared)
    assert hint_of(own) == "Ask another person to answer it in Slack."
    assert other.status is invocations.Status.OK


@pytest.mark.parametrize("line", ["run show ID", "run log ID", "run watch ID", "run cancel ID", "run answer ID done"])
async def test_run_of_a_private_channel_is_hidden_without_its_role(app: app_fixture.AppFixture, line: str) -> None:
    run = await a_run(app, **in_slack("alice", SECRET))

    elsewhere = await app.dispatch(line.replace("ID", run.id), **in_slack("mallory"))

    assert elsewhere.status is invocations.Status.DENIED
    assert elsewhere.report.headline == (
        f"Permission denied: the run {run.id} was started in another conversation, and its procedure requires the role"
        " releasers (roles.yaml: releasers.members)."
    )


async def test_run_is_seen_by_its_channel_its_role_and_its_approvers(app: app_fixture.AppFixture) -> None:
    private, public = await a_run(app, **in_slack("alice", SECRET)), await a_run(app, **in_slack("alice", OPEN))
    line = f"run show {private.id}"

    seen = {
        "in its channel": await app.dispatch(line, **in_slack("mallory", SECRET)),
        "with the role": await app.dispatch(line, **in_slack("bob")),
        "as an approver": await app.dispatch(line, **in_slack("erin")),
        "of a public channel": await app.dispatch(f"run show {public.id}", **in_slack("mallory")),
    }

    assert {name: one.status for name, one in seen.items()} == dict.fromkeys(seen, invocations.Status.OK)


async def test_run_of_a_terminal_is_hidden_in_slack_without_its_role(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **at_terminal("alice"))

    for place in (DM, OPEN):
        seen = await app.dispatch(f"run show {run.id}", **in_slack("mallory", place))
        assert seen.status is invocations.Status.DENIED


async def test_member_of_another_workspace_does_not_see_a_run_of_a_public_channel(
    app: app_fixture.AppFixture,
) -> None:
    run = await a_run(app, **in_slack("alice", OPEN))
    partner = builders.an_actor(id="U0PARTNER", name="partner", team_id="T0SISTER")

    elsewhere = await app.dispatch(f"run show {run.id}", **in_slack("partner", actor=partner))

    assert elsewhere.status is invocations.Status.DENIED


async def test_question_is_answered_only_by_whom_it_is_for(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **in_slack("alice", OPEN))
    line = f"run answer {run.id} done"
    by_approver = await app.dispatch(line, **in_slack("erin", OPEN))
    await app.dispatch(line, **in_slack("bob", OPEN))
    async with asyncio.timeout(20):
        while True:
            question = (await app.core.runs.find(run.id)).question
            if question is not None and question.by == "role:approvers":
                break
            await asyncio.sleep(0.02)

    by_releaser = await app.dispatch(line, **in_slack("bob", OPEN))

    assert by_approver.report.headline == (
        "Permission denied: guarded requires the role releasers (roles.yaml: releasers.members)."
    )
    assert by_releaser.report.headline == "That is for the role approvers to answer."
    assert [one.status for one in (by_approver, by_releaser)] == [invocations.Status.DENIED] * 2


async def test_guest_does_not_see_a_run_of_a_channel_they_are_not_in(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **in_slack("alice", OPEN))
    guest = builders.an_actor(id="U0GUSTAV", name="gustav", kind=invocations.ActorKind.GUEST)

    elsewhere = await app.dispatch(f"run show {run.id}", **in_slack("gustav", actor=guest))
    there = await app.dispatch(f"run show {run.id}", **in_slack("gustav", OPEN, actor=guest))

    assert (elsewhere.status, there.status) == (invocations.Status.DENIED, invocations.Status.OK)


async def test_app_homes_of_two_people_are_two_conversations(app: app_fixture.AppFixture) -> None:
    home = builders.a_place(kind=invocations.ConversationKind.APP_HOME, id="home", name="home")
    run = await a_run(app, **in_slack("alice", home))

    other = await app.dispatch(f"run show {run.id}", **in_slack("mallory", home))

    assert other.status is invocations.Status.DENIED


async def test_list_of_runs_leaves_out_what_a_person_may_not_see(app: app_fixture.AppFixture) -> None:
    hidden = [(await a_run(app, **in_slack("alice", SECRET))).id for _ in range(2)]
    shown = (await a_run(app, **in_slack("alice", OPEN))).id

    newest = await app.dispatch("runs --limit 1", **in_slack("mallory"))
    listed = await app.dispatch("runs --limit 100", **in_slack("mallory"))
    own = await app.dispatch("runs --limit 100", **in_slack("alice"))

    assert shown in str(newest.report.sections) and newest.report.facts["count"] == 1
    assert shown in str(listed.report) and not any(run_id in str(listed.report) for run_id in hidden)
    assert all(run_id in str(own.report) for run_id in (*hidden, shown))


async def test_answers_cancellations_and_stops_keep_the_id_of_the_person(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **in_slack("alice"))
    await app.dispatch(f"run answer {run.id} done", **in_slack("bob"))
    await app.dispatch(f"run cancel {run.id} --yes", **in_slack("bob"))
    started = in_slack("alice", OPEN, id="1123-00000000ab", is_public=True)
    await app.core.audit.begin(builders.an_invocation(**started))
    await app.dispatch("stop 1123-00000000ab", **in_slack("bob", OPEN))

    (answer, *_) = await app.core.runs.answers(run)
    found, stop = await app.core.runs.find(run.id), await app.core.audit.find_stop("1123-00000000ab")

    assert (answer.answered_by, answer.answered_by_id) == ("bob", "U0BOB")
    assert found.cancel is not None and (found.cancel.by, found.cancel.by_id) == ("bob", "U0BOB")
    assert stop is not None and (stop.by, stop.by_id) == ("bob", "U0BOB")


@pytest.mark.parametrize(
    ("is_public", "who", "may_stop"),
    [
        (True, in_slack("alice"), True),
        (True, in_slack("bob", OPEN), True),
        (True, in_slack("bob", SECRET), False),
        (True, in_slack("bob"), False),
        (True, at_terminal("operator"), True),
        (False, in_slack("alice", SECRET), True),
        (False, in_slack("bob", OPEN), False),
        (False, at_terminal("operator"), False),
        (None, in_slack("bob", OPEN), False),
    ],
)
async def test_followed_log_is_stopped_by_its_starter_and_where_it_is_shown(
    app: app_fixture.AppFixture, is_public: bool | None, who: dict[str, Any], may_stop: bool
) -> None:
    own = f"1123-{secrets.token_hex(5)}"
    started = in_slack("alice", OPEN, id=own, is_public=is_public)
    await app.core.audit.begin(builders.an_invocation(**started))

    response = await app.dispatch(f"stop {own}", **who)

    assert (response.status is invocations.Status.DENIED) is not may_stop
    assert (await app.core.audit.find_stop(own) is not None) is may_stop


async def test_answer_of_a_namesake_is_not_taken_for_ones_own(app: app_fixture.AppFixture) -> None:
    run = await a_run(app, **in_slack("alice"))
    question = run.question.id if run.question is not None else ""
    namesake = builders.an_actor(id="U0ALICE", name="bob")
    line = f"run answer {run.id} done --question {question}"
    await app.dispatch(line, **in_slack("bob"))

    again = await app.dispatch(line, **in_slack("alice", actor=namesake))

    assert "was already answered “done” by bob" in again.report.headline


async def test_log_of_another_response_is_filtered_only_where_it_was_shown(app: app_fixture.AppFixture) -> None:
    app.kube.deployments["pos-order"].pods[0].says("2026-11-23T10:00:00Z INFO 1 --- order 17 priced")
    incident = builders.a_place(id="C0INC", name="inc-1", is_private=False)
    private = await app.dispatch("logs pos-order", **in_slack("alice", OPEN))
    public = await app.dispatch("logs pos-order", **in_slack("alice", incident), is_public=True)

    def again(response: invocations.Response) -> str:
        return f"logs pos-order --response {response.invocation_id}"

    assert (await app.dispatch(again(private), **in_slack("alice"))).status is invocations.Status.OK
    assert (await app.dispatch(again(public), **in_slack("mallory", incident))).status is invocations.Status.OK
    refused = [
        await app.dispatch(again(private), **in_slack("mallory", OPEN)),
        await app.dispatch(again(public), **in_slack("mallory")),
        await app.dispatch(again(private), **at_terminal("root")),
    ]
    for response in refused:
        assert response.status is invocations.Status.USAGE_ERROR
        assert response.report.headline.startswith("None of your responses has a log and the id ")


class Scene:
    """A workspace, and what posbot does with the requests of its people."""

    def __init__(self, app: app_fixture.AppFixture, workspace: slack.Workspace) -> None:
        self.app, self.workspace = app, workspace
        self.bot_user_id = workspace.settings.bot_user_id
        self.handler = self.a_handler(identify_seconds=0)

    def a_handler(self, **waiting: float) -> handler.RequestHandler:
        core, workspace = self.app.core, self.workspace
        api = slack_api.SlackApi(workspace.bot_token, workspace.api_url)
        options = log_stream.LogStreamOptions(record=core.audit, db=core.db, stopping=asyncio.Event())
        channels = core.data.roles.channels
        pending = pending_responses.PendingResponses(
            api,
            core.audit,
            core.db,
            core.member,
            channels=channels,
            limiter=options.limiter,
            now=lambda: datetime.datetime.now(datetime.UTC),
        )
        return handler.RequestHandler(core.dispatcher, api, channels, options, pending, **waiting)

    def channel(self, name: str, *members: people.Person) -> channels.Channel:
        return self.workspace.channel(name, members=members)

    async def mentions(self, person: people.Person, line: str, channel: channels.Channel) -> None:
        delivery = await person.mentions(line, channel)
        source = invocations.Source.MENTION
        await self.handler.handle(payloads.from_message(delivery.payload, self.bot_user_id, source))

    async def types(self, person: people.Person, line: str, channel: channels.Channel) -> None:
        delivery = await person.types(f"/pos {line}", channel)
        await self.handler.handle(payloads.from_command(delivery.payload))

    async def newest(self) -> tuple[str, str | None, str]:
        (entry, *_) = await self.app.core.audit.latest(limit=1)
        return entry.actor_id, entry.status, entry.headline or ""

    def answers(self, person: people.Person, channel: channels.Channel) -> list[str]:
        seen = person.sees(channel)
        own = [one for one in seen if one.user_id == self.bot_user_id]
        return [one.plain_text for one in own]


@pytest.fixture(scope="module")
async def scene(app: app_fixture.AppFixture) -> AsyncIterator[Scene]:
    async with slack.running(slack.Settings(posting_burst=None)) as workspace:
        yield Scene(app, workspace)


async def test_bot_that_mentions_posbot_is_refused_without_a_message(scene: Scene) -> None:
    jira, alice = scene.workspace.person("jira", is_bot=True), scene.workspace.person("alice")
    ops = scene.channel("ops", jira, alice)

    await scene.mentions(jira, "version", ops)

    assert await scene.newest() == ("U0JIRA", "denied", "Permission denied: posbot does not serve bots.")
    assert scene.answers(alice, ops) == []


async def test_bot_that_is_listed_is_served(scene: Scene) -> None:
    trusty = scene.workspace.person("trusty", is_bot=True)
    ops = scene.channel("ops", trusty)

    await scene.mentions(trusty, "version", ops)

    assert (await scene.newest())[:2] == ("U0TRUSTY", "ok")
    assert "posbot 0" in scene.answers(trusty, ops)[0]


@pytest.mark.parametrize(
    ("name", "flags", "sentence"),
    [
        ("otto", {"is_guest": True}, "Permission denied: posbot does not serve guests."),
        ("gone", {"is_deactivated": True}, "Permission denied: the account is deactivated."),
    ],
)
@pytest.mark.parametrize("act", ["mentions", "types"])
async def test_guests_and_deactivated_people_are_refused(
    scene: Scene, act: str, name: str, flags: dict[str, bool], sentence: str
) -> None:
    other = scene.workspace.person(name, **flags)

    await getattr(scene, act)(other, "version", scene.channel("ops", other))

    assert await scene.newest() == (other.id, "denied", sentence)


async def test_guest_that_is_listed_is_served(scene: Scene) -> None:
    gustav = scene.workspace.person("gustav", is_guest=True)

    await scene.types(gustav, "version", scene.channel("ops", gustav))

    assert (await scene.newest())[:2] == ("U0GUSTAV", "ok")


async def test_person_that_slack_does_not_know_is_refused(scene: Scene) -> None:
    alice = scene.workspace.person("alice")
    delivery = await alice.types("/pos version", scene.channel("ops", alice))

    await scene.handler.handle(payloads.from_command({**delivery.payload, "user_id": "U0NOBODY"}))

    sentence = "Permission denied: Slack did not say whether you are a member or a guest."
    assert await scene.newest() == ("U0NOBODY", "denied", sentence)


async def test_requester_sees_that_posbot_waits_for_slack(scene: Scene) -> None:
    dora = scene.workspace.person("dora")
    ops = scene.channel("ops", dora)
    scene.workspace.faults.slow_answer("users.info", seconds=0.2)
    delivery = await dora.mentions("version", ops)
    request = payloads.from_message(delivery.payload, scene.bot_user_id, invocations.Source.MENTION)

    await scene.a_handler(progress_after_seconds=0.02).handle(request)

    posted = [call.arguments["text"] for call in scene.workspace.calls("chat.postMessage")]
    assert "Working on it." in posted[-1]
    assert [text.split()[0] for text in scene.answers(dora, ops)] == ["posbot"]


async def test_burst_of_one_person_asks_slack_once(scene: Scene) -> None:
    carla = scene.workspace.person("carla")
    ops = scene.channel("ops", carla)

    await asyncio.gather(*(scene.types(carla, "version", ops) for _ in range(5)))

    assert [call.arguments["user"] for call in scene.workspace.calls("users.info")].count(carla.id) == 1


async def test_second_click_on_share_is_recorded(scene: Scene) -> None:
    alice = scene.workspace.person("alice")
    ops = scene.channel("ops", alice)
    await scene.types(alice, "version", ops)
    (message,) = [one for one in alice.sees(ops) if one.buttons]

    for _ in range(2):
        delivery = await alice.clicks("Share with channel", message, as_seen=True)
        await scene.handler.handle(payloads.from_click(delivery.payload))

    shown = [one for one in alice.sees(ops) if "shared by" in one.plain_text]
    entries = await scene.app.core.audit.latest(limit=2)
    assert [(entry.text.split()[0], entry.status) for entry in entries] == [("share", "denied"), ("share", "ok")]
    assert entries[0].headline == "Already shared with the channel."
    assert len(shown) == 1


async def test_share_that_is_delivered_twice_at_once_is_shown_once(scene: Scene) -> None:
    erin = scene.workspace.person("erin")
    ops = scene.channel("ops", erin)
    await scene.types(erin, "version", ops)
    (message,) = [one for one in erin.sees(ops) if one.buttons]
    delivery = await erin.clicks("Share with channel", message, as_seen=True)

    await asyncio.gather(*(scene.handler.handle(payloads.from_click(delivery.payload)) for _ in range(3)))

    entries = await scene.app.core.audit.latest(limit=2)
    assert [(entry.text.split()[0], entry.status) for entry in entries] == [("share", "ok"), ("version", "ok")]
    assert len([one for one in erin.sees(ops) if "shared by" in one.plain_text]) == 1
    assert not [one for one in erin.sees(ops) if "Already shared" in one.plain_text]


@pytest.mark.parametrize(("channel", "is_public"), [("inc-1", True), ("ops", False)])
async def test_response_that_everyone_sees_is_recorded_as_public(
    scene: Scene, channel: str, *, is_public: bool
) -> None:
    alice, bob = scene.workspace.person("alice"), scene.workspace.person("bob")
    place = scene.channel(channel, alice, bob)
    scene.app.kube.deployments["pos-order"].pods[0].says("2026-11-23T10:00:00Z INFO 1 --- order 17 priced")
    await scene.types(alice, "logs pos-order", place)
    (entry,) = await scene.app.core.audit.latest(limit=1)

    await scene.types(bob, f"logs pos-order --response {entry.id}", place)

    assert (await scene.newest())[1] == ("ok" if is_public else "usage_error")
