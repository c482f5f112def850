"""
Replies: where and how a response is shown.

A slash command or a click is answered over its response URL, which works where posbot is no member of the channel and
accepts five responses within half an hour. A mention is answered in its thread by one message, edited as the edit rate
limit allows. Where Slack accepts neither, `targets` names the fallback.

Who sees a response, and what it replaces, is decided once, by `policy_of`.
"""

import asyncio
import dataclasses
import enum
import time
from collections.abc import Mapping
from typing import Any, Protocol, Self

import structlog

from bot import errors, metrics
from bot.model import invocations, reports
from bot.slack.blocks import elements
from bot.slack.blocks import message as blocks_message
from bot.slack.client import api as slack_api
from bot.slack.client import errors as client_errors
from bot.slack.client import files
from bot.slack.outbound import rate_limit, targets, uploads

log = structlog.get_logger()

_PROGRESS_PAUSES_SECONDS = (0.0, 15.0, 60.0, 240.0)
"""Before each of the four uses of a response URL that progress may have; the fifth is for the response."""
_SHUTDOWN_GRACE_SECONDS = 2.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTarget:
    """Where a request came from, and so where its response belongs."""

    channel: str
    user: str
    thread: str | None = None
    response_url: str | None = None
    """None where Slack sends none: for mentions."""
    is_private: bool = True
    """Only the requester saw the message that was clicked; a response may replace it."""
    is_click: bool = False
    reply: invocations.Reply = invocations.Reply.PRIVATE
    """Of the command that a button carries."""

    @property
    def is_acknowledgement(self) -> bool:
        """Whether the response is for the requester alone: the click changes a message of its own."""
        return self.reply is invocations.Reply.ACKNOWLEDGEMENT

    def to_document(self) -> dict[str, object]:
        """Return it as it is stored."""
        return {**dataclasses.asdict(self), "reply": self.reply.value}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return what `to_document` has made a document of."""
        return cls(**{**document, "reply": invocations.Reply(document["reply"])})


class Audience(enum.Enum):
    """Who sees a response."""

    REQUESTER = enum.auto()
    CHANNEL = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPolicy:
    """How a response is shown over a response URL."""

    audience: Audience
    replaces: bool
    """The message that was clicked makes way for the response."""
    can_share: bool
    """The response has the button that shows it to the channel."""
    shared_by: str | None = None
    """The id of the person who pressed that button."""


def policy_of(target: ReplyTarget, response: invocations.Response, *, is_public: bool) -> ReplyPolicy:
    """
    Return how *response* is shown; *is_public* where everyone in the channel may see responses.

    | response                     | audience  | replaces what was clicked | can be shared |
    | ---------------------------- | --------- | ------------------------- | ------------- |
    | acknowledgement              | requester | no                        | no            |
    | shared                       | channel   | no                        | no            |
    | OK, where all may see it     | channel   | where it was private      | no            |
    | to a click on a live message | requester | where it was private      | no            |
    | any other                    | requester | where it was private      | yes           |
    """
    is_acknowledgement = response.reply is invocations.Reply.ACKNOWLEDGEMENT
    is_shared = response.reply is invocations.Reply.PUBLIC
    is_ok = response.status is invocations.Status.OK
    is_for_channel = is_ok and not is_acknowledgement and (is_public or is_shared)
    return ReplyPolicy(
        audience=Audience.CHANNEL if is_for_channel else Audience.REQUESTER,
        replaces=target.is_click and target.is_private and response.reply is invocations.Reply.PRIVATE,
        can_share=not is_for_channel and not is_acknowledgement and not target.is_acknowledgement,
        shared_by=target.user if is_shared else None,
    )


class Reply(Protocol):
    """Shows progress and the response of one invocation."""

    async def progress(self, report: reports.Report, *, is_due: bool = False) -> None:
        """Show an unfinished report, unless it comes too early after the last one and is not *due*; never fails."""

    async def finish(self, response: invocations.Response) -> bool:
        """
        Show the response; return False, logged and counted, where Slack refuses it everywhere or nobody knows.

        Raises:
            client_errors.NotAccepted: Slack surely did not accept it; shown later, it is not shown twice.
        """

    @property
    def progress_message(self) -> slack_api.MessageRef | None:
        """Return the message that shows progress to everyone, and becomes the response."""

    def take_over(self) -> slack_api.MessageRef | None:
        """Return the message that shows progress to everyone, which the caller edits from now on."""


def reply_to(
    api: slack_api.SlackApi,
    target: ReplyTarget,
    limiter: rate_limit.EditLimiter,
    *,
    is_public: bool,
    progress: slack_api.MessageRef | None = None,
) -> Reply:
    """
    Return the reply for *target*; *is_public* where everyone in its channel may see responses.

    A *progress* message that is there already becomes the response.
    """
    if target.response_url is not None:
        return ResponseUrlReply(api, target, target.response_url, is_public=is_visible(target, is_public=is_public))
    return ThreadReply(api, target, limiter, progress)


def is_visible(target: ReplyTarget, *, is_public: bool) -> bool:
    """Return whether everyone who sees the request may see its response."""
    return (is_public or not target.is_private) and not target.is_acknowledgement


class ResponseUrlReply:
    """Replies over a response URL."""

    def __init__(self, api: slack_api.SlackApi, target: ReplyTarget, response_url: str, *, is_public: bool) -> None:
        self._api = api
        self._target = target
        self._response_url = response_url
        self._is_public = is_public
        self._progress_count = 0
        self._progress_at = 0.0

    async def progress(self, report: reports.Report, *, is_due: bool = False) -> None:
        """Show an unfinished report to the requester, while the response URL has uses left."""
        if self._progress_count == len(_PROGRESS_PAUSES_SECONDS):
            return
        pause = _PROGRESS_PAUSES_SECONDS[self._progress_count]
        if time.monotonic() - self._progress_at < pause and not is_due:
            return
        self._progress_count += 1
        self._progress_at = time.monotonic()
        replaces = self._target.is_click and self._target.is_private
        policy = ReplyPolicy(audience=Audience.REQUESTER, replaces=replaces, can_share=False)
        try:
            body = self._body(blocks_message.progress(report), policy)
            await self._api.respond(self._response_url, body, is_patient=False)
        except errors.BotError as error:
            log.info("progress not shown", reason=str(error))

    async def finish(self, response: invocations.Response) -> bool:
        """Show the response; as an ephemeral message or in a DM where the response URL is used up or expired."""
        policy = policy_of(self._target, response, is_public=self._is_public)
        options = elements.RenderOptions(
            can_share=policy.can_share, shared_by=policy.shared_by, has_plans=self._api.block_support.has_plans
        )
        message = blocks_message.message(response, options)
        if message.files:
            options = dataclasses.replace(options, whereabouts=await self._upload(message, policy))

        async def send(rendered: blocks_message.Message) -> None:
            await self._api.respond(self._response_url, self._body(rendered, policy))

        try:
            await self._api.block_support.send_with_fallback(
                lambda has_plans: blocks_message.message(response, dataclasses.replace(options, has_plans=has_plans)),
                send,
            )
        except (errors.Refused, client_errors.RateLimited) as error:
            log.warning("response URL refused", reason=str(error))
            # Told to the requester alone, a response for the channel is not delivered.
            return await _post_privately(self._api, self._target, message) and policy.audience is Audience.REQUESTER
        except client_errors.NotAccepted:
            raise
        except errors.Unavailable as error:
            return _undelivered(error)
        return True

    @property
    def progress_message(self) -> slack_api.MessageRef | None:
        """Return None, as `take_over` does."""
        return None

    def take_over(self) -> slack_api.MessageRef | None:
        """Return None: a message of a response URL cannot be edited without it."""
        return None

    async def _upload(self, message: blocks_message.Message, policy: ReplyPolicy) -> str:
        """Upload the logs of which *message* has only the end; return the sentence that says where they are."""
        target = self._target
        to = files.UploadTarget(channel=target.channel, thread=target.thread, comment=message.text)
        place = "in this channel"
        if policy.audience is Audience.REQUESTER:
            # A file in the channel would show everyone what was shown to the requester alone.
            try:
                to = files.UploadTarget(channel=await self._api.open_dm(target.user), comment=message.text)
            except errors.BotError as error:
                return uploads.failed(str(error), error.hint)
            place = "in your DM with posbot"
        return await uploads.upload_logs(self._api, message.files, to) or _whereabouts(message, place)

    def _body(self, message: blocks_message.Message, policy: ReplyPolicy) -> dict[str, object]:
        return {
            "text": message.text,
            "blocks": list(message.blocks),
            "response_type": "in_channel" if policy.audience is Audience.CHANNEL else "ephemeral",
            "replace_original": policy.replaces,
            **({"thread_ts": self._target.thread} if self._target.thread else {}),
        }


class ThreadReply:
    """Replies to a mention in its thread, where everyone in the channel sees it."""

    def __init__(
        self,
        api: slack_api.SlackApi,
        target: ReplyTarget,
        limiter: rate_limit.EditLimiter,
        progress: slack_api.MessageRef | None = None,
    ) -> None:
        self._api = api
        self._target = target
        self._limiter = limiter
        self._key = f"{target.channel}:{target.thread}"
        self._message = progress

    @property
    def progress_message(self) -> slack_api.MessageRef | None:
        """Return the message that shows progress, where there is one."""
        return self._message

    async def progress(self, report: reports.Report, *, is_due: bool = False) -> None:
        """Show an unfinished report, if the edit rate limit allows it."""
        if is_due:
            self._limiter.record_edit(self._key)
        elif not self._limiter.try_acquire(self._key):
            return
        message = blocks_message.progress(report)
        try:
            if not await self._update(message):
                await self._post(targets.PostTarget(channel=self._target.channel, thread=self._target.thread), message)
        except errors.BotError as error:
            log.info("progress not shown", reason=str(error))

    async def finish(self, response: invocations.Response) -> bool:
        """Show the response in the thread, or where the fallback says."""
        message = blocks_message.message(response)
        if response.reply is invocations.Reply.ACKNOWLEDGEMENT:
            await self._delete_progress()
            return await _post_privately(self._api, self._target, message)
        options = elements.RenderOptions()
        if message.files:
            options = dataclasses.replace(options, whereabouts=_whereabouts(message, "in this thread"))
        try:
            await self._api.block_support.send_with_fallback(
                lambda has_plans: blocks_message.message(response, dataclasses.replace(options, has_plans=has_plans)),
                self._show,
            )
        except client_errors.NotAccepted:
            raise
        except errors.BotError as error:
            return _undelivered(error)
        await self._upload(response, message)
        return True

    def take_over(self) -> slack_api.MessageRef | None:
        """Return the message that shows progress, where there is one."""
        progress, self._message = self._message, None
        return progress

    async def _delete_progress(self) -> None:
        """Delete the message that shows progress: the response is for the requester alone."""
        progress = self.take_over()
        if progress is not None:
            try:
                await self._api.delete(progress)
            except errors.BotError as error:
                log.info("progress not deleted", reason=str(error))

    async def _show(self, message: blocks_message.Message) -> None:
        if not await self._update(message):
            target = self._target
            await targets.send_to_first(
                targets.fallbacks(self._api, user=target.user, channel=target.channel, thread=target.thread),
                lambda candidate: self._post(candidate, message),
            )

    async def _update(self, message: blocks_message.Message) -> bool:
        """Edit the message that is there; return False where there is none (any more)."""
        if self._message is None:
            return False
        try:
            await self._api.update(self._message, text=message.text, blocks=list(message.blocks))
        except client_errors.SlackRefused as error:
            if error.kind is client_errors.Kind.BLOCKS_REFUSED:
                raise
            # It was deleted meanwhile; the response is owed all the same.
            self._message = None
        return self._message is not None

    async def _post(self, target: targets.PostTarget, message: blocks_message.Message) -> None:
        self._message = await self._api.post(
            target.channel, thread=target.thread, text=message.text, blocks=list(message.blocks)
        )

    async def _upload(self, response: invocations.Response, message: blocks_message.Message) -> None:
        """Upload the logs of which *message* has only the end, and correct what it says where that fails."""
        to = files.UploadTarget(channel=self._target.channel, thread=self._target.thread)
        try:
            problem = await uploads.upload_logs(self._api, message.files, to)
        except asyncio.CancelledError:
            async with asyncio.timeout(_SHUTDOWN_GRACE_SECONDS):
                await self._correct(response, uploads.RESTARTED)
            raise
        if problem is not None:
            await self._correct(response, problem)

    async def _correct(self, response: invocations.Response, whereabouts: str) -> None:
        try:
            await self._show(blocks_message.message(response, elements.RenderOptions(whereabouts=whereabouts)))
        except errors.BotError as error:
            _undelivered(error)


def _whereabouts(message: blocks_message.Message, place: str) -> str:
    names = " and ".join(dict.fromkeys(section.name for section in message.files))
    return f"Full log: {names}, {place}."


async def _post_privately(api: slack_api.SlackApi, target: ReplyTarget, message: blocks_message.Message) -> bool:
    """Show *message* to the requester alone: as an ephemeral message where the request came from, else in a DM."""
    blocks = list(message.blocks)

    async def send(candidate: targets.PostTarget) -> None:
        if candidate.is_dm:
            await api.post(candidate.channel, thread=None, text=message.text, blocks=blocks)
        else:
            await api.post_ephemeral(
                candidate.channel, target.user, thread=candidate.thread, text=message.text, blocks=blocks
            )

    candidates = targets.fallbacks(api, user=target.user, channel=target.channel, thread=target.thread)
    try:
        await targets.send_to_first(candidates, send)
    except client_errors.NotAccepted:
        raise
    except errors.BotError as error:
        return _undelivered(error)
    return True


def _undelivered(error: errors.BotError) -> bool:
    reason = "refused" if isinstance(error, errors.Refused) else "unavailable"
    metrics.UNDELIVERED.labels(reason).inc()
    log.error("response not delivered", reason=str(error))
    return False
