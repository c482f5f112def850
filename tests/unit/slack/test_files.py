"""Files reach Slack whole and once, whatever goes wrong on the way."""

from collections.abc import AsyncIterator

import pytest

from bot import errors
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import files
from sandbox import slack

pytestmark = pytest.mark.anyio

CONTENT = b"0123456789" * 100_000


async def read() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 70_000):
        yield CONTENT[start : start + 70_000]


UPLOAD = files.Upload(name="pos-order.log", size=len(CONTENT), read=read)


@pytest.fixture
async def workspace() -> AsyncIterator[slack.Workspace]:
    async with slack.running() as workspace:
        yield workspace


def files_of(workspace: slack.Workspace) -> files.SlackFiles:
    return files.SlackFiles(slack_api.SlackApi(workspace.bot_token, workspace.api_url))


async def test_file_is_shared_in_its_thread_with_its_comment(workspace: slack.Workspace) -> None:
    alice = workspace.person("alice")
    ops = workspace.channel("ops", members=[alice])
    parent = await alice.says("log?", ops)

    await files_of(workspace).put(UPLOAD, files.UploadTarget(channel=ops.id, thread=parent.ts, comment="the log"))

    (file,) = alice.files_in(ops, thread=parent)
    assert (file.name, file.title, file.content) == ("pos-order.log", "pos-order.log", CONTENT)
    assert await alice.waits_for_message(ops, containing="the log", thread=parent)


@pytest.mark.parametrize("target", ["files.getUploadURLExternal", "upload"])
async def test_invisible_upload_steps_are_retried(workspace: slack.Workspace, target: str) -> None:
    ops = workspace.channel("ops")
    workspace.faults.drop_after_accepting(target)
    workspace.faults.server_error(target, status=500)

    await files_of(workspace).put(UPLOAD, files.UploadTarget(channel=ops.id))

    assert [file.content for file in workspace.files] == [CONTENT]


async def test_unconfirmed_share_is_not_repeated(workspace: slack.Workspace) -> None:
    ops = workspace.channel("ops")
    workspace.faults.drop_after_accepting("files.completeUploadExternal")

    with pytest.raises(errors.Unavailable):
        await files_of(workspace).put(UPLOAD, files.UploadTarget(channel=ops.id))

    assert len(workspace.messages_in(ops)) == 1


async def test_rate_limit_is_waited_for(workspace: slack.Workspace) -> None:
    ops = workspace.channel("ops")
    for method in ("files.getUploadURLExternal", "files.completeUploadExternal"):
        workspace.faults.rate_limit(method, retry_after_seconds=0.1)

    await files_of(workspace).put(UPLOAD, files.UploadTarget(channel=ops.id))

    assert len(workspace.files) == 1


async def test_missing_scope_is_reported_with_its_remedy() -> None:
    async with slack.running(slack.Settings(scopes=frozenset({"chat:write"}))) as workspace:
        with pytest.raises(client_errors.SlackRefused, match="missing_scope") as caught:
            await files_of(workspace).put(UPLOAD, files.UploadTarget(channel="C1"))

    assert caught.value.hint is not None
    assert "posbot manifest" in caught.value.hint


async def test_file_cannot_be_shared_where_the_bot_is_no_member(workspace: slack.Workspace) -> None:
    lobby = workspace.channel("lobby", bot_is_member=False)

    with pytest.raises(client_errors.SlackRefused) as caught:
        await files_of(workspace).put(UPLOAD, files.UploadTarget(channel=lobby.id))

    assert (caught.value.code, caught.value.hint) == ("not_in_channel", "Invite posbot to the channel.")
