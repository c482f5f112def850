"""The display of one invocation in Slack: progress, a followed log, and at last the response."""

import asyncio

from bot.model import invocations, reports
from bot.slack.client import api as slack_api
from bot.slack.outbound import log_stream, replies, targets

_IN_FLIGHT_SECONDS = 5.0
"""For progress that is being sent when the response is ready: sent after it, it would replace it."""


class SlackDisplay:
    """
    Shows progress without delaying the command, and the response at the end.

    Slack may be slow, or ask for a pause of half a minute; of the reports that come meanwhile the newest is shown. Once
    a log is followed, its message shows everything, the response included.
    """

    def __init__(
        self,
        api: slack_api.SlackApi,
        invocation: invocations.Invocation,
        target: targets.ReplyTarget,
        options: log_stream.LogStreamOptions,
        *,
        is_public: bool,
    ) -> None:
        self._api = api
        self._invocation = invocation
        self._target = target
        self._options = options
        self._is_public = replies.is_visible(target, is_public=is_public)
        self._reply = replies.reply_to(api, target, options.limiter, is_public=is_public)
        self._stream: log_stream.LogStream | None = None
        self._newest: reports.Report | None = None
        self._sender: asyncio.Task[None] | None = None
        # One call at a time: whatever is sent after something newer would replace it.
        self._lock = asyncio.Lock()
        self.has_progress = False
        """The requester sees that something happens."""

    async def progress(self, report: reports.Report) -> None:
        """Show *report* soon, unless a log is followed, which shows more."""
        self._newest, self.has_progress = report, True
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_progress(), name="progress")

    async def append(self, log: reports.Log, status: str) -> None:
        """Show *log* soon, at the end of the log that is followed."""
        await self._followed().append(log, status)

    async def until_stopped(self) -> str:
        """Wait until the followed log is to end; return why."""
        return await self._followed().until_stopped()

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Return None: what a run asks in Slack has a message with buttons."""

    async def settle(self) -> None:
        """Drop progress that was not sent, and wait for progress that is being sent."""
        self._newest = None
        if self._sender is not None:
            await asyncio.wait({self._sender}, timeout=_IN_FLIGHT_SECONDS)
            self._sender.cancel()
            await asyncio.wait({self._sender})

    async def finish(self, response: invocations.Response) -> bool:
        """Show *response*; return False, logged and counted, where Slack accepts it nowhere."""
        if self._stream is not None and await self._stream.finish(response):
            return True
        return await self._reply.finish(response)

    async def close(self) -> None:
        """Stop following, and drop the log."""
        if self._stream is not None:
            await self._stream.close()

    async def _send_progress(self) -> None:
        while self._newest is not None:
            async with self._lock:
                report, self._newest = self._newest, None
                if report is not None and self._stream is None:
                    await self._reply.progress(report)

    def _followed(self) -> log_stream.LogStream:
        if self._stream is None:
            self._stream = log_stream.LogStream(
                self._api,
                self._invocation,
                self._target,
                self._reply,
                self._options,
                is_public=self._is_public,
                lock=self._lock,
            )
            self.has_progress = True
        return self._stream
