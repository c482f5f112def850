"""
A domain of its own that uses the kernel, and is killed at a point.

    python -m tests.unit.durable.toy_process URL POINT

A toy has a timer, a live message and a delivery: one registration each and no table. The process schedules them in one
transaction, works, and kills itself at POINT; without one it goes on until everything is done.
"""

import asyncio
import datetime
import os
import signal
import sys

import sqlalchemy

from bot.durable import claims, deliveries, live_messages, membership, timers
from bot.store import database
from tests.unit.durable import kernel_fixture

SUBJECT = "toy-1"


class Toy:
    """The domain: its registrations, and what it does when the kernel calls."""

    def __init__(self, db: database.Database, point: str) -> None:
        self.db = db
        self.member = membership.Membership(db, config=kernel_fixture.CONFIG)
        self.member.timers.register("toy", self.ring)
        deliveries.DeliveryWorker(db, self.member, {"toy": deliveries.Handler(send=self.send, find=self.find)})
        self.messages = ToyMessages(self)
        self._point = point

    def start(self, connection: sqlalchemy.Connection) -> None:
        now = timers.now(connection)
        timers.schedule(connection, "toy", SUBJECT, now + datetime.timedelta(seconds=0.2), scheduled_at=now)
        self.dies_at("scheduled, not committed")

    def ring(self, connection: sqlalchemy.Connection, timer: timers.Timer) -> None:
        now = timers.now(connection)
        live_messages.request(connection, "toy", timer.subject, live_messages.MAIN, now)
        deliveries.request(connection, "toy", timer.subject, "rang", {}, now=now)
        self.dies_at("fired, not committed")

    async def send(self, delivery: deliveries.Delivery) -> deliveries.Result:
        self.dies_at("attempted, not sent")
        say(f"sent {delivery.subject}")
        self.dies_at("sent, not written")
        return deliveries.Sent(reference="1")

    async def find(self, delivery: deliveries.Delivery) -> deliveries.Result:
        del delivery
        was_sent = self._point == "" and "sent" in os.environ.get("TOY_HISTORY", "")  # noqa: TID251
        return deliveries.Sent(reference="found") if was_sent else deliveries.NotTaken(retry_after_seconds=0)

    def dies_at(self, point: str) -> None:
        if self._point == point:
            os.kill(os.getpid(), signal.SIGKILL)


class ToyMessages:
    """Shows live messages by printing them; a `membership.Listener`."""

    kind = live_messages.KIND

    def __init__(self, toy: Toy) -> None:
        self._toy = toy
        self._store = live_messages.LiveMessageStore(toy.db)
        toy.member.subscribe(self)

    async def on_heartbeat(self, own: tuple[claims.Claim, ...]) -> None:
        worker = str(self._toy.member.id)
        free = await self._toy.member.claim(self.kind, 10)
        for claim in (*free, *(one for one in own if one.kind == self.kind)):
            for message in await self._store.open_messages(worker, claim) or ():
                if message.version > message.shown_version:
                    self._toy.dies_at("claimed, not shown")
                    say(f"shows {claim.subject}")
            messages = await self._store.open_messages(worker, claim) or ()
            await self._store.mark_shown(worker, claim, messages, keeps_claim=False)

    async def drop_all(self) -> None:
        pass


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def main() -> None:
    url, point = sys.argv[1:]
    async with database.open_database(url) as db:
        toy = Toy(db, point)
        known = await db.work(lambda one: deliveries.find(one, "toy", SUBJECT, "rang"))
        if known is None:
            await db.work(toy.start)
        async with kernel_fixture.watching(toy.member), asyncio.timeout(30):
            while not await db.work(_is_done):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    say("done")


def _is_done(connection: sqlalchemy.Connection) -> bool:
    delivery = deliveries.find(connection, "toy", SUBJECT, "rang")
    is_sent = delivery is not None and delivery.state is deliveries.State.SENT
    return is_sent and not live_messages.are_behind(connection)


if __name__ == "__main__":
    asyncio.run(main())
