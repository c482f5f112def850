"""
An Answer, given where the question was asked.

A slash command or a click is answered over its response URL, which works where the bot is no member and lets five
answers follow within half an hour. A mention is answered in its thread by a message of the bot, which may change as
often as once a second. Where Slack takes neither, the person is told directly.
"""

import asyncio
import dataclasses
import time
from typing import Protocol

import structlog

from bot import errors, metrics
from bot.model import invocations, reports
from bot.slack.blocks import message as blocks_message
from bot.slack.blocks import options
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import files as client_files
from bot.slack.outbound import targets, uploads

log = structlog.get_logger()

_EDIT_SECONDS = 1.0
_PAUSES_SECONDS = (0.0, 15.0, 60.0, 240.0)
"""When the four uses of a response URL that are not the last may go to progress, counted from one to the next."""
_LAST_WORDS_SECONDS = 2.0
_LAST_PROGRESS_SECONDS = 5.0
"""For a report that is on its way when the answer is ready: two at once would leave the wrong one standing."""


class Reply(Protocol):
    """Somewhere to answer."""

    async def progress(self, report: reports.Report, *, is_due: bool = False) -> None:
        """
        Show an unfinished report, unless it is too soon after the last one; what Slack does not take is let go.

        One that *is_due* is never too soon.
        """

    async def finish(self, answer: invocations.Response) -> bool:
        """Show the final answer; give False, logged and counted, where Slack does not take it at all."""

    def take_over(self) -> slack_api.MessageRef | None:
        """Give the message that shows progress, where others see it, to be used for something else from now on."""


class Surface(Protocol):
    """Somewhere to show progress, and to follow a log."""

    has_begun: bool
    """A log is being followed."""

    async def progress(self, report: reports.Report) -> None:
        """Show an unfinished report."""

    async def append(self, section: reports.Log, status: str) -> None:
        """Show new entries soon."""

    async def until_stopped(self) -> str:
        """Wait until nobody wants to see more, and give why."""


class Progress:
    """
    The display of a conversation: unfinished reports go through its reply without holding the work up.

    The newest wins, one at a time.

    Slack may take its time, or ask to be left alone for half a minute; the command must not wait for that.
    """

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._newest: reports.Report | None = None
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="progress")
        self._has_progress = False

    @property
    def is_shown(self) -> bool:
        """Tell whether the person sees that something happens."""
        return self._has_progress or self._surface.has_begun

    async def progress(self, report: reports.Report) -> None:
        """Have *report* shown soon."""
        self._newest, self._has_progress = report, True
        self._wake.set()

    async def append(self, log: reports.Log, status: str) -> None:
        """Have *log* shown soon at the end of what is followed."""
        await self._surface.append(log, status)

    async def until_stopped(self) -> str:
        """Wait until nobody wants to see more, and give why."""
        return await self._surface.until_stopped()

    async def ask(self, prompt: invocations.Prompt) -> invocations.Choice | None:
        """Ask nobody: what a run asks in Slack has a message with buttons."""

    async def close(self) -> None:
        """Show nothing more, once what is on its way has arrived."""
        self._newest = None
        self._wake.set()
        await asyncio.wait({self._task}, timeout=_LAST_PROGRESS_SECONDS)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            report, self._newest = self._newest, None
            if report is None:
                return
            await self._surface.progress(report)


