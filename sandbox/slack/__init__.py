"""
A strict local Slack: one workspace in memory, on loopback, that speaks the real protocols.

Here belongs what Slack does: its Web API, Block Kit's limits, deliveries by signed HTTP and Socket Mode,
the lifetimes of trigger ids and response urls, and people who type and click. What the bot should do about
any of it does not belong here, and nothing here may use the bot's code: it is the other side of the wire.

Nothing here has met the real Slack. What it does follows Slack's documentation (docs.slack.dev) and what the SDK's own
parsers expect (slack_sdk, slack_bolt); where it rests on something else, a comment says on what.

Each folder imports only itself and those below it: `scenario` (the interface for tests and the demo), `server` (HTTP,
Socket Mode, deliveries, faults), `methods` (the Web API), `state` (the workspace), `blocks` (Block Kit).
Start with `slack.running`.
"""

from sandbox.slack.scenario.workspace import Workspace, running
from sandbox.slack.state.clocks import ManualClock
from sandbox.slack.state.settings import Settings, Timings

__all__ = ["ManualClock", "Settings", "Timings", "Workspace", "running"]
