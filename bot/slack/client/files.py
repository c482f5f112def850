"""
Files for Slack, in three steps: ask for an address, send the bytes there, share what was sent.

Nobody sees anything before the last step, so the first two may be repeated together however they failed; the last is
a post like any other, and repeated only where Slack surely has not taken it.
"""

import dataclasses
from collections.abc import AsyncIterator, Callable

import aiohttp
import tenacity

from bot import errors
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import retries

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 20.0
_LEAST_BYTES_A_SECOND = 250_000
"""What is slower than that takes an hour for what takes a minute, and nobody waits for it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be."""

    name: str
    size: int
    """In bytes; Slack is told before."""
    read: Callable[[], AsyncIterator[bytes]]
    """Gives the content from its beginning, each time it is called."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UploadTarget:
    """Where a file belongs."""

    channel: str
    """The id of a channel or of direct messages; a person's id will not do."""
    thread: str | None = None
    comment: str | None = None
    """What stands with it, in Slack's markup."""


class SlackFiles:
    """Uploads files as the bot."""

    def __init__(self, api: slack_api.SlackApi) -> None:
        self._reader = api.reader
        self._writer = api.writer

    async def put(self, upload: Upload, shelf: UploadTarget) -> None:
        """
        Show *upload* to all who see *shelf*.

        Raises:
            errors.Refused: a scope is missing, or the bot is not in the channel.
            errors.Unavailable
        """
        file_id = await self._sent(upload)
        await retries.call(
            "files.completeUploadExternal",
            lambda: retries.data(
                self._writer.files_completeUploadExternal(
                    files=[{"id": file_id, "title": upload.name}],
                    channel_id=shelf.channel,
                    thread_ts=shelf.thread,
                    initial_comment=shelf.comment,
                )
            ),
        )

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(errors.Unavailable),
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=5),
        reraise=True,
    )
    async def _sent(self, upload: Upload) -> str:
        """Send the bytes and give the id of the file, which nobody sees yet."""
        answer = await retries.call(
            "files.getUploadURLExternal",
            lambda: retries.data(self._reader.files_getUploadURLExternal(filename=upload.name, length=upload.size)),
        )
        await retries.call("upload", lambda: self._send(upload, str(answer["upload_url"])))
        return str(answer["file_id"])

    async def _send(self, upload: Upload, url: str) -> None:
        timeout = aiohttp.ClientTimeout(
            total=_SILENCE_SECONDS + upload.size / _LEAST_BYTES_A_SECOND,
            sock_connect=_CONNECT_SECONDS,
            sock_read=_SILENCE_SECONDS,
        )
        # With its length in front the body goes as it is, not in pieces of their own, which Slack does not take.
        headers = {"Content-Length": str(upload.size), "Content-Type": "application/octet-stream"}
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=upload.read(), headers=headers, proxy=self._reader.proxy) as response,
        ):
            if response.status != 200:
                raise client_errors.RateLimited(f"Slack answered {response.status} to the content of a file.")
