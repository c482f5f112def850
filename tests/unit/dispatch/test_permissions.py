"""Who may: every rule, and that whatever is not allowed by one is refused."""

import dataclasses
from typing import Any

import pytest

from bot import command as bot_command
from bot import errors
from bot.config import roles
from bot.dispatch import permissions
from bot.model import invocations
from tests import builders

pytestmark = pytest.mark.anyio

READING = builders.a_command("health")
CHANGING = builders.a_command("restart", effect=bot_command.Effect.CHANGE)
REVEALING = builders.a_command("audit", audience=bot_command.Audience.ROLE)
LOCAL = builders.a_command("check", is_terminal_only=True)

TERMINAL = builders.a_place(kind=invocations.ConversationKind.TERMINAL, id="terminal", name="")
DIRECT = builders.a_place(kind=invocations.ConversationKind.DM, id="D0ALICE", name="")
HOME = builders.a_place(kind=invocations.ConversationKind.APP_HOME, id="home", name="")


@dataclasses.dataclass
class Groups:
    """User groups as Slack would tell them."""

    members: dict[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    failing: tuple[str, ...] = ()
    error: type[errors.BotError] = errors.Unavailable
    asked: list[str] = dataclasses.field(default_factory=list)

    async def members_of(self, group_id: str, /) -> frozenset[str]:
        self.asked.append(group_id)
        if group_id in self.failing:
            raise self.error("Slack did not answer.")
        return self.members.get(group_id, frozenset())


async def check(
    command: bot_command.Command[Any],
    *,
    actor: invocations.Actor | None = None,
    place: invocations.Conversation | None = None,
    rules: roles.Roles | None = None,
    groups: permissions.UserGroups | None = None,
) -> None:
    asked = permissions.Permissions(
        rules or builders.some_roles(), team_id="T0HOME", user_groups=groups or permissions.NoUserGroups()
    )
    await asked.check(command, actor or builders.an_actor(), place or builders.a_place())


async def refusal(command: bot_command.Command[Any], **circumstances: Any) -> errors.PermissionDenied:
    with pytest.raises(errors.PermissionDenied) as caught:
        await check(command, **circumstances)
    return caught.value


@pytest.mark.parametrize("place", [builders.a_place(), DIRECT, HOME], ids=["channel", "direct message", "home"])
async def test_workspace_members_may_read(place: invocations.Conversation) -> None:
    await check(READING, place=place)


@pytest.mark.parametrize("team", ["T0OTHER", None, ""], ids=["another", "none", "empty"])
@pytest.mark.parametrize("place", [builders.a_place(), DIRECT, HOME], ids=["channel", "direct message", "home"])
async def test_other_workspace_may_not_even_read(place: invocations.Conversation, team: str | None) -> None:
    error = await refusal(READING, actor=builders.an_actor(team_id=team), place=place)

    assert str(error) == "Permission denied: posbot serves only members of its own workspace."


async def test_listed_workspace_is_served_beside_the_own_one() -> None:
    rules = builders.some_roles().model_copy(update={"workspaces": ("T0SISTER",)})

    await check(READING, actor=builders.an_actor(team_id="T0SISTER"), rules=rules)
    await check(READING, actor=builders.an_actor(team_id="T0HOME"), rules=rules)
    error = await refusal(READING, actor=builders.an_actor(team_id="T0OTHER"), rules=rules)

    assert error.hint is not None and "roles.yaml lists it (workspaces: T0OTHER)" in error.hint


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (invocations.ActorKind.GUEST, "Permission denied: posbot does not serve guests."),
        (invocations.ActorKind.BOT, "Permission denied: posbot does not serve bots."),
        (invocations.ActorKind.DEACTIVATED, "Permission denied: the account is deactivated."),
        (
            invocations.ActorKind.UNKNOWN,
            "Permission denied: Slack did not say whether you are a member or a guest.",
        ),
    ],
)
@pytest.mark.parametrize("place", [builders.a_place(), DIRECT, HOME], ids=["channel", "direct message", "home"])
async def test_only_members_are_served(
    place: invocations.Conversation, kind: invocations.ActorKind, sentence: str
) -> None:
    listed = builders.some_roles(("U0ALICE",)).model_copy(update={"guests": ("U0BOB",), "bots": ("U0BOB",)})

    error = await refusal(READING, actor=builders.an_actor(kind=kind), place=place, rules=listed)

    assert str(error) == sentence


