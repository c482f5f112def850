"""Who sees a response, what it replaces, and where it goes when Slack refuses it."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot import errors
from bot.model import invocations
from bot.slack.client import errors as client_errors
from bot.slack.outbound import rate_limit, replies, targets
from tests import builders

pytestmark = pytest.mark.anyio

CLICK = replies.ReplyTarget(channel="C1", user="U1", response_url="https://hooks.slack.com/x", is_click=True)
COMMAND = dataclasses.replace(CLICK, is_click=False)
CHANNEL, REQUESTER = replies.Audience.CHANNEL, replies.Audience.REQUESTER


def policy(target: replies.ReplyTarget, *, is_public: bool = False, **changes: Any) -> replies.ReplyPolicy:
    return replies.policy_of(target, builders.an_answer(**changes), is_public=is_public)


def test_private_response_can_be_shared_and_replaces_what_was_clicked() -> None:
    assert policy(COMMAND) == replies.ReplyPolicy(audience=REQUESTER, replaces=False, can_share=True)
    assert policy(CLICK) == replies.ReplyPolicy(audience=REQUESTER, replaces=True, can_share=True)


def test_shared_response_names_who_shared_it_and_leaves_the_private_one() -> None:
    expected = replies.ReplyPolicy(audience=CHANNEL, replaces=False, can_share=False, shared_by="U1")

    assert policy(CLICK, reply=invocations.Reply.PUBLIC) == expected


def test_public_channel_sees_what_went_well_and_errors_stay_private() -> None:
    assert policy(COMMAND, is_public=True).audience is CHANNEL
    assert policy(COMMAND, is_public=True, status=invocations.Status.USAGE_ERROR).audience is REQUESTER


def test_acknowledgement_replaces_nothing_and_cannot_be_shared() -> None:
    expected = replies.ReplyPolicy(audience=REQUESTER, replaces=False, can_share=False)

    assert policy(CLICK, is_public=True, reply=invocations.Reply.ACKNOWLEDGEMENT) == expected


async def _targets(*channels: str) -> AsyncIterator[targets.PostTarget]:
    for channel in channels:
        yield targets.PostTarget(channel=channel)


async def _send(refusals: dict[str, str], tried: list[str], target: targets.PostTarget) -> str:
    tried.append(target.channel)
    if target.channel in refusals:
        raise client_errors.SlackRefused("chat.postMessage", refusals[target.channel])
    return target.channel


async def test_refused_message_goes_to_the_next_target() -> None:
    tried: list[str] = []
    refusals = {"C1": "thread_not_found", "C2": "is_archived"}

    taken = await targets.send_to_first(_targets("C1", "C2", "D1"), lambda target: _send(refusals, tried, target))

    assert (taken, tried) == ("D1", ["C1", "C2", "D1"])


@pytest.mark.parametrize("code", ["invalid_auth", "missing_scope", "invalid_blocks"])
async def test_fault_of_app_or_message_ends_the_search(code: str) -> None:
    tried: list[str] = []

    with pytest.raises(errors.Refused, match=code):
        await targets.send_to_first(_targets("C1", "D1"), lambda target: _send({"C1": code}, tried, target))

    assert tried == ["C1"]


def test_refused_click_on_a_live_message_is_private_and_cannot_be_shared() -> None:
    target = dataclasses.replace(CLICK, is_private=False, reply=invocations.Reply.ACKNOWLEDGEMENT)
    expected = replies.ReplyPolicy(audience=REQUESTER, replaces=False, can_share=False)

    assert policy(target, status=invocations.Status.DENIED) == expected


async def test_progress_is_private_and_leaves_a_use_of_the_response_url() -> None:
    bodies: list[dict[str, object]] = []

    class Api:
        async def respond(self, _: str, body: dict[str, object], **__: object) -> None:
            bodies.append(body)

    api: Any = Api()
    reply = replies.reply_to(api, COMMAND, rate_limit.EditLimiter(), is_public=True)

    for number in range(6):
        await reply.progress(builders.a_report(headline=f"{number} of 6"), is_due=True)

    assert [body["response_type"] for body in bodies] == ["ephemeral"] * 4
