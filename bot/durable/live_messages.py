"""
What Slack shows of runs.

A post is noted in the transaction of the change that causes it, so none can be forgotten. Slack is behind a run while
what it shows is older than the run's newest version; one worker at a time sees to that.
"""

import dataclasses
import datetime
from collections.abc import Collection, Mapping

import sqlalchemy

from bot.procedures import runs
from bot.procedures.engine import store as run_store
from bot.store import database, tables

_RUNS, _POSTS, _QUESTIONS = tables.runs, tables.posts, tables.questions
# In these very words the index over it is defined, and SQLite uses it only then.
_IS_BEHIND = _RUNS.c.posted_version < _RUNS.c.version


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message about a run."""

    purpose: str
    channel: str | None = None
    timestamp: str | None = None
    """Where it stands, once Slack has taken it and that was written down."""
    shown: str | None = None
    """Digest of what it shows."""
    tried_in: str | None = None
    """The channel where it may stand already, because posting it was begun and nobody knows how that went."""
    tried_at: datetime.datetime | None = None
    is_settled: bool = False
    """Nothing more is to be done about it."""

    @property
    def is_live(self) -> bool:
        """Tell whether it is the one that shows how far the run is."""
        return self.purpose == run_store.LIVE

    @property
    def question(self) -> str | None:
        """Give the id of the question that it asks, where it does."""
        is_one = self.purpose.startswith(run_store.QUESTION)
        return self.purpose.removeprefix(run_store.QUESTION) if is_one else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A run, and its posts that are not settled, in the order of what caused them; the live one is always there."""

    run: runs.Run
    live: Post
    others: tuple[Post, ...]
    questions: Mapping[str, runs.Question]


class Posts:
    """Reads and writes what Slack shows of runs."""

    def __init__(self, db: database.Database) -> None:
        self._db = db

    async def claim(self, worker: str, limit: int, *, without: Collection[str] = ()) -> tuple[str, ...]:
        """
        Give the ids of runs that Slack is behind and nobody alive sees to; *worker* has them from now on.

        Those that it has already are among them, but for those *without* which it is asked for.
        """
        is_free = sqlalchemy.or_(
            _RUNS.c.posted_by.is_(None),
            _RUNS.c.posted_by == worker,
            _RUNS.c.posted_by.not_in(sqlalchemy.select(tables.workers.c.id)),
        )
        free = sqlalchemy.select(_RUNS.c.id).where(_IS_BEHIND, is_free).limit(limit)
        if without:
            free = free.where(_RUNS.c.id.not_in(without))
        async with self._db.transaction() as connection:
            if not (await connection.execute(free)).scalars().all():
                # Nearly always: a look takes no lock.
                return ()
        chosen = free.with_for_update(skip_locked=True)
        taken = sqlalchemy.update(_RUNS).where(_RUNS.c.id.in_(chosen), is_free).values(posted_by=worker)
        async with self._db.transaction() as connection:
            return tuple((await connection.execute(taken.returning(_RUNS.c.id))).scalars())

    async def read(self, worker: str, run_id: str) -> Standing | None:
        """
        Give what *worker* is to post of a run; None where it is no longer the one to do so.

        Raises:
            errors.Unreadable: this version of posbot cannot read it.
            errors.Unavailable
        """
        own = sqlalchemy.select(_RUNS).where(_RUNS.c.id == run_id, _RUNS.c.posted_by == worker)
        chosen = sqlalchemy.select(_POSTS).where(
            _POSTS.c.run == run_id,
            sqlalchemy.or_(_POSTS.c.is_settled.is_(False), _POSTS.c.purpose == run_store.LIVE),
        )
        async with self._db.transaction() as connection:
            found = await run_store.read(connection, own)
            rows = (await connection.execute(chosen.order_by(_POSTS.c.caused_by))).mappings().all()
            posts = [_post(row) for row in rows]
            wanted = [post.question for post in posts if post.question is not None]
            asked = sqlalchemy.select(_QUESTIONS).where(_QUESTIONS.c.id.in_(wanted))
            rows = (await connection.execute(asked)).mappings().all() if wanted else []
        questions = run_store.questions_of(rows)
        if found.unreadable or questions is None:
            raise run_store.unreadable(run_id)
        live = next((post for post in posts if post.is_live), None)
        if not found.runs or live is None:
            return None
        return Standing(
            run=found.runs[0],
            live=live,
            others=tuple(post for post in posts if not post.is_live),
            questions=questions,
        )

    async def write(self, worker: str, run_id: str, post: Post) -> bool:
        """Write down how *post* stands; tell whether *worker* is still the one to see to its run."""
        own = sqlalchemy.exists().where(_RUNS.c.id == run_id, _RUNS.c.posted_by == worker)
        this = sqlalchemy.update(_POSTS).where(_POSTS.c.run == run_id, _POSTS.c.purpose == post.purpose, own)
        values = {name: value for name, value in dataclasses.asdict(post).items() if name != "purpose"}
        async with self._db.transaction() as connection:
            return bool((await connection.execute(this.values(values))).rowcount)

    async def catch_up(self, worker: str, run_id: str, version: int, *, is_at_rest: bool) -> None:
        """
        Write down that Slack shows this *version* of a run; one that is *at rest* is left to anybody from now on.

        While it goes on, the same worker sees to it, and so keeps its edits apart.
        """
        shown = sqlalchemy.update(_RUNS).where(_RUNS.c.id == run_id, _RUNS.c.posted_by == worker)
        values = {"posted_version": version, "posted_by": None if is_at_rest else worker}
        async with self._db.transaction() as connection:
            await connection.execute(shown.values(values))

    async def release(self, worker: str, run_id: str) -> None:
        """Leave a run that Slack is still behind to anybody."""
        own = sqlalchemy.update(_RUNS).where(_RUNS.c.id == run_id, _RUNS.c.posted_by == worker)
        async with self._db.transaction() as connection:
            await connection.execute(own.values(posted_by=None))


def _post(row: sqlalchemy.RowMapping) -> Post:
    return Post(**{field.name: row[field.name] for field in dataclasses.fields(Post)})
