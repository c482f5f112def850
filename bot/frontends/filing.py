"""Whole logs as files, for answers and followed logs of which Slack's messages hold only the end."""

import asyncio
from collections.abc import AsyncIterator

import structlog

from bot import errors, metrics
from bot.clients import slack_files
from bot.model import reports
from bot.render import log_lines

log = structlog.get_logger()

RESTARTED = "posbot was restarted before it could send the others."
_OTHERWISE = "In a terminal all of it can be seen."
_PIECE_BYTES = 256_000
_PATIENCE_SECONDS = 20.0
"""For a file of no size; what an answer waits for, and somebody for the answer."""
_LEAST_BYTES_A_SECOND = 500_000


async def deliver(files: slack_files.SlackFiles, upload: slack_files.Upload, shelf: slack_files.Shelf) -> str | None:
    """Put *upload* on *shelf*; give None, or a sentence that says why not and what to do."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS + upload.size / _LEAST_BYTES_A_SECOND):
            await files.put(upload, shelf)
    except TimeoutError:
        return lost("Slack took too long.", None)
    except errors.BotError as error:
        return lost(str(error), error.hint)
    return None


def upload_of(section: reports.Log) -> slack_files.Upload:
    """Give the file that holds all of a log."""
    content = log_lines.text(section).encode(errors="replace")

    async def read() -> AsyncIterator[bytes]:
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]

    return slack_files.Upload(name=section.name, size=len(content), read=read)


def lost(reason: str, hint: str | None) -> str:
    """Give the sentences for a log that could not be sent, which is logged and counted."""
    metrics.UNDELIVERED.labels("file").inc()
    log.error("file not delivered", reason=reason)
    return " ".join(filter(None, ("All of it could not be sent as a file.", reason, hint, _OTHERWISE)))
