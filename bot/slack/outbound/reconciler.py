"""
One run's messages, brought to its newest state: posted, edited, found again, replaced.

Before a message is posted, it is written down that it will be; afterwards, where it stands. Whoever finds the first
without the second, after a crash or a lost answer, looks for the message in Slack before posting it again.
"""

import dataclasses
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import structlog

from bot import errors, metrics
from bot.durable import live_messages as message_store
from bot.model import invocations
from bot.procedures import runs
from bot.slack.blocks import message as blocks_message
from bot.slack.client import api as slack_api
from bot.slack.client import history as client_history
from bot.slack.client import retries
from bot.slack.outbound import rendering

log = structlog.get_logger()
Result = TypeVar("Result")

_NO_THREAD = frozenset({"thread_not_found", "cannot_reply_to_message"})
_GONE = frozenset(
    {"message_not_found", "channel_not_found", "not_in_channel", "is_archived", "is_inactive", *_NO_THREAD}
)
"""There is no message to be edited any more, or none that may be."""
_APP_IS_AT_FAULT = frozenset(
    {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope"}
)
"""No other channel would help; somebody has to set it right, and until then it is as if Slack was away."""


class ClaimLost(Exception):
    """Somebody else sees to the run now."""


class RetryLater(Exception):
    """It is too early to go on."""

    def __init__(self, seconds: float, *, is_asked: bool = False) -> None:
        super().__init__(f"in {seconds:.1f} s")
        self.seconds = seconds
        self.is_asked = is_asked
        """Slack has asked for the pause."""


class Claimant(Protocol):
    """The worker in whose name posts are claimed."""

    @property
    def id(self) -> str | None:
        """Give its id; None while it works on nothing."""

    async def holds(self) -> None:
        """Return once it is sure that nobody has taken it for dead."""


class Turns(Protocol):
    """Says when edits may be made."""

    def wait_for_edit(self, run_id: str) -> float:
        """Give the seconds until a run's messages may be edited; none where its turn has come, which is then over."""

    def note_post(self, run_id: str) -> None:
        """Take in that a message was posted, which counts as an edit of it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What it takes to post."""

    store: message_store.Posts
    api: slack_api.SlackApi
    history: client_history.SlackHistory
    drawings: rendering.Renderer
    claimant: Claimant
    now: Callable[[], datetime.datetime]
    taken: dict[tuple[str, str], slack_api.MessageRef] = dataclasses.field(default_factory=dict)
    """Run and purpose → where Slack has taken a post that could not be written down."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """Somewhere to post."""

    channel: str
    thread: str | None = None


async def reconcile(means: Dependencies, turns: Turns, worker: str, run_id: str) -> None:
    """
    Let Slack show the newest state of a run that *worker* has claimed, with edits when their turn comes.

    Raises:
        Lost: somebody else sees to it now.
        Later: an edit's turn has not come, or Slack asks for a pause; what could be posted was.
        errors.Unavailable: Slack or the database is away.
        errors.Unreadable
    """
    standing = await means.store.read(worker, run_id)
    if standing is None:
        raise ClaimLost
    await _Reconciliation(means, turns, worker, standing).do()
    is_at_rest = standing.run.state is not runs.RunState.RUNNING
    await means.store.catch_up(worker, run_id, standing.run.version, is_at_rest=is_at_rest)


class _Reconciliation:
    def __init__(self, means: Dependencies, turns: Turns, worker: str, standing: message_store.Standing) -> None:
        self._means = means
        self._turns = turns
        self._worker = worker
        self._standing = standing
        self._run = standing.run
        self._live = standing.live

    async def do(self) -> None:
        """Post what is new, which never waits for the turn of an edit; then edit what is old."""
        if self._live.timestamp is None and not self._live.is_settled:
            self._live = await self._post(self._live)
        others = [await self._stood_up(post) for post in self._standing.others]
        await self._edit(*others, self._live)

    async def _stood_up(self, post: message_store.Post) -> message_store.Post:
        """Give *post* as it stands in Slack, or as settled where it need not."""
        if post.timestamp is not None:
            return post
        if self._is_wanted(post) and not self._live.is_settled:
            return await self._post(post)
        # A question that was answered need not be asked, but where it was, it shows the answer.
        found = await self._find_lost(post) if post.question is not None else None
        stood = dataclasses.replace(post, tried_in=None, tried_at=None, is_settled=found is None)
        if found is not None:
            stood = dataclasses.replace(stood, channel=found.channel, timestamp=found.timestamp)
        await self._write(stood)
        return stood

    def _is_wanted(self, post: message_store.Post) -> bool:
        """Tell whether *post* says something that is still so."""
        if post.question is not None:
            return self._standing.questions[post.question].answer is None
        return self._run.state.is_final and post is self._standing.others[-1]

    async def _edit(self, *posts: message_store.Post) -> None:
        stale = []
        for post in posts:
            if post.is_settled:
                continue
            message = self._draw(post, post.channel, has_plans=self._means.api.looks.has_plans)
            if rendering.digest(message) != post.shown:
                stale.append(post)
        if stale and (seconds := self._turns.wait_for_edit(self._run.id)) > 0:
            raise RetryLater(seconds)
        for post in stale:
            await self._bring_up_to_date(post)

    async def _bring_up_to_date(self, post: message_store.Post) -> None:
        spot = slack_api.MessageRef(channel=post.channel or "", timestamp=post.timestamp or "")

        async def send(message: blocks_message.Message) -> str:
            await self._means.api.update(spot, text=message.text, blocks=list(message.blocks), is_patient=False)
            return rendering.digest(message)

        try:
            shown = await self._shown(post, spot.channel, send)
        except retries.SlackRefused as error:
            if error.code in _GONE:
                await self._replace(post, error)
                return
            log.warning("edit refused", run=self._run.id, purpose=post.purpose, reason=str(error))
            message = self._draw(post, spot.channel, has_plans=self._means.api.looks.has_plans)
            shown = rendering.digest(message)
        await self._write(dataclasses.replace(post, shown=shown, is_settled=self._is_over(post)))

    async def _replace(self, post: message_store.Post, error: retries.SlackRefused) -> None:
        """Post a message again that is gone, if it still matters."""
        log.info("message is gone", run=self._run.id, purpose=post.purpose, reason=str(error))
        if self._is_over(post):
            await self._write(dataclasses.replace(post, is_settled=True))
        else:
            await self._post(dataclasses.replace(post, timestamp=None, shown=None))

    def _is_over(self, post: message_store.Post) -> bool:
        """Tell whether *post*, once it shows the newest state, needs no other look."""
        if post.question is not None:
            return self._standing.questions[post.question].answer is not None
        return not post.is_live

    async def _post(self, post: message_store.Post) -> message_store.Post:
        """Post it where it belongs, else to the person directly, else nowhere."""
        reason = ""
        async for spot in self._spots(post):
            try:
                return await self._post_at(spot, post)
            except retries.SlackRefused as error:
                reason = str(error)
                log.info("not posted there", run=self._run.id, purpose=post.purpose, channel=spot.channel, why=reason)
                if error.code in _NO_THREAD and not post.is_live:
                    await self._write(dataclasses.replace(self._live, timestamp=None, shown=None))
                    raise RetryLater(0) from error
        metrics.UNDELIVERED.labels("run").inc()
        log.error("run not shown", run=self._run.id, purpose=post.purpose, reason=reason)
        given_up = dataclasses.replace(post, tried_in=None, tried_at=None, is_settled=True)
        await self._write(given_up)
        return given_up

    async def _spots(self, post: message_store.Post) -> AsyncIterator[_Spot]:
        """Give where *post* may stand, the best place first."""
        place = self._run.place
        own = self._live.channel or (place.id if place.kind is not invocations.ConversationKind.APP_HOME else None)
        if own is not None:
            thread = place.thread if own == place.id else None
            if post.is_live:
                yield _Spot(channel=own, thread=thread)
                if thread is not None:
                    yield _Spot(channel=own)
            else:
                yield _Spot(channel=own, thread=thread or self._live.timestamp)
        try:
            direct = await self._means.api.open_dm(self._run.requester.id)
        except errors.Refused as error:
            log.info("no direct messages", run=self._run.id, reason=str(error))
            return
        if direct != own:
            yield _Spot(channel=direct)

    async def _post_at(self, spot: _Spot, post: message_store.Post) -> message_store.Post:
        shown, found = None, await self._find(spot, post)
        if found is None:
            await self._write(dataclasses.replace(post, tried_in=spot.channel, tried_at=self._means.now()))
            await self._means.claimant.holds()
            if self._means.claimant.id != self._worker:
                raise ClaimLost
            found, shown = await self._send(spot, post)
            self._means.taken[self._run.id, post.purpose] = found
            if post.is_live:
                self._turns.note_post(self._run.id)
        posted = dataclasses.replace(
            post,
            channel=found.channel,
            timestamp=found.timestamp,
            shown=shown,
            tried_in=None,
            tried_at=None,
            is_settled=not post.is_live and post.question is None,
        )
        await self._write(posted)
        self._means.taken.pop((self._run.id, post.purpose), None)
        return posted

    async def _find_lost(self, post: message_store.Post) -> slack_api.MessageRef | None:
        """Give where *post* stands if it was tried and nobody knows how that went."""
        if post.tried_in is None:
            return None
        async for spot in self._spots(post):
            if spot.channel == post.tried_in:
                return await self._find(spot, post)
        return None

    async def _find(self, spot: _Spot, post: message_store.Post) -> slack_api.MessageRef | None:
        """Give where *post* stands already, as far as that can be known."""
        known = self._means.taken.get((self._run.id, post.purpose))
        if known is not None and known.channel == spot.channel:
            return known
        if post.tried_in != spot.channel or post.tried_at is None:
            return None
        try:
            return await self._means.history.find(spot.channel, spot.thread, self._payload(post), post.tried_at)
        except retries.SlackRefused as error:
            # A message that stands there twice does less harm than one that is missing.
            log.warning("not known whether it was posted", run=self._run.id, purpose=post.purpose, reason=str(error))
            return None

    async def _send(self, spot: _Spot, post: message_store.Post) -> tuple[slack_api.MessageRef, str]:
        async def send(message: blocks_message.Message) -> tuple[slack_api.MessageRef, str]:
            taken = await self._means.api.post(
                spot.channel,
                thread=spot.thread,
                text=message.text,
                blocks=list(message.blocks),
                metadata=client_history.metadata(self._payload(post)),
                is_patient=False,
            )
            return taken, rendering.digest(message)

        return await self._shown(post, spot.channel, send)

    async def _shown(
        self, post: message_store.Post, channel: str, send: Callable[[blocks_message.Message], Awaitable[Result]]
    ) -> Result:
        try:
            return await self._means.api.looks.send_with_fallback(
                lambda has_plans: self._draw(post, channel, has_plans=has_plans), send
            )
        except retries.RateLimited as error:
            if error.pause_seconds is None:
                raise
            raise RetryLater(error.pause_seconds, is_asked=True) from error
        except retries.SlackRefused as error:
            if error.code not in _APP_IS_AT_FAULT:
                raise
            raise errors.Unavailable(str(error), hint=error.hint) from error

    def _draw(self, post: message_store.Post, channel: str | None, *, has_plans: bool) -> blocks_message.Message:
        place = self._run.place
        is_elsewhere = place.kind is invocations.ConversationKind.CHANNEL and channel != place.id
        return self._means.drawings.render(self._standing, post, is_elsewhere=is_elsewhere, has_plans=has_plans)

    def _payload(self, post: message_store.Post) -> Mapping[str, str]:
        return {"run": self._run.id, "purpose": post.purpose}

    async def _write(self, post: message_store.Post) -> None:
        if not await self._means.store.write(self._worker, self._run.id, post):
            raise ClaimLost
