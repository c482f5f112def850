"""
What one person, and all people together, may occupy of a process at once.

| limit         | one person | the process | beyond it                                      |
| ------------- | ---------- | ----------- | ---------------------------------------------- |
| commands      | 20         | 100         | wait for a turn, at most 1 min                 |
| followed logs | 3          | 20          | are refused                                    |
| small answers | 4 MB       | 8 MB        | wait for a turn, at most 4 min                 |
| large answers | 12 MB      | 12 MB       | wait for a turn, at most 4 min                 |

The dispatcher owns the `Limits` of its process. Each byte of an answer costs some six bytes of memory until it is
delivered, so that all answers together stay below 120 MB. Small answers have a share of their own: they would
otherwise wait behind large ones.
"""

import asyncio
import collections
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from bot import command as bot_command
from bot import errors, metrics

SMALL_ANSWER_BYTES = 2_000_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit, and the sentences for those who reach it."""

    name: str
    """Its label in the metrics."""
    per_person: int
    total: int
    wait_seconds: float
    """For a turn; 0 where nobody waits."""
    max_waiting: int
    """Of one person."""
    own: str
    """For a person who has reached the limit of one person."""
    common: str
    """For a person whom all the others leave nothing."""
    hint: str


COMMANDS = Limit(
    name="commands",
    per_person=20,
    total=100,
    wait_seconds=60.0,
    max_waiting=1_500,
    own="You already have 20 commands running, the most for one person: this one was not run.",
    common="posbot already runs 100 commands, the most at once: this one was not run.",
    hint="Wait for the others to end, and run it again.",
)
FOLLOWED_LOGS = Limit(
    name="followed logs",
    per_person=3,
    total=20,
    wait_seconds=0.0,
    max_waiting=0,
    own="You already follow 3 logs, the most for one person.",
    common="20 logs are being followed, the most at once for all people together.",
    hint="Stop one of them (its Stop button), or read the log once, without --follow.",
)
SMALL_ANSWERS = Limit(
    name="small answers",
    per_person=4_000_000,
    total=8_000_000,
    wait_seconds=bot_command.MAX_RESERVE_SECONDS,
    max_waiting=1_500,
    own="Your other answers took longer than 4 minutes to prepare: this one was not prepared.",
    common="The answers of others took longer than 4 minutes to prepare: this one was not prepared.",
    hint="Run it again in a minute.",
)
LARGE_ANSWERS = Limit(
    name="large answers",
    per_person=12_000_000,
    total=12_000_000,
    wait_seconds=bot_command.MAX_RESERVE_SECONDS,
    max_waiting=50,
    own="Your other large answers took longer than 4 minutes to prepare: this one was not prepared.",
    common="Large answers of others took longer than 4 minutes to prepare: this one was not prepared.",
    hint="Run it again in a minute, or narrow it down with --since, --grep or a smaller --tail.",
)


class Busy(errors.Unavailable):
    """A limit is reached; the same command succeeds once others have ended."""


class FairLimit:
    """
    Units that people share; what becomes free goes to the person who was served longest ago.

    A person's own requests are served in their order. Nobody is overtaken by smaller requests of others.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._held: collections.Counter[str] = collections.Counter()
        self._used = 0
        self._queues: collections.OrderedDict[str, collections.deque[tuple[int, asyncio.Future[None]]]] = (
            collections.OrderedDict()
        )

    @property
    def used(self) -> int:
        """Return how many units are in use."""
        return self._used

    async def acquire(self, person: str, amount: int = 1) -> None:
        """
        Take *amount* units for *person* once they are free.

        Raises:
            Busy: with the sentence of the limit.
        """
        queue = self._queues.setdefault(person, collections.deque())
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append((amount, granted))
        self._grant()
        if granted.done():
            return
        try:
            if len(queue) > self.limit.max_waiting:
                raise TimeoutError
            async with asyncio.timeout(self.limit.wait_seconds):
                await granted
        except (TimeoutError, asyncio.CancelledError) as error:
            self._withdraw(person, amount, granted)
            if isinstance(error, TimeoutError):
                raise self._busy(person, amount) from error
            raise

    def release(self, person: str, amount: int = 1) -> None:
        """Release *amount* units of *person*."""
        self._used -= amount
        self._held[person] -= amount
        if not self._held[person]:
            del self._held[person]
        metrics.IN_USE.labels(self.limit.name).set(self._used)
        self._grant()

    def _grant(self) -> None:
        while (found := self._next()) is not None:
            person, amount, granted = found
            if granted.cancelled():
                continue
            self._used += amount
            self._held[person] += amount
            metrics.IN_USE.labels(self.limit.name).set(self._used)
            granted.set_result(None)

    def _next(self) -> tuple[str, int, "asyncio.Future[None]"] | None:
        """Return who is served next, taken from the queue; None where nobody waits or nothing is free."""
        for person, queue in self._queues.items():
            amount, granted = queue[0]
            if self._held[person] + amount > self.limit.per_person:
                continue
            if self._used + amount > self.limit.total:
                return None
            queue.popleft()
            self._queues.move_to_end(person)
            if not queue:
                del self._queues[person]
            return person, amount, granted
        return None

    def _withdraw(self, person: str, amount: int, granted: "asyncio.Future[None]") -> None:
        if granted.done() and not granted.cancelled():
            # Its turn came in the moment in which it was cancelled.
            self.release(person, amount)
            return
        queue = self._queues.get(person)
        if queue is not None and (amount, granted) in queue:
            queue.remove((amount, granted))
            if not queue:
                del self._queues[person]
        # A smaller request may have waited behind it.
        self._grant()

    def _busy(self, person: str, amount: int) -> Busy:
        metrics.LIMITED.labels(self.limit.name).inc()
        is_own = self._held[person] + amount > self.limit.per_person
        return Busy(self.limit.own if is_own else self.limit.common, hint=self.limit.hint)


