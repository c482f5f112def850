"""How a workspace wants to be shown things: whether it takes the newer kinds of blocks is found out once."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog

from bot.slack.client import errors as client_errors

log = structlog.get_logger()


class Drawn(Protocol):
    """A message that may hold a block for a plan."""

    @property
    def has_plan(self) -> bool:
        """Tell whether it does."""


Message = TypeVar("Message", bound=Drawn)
Result = TypeVar("Result")


class BlockSupport:
    """Remembers, for as long as the process lives, what the workspace has refused."""

    def __init__(self) -> None:
        self.has_plans = True

    async def send_with_fallback(
        self, draw: Callable[[bool], Message], send: Callable[[Message], Awaitable[Result]]
    ) -> Result:
        """
        Give what *send* gives for the message that *draw* makes, with plans or, where those are refused, without.

        Raises:
            whatever *send* raises.
        """
        message = draw(self.has_plans)
        try:
            return await send(message)
        except client_errors.SlackRefused as error:
            if error.kind is not client_errors.Kind.BLOCKS_REFUSED or not message.has_plan:
                raise
        result = await send(draw(False))
        if self.has_plans:
            log.warning("slack takes no plans here, so lists stand in for them")
        self.has_plans = False
        return result