@pytest.mark.parametrize(
    ("field", "listed", "kind"),
    [
        ("guests", "U0ALICE", invocations.ActorKind.GUEST),
        ("guests", "*", invocations.ActorKind.GUEST),
        ("bots", "U0ALICE", invocations.ActorKind.BOT),
    ],
)
async def test_listed_guests_and_bots_are_served(field: str, listed: str, kind: invocations.ActorKind) -> None:
    rules = builders.some_roles().model_copy(update={field: (listed,)})

    await check(READING, actor=builders.an_actor(kind=kind), rules=rules)
    await refusal(READING, actor=builders.an_actor(kind=kind, team_id="T0OTHER"), rules=rules)


async def test_unknown_person_is_not_called_a_stranger() -> None:
    """Where Slack does not answer, neither the kind nor the workspace of a person is known."""
    error = await refusal(READING, actor=builders.an_actor(kind=invocations.ActorKind.UNKNOWN, team_id=None))

    assert (str(error), error.hint) == (
        "Permission denied: Slack did not say whether you are a member or a guest.",
        "Retry in a minute. If it is denied again, posbot’s log has the reason (users.info, scope users:read).",
    )


async def test_unknown_person_of_another_workspace_reads_that_it_is_not_served() -> None:
    error = await refusal(READING, actor=builders.an_actor(kind=invocations.ActorKind.UNKNOWN, team_id="T0OTHER"))

    assert str(error) == "Permission denied: posbot serves only members of its own workspace."


async def test_terminal_account_is_in_no_user_group() -> None:
    groups = Groups(members={"S0OPS": frozenset({"terminal:root"})})

    await refusal(
        CHANGING,
        actor=builders.a_local_actor(),
        place=TERMINAL,
        rules=builders.some_roles(("S0OPS",)),
        groups=groups,
    )

    assert groups.asked == []


@pytest.mark.parametrize("place", [builders.a_place(), DIRECT, HOME], ids=["channel", "direct message", "home"])
async def test_terminal_account_is_nobody_in_slack(place: invocations.Conversation) -> None:
    rules = builders.some_roles(("terminal:*",))

    await refusal(READING, actor=builders.a_local_actor(), place=place, rules=rules)
    await refusal(CHANGING, actor=builders.a_local_actor(), place=place, rules=rules)


async def test_only_the_given_workspaces_are_served() -> None:
    asked = permissions.Permissions(builders.some_roles(), team_id=None, user_groups=permissions.NoUserGroups())
    asked.serve(("T0SISTER",))

    await asked.check(READING, builders.an_actor(team_id="T0SISTER"), builders.a_place())
    for team in ("T0HOME", None):
        with pytest.raises(errors.PermissionDenied):
            await asked.check(READING, builders.an_actor(team_id=team), builders.a_place())


async def test_step_outside_slack_is_allowed_for_a_slack_requester() -> None:
    """A terminal that goes on with a run knows no workspace; who may begin one was checked where it was begun."""
    asked = permissions.Permissions(builders.some_roles(), team_id=None, user_groups=permissions.NoUserGroups())

    await asked.check(READING, builders.an_actor(team_id="T0HOME"), builders.a_place())


async def test_role_does_not_help_another_workspace() -> None:
    rules = builders.some_roles(("U0ALICE",))

    await refusal(CHANGING, actor=builders.an_actor(team_id="T0OTHER"), rules=rules)