class Reservation:
    """The memory of one answer, from when it is read until it is delivered."""

    def __init__(self, person: str, small: FairLimit, large: FairLimit) -> None:
        self._person = person
        self._small = small
        self._large = large
        self._limit = small
        self._bytes = 0

    async def reserve(self, size: int) -> None:
        """
        Reserve *size* bytes in place of what is reserved so far; a smaller size never waits.

        Raises:
            Busy: the answers of others, or of the same person, took too long.
        """
        if size > self._bytes:
            self.release()
            limit = self._small if size <= SMALL_ANSWER_BYTES else self._large
            size = min(size, limit.limit.per_person)
            await limit.acquire(self._person, size)
            self._limit, self._bytes = limit, size
        else:
            self._shrink_to(size)

    def release(self) -> None:
        """Release everything: the answer is delivered, or there is none."""
        self._shrink_to(0)

    def _shrink_to(self, size: int) -> None:
        released, self._bytes = self._bytes - size, size
        if released:
            self._limit.release(self._person, released)


class Limits:
    """The limits of one process."""

    def __init__(self) -> None:
        self._commands = FairLimit(COMMANDS)
        self._followed_logs = FairLimit(FOLLOWED_LOGS)
        self._small_answers = FairLimit(SMALL_ANSWERS)
        self._large_answers = FairLimit(LARGE_ANSWERS)

    def command(self, person: str) -> contextlib.AbstractAsyncContextManager[None]:
        """
        Return a block that counts as a running command of *person*, once it is their turn.

        Raises:
            Busy: when the block is entered, for all of these.
        """
        return _occupied(self._commands, person)

    def followed_log(self, person: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Return a block in which *person* follows a log."""
        return _occupied(self._followed_logs, person)

    def reservation(self, person: str) -> Reservation:
        """Return a reservation of memory for an answer to *person*, with nothing reserved yet."""
        return Reservation(person, self._small_answers, self._large_answers)


@contextlib.asynccontextmanager
async def _occupied(limit: FairLimit, person: str) -> AsyncIterator[None]:
    await limit.acquire(person)
    try:
        yield
    finally:
        limit.release(person)
