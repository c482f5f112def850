"""How a report is rendered."""

from typing import TypeAlias

from bot.slack.blocks import limits

RenderOptions: TypeAlias = limits.RenderOptions
