"""What a command found, in a form that knows nothing of Slack or of a terminal."""

import dataclasses
import datetime
import enum
import functools
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import pydantic

Scalar = str | int | float | bool | None


class Verdict(enum.StrEnum):
    """How things stand; also decides the terminal's exit code."""

    OK = "ok"
    # Works, but misses a target or will soon stop working.
    WARNING = "warning"
    FAILED = "failed"
    # Could not be determined. Never shown as ok, because silence is not health.
    UNKNOWN = "unknown"

    @classmethod
    def worst(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        """Return the worst of *verdicts*; unknown if there are none."""
        return max(verdicts, key=SEVERITY.__getitem__, default=cls.UNKNOWN)


SEVERITY = {Verdict.OK: 0, Verdict.WARNING: 1, Verdict.UNKNOWN: 2, Verdict.FAILED: 3}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A short list of names and values."""

    pairs: tuple[tuple[str, str], ...]
    title: str | None = None
    kind: Literal["fields"] = "fields"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    cells: tuple[str, ...]
    verdict: Verdict | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under named columns, the most important row first: a renderer cuts from the end."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    title: str | None = None
    figures: tuple[str, ...] = ()
    """The columns that hold figures, which are compared from the right."""
    kind: Literal["table"] = "table"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Text whose columns and line breaks matter."""

    text: str
    title: str | None = None
    kind: Literal["code"] = "code"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Plain sentences; markup characters in them are shown, never obeyed."""

    text: str
    title: str | None = None
    kind: Literal["text"] = "text"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry of a log: a line with all that belongs to it, such as a stack trace."""

    text: str
    source: str
    """The pod that wrote it."""
    at: datetime.datetime | None = None
    """When it was written, the last time if it was more than once."""
    count: int = 1
    """How many entries that are the same but for their figures it stands for."""
    first_at: datetime.datetime | None = None
    """When the first of them was written."""
    is_annotation: bool = False
    """Not written by the pod but said of it, such as that it was started again here."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Entries of logs, oldest first: a renderer that has no room for all shows the last."""

    entries: tuple[LogEntry, ...]
    name: str
    """Of the file that holds all of it, such as `pos-order.log`."""
    common: str = ""
    """What all sources begin with, which a reader need not see before every line."""
    title: str | None = None
    kind: Literal["log"] = "log"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of text that looks the same throughout."""

    text: str
    is_bold: bool = False
    is_italic: bool = False
    is_code: bool = False
    url: str | None = None
    """Where it leads, if it is a link."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text, or an item of a list."""

    spans: tuple[Span, ...]
    bullet: str = ""
    """What stands before an item: `•`, or its number with a full stop."""
    depth: int = 0
    """How many lists the item's own stands in."""

    @property
    def text(self) -> str:
        """Return the text without formatting."""
        return "".join(span.text for span in self.spans)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """Paragraphs and lists of a document, with what stands out in them."""

    paragraphs: tuple[Paragraph, ...]
    title: str | None = None
    kind: Literal["prose"] = "prose"


class TaskState(enum.StrEnum):
    """How far one of several tasks is."""

    PENDING = "pending"
    RUNNING = "running"
    # For a person.
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    # Nobody knows how it came out.
    UNKNOWN = "unknown"
    # It was not run, and will not be.
    SKIPPED = "skipped"

    @classmethod
    def _missing_(cls, value: object) -> "TaskState | None":
        """Return the state of *value* as reports before revision 0007 store it."""
        return cls.SKIPPED if value == "left out" else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One of several things that are done one after the other."""

    id: str
    title: str
    state: TaskState
    status: str = ""
    """What there is to say of its state, in a few words: how long it took, why it was left out."""
    detail: str = ""
    """What came of it, in one sentence, or what it does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Tasks in their order, of which some are done and some are still to come."""

    tasks: tuple[Task, ...]
    title: str | None = None
    kind: Literal["plan"] = "plan"


Section = Annotated[Fields | Table | Code | Text | Prose | Log | Plan, pydantic.Field(discriminator="kind")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    """Something sensible to do now: a button in Slack, a line to copy in a terminal."""

    label: str
    command: str
    """What would be typed after `/pos`."""
    is_primary: bool = False
    """The one thing to do next, where there is one."""
    consequence: str = ""
    """What it ends or changes; where there is one, the person is asked to confirm it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A section of the runbook that speaks of this."""

    number: str
    title: str
    url: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole answer of a command."""

    verdict: Verdict
    headline: str
    """One sentence that is enough at 3 a.m."""
    sections: tuple[Section, ...] = ()
    facts: Mapping[str, Scalar] = dataclasses.field(default_factory=dict)
    """Named values for procedures and for scripts that read the JSON."""
    next_actions: tuple[NextAction, ...] = ()
    runbook: tuple[Pointer, ...] = ()
    is_information: bool = False
    """It tells no state of anything, so a mark for a verdict would mislead."""


def changed(report: Report, *, headline: str) -> Report:
    """Return *report* with another headline."""
    return dataclasses.replace(report, headline=headline)


@functools.cache
def _document_adapter() -> pydantic.TypeAdapter[Report]:
    """Build it when a document is first needed: `posbot version` needs none."""
    return pydantic.TypeAdapter(Report)


def to_document(report: Report) -> dict[str, object]:
    """Return *report* as JSON-ready data, which `from_document` reads."""
    document: dict[str, object] = _document_adapter().dump_python(report, mode="json")
    return document


def from_document(document: object) -> Report:
    """Return the report of a *document* made by `to_document`."""
    return _document_adapter().validate_python(document)