async def test_unlisted_channel_gets_no_response() -> None:
    error = await refusal(READING, rules=builders.some_roles(reads=("inc-*", "C0WAR")))

    assert str(error) == "Permission denied: this channel is not allowed (roles.yaml: channels.reads)."
    assert error.hint == "Use a DM with posbot, or ask a posbot administrator to add the channel."


@pytest.mark.parametrize(
    "pattern", ["ops", "op*", "C0OPS", "*", "o?s", "o[pq]s"], ids=["name", "beginning", "id", "all", "one", "class"]
)
async def test_channel_is_listed_by_name_id_or_pattern(pattern: str) -> None:
    await check(READING, rules=builders.some_roles(reads=(pattern,)))


@pytest.mark.parametrize("pattern", ["OPS", "op", "ps", "c0ops", "C0OP"])
async def test_pattern_matches_the_whole_name_and_case(pattern: str) -> None:
    await refusal(READING, rules=builders.some_roles(reads=(pattern,)))


async def test_empty_channel_list_allows_no_channel() -> None:
    await refusal(READING, rules=builders.some_roles(reads=()))


@pytest.mark.parametrize("place", [DIRECT, HOME], ids=["direct message", "home"])
async def test_other_conversations_need_no_listing(place: invocations.Conversation) -> None:
    await check(READING, place=place, rules=builders.some_roles(reads=()))


async def test_terminal_command_is_denied_in_slack_with_its_command_line() -> None:
    error = await refusal(LOCAL, place=DIRECT)

    assert str(error) == "check reads local files and requires a terminal."
    assert error.hint == "In a terminal, run: posbot check"


async def test_terminal_command_runs_in_a_terminal() -> None:
    await check(LOCAL, actor=builders.a_local_actor(), place=TERMINAL)


@pytest.mark.parametrize("command", [CHANGING, REVEALING], ids=["change", "audience"])
@pytest.mark.parametrize(
    ("actor", "place"),
    [(builders.an_actor(), DIRECT), (builders.a_local_actor(), TERMINAL)],
    ids=["slack", "terminal"],
)
async def test_command_that_requires_a_role_is_denied_without_roles(
    command: bot_command.Command[Any], actor: invocations.Actor, place: invocations.Conversation
) -> None:
    error = await refusal(command, actor=actor, place=place)

    assert str(error) == f"Permission denied: no role allows {command.name} (roles.yaml: may)."
    assert error.hint == f"Ask a posbot administrator to list {command.name} under a role's `may`."


@pytest.mark.parametrize("command", [CHANGING, REVEALING], ids=["change", "audience"])
async def test_role_by_user_id_allows_its_commands(command: bot_command.Command[Any]) -> None:
    await check(command, rules=builders.some_roles(("U0BOB", "U0ALICE"), may=(command.name,)))


async def test_role_allows_only_its_commands() -> None:
    error = await refusal(CHANGING, rules=builders.some_roles(("U0ALICE",), may=("audit",)))

    assert "no role allows restart" in str(error)


async def test_required_role_of_others_is_named() -> None:
    error = await refusal(CHANGING, rules=builders.some_roles(("U0BOB",)))

    assert str(error) == "Permission denied: restart requires the role operators (roles.yaml: operators.members)."


@pytest.mark.parametrize("name", ["U0ALICE", "alice", "terminal:root"])
async def test_display_name_gives_no_role(name: str) -> None:
    rules = builders.some_roles(("U0BOB", "terminal:*"))

    await refusal(CHANGING, actor=builders.an_actor(id="U0MALLORY", name=name), rules=rules)


@pytest.mark.parametrize("member", ["terminal:root", "terminal:*", "terminal:r*"])
async def test_terminal_user_is_a_member_by_name_or_pattern(member: str) -> None:
    await check(CHANGING, actor=builders.a_local_actor("root"), place=TERMINAL, rules=builders.some_roles((member,)))