class Response:
    """Answers over a response URL, private unless the answer is for everyone."""

    def __init__(
        self, api: slack_api.SlackApi, target: targets.ReplyTarget, response_url: str, *, is_public: bool
    ) -> None:
        self._api = api
        self._target = target
        self._response_url = response_url
        self._is_public = is_public
        self._shown = 0
        self._last = 0.0

    async def progress(self, report: reports.Report, *, is_due: bool = False) -> None:
        """Show an unfinished report to the person, while uses are left."""
        pause = _PAUSES_SECONDS[self._shown] if self._shown < len(_PAUSES_SECONDS) else None
        if pause is None or (time.monotonic() - self._last < pause and not is_due):
            return
        self._shown += 1
        self._last = time.monotonic()
        body = self._body(blocks_message.progress(report), is_public=False)
        try:
            await self._api.respond(self._response_url, body, is_patient=False)
        except errors.BotError as error:
            log.info("progress not shown", reason=str(error))

    async def finish(self, answer: invocations.Response) -> bool:
        """Show the final answer, in a whisper where the URL is used up or too old."""
        is_aside = self._target.is_ephemeral or answer.report.is_ephemeral
        is_public = (self._is_public or answer.is_for_everyone) and answer.status is invocations.Status.OK
        is_public = is_public and not answer.report.is_ephemeral
        sharer = self._target.user if answer.is_for_everyone else None
        manner = options.RenderOptions(
            can_share=not is_public and not is_aside, shared_by=sharer, has_plans=self._api.looks.has_plans
        )
        message = blocks_message.message(answer, manner)
        if message.files:
            whereabouts = await self._file(message, is_public=is_public)
            manner = dataclasses.replace(manner, whereabouts=whereabouts)

        def draw(has_plans: bool) -> blocks_message.Message:
            return blocks_message.message(answer, dataclasses.replace(manner, has_plans=has_plans))

        async def send(drawn: blocks_message.Message) -> None:
            replaces = not answer.is_for_everyone and not answer.report.is_ephemeral
            await self._api.respond(self._response_url, self._body(drawn, is_public=is_public, replaces=replaces))

        try:
            await self._api.looks.send_with_fallback(draw, send)
        except (errors.Refused, client_errors.RateLimited) as error:
            log.warning("response not taken", reason=str(error))
            # What was meant for all is not delivered by telling one.
            return await _whisper(self._api, self._target, message) and not is_public
        except errors.Unavailable as error:
            return _lost("unavailable", error)
        return True

    def take_over(self) -> slack_api.MessageRef | None:
        """Give nothing: what stands there is no message that could be changed later."""
        return None

    async def _file(self, message: blocks_message.Message, *, is_public: bool) -> str:
        """Send the logs of which *message* has only the end, and give the sentence about where they are."""
        target = self._target
        shelf, place = (
            client_files.UploadTarget(channel=target.channel, thread=target.thread, comment=message.text),
            "in this channel",
        )
        if not is_public:
            # A file in the channel would show to all what was answered to one.
            try:
                direct = await self._api.open_dm(target.user)
            except errors.BotError as error:
                return uploads.lost(str(error), error.hint)
            shelf, place = (
                client_files.UploadTarget(channel=direct, comment=message.text),
                "in your direct messages with me",
            )
        return await _filed(self._api, message, shelf) or _whereabouts(message, place)

    def _body(self, message: blocks_message.Message, *, is_public: bool, replaces: bool = True) -> dict[str, object]:
        return {
            "text": message.text,
            "blocks": list(message.blocks),
            "response_type": "in_channel" if is_public else "ephemeral",
            # A private answer that was clicked on makes way for the new one; what others see stays.
            "replace_targetal": replaces and self._target.is_click and self._target.is_private,
            **({"thread_ts": self._target.thread} if self._target.thread else {}),
        }


