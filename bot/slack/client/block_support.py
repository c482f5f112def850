"""Which of the newer blocks a workspace supports, learned from its first refusal."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog

from bot.slack.client import errors as client_errors

log = structlog.get_logger()


class Rendered(Protocol):
    """A message that may hold a block for a plan."""

    @property
    def has_plan(self) -> bool:
        """Whether it has one."""


Message = TypeVar("Message", bound=Rendered)
Result = TypeVar("Result")


class BlockSupport:
    """What the workspace supports, as far as this process knows."""

    def __init__(self) -> None:
        self.has_plans = True

    async def send_with_fallback(
        self, render: Callable[[bool], Message], send: Callable[[Message], Awaitable[Result]]
    ) -> Result:
        """
        Return what *send* returns for the message of *render*, with plans or, where those are refused, without.

        Raises:
            what *send* raises.
        """
        message = render(self.has_plans)
        try:
            return await send(message)
        except client_errors.SlackRefused as error:
            if error.kind is not client_errors.Kind.BLOCKS_REFUSED or not message.has_plan:
                raise
        result = await send(render(False))
        if self.has_plans:
            log.warning("workspace refuses plan blocks, using lists")
        self.has_plans = False
        return result
