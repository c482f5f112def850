"""
The folder in which a pod finds its service account, kept as a kubelet keeps it: a new token is there at once and whole.
"""

import pathlib
import shutil


class TokenFolder:
    """
    The folder of one pod; `turn_over` is what the kubelet does when a token is about to end.
    """

    def __init__(self, path: pathlib.Path, authority: pathlib.Path, *, namespace: str, token: str) -> None:
        self.path = path
        self._turns = 0
        self._always = {"ca.crt": authority.read_text(), "namespace": namespace}
        path.mkdir()
        self.turn_over(token)
        for name in (*self._always, "token"):
            (path / name).symlink_to(pathlib.Path("..data") / name)

    def turn_over(self, token: str) -> None:
        """
        Put another token in the place of the last one.
        """
        last = (self.path / "..data").resolve()
        folder = self.path / f"..turn-{self._turns}"
        folder.mkdir()
        for name, content in {**self._always, "token": token}.items():
            (folder / name).write_text(content)
        beside = self.path / "..data-next"
        beside.symlink_to(folder.name)
        beside.rename(self.path / "..data")
        if self._turns:
            shutil.rmtree(last)
        self._turns += 1
