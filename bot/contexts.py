"""The contexts of commands, and the clients in them, which all invocations share."""

import dataclasses
import datetime
import functools
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from bot import command as bot_command
from bot import runbook_data
from bot.config import environments as config_environments
from bot.config import settings as config_settings
from bot.connectivity import eureka as connectivity_eureka
from bot.connectivity import gateway as connectivity_gateway
from bot.health import actuator
from bot.kubernetes.diagnosis import java as diagnosis_java
from bot.store import audit

if TYPE_CHECKING:
    from bot.kubernetes import client, workloads
    from bot.procedures import schema
    from bot.procedures.engine import service


def now() -> datetime.datetime:
    """Return the time in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Clusters:
    """
    The clusters; Kubernetes' client is imported when the first of them is used.

    That takes a quarter of a second, which a terminal command that needs no cluster saves; a server does it at start.
    """

    def __init__(self, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._clusters: client.Clusters | None = None

    def load(self) -> "client.Clusters":
        """Return the clusters, none of them connected yet."""
        if self._clusters is None:
            from bot.kubernetes import client  # noqa: PLC0415 - see above

            self._clusters = client.Clusters(self._kubeconfig)
        return self._clusters

    def workloads_of(self, environment: config_environments.Environment) -> "workloads.Workloads":
        """Return the workloads of *environment*."""
        from bot.kubernetes import workloads  # noqa: PLC0415 - see above

        return workloads.Workloads(self.load().find(environment.kube_context), environment.namespace)

    async def close(self) -> None:
        """Close all sessions."""
        if self._clusters is not None:
            await self._clusters.close()


@dataclasses.dataclass(slots=True, kw_only=True)
class SharedContext:
    """What the contexts of all invocations have in common."""

    data: runbook_data.RunbookData
    commands: Mapping[str, bot_command.Command[Any]]
    command_names: Collection[str]
    procedures: "schema.ProcedureCatalog | None"
    audit: audit.AuditLog
    actuator: actuator.Actuator
    gateway: connectivity_gateway.Gateway
    clusters: Clusters
    security_warnings: tuple[str, ...] = ()
    eureka: connectivity_eureka.Eureka = dataclasses.field(default_factory=connectivity_eureka.Eureka)
    java: diagnosis_java.Java = dataclasses.field(
        default_factory=lambda: diagnosis_java.Java(config_settings.for_other_programs())
    )

    def factory(self, runs: "service.RunService | None") -> "functools.partial[bot_command.Context]":
        """Return what makes a context from the `invocation`, `may_run`, `display` and `reserve` of an invocation."""
        return functools.partial(
            bot_command.Context,
            data_digest=self.data.digest,
            catalog=self.data.catalog,
            environments=self.data.environments,
            runbook=self.data.runbook,
            diagnosis_rules=self.data.diagnosis_rules,
            actuator=self.actuator,
            gateway=self.gateway,
            eureka=self.eureka,
            workloads=self.clusters.workloads_of,
            java=self.java,
            audit=self.audit,
            commands=self.commands,
            command_names=self.command_names,
            run_service=runs,
            procedures=self.procedures,
            security_warnings=self.security_warnings,
            now=now,
        )
