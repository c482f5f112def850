"""Messages, views and files: what the bot has put before people."""

import dataclasses

from sandbox.slack.blocks import reading, shapes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a message said before it was changed."""

    text: str
    blocks: tuple[shapes.Json, ...]
    at_seconds: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it stood at one moment; a later change makes a new value with the same ts."""

    channel_id: str
    ts: str
    user_id: str
    text: str
    revision: int
    """Grows with every change anywhere in the workspace, so that two moments can be compared."""
    bot_id: str | None = None
    team_id: str = ""
    blocks: tuple[shapes.Json, ...] = ()
    attachments: tuple[shapes.Json, ...] = ()
    thread_ts: str | None = None
    metadata: shapes.Json | None = None
    seen_only_by: str | None = None
    """The one person an ephemeral message is shown to."""
    is_deleted: bool = False
    has_edited_mark: bool = False
    """Slack shows "(edited)" only when the text was changed without blocks."""
    edits: tuple[Edit, ...] = ()
    file_ids: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()

    @property
    def is_ephemeral(self) -> bool:
        """Return whether only one person sees it."""
        return self.seen_only_by is not None

    @property
    def plain_text(self) -> str:
        """Return all the text a person sees: the blocks' when there are any, else the text."""
        parts = [reading.visible_text(self.blocks) if self.blocks else self.text]
        parts.append(reading.visible_text(self.attachments))
        return "\n".join(part for part in parts if part)

    @property
    def buttons(self) -> tuple[reading.Control, ...]:
        """List the buttons, in order."""
        return tuple(control for control in self.controls if control.kind == "button")

    @property
    def controls(self) -> tuple[reading.Control, ...]:
        """List everything that can be clicked, chosen or filled in."""
        return reading.controls(self.blocks)

    def to_json(self) -> shapes.Json:
        """Return the message object that Slack puts into answers and payloads."""
        body: shapes.Json = {"type": "message", "user": self.user_id, "ts": self.ts, "text": self.text}
        if self.bot_id:
            body |= {"bot_id": self.bot_id}
        if self.team_id:
            body |= {"team": self.team_id}
        if self.blocks:
            body |= {"blocks": list(self.blocks)}
        if self.attachments:
            body |= {"attachments": list(self.attachments)}
        if self.thread_ts:
            body |= {"thread_ts": self.thread_ts}
        if self.has_edited_mark:
            edited_at = f"{self.edits[-1].at_seconds:.6f}" if self.edits else self.ts
            body |= {"edited": {"user": self.user_id, "ts": edited_at}}
        if self.file_ids:
            body |= {"files": [{"id": file_id} for file_id in self.file_ids]}
        if self.reactions:
            body |= {"reactions": [{"name": name, "count": 1} for name in self.reactions]}
        return body


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A modal or a Home tab as one person sees it at one moment."""

    id: str
    user_id: str
    revision: int
    hash: str
    body: shapes.Json
    """The view as the bot sent it, with the missing ids filled in."""
    root_id: str = ""
    is_closed: bool = False
    errors: dict[str, str] = dataclasses.field(default_factory=dict)
    """What the bot objected to when it was submitted, by block_id."""

    @property
    def kind(self) -> str:
        """Name the type: `modal` or `home`."""
        return str(self.body["type"])

    @property
    def blocks(self) -> tuple[shapes.Json, ...]:
        """List the view's blocks."""
        return tuple(self.body["blocks"])

    @property
    def title(self) -> str:
        """Return a modal's title."""
        return str(self.body.get("title", {}).get("text", ""))

    @property
    def plain_text(self) -> str:
        """Return all the text a person sees, the title first."""
        return "\n".join(part for part in (self.title, reading.visible_text(self.blocks)) if part)

    @property
    def controls(self) -> tuple[reading.Control, ...]:
        """List everything that can be clicked, chosen or filled in."""
        return reading.controls(self.blocks)

    @property
    def buttons(self) -> tuple[reading.Control, ...]:
        """List the buttons, in order."""
        return tuple(control for control in self.controls if control.kind == "button")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An uploaded file; without a channel it is private to the bot."""

    id: str
    name: str
    title: str
    content: bytes
    length: int
    """How many bytes were announced; the upload url takes no other number."""
    alt_text: str = ""
    snippet_type: str = ""
    channel_ids: tuple[str, ...] = ()
    is_complete: bool = False
    """It was shared by files.completeUploadExternal; until then it is invisible."""

    @property
    def text(self) -> str:
        """Return the content as text."""
        return self.content.decode()
