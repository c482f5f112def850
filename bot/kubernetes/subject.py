"""The subject of a report: one service in one environment."""

import dataclasses
from typing import TYPE_CHECKING

from bot import errors
from bot.config import catalog
from bot.model import reports

if TYPE_CHECKING:
    # Loads Kubernetes' client, for which `posbot --help` need not wait.
    from bot.kubernetes import model as kubernetes
    from bot.kubernetes import workloads


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A service in an environment, with the namespace that it runs in."""

    service: catalog.Service
    environment: str
    workloads: "workloads.Workloads"

    def __str__(self) -> str:
        """Return the beginning of a headline."""
        return f"{self.service.name} · {self.environment}"

    @property
    def facts(self) -> dict[str, reports.Scalar]:
        """The facts of every report about it."""
        return {"service": self.service.name, "environment": self.environment}

    async def deployment(self) -> "kubernetes.Deployment":
        """
        Return the deployment of the service.

        Raises:
            errors.MissingResource: there is none; of a library the message says that there is none to expect.
            errors.Refused, errors.Unavailable
        """
        try:
            return await self.workloads.deployment(self.service.deployment)
        except errors.MissingResource as error:
            if not self.service.library:
                raise
            raise errors.MissingResource(
                f"{self}: no deployment and no pods, {self.service.no_endpoint_reason}.",
                hint="Other services contain it: ask for one of them.",
                commands=("services",),
            ) from error

    def next_actions(self, *actions: tuple[str, str]) -> tuple[reports.NextAction, ...]:
        """Return actions from pairs of a label and a command that takes a service, the first one primary."""
        return tuple(
            reports.NextAction(label=label, command=self.command_line(command), is_primary=index == 0)
            for index, (label, command) in enumerate(actions)
        )

    def command_line(self, command: str) -> str:
        """Return *command*, with its options after the service, as it is typed for this subject."""
        name, _, options = command.partition(" --")
        return f"{name} {self.service.name} --env {self.environment}{f' --{options}' if options else ''}"
