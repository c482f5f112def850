"""
A jar as a process on this machine; the only place where posbot starts a program.

It runs in a temporary folder and a process group of its own, with the caller's environment minus posbot's settings.
However the block ends, the process group and the folder are gone after it.
"""

import asyncio
import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from bot import errors

SHUTDOWN_GRACE_SECONDS = 8.0
"""Between SIGTERM and SIGKILL; an idle Spring Boot application stops at once."""
MAX_KEPT_LINES = 4_000
MAX_LINE_BYTES = 16_384
HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536
_OUTPUT_TIMEOUT_SECONDS = 2.0
_CONNECT_TIMEOUT_SECONDS = 1.0
_VERSION = re.compile(r'^JAVA_VERSION="([^"]+)"', re.MULTILINE)
"""In the file `release` of each JDK and JRE."""
_TERMINATING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class JarProcess:
    """A running jar and its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._started = time.monotonic()
        self._lines: collections.deque[str] = collections.deque(maxlen=MAX_KEPT_LINES)
        self._reading = asyncio.create_task(self._read(), name="output of java")

    @property
    def lines(self) -> tuple[str, ...]:
        """The newest lines of its output."""
        return tuple(self._lines)

    @property
    def seconds(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._started

    @property
    def exit_code(self) -> int | None:
        """Exit code as in a shell; None while it runs."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

    async def wait_for_exit(self, seconds: float) -> bool:
        """Wait at most *seconds* and return whether it has exited; then its output is complete."""
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        await self._drain_output()
        return True

    async def stop(self, grace_seconds: float) -> None:
        """Terminate the process group: SIGTERM, then SIGKILL after *grace_seconds* or on cancellation."""
        try:
            if self._process.returncode is None:
                self._send(signal.SIGTERM)
                await self.wait_for_exit(grace_seconds)
        finally:
            self._send(signal.SIGKILL)
            await self._process.wait()
            await self._drain_output()

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _drain_output(self) -> None:
        # A detached child may keep the output open.
        await asyncio.wait([self._reading], timeout=_OUTPUT_TIMEOUT_SECONDS)
        self._reading.cancel()

    async def _read(self) -> None:
        output, pending = self._process.stdout, b""
        while output is not None and (chunk := await output.read(_CHUNK_BYTES)):
            *lines, pending = (pending + chunk).split(b"\n")
            if len(pending) > MAX_LINE_BYTES:
                lines, pending = [*lines, pending], b""
            self._lines.extend(map(_text, lines))
        if pending:
            self._lines.append(_text(pending))


class Java:
    """The Java of this machine, found by and run with *environment*."""

    def __init__(self, environment: Mapping[str, str], *, grace_seconds: float = SHUTDOWN_GRACE_SECONDS) -> None:
        self._environment = dict(environment)
        self._grace_seconds = grace_seconds

    def describe(self) -> str:
        """
        Return the version and the program that `running` uses, such as `21.0.8 (/opt/java/bin/java)`.

        Raises:
            errors.Refused: no Java.
        """
        program = self._find()
        release = pathlib.Path(program).resolve().parent.parent / "release"
        try:
            version = _VERSION.search(release.read_text(errors="replace"))
        except OSError:
            version = None
        return f"{version[1]} ({program})" if version else program

    @contextlib.asynccontextmanager
    async def running(self, jar: pathlib.Path, arguments: Sequence[str] = ()) -> AsyncIterator[JarProcess]:
        """
        Run *jar* for as long as the block lasts.

        Raises:
            errors.UsageError: no jar at that path.
            errors.Refused: no Java, or one that cannot be run.
        """
        program, archive = self._find(), validate_jar(jar)
        with tempfile.TemporaryDirectory(prefix="posbot-startup-", ignore_cleanup_errors=True) as folder:
            # A killed JVM would leave its performance data file behind.
            options = (f"-Djava.io.tmpdir={folder}", "-XX:-UsePerfData")
            with _interrupted_by_signals():
                run = JarProcess(await self._start([program, *options, "-jar", str(archive), *arguments], folder))
                try:
                    yield run
                finally:
                    await run.stop(self._grace_seconds)

    async def is_port_in_use(self, port: int) -> bool:
        """Return whether a process listens on *port* of this machine."""
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
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
                f"JAVA_HOME is {home}, which has no executable bin/java.",
                hint="Set JAVA_HOME to a JDK 21 or later, or unset it to use the java of PATH.",
            )
        if found is None:
            raise errors.Refused("No java found in PATH.", hint="Install a JDK 21 or later, or set JAVA_HOME.")
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


def validate_jar(jar: pathlib.Path) -> pathlib.Path:
    """
    Return the absolute path of *jar*.

    Raises:
        errors.UsageError: it is no readable jar.
    """
    path = jar.expanduser().absolute()
    try:
        if path.is_dir():
            raise errors.UsageError(f"{jar} is a folder, not a jar.", hint=_jars_in(path))
        if path.exists() and not path.is_file():
            # Reading a device or a pipe may block or never end.
            raise errors.UsageError(f"{jar} is not a regular file.")
        with path.open("rb"):
            is_archive = zipfile.is_zipfile(path)
    except FileNotFoundError as error:
        raise errors.UsageError(
            f"No such file: {jar}.", hint=_jars_in(path.parent) or _BUILD, commands=_BUILD_COMMANDS
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.UsageError(f"{jar} cannot be read ({reason}).") from error
    if not is_archive:
        raise errors.UsageError(f"{jar} is not a jar, or an incomplete one.", hint=_BUILD, commands=_BUILD_COMMANDS)
    return path


_BUILD = "Build it as in runbook section 1.1."
_BUILD_COMMANDS = ("runbook 1.1",)


def _jars_in(folder: pathlib.Path) -> str | None:
    found = sorted(path for pattern in ("*.jar", "target/*.jar") for path in folder.glob(pattern))[:3]
    return f"Found: {', '.join(map(str, found))}." if found else None


@contextlib.contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that the jar does not outlive posbot."""
    loop = asyncio.get_running_loop()
    # Under nohup SIGHUP is ignored on purpose.
    numbers = [number for number in _TERMINATING_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        loop.add_signal_handler(number, signal.raise_signal, signal.SIGINT)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _text(line: bytes) -> str:
    return line[:MAX_LINE_BYTES].decode(errors="replace").rstrip("\r")
