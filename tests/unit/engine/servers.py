"""A PostgreSQL server of one test, to be stopped, frozen and restarted."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

from tests import databases


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    folder: pathlib.Path
    user: str | None

    @property
    def url(self) -> str:
        return f"postgresql://{databases._OWNER}@/postgres?host={self.folder}"

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=40"
        self._control("start", "-w", "-o", options, "-l", str(self.folder / "log"))

    def stop(self, how: str = "immediate") -> None:
        """Stop as a power cut does, or in another mode of pg_ctl."""
        self._control("stop", "-m", how)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        postmaster = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)

    def _control(self, verb: str, *more: str) -> None:
        program = databases._programs() / "pg_ctl"
        argv = [str(program), verb, "-D", str(self.folder / "data"), *more]
        # Not captured: the server would keep the pipe open.
        subprocess.run(
            argv, user=self.user, cwd="/", check=True, timeout=60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[Server]:
    """Run a server in an empty *folder* with a short path until the block ends."""
    user = databases._OWNER if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    initdb = [
        str(databases._programs() / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        databases._OWNER,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "-N",
    ]
    databases._run(initdb, user)
    server = Server(folder, user)
    server.start()
    try:
        yield server
    finally:
        server.thaw()
        server.stop()
