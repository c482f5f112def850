"""How one sandboxed workspace is set up: who the app is, what it may do, and how patient Slack is."""

import dataclasses

ALL_SCOPES = frozenset(
    {
        "app_mentions:read",
        "bookmarks:write",
        "channels:history",
        "channels:join",
        "channels:manage",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "groups:write",
        "im:history",
        "im:read",
        "im:write",
        "pins:write",
        "reactions:write",
        "usergroups:read",
        "users:read",
    }
)
"""Every scope that the methods here ask for. `chat:write.public` is deliberately not one of them."""

ALL_EVENTS = frozenset({"app_mention", "app_home_opened", "message.im", "member_joined_channel"})
"""The events an app gets unless told otherwise; `message.channels` can be added."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things last, with Slack's own values as the defaults."""

    ack_seconds: float = 3.0
    """How long an acknowledgement may take."""
    retry_delays_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)
    """How long Slack waits before each repetition of an event."""
    retry_factor: float = 1.0
    """What the delays are multiplied by; a small number makes a test of retries quick."""
    trigger_seconds: float = 3.0
    """How long a trigger_id can be exchanged."""
    response_url_seconds: float = 1800.0
    response_url_uses: int = 5
    socket_grace_seconds: float = 10.0
    """How long a socket stays open after it was told to go."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One installed app in one workspace."""

    team_id: str = "T0HOME"
    team_domain: str = "durion"
    enterprise_id: str | None = None
    """The organization (Enterprise Grid) that the app is installed for as a whole; then *team_id* is one workspace."""
    app_id: str = "A0POSBOT"
    bot_user_id: str = "U0POSBOT"
    bot_id: str = "B0POSBOT"
    bot_name: str = "pos"
    bot_token: str = "xoxb-sandbox-bot-token"
    app_token: str = "xapp-1-A0POSBOT-sandbox-app-token"
    signing_secret: str = "sandbox-signing-secret"
    verification_token: str = "sandbox-verification-token"
    commands: tuple[str, ...] = ("/pos",)
    scopes: frozenset[str] = ALL_SCOPES
    events: frozenset[str] = ALL_EVENTS
    escapes_commands: bool = True
    """The manifest's should_escape: names typed in a command arrive as ids."""
    posting_burst: int | None = 10
    """How many posts in a row a channel takes before one a second is enforced; None switches it off."""
    enforces_tiers: bool = False
    """Refuse calls over the method's documented number a minute."""
    refused_blocks: frozenset[str] = frozenset()
    """Kinds of blocks that this workspace does not know, such as `plan`: Slack brings new ones out in steps."""
    timings: Timings = dataclasses.field(default_factory=Timings)
