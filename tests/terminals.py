"""A process at a terminal of its own, as a shell's child would have it."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence

SECONDS = 45
# Makes it the controlling terminal, so that Ctrl-C and Ctrl-D work; a background shell ignores SIGINT, and a child
# inherits that.
_IN_A_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.login_tty(int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Terminal:
    """Python with some arguments, and what it shows."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.screen = ""
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_A_TERMINAL, str(theirs), *arguments], pass_fds=[theirs], env=environment
        )
        os.close(theirs)

    def types(self, text: str) -> None:
        os.write(self._own, text.encode())

    def waits_for(self, text: str, *, times: int = 1) -> None:
        while self.screen.count(text) < times:
            assert self._reads(), self.screen

    def ends(self) -> int:
        while self._reads():
            pass
        os.close(self._own)
        return self.process.wait(timeout=SECONDS)

    def _reads(self) -> bool:
        ready, _, _ = select.select([self._own], [], [], SECONDS)
        assert ready, self.screen
        try:
            given = os.read(self._own, 65_536)
        except OSError:
            # So a pseudo-terminal says that nobody is at its other end any more.
            given = b""
        self.screen += given.decode(errors="replace").replace("\r", "")
        return bool(given)
