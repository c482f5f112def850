"""
File uploads in Slack's three steps: get an upload URL, send the content, complete the upload.

Nobody sees the file before the last step, so that the first two may be retried together after any failure; the last is
a post like any other, and retried only where Slack surely did not accept it.
"""

import dataclasses
from collections.abc import AsyncIterator, Callable

import aiohttp
import tenacity

from bot import errors
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import retries

_CONNECT_TIMEOUT_SECONDS = 10.0
_READ_TIMEOUT_SECONDS = 20.0
_MIN_BYTES_PER_SECOND = 250_000
"""Slower, an upload of a minute takes an hour, and nobody waits for it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be uploaded."""

    name: str
    size: int
    """In bytes; Slack wants to know it first."""
    read: Callable[[], AsyncIterator[bytes]]
    """Returns the content from its beginning, each time it is called."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UploadTarget:
    """Where a file is shown."""

    channel: str
    """The id of a channel or DM; not that of a person."""
    thread: str | None = None
    comment: str | None = None
    """Shown with it, in Slack's markup."""


class SlackFiles:
    """File uploads as the bot."""

    def __init__(self, api: slack_api.SlackApi) -> None:
        self._reader = api.reader
        self._writer = api.writer

    async def put(self, upload: Upload, target: UploadTarget) -> None:
        """
        Show *upload* to everyone who sees *target*.

        Raises:
            errors.Refused: a scope is missing, or the bot is not in the channel.
            errors.Unavailable
        """
        file_id = await self._send(upload)
        await retries.call(
            "files.completeUploadExternal",
            lambda: retries.data(
                self._writer.files_completeUploadExternal(
                    files=[{"id": file_id, "title": upload.name}],
                    channel_id=target.channel,
                    thread_ts=target.thread,
                    initial_comment=target.comment,
                )
            ),
        )

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(errors.Unavailable),
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=5),
        reraise=True,
    )
    async def _send(self, upload: Upload) -> str:
        """Send the content; return the id of the file, which nobody sees yet."""
        answer = await retries.call(
            "files.getUploadURLExternal",
            lambda: retries.data(self._reader.files_getUploadURLExternal(filename=upload.name, length=upload.size)),
        )
        await retries.call("upload", lambda: self._put(upload, str(answer["upload_url"])))
        return str(answer["file_id"])

    async def _put(self, upload: Upload, url: str) -> None:
        timeout = aiohttp.ClientTimeout(
            total=_READ_TIMEOUT_SECONDS + upload.size / _MIN_BYTES_PER_SECOND,
            sock_connect=_CONNECT_TIMEOUT_SECONDS,
            sock_read=_READ_TIMEOUT_SECONDS,
        )
        # With its length known the body is not sent in chunked encoding, which Slack refuses.
        headers = {"Content-Length": str(upload.size), "Content-Type": "application/octet-stream"}
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=upload.read(), headers=headers, proxy=self._reader.proxy) as response,
        ):
            if response.status != 200:
                raise client_errors.RateLimited(f"Slack answered {response.status} to the content of a file.")
