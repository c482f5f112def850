"""What a drawing is made of: text with its style, and the few shapes that text stands in."""

import dataclasses
import enum
import unicodedata
from collections.abc import Mapping
from typing import Literal

Names = Mapping[str, str]
"""What people, channels, groups and files are called, by id."""


class Style(enum.Flag):
    """How text looks."""

    PLAIN = 0
    BOLD = enum.auto()
    ITALIC = enum.auto()
    STRUCK = enum.auto()
    UNDERLINED = enum.auto()
    CODE = enum.auto()
    MENTION = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A run of text of one style."""

    text: str
    style: Style = Style.PLAIN
    url: str | None = None


Spans = tuple[Span, ...]


class Kind(enum.Enum):
    """What a stretch of text is for."""

    TEXT = "text"
    HEADING = "heading"
    CODE = "code"
    QUOTE = "quote"
    NOTE = "note"
    """Small and grey, as a context block."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A stretch of text, of any number of lines."""

    spans: Spans
    kind: Kind = Kind.TEXT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """A list."""

    items: tuple[Spans, ...]
    first_number: int | None = None
    """Of a numbered list; None for one with bullets."""
    indent: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column of a table looks."""

    alignment: Literal["left", "center", "right"] = "left"
    is_wrapped: bool = False
    """Slack wraps only where it is told to; a terminal, which cannot be scrolled sideways, wraps everywhere."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table, its first row the head."""

    rows: tuple[tuple[Spans, ...], ...]
    """Rows of the same length."""
    columns: tuple[Column, ...]
    """One for each cell of a row."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Short texts in two columns, as a section's fields."""

    cells: tuple[Spans, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Something to press or to choose from."""

    label: str
    key: tuple[str, str]
    """Block id and action id, which no two controls of a surface share."""
    is_button: bool = True
    style: str | None = None
    """`primary` or `danger`."""
    choices: tuple[str, ...] = ()
    """What a menu offers once it is open."""
    is_field: bool = False
    """Text is typed into it; the label stands there until then."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """Controls in a row."""

    items: tuple[Control, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Divider:
    """A line across."""


class TaskState(enum.StrEnum):
    """How far a task is."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETE = "complete"
    ERROR = "error"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that is being done, as in a plan."""

    title: Spans
    state: TaskState
    inner: tuple["Element", ...] = ()
    """Details and output."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Pieces in a frame with a title."""

    title: Spans
    inner: tuple["Element", ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WithAccessory:
    """Pieces with controls at their right, as a section's accessory."""

    inner: tuple["Element", ...]
    controls: Controls


Element = Paragraph | Bullets | Grid | Fields | Controls | Divider | Task | Box | WithAccessory

_KEPT = frozenset("\n")
# Zero-width joiner and variation selector: without them emoji fall apart, and they move nothing.
_EMOJI_JOINERS = frozenset("\u200d\ufe0f")


def clean(text: str) -> str:
    """Return *text* with a visible sign for every character that a screen would obey instead of showing."""
    return "".join(_sign(character) for character in text.replace("\r\n", "\n").expandtabs(4))


def _sign(character: str) -> str:
    if character in _KEPT or character in _EMOJI_JOINERS:
        return character
    if character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "\u2421"
    return "\ufffd" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else character


def plain(spans: Spans) -> str:
    """Return the text of *spans* without its style."""
    return "".join(span.text for span in spans)
