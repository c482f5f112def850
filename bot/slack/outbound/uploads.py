"""Whole logs as files, for messages that hold only the end of one."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import structlog

from bot import errors, metrics
from bot.model import log_lines, reports
from bot.slack.client import api as slack_api
from bot.slack.client import files

log = structlog.get_logger()

CHUNK_BYTES = 256_000
RESTARTED = "posbot was restarted before it could upload the full log."
_MIN_TIMEOUT_SECONDS = 20.0
"""For an empty file; the response waits for the upload, and the requester for the response."""
_MIN_BYTES_PER_SECOND = 500_000


async def upload_logs(api: slack_api.SlackApi, logs: Sequence[reports.Log], target: files.UploadTarget) -> str | None:
    """Upload *logs* to *target*; return None, or sentences that say why one is missing."""
    for section in logs:
        # Encoding a log of many megabytes takes a moment.
        problem = await upload(api, await asyncio.to_thread(_upload_of, section), target)
        if problem is not None:
            return problem
    return None


async def upload(api: slack_api.SlackApi, file: files.Upload, target: files.UploadTarget) -> str | None:
    """Upload *file* to *target*; return None, or sentences that say why it is missing and what to do."""
    try:
        async with asyncio.timeout(_MIN_TIMEOUT_SECONDS + file.size / _MIN_BYTES_PER_SECOND):
            await files.SlackFiles(api).put(file, target)
    except TimeoutError:
        return failed("Slack took too long.", None)
    except errors.BotError as error:
        return failed(str(error), error.hint)
    return None


def failed(reason: str, hint: str | None) -> str:
    """Return the sentences for a log that could not be uploaded; logs and counts it."""
    metrics.UNDELIVERED.labels("file").inc()
    log.error("file not uploaded", reason=reason)
    sentences = ("The full log could not be uploaded.", reason, hint, "Run the command in a terminal to see all of it.")
    return " ".join(filter(None, sentences))


def _upload_of(section: reports.Log) -> files.Upload:
    content = log_lines.text(section).encode(errors="replace")

    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]

    return files.Upload(name=section.name, size=len(content), read=read)
