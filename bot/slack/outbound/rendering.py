"""A live message as Slack's blocks, without secrets."""

import dataclasses
import hashlib
import json

from bot.dispatch import redaction
from bot.durable import live_messages
from bot.slack.blocks import elements
from bot.slack.blocks import message as blocks_message

_ELSEWHERE = "here because the channel accepts no messages of posbot"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Renderer:
    """Renders live messages."""

    redactor: redaction.Redactor

    def render(self, content: live_messages.Content, *, is_elsewhere: bool, has_plans: bool) -> blocks_message.Message:
        """Return the message; *is_elsewhere*: it is not in the conversation where it belongs."""
        footer = (*content.footer, *((_ELSEWHERE,) if is_elsewhere else ()))
        notice = blocks_message.Notice(
            report=self.redactor.report(content.report),
            mark=content.mark,
            mention=content.mention,
            note=content.note,
            footer=tuple(self.redactor.text(part) for part in footer),
        )
        return blocks_message.notice(notice, elements.RenderOptions(has_plans=has_plans))


def digest(message: blocks_message.Message) -> str:
    """Return a text that changes with anything that *message* shows."""
    content = json.dumps([message.text, message.blocks], sort_keys=True)
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()[:16]
