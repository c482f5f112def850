"""
Jars started on this machine: the one place in which posbot starts a program.

A jar runs in a folder and a process group of its own, with the environment of whoever typed the line but for what is
posbot's. However the block ends, the whole group is gone after it, and so is the folder.
"""

import asyncio
import collections
import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from bot import errors

GRACE_SECONDS = 8.0
"""For an orderly end; Spring Boot's own shutdown has nothing to wait for when nobody asks it anything."""
KEPT_LINES = 4_000
LONGEST_LINE_BYTES = 16_384
HOST = "127.0.0.1"
_PIECE_BYTES = 65_536
_LAST_OUTPUT_SECONDS = 2.0
_CONNECT_SECONDS = 1.0
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class JarProcess:
    """A program that was started, and what it has written."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started = time.monotonic()
        self._lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self._reading = asyncio.create_task(self._read(), name="output of java")

    @property
    def lines(self) -> tuple[str, ...]:
        """Give what it has written so far, the first of very many lines left out."""
        return tuple(self._lines)

    @property
    def seconds(self) -> float:
        """Give how long ago it was started."""
        return time.monotonic() - self._started

    @property
    def exit_code(self) -> int | None:
        """Give how it ended, as a shell would; None while it runs."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

    async def ends_within(self, seconds: float) -> bool:
        """Wait at most *seconds* for its end, and tell whether it came; then all that it wrote is there."""
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        await self._read_the_rest()
        return True

    async def stop(self, grace_seconds: float) -> None:
        """End it and all that it has started: asked first, killed where that does not help or nobody waits."""
        try:
            if self._process.returncode is None:
                self._send(signal.SIGTERM)
                await self.ends_within(grace_seconds)
        finally:
            self._send(signal.SIGKILL)
            await self._process.wait()
            await self._read_the_rest()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read_the_rest(self) -> None:
        # What it has started may have gone its own way with the output still open.
        await asyncio.wait([self._reading], timeout=_LAST_OUTPUT_SECONDS)
        self._reading.cancel()

    async def _read(self) -> None:
        output, pending = self._process.stdout, b""
        while output is not None and (piece := await output.read(_PIECE_BYTES)):
            *lines, pending = (pending + piece).split(b"\n")
            if len(pending) > LONGEST_LINE_BYTES:
                lines, pending = [*lines, pending], b""
            self._lines.extend(map(_text, lines))
        if pending:
            self._lines.append(_text(pending))


class Java:
    """The Java of this machine; *environment* is what its programs get, and where it is found."""

    def __init__(self, environment: Mapping[str, str], *, grace_seconds: float = GRACE_SECONDS) -> None:
        self._environment = dict(environment)
        self._grace_seconds = grace_seconds

    @contextlib.asynccontextmanager
    async def running(self, jar: pathlib.Path, arguments: Sequence[str] = ()) -> AsyncIterator[JarProcess]:
        """
        Run *jar* for as long as the block lasts.

        Raises:
            errors.UsageError: there is no jar at that path.
            errors.Refused: there is no Java, or it cannot be run.
        """
        program, archive = self._find(), check(jar)
        with tempfile.TemporaryDirectory(prefix="posbot-startup-", ignore_cleanup_errors=True) as folder:
            # A file of performance data would outlive a JVM that is killed.
            options = (f"-Djava.io.tmpdir={folder}", "-XX:-UsePerfData")
            with _ended_by_signals():
                run = JarProcess(await self._start([program, *options, "-jar", str(archive), *arguments], folder))
                try:
                    yield run
                finally:
                    await run.stop(self._grace_seconds)

    async def is_taken(self, port: int) -> bool:
        """Tell whether somebody listens on *port* of this machine."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(HOST, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    def _find(self) -> str:
        home = self._environment.get("JAVA_HOME")
        found = shutil.which(str(pathlib.Path(home) / "bin" / "java") if home else "java", path=self._path)
        if found is None and home:
            raise errors.Refused(
                f"JAVA_HOME is {home}, and no java in its bin folder can be run.",
                hint="Let JAVA_HOME name a JDK 21 or later, or unset it to take the java of PATH.",
            )
        if found is None:
            raise errors.Refused(
                "There is no java on this machine’s PATH.", hint="Install a JDK 21 or later, or set JAVA_HOME."
            )
        return found

    @property
    def _path(self) -> str:
        return self._environment.get("PATH", os.defpath)

    async def _start(self, command: Sequence[str], folder: str) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise errors.Refused(
                f"{command[0]} cannot be started ({error}).", hint="Check JAVA_HOME and PATH."
            ) from error


def check(jar: pathlib.Path) -> pathlib.Path:
    """
    Give the whole path of *jar*, if a jar is there.

    Raises:
        errors.UsageError: what is there instead.
    """
    path = jar.expanduser().absolute()
    try:
        if path.is_dir():
            raise errors.UsageError(f"{jar} is a folder; expected a jar.", hint=_jars_in(path))
        if path.exists() and not path.is_file():
            # A device or a pipe may give bytes for ever, or none.
            raise errors.UsageError(f"{jar} is no file; expected a jar.")
        with path.open("rb"):
            is_archive = zipfile.is_zipfile(path)
    except FileNotFoundError as error:
        raise errors.UsageError(f"There is no file {jar}.", hint=_jars_in(path.parent) or _BUILD) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.UsageError(f"{jar} cannot be read ({reason}).") from error
    if not is_archive:
        raise errors.UsageError(f"{jar} is no jar, or only a part of one.", hint=_BUILD)
    return path


_BUILD = "A jar is made by the build of section 1.1."


def _jars_in(folder: pathlib.Path) -> str | None:
    found = sorted(path for pattern in ("*.jar", "target/*.jar") for path in folder.glob(pattern))[:3]
    return f"There is {', '.join(map(str, found))}." if found else None


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a closed terminal and a polite kill end the program as Ctrl-C does: without these it would run on."""
    loop = asyncio.get_running_loop()
    # Who runs it under nohup has said that a closed terminal shall not matter.
    numbers = [number for number in _ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        loop.add_signal_handler(number, signal.raise_signal, signal.SIGINT)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _text(line: bytes) -> str:
    return line[:LONGEST_LINE_BYTES].decode(errors="replace").rstrip("\r")
