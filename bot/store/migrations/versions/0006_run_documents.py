"""Rewrite stored runs: the new names of commands, keys and states, and the reason of a step as code and detail."""

import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_RUNS = sa.table(
    "runs",
    sa.column("id", sa.String),
    sa.column("frozen", sa.LargeBinary),
    sa.column("progress", sa.LargeBinary),
    sa.column("state", sa.String),
)
_BATCH = 200
_COMMANDS = {"deploy": "rollout", "startup": "diagnose", "access": "connectivity"}
_STATES = {"succeeded": "completed", "succeeded with failures": "completed with failures"}
_KEYS = {"agreed": "confirmed", "may_begin": "may_start", "began_at": "started_at"}
_FACTS: Mapping[str, Mapping[str, str]] = {
    "deploy": {"trouble": "reason", "wanted": "desired"},
    "pods": {"wanted": "desired"},
    "startup": {"wanted": "desired"},
    "logs": {"lines_left_out": "lines_omitted"},
}
"""Command → the new names of its facts, which pending steps still have to save."""
_EXACT_REASONS = {
    "the run’s time was over": "run_timed_out",
    "posbot was restarted": "restarted",
    "posbot ended in the middle of it": "interrupted",
    "it did not finish in time": "not_finished_in_time",
    "nobody said go on in time": "no_answer",
    "nobody said what to do": "no_answer",
    "nobody said whether it happened": "no_answer",
    "nobody agreed in time": "no_answer",
}
_REASONS = (
    ("condition_not_met", "not wanted, {}"),
    ("attempt_failed", "attempt {} failed"),
    ("cancelled_while_running", "cancelled by {} while it was under way"),
    ("cancelled_by", "cancelled by {}"),
    ("skipped_by", "skipped by {}"),
    ("skipped_by", "{} said skip"),
    ("stopped_by", "stopped by {}"),
    ("escalated_by", "escalated by {}"),
    ("retried_by", "again, by {}"),
    ("confirmed_by", "{} agreed"),
    ("declined_by", "{} said no"),
    ("did_not_happen", "{} says that it did not happen"),
)
_EARLIER_STEP = re.compile(
    r"(?P<id>[a-z][a-z0-9_]*) (?P<state>failed|timed out|cancelled|unknown)(, so it went on at .*)?"
)

Document = dict[str, Any]


def upgrade() -> None:
    """Rewrite every run."""
    _rewrite(_upgrade_frozen, _upgrade_progress, _STATES)


def downgrade() -> None:
    """Write every run as the older version did; a reason becomes its text."""
    states = {new: old for old, new in _STATES.items()}
    _rewrite(_downgrade_frozen, _downgrade_progress, states)


def _rewrite(
    frozen_of: Callable[[Document], Document],
    progress_of: Callable[[Document, Document], Document],
    states: Mapping[str, str],
) -> None:
    connection, last = op.get_bind(), ""
    while True:
        chosen = sa.select(_RUNS).where(_RUNS.c.id > last).order_by(_RUNS.c.id).limit(_BATCH)
        rows = connection.execute(chosen).mappings().all()
        if not rows:
            return
        for row in rows:
            values: dict[str, object] = {"state": states.get(row["state"], row["state"])}
            try:
                frozen = frozen_of(_unpack(row["frozen"]))
                values |= {"frozen": _pack(frozen), "progress": _pack(progress_of(_unpack(row["progress"]), frozen))}
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error):
                # A damaged run stays what it is: unreadable by both versions, and no reason not to start.
                pass
            connection.execute(sa.update(_RUNS).where(_RUNS.c.id == row["id"]).values(values))
        last = rows[-1]["id"]


def _upgrade_frozen(frozen: Document) -> Document:
    procedure = _with_commands(frozen["procedure"], _COMMANDS, _FACTS)
    command = dict(procedure["command"])
    command["name"] = command.pop("word")
    return {**frozen, "procedure": {**procedure, "command": command}}


def _downgrade_frozen(frozen: Document) -> Document:
    facts = {_COMMANDS.get(one, one): {new: old for old, new in names.items()} for one, names in _FACTS.items()}
    procedure = _with_commands(frozen["procedure"], {new: old for old, new in _COMMANDS.items()}, facts)
    command = dict(procedure["command"])
    command["word"] = command.pop("name")
    return {**frozen, "procedure": {**procedure, "command": command}}


def _with_commands(
    procedure: Document, names: Mapping[str, str], facts_of: Mapping[str, Mapping[str, str]]
) -> Document:
    def rename(step: Document) -> Document:
        facts = facts_of.get(step["uses"], {})
        saved = {name: facts.get(fact, fact) for name, fact in step.get("save", {}).items()}
        own = {"save": saved} if saved else {}
        return {**step, "uses": names.get(step["uses"], step["uses"]), **own}

    steps: Document = {
        key: [rename(step) for step in procedure[key]] for key in ("steps", "finally") if key in procedure
    }
    return {**procedure, **steps}


def _upgrade_progress(progress: Document, frozen: Document) -> Document:
    titles = {step["id"]: step["title"] for key in ("steps", "finally") for step in frozen["procedure"].get(key, [])}
    records = []
    for record in progress["steps"]:
        new = {_KEYS.get(key, key): value for key, value in record.items() if key != "why"}
        if record.get("why"):
            new["reason"] = _reason(record["why"], titles)
        records.append(new)
    ending = progress.get("ending")
    return {**progress, "steps": records, **({"ending": _STATES.get(ending, ending)} if ending else {})}


def _reason(why: str, titles: Mapping[str, str]) -> dict[str, str]:
    if why in _EXACT_REASONS:
        return {"code": _EXACT_REASONS[why], "detail": ""}
    for code, text in _REASONS:
        before, after = text.split("{}")
        if why.startswith(before) and why.endswith(after) and len(why) > len(before) + len(after):
            return {"code": code, "detail": why[len(before) : len(why) - len(after)]}
    match = _EARLIER_STEP.fullmatch(why)
    if match is not None and match["id"] in titles:
        return {"code": "earlier_step", "detail": f"{titles[match['id']].rstrip('?')} {match['state']}"}
    return {"code": "error", "detail": why}


def _downgrade_progress(progress: Document, frozen: Document) -> Document:
    del frozen
    keys = {new: old for old, new in _KEYS.items()}
    exact = {code: text for text, code in _EXACT_REASONS.items()}
    texts = dict(reversed(_REASONS))
    records = []
    for record in progress["steps"]:
        old = {keys.get(key, key): value for key, value in record.items() if key != "reason"}
        reason = record.get("reason")
        if reason:
            text = exact.get(reason["code"]) or texts.get(reason["code"], "{}")
            old["why"] = text.replace("{}", reason.get("detail", ""))
        records.append(old)
    states = {new: old for old, new in _STATES.items()}
    ending = progress.get("ending")
    return {**progress, "steps": records, **({"ending": states.get(ending, ending)} if ending else {})}


def _pack(document: Document) -> bytes:
    return zlib.compress(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))


def _unpack(packed: bytes) -> Document:
    document: Document = json.loads(zlib.decompress(packed))
    return document
