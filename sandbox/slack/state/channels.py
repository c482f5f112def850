"""People and the places where they meet."""

import dataclasses
import enum
import re

from sandbox.slack.blocks import shapes

MAX_NAME = 80


class Kind(enum.Enum):
    """What a channel is; the value is the first word of the scopes that open it."""

    PUBLIC = "channels"
    PRIVATE = "groups"
    DIRECT = "im"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account, of this workspace or of another one that shares a channel with it."""

    id: str
    name: str
    team_id: str
    is_bot: bool = False
    is_guest: bool = False
    is_deactivated: bool = False
    email: str = ""

    def to_json(self, home_team_id: str) -> shapes.Json:
        """Return the user object of users.info."""
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.name,
            "deleted": self.is_deactivated,
            "is_bot": self.is_bot,
            "is_restricted": self.is_guest,
            "is_ultra_restricted": False,
            "is_stranger": self.team_id != home_team_id,
            "tz": "Etc/UTC",
            "profile": {"real_name": self.name, "display_name": self.name, "team": self.team_id},
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel as it is at one moment."""

    id: str
    name: str
    kind: Kind = Kind.PUBLIC
    member_ids: tuple[str, ...] = ()
    is_archived: bool = False
    is_shared: bool = False
    """It is shared with another workspace (Slack Connect)."""
    topic: str = ""
    purpose: str = ""
    creator_id: str = ""
    created_at_seconds: float = 0.0
    pinned: tuple[str, ...] = ()
    """The ts of every pinned message."""
    bookmarks: tuple[tuple[str, str], ...] = ()
    """Title and link of every bookmark."""

    def to_json(self, bot_user_id: str) -> shapes.Json:
        """Return the channel object of conversations.info."""
        if self.kind is Kind.DIRECT:
            user_id = next(iter(member for member in self.member_ids if member != bot_user_id), "")
            return {"id": self.id, "is_im": True, "user": user_id, "created": int(self.created_at_seconds)}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind is Kind.PUBLIC,
            "is_group": False,
            "is_im": False,
            "is_private": self.kind is Kind.PRIVATE,
            "is_archived": self.is_archived,
            "is_member": bot_user_id in self.member_ids,
            "is_shared": self.is_shared,
            "is_ext_shared": self.is_shared,
            "created": int(self.created_at_seconds),
            "creator": self.creator_id,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": self.purpose, "creator": "", "last_set": 0},
            "num_members": len(self.member_ids),
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    """People who are called by one handle."""

    id: str
    handle: str
    name: str
    member_ids: tuple[str, ...]
    is_disabled: bool = False


def name_error(name: str) -> str | None:
    """Name Slack's error for a channel *name* that cannot be, or give None."""
    if not name:
        return "invalid_name_required"
    if len(name) > MAX_NAME:
        return "invalid_name_maxlength"
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        return "invalid_name_specials"
    if not re.search(r"[a-z0-9]", name):
        return "invalid_name_punctuation"
    return None
