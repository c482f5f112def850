"""Many sandboxed services at once, in one process, each on a port of its own."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

from sandbox.services import certificates
from sandbox.services.service import Service


class Fleet(Mapping[str, Service]):
    """The services that run, by name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._certificates = certificates.Certificates()
        self._services = {name: Service(name, self._certificates) for name in names}

    def __getitem__(self, name: str) -> Service:
        return self._services[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)

    @property
    def urls(self) -> dict[str, str]:
        """Return the present address of every service; its scheme changes with the listener."""
        return {name: service.url for name, service in self.items()}

    @property
    def ports(self) -> dict[str, int]:
        """Return the port of every service."""
        return {name: service.port for name, service in self.items()}

    @property
    def authority(self) -> bytes:
        """Return the PEM that a client must trust to accept the good certificates of this fleet."""
        return self._certificates.authority

    def trusting(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts this fleet's authority ."""
        return self._certificates.trusting()


@contextlib.asynccontextmanager
async def running(names: Iterable[str]) -> AsyncIterator[Fleet]:
    """Start a service for every name, all of them UP, and stop them at the end."""
    fleet = Fleet(names)
    async with contextlib.AsyncExitStack() as at_the_end:
        for service in fleet.values():
            at_the_end.push_async_callback(service.stops)
            await service.starts()
        yield fleet