class Thread:
    """Answers a mention in its thread, in sight of all who are there."""

    def __init__(self, api: slack_api.SlackApi, target: targets.ReplyTarget) -> None:
        self._api = api
        self._target = target
        self._spot: slack_api.MessageRef | None = None
        self._last = 0.0

    async def progress(self, report: reports.Report, *, is_due: bool = False) -> None:
        """Show an unfinished report, at most once a second."""
        if time.monotonic() - self._last < _EDIT_SECONDS and not is_due:
            return
        self._last = time.monotonic()
        try:
            await self._show(blocks_message.progress(report))
        except errors.BotError as error:
            log.info("progress not shown", reason=str(error))

    async def finish(self, answer: invocations.Response) -> bool:
        """Show the final answer, directly to the person where the thread takes none."""
        message = blocks_message.message(answer)
        if answer.report.is_ephemeral:
            await self._clear()
            return await _whisper(self._api, self._target, message)
        manner = _where(message, "in this thread")
        try:
            await self._api.looks.send_with_fallback(
                lambda has_plans: blocks_message.message(answer, dataclasses.replace(manner, has_plans=has_plans)),
                self._show,
            )
        except errors.Refused as error:
            log.warning("thread refused", reason=str(error))
            return await _tell_directly(self._api, self._target.user, message)
        except errors.Unavailable as error:
            return _lost("unavailable", error)
        await self._file(answer, message)
        return True

    async def _clear(self) -> None:
        """Take away what showed progress: the answer is for one person alone."""
        spot = self.take_over()
        if spot is not None:
            try:
                await self._api.delete(spot)
            except errors.BotError as error:
                log.info("progress not taken away", reason=str(error))

    def take_over(self) -> slack_api.MessageRef | None:
        """Give the message that shows progress, where there is one."""
        spot, self._spot = self._spot, None
        return spot

    async def _file(self, answer: invocations.Response, message: blocks_message.Message) -> None:
        """Send the logs of which *message* has only the end, and correct what it says where that fails."""
        shelf = client_files.UploadTarget(channel=self._target.channel, thread=self._target.thread)
        try:
            problem = await _filed(self._api, message, shelf)
        except asyncio.CancelledError:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._correct(answer, uploads.RESTARTED)
            raise
        if problem is not None:
            await self._correct(answer, problem)

    async def _correct(self, answer: invocations.Response, whereabouts: str) -> None:
        try:
            await self._show(blocks_message.message(answer, options.RenderOptions(whereabouts=whereabouts)))
        except errors.BotError as error:
            _lost("correction", error)

    async def _show(self, message: blocks_message.Message) -> None:
        channel, content = self._target.channel, list(message.blocks)
        if self._spot is not None:
            try:
                await self._api.update(self._spot, text=message.text, blocks=content)
            except errors.Refused:
                # Somebody has deleted it meanwhile; the answer was promised all the same.
                self._spot = None
            else:
                return
        self._spot = await self._api.post(channel, thread=self._target.thread, text=message.text, blocks=content)


def reply_to(api: slack_api.SlackApi, target: targets.ReplyTarget, *, is_public: bool) -> Reply:
    """Give where to answer what came from *target*; *is_public* tells whether all in the place may see it."""
    if target.response_url is not None:
        return Response(api, target, target.response_url, is_public=is_for_all(target, is_public=is_public))
    return Thread(api, target)


def is_for_all(target: targets.ReplyTarget, *, is_public: bool) -> bool:
    """Tell whether all who see what came from *target* may see its answer too."""
    return (is_public or not target.is_private) and not target.is_ephemeral


async def _filed(
    api: slack_api.SlackApi, message: blocks_message.Message, shelf: client_files.UploadTarget
) -> str | None:
    """Send the logs of which *message* has only the end; give None, or a sentence about what became of them."""
    files = client_files.SlackFiles(api)
    for section in message.files:
        # A log of many megabytes takes a moment to write.
        upload = await asyncio.to_thread(uploads.upload_of, section)
        problem = await uploads.deliver(files, upload, shelf)
        if problem is not None:
            return problem
    return None


def _where(message: blocks_message.Message, place: str) -> options.RenderOptions:
    return options.RenderOptions(whereabouts=_whereabouts(message, place)) if message.files else options.RenderOptions()


def _whereabouts(message: blocks_message.Message, place: str) -> str:
    names = " and ".join(dict.fromkeys(section.name for section in message.files))
    return f"All of them are in {names}, {place}."


async def _whisper(api: slack_api.SlackApi, target: targets.ReplyTarget, message: blocks_message.Message) -> bool:
    """Tell it to the person alone, where the question was asked or else directly."""
    try:
        await api.post_ephemeral(
            target.channel, target.user, thread=target.thread, text=message.text, blocks=list(message.blocks)
        )
    except errors.Refused:
        return await _tell_directly(api, target.user, message)
    except errors.Unavailable as error:
        return _lost("unavailable", error)
    return True


async def _tell_directly(api: slack_api.SlackApi, user: str, message: blocks_message.Message) -> bool:
    try:
        await api.post(user, thread=None, text=message.text, blocks=list(message.blocks))
    except errors.BotError as error:
        return _lost("refused", error)
    return True


def _lost(reason: str, error: errors.BotError) -> bool:
    metrics.UNDELIVERED.labels(reason).inc()
    log.error("answer not delivered", reason=str(error))
    return False
