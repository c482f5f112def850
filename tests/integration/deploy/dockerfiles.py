"""
A Dockerfile, read: its stages, what each copies, and what the last one leaves behind for the running container.
"""

import dataclasses
import pathlib
import re
import shlex

_CONTINUED = re.compile(r"\\\n\s*")


@dataclasses.dataclass(frozen=True)
class Stage:
    """
    The instructions from one FROM to the next.
    """

    instructions: tuple[tuple[str, str], ...]

    def all(self, word: str) -> tuple[str, ...]:
        """
        Return what follows each instruction that begins with a word.
        """
        return tuple(rest for instruction, rest in self.instructions if instruction == word)

    @property
    def environment(self) -> dict[str, str]:
        """
        Return the variables that the image sets.
        """
        pairs = [pair for line in self.all("ENV") for pair in shlex.split(line)]
        return dict(pair.split("=", 1) for pair in pairs)

    @property
    def copied(self) -> tuple[tuple[str, str], ...]:
        """
        Return source and target of what is copied from the project.
        """
        copies = [shlex.split(line) for line in self.all("COPY") if not line.startswith("--from=")]
        return tuple((source, target) for *sources, target in copies for source in sources)


def read(path: pathlib.Path) -> list[Stage]:
    """
    Return the stages of a Dockerfile, the last one being the image.
    """
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    stages: list[list[tuple[str, str]]] = []
    for line in _CONTINUED.sub(" ", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((word, rest.strip()))
    return [Stage(tuple(stage)) for stage in stages]