@pytest.mark.parametrize("member", ["terminal:alice", "terminal:roo", "U0ALICE", "S0OPS"])
async def test_other_terminal_user_is_no_member(member: str) -> None:
    rules = builders.some_roles((member,))

    await refusal(CHANGING, actor=builders.a_local_actor("root"), place=TERMINAL, rules=rules)


async def test_user_group_member_has_its_role() -> None:
    groups = Groups(members={"S0OPS": frozenset({"U0ALICE"})})

    await check(CHANGING, rules=builders.some_roles(("S0OPS",)), groups=groups)


async def test_non_member_of_the_user_group_is_denied() -> None:
    groups = Groups(members={"S0OPS": frozenset({"U0BOB"}), "S0OTHER": frozenset({"U0ALICE"})})

    await refusal(CHANGING, rules=builders.some_roles(("S0OPS",)), groups=groups)


@pytest.mark.parametrize(
    "error", [errors.Unavailable, errors.Refused, errors.PermissionDenied], ids=lambda error: error.__name__
)
async def test_unavailable_user_group_denies(error: type[errors.BotError]) -> None:
    groups = Groups(members={"S0OPS": frozenset({"U0ALICE"})}, failing=("S0OPS",), error=error)

    await refusal(CHANGING, rules=builders.some_roles(("S0OPS",)), groups=groups)


async def test_unavailable_user_group_does_not_affect_others() -> None:
    groups = Groups(members={"S0SRE": frozenset({"U0ALICE"})}, failing=("S0OPS",))

    await check(CHANGING, rules=builders.some_roles(("S0OPS", "S0SRE")), groups=groups)


async def test_slack_is_asked_only_when_a_role_is_required() -> None:
    groups = Groups()

    await check(READING, rules=builders.some_roles(("S0OPS",)), groups=groups)
    await check(CHANGING, rules=builders.some_roles(("S0OPS", "U0ALICE")), groups=groups)

    assert groups.asked == []


async def test_responses_are_public_in_incident_channels_only() -> None:
    channels = builders.some_roles(incidents=("inc-*",)).channels

    assert permissions.are_public(channels, builders.a_place(name="inc-7"))
    assert not permissions.are_public(channels, builders.a_place(name="ops"))
    assert not permissions.are_public(channels, builders.a_place(kind=invocations.ConversationKind.DM, name="inc-7"))


@pytest.mark.parametrize(
    ("one", "other", "are_different"),
    [
        ("U0ALICE", "U0BOB", True),
        ("U0ALICE", "U0ALICE", False),
        ("U0ALICE", "terminal:alice", False),
        ("U0ALICE", "terminal:bob", True),
        ("U0ALICE", "terminal:unlisted", False),
        ("U0UNLISTED", "terminal:bob", False),
        ("U0UNLISTED", "terminal:unlisted", False),
        ("terminal:alice", "terminal:bob", False),
        ("terminal:unlisted", "terminal:other", False),
        ("U0ALICE", "W0ALICE", False),
        ("U0BOB", "W0ALICE", True),
        ("U0UNLISTED", "W0ALICE", True),
    ],
)
def test_people_are_different_only_if_that_is_certain(one: str, other: str, *, are_different: bool) -> None:
    rules = roles.Roles(people={"alice": ("U0ALICE", "W0ALICE", "terminal:alice"), "bob": ("U0BOB", "terminal:bob")})
    authorizer = permissions.Authorizer(
        permissions.Permissions(rules, team_id=None, user_groups=permissions.NoUserGroups()), rules
    )

    first, second = (builders.an_actor(id=actor_id) for actor_id in (one, other))
    bot = dataclasses.replace(second, kind=invocations.ActorKind.BOT)

    assert authorizer.are_different(first, second) is are_different
    assert authorizer.are_different(second, first) is are_different
    assert not authorizer.are_different(first, bot) and not authorizer.are_different(bot, first)
