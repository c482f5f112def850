"""What a jar says of itself: its module, its main class, and whether it can be run."""

import dataclasses
import pathlib
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Self

from bot.config import catalog

_MANIFEST = "META-INF/MANIFEST.MF"
_POM = re.compile(r"META-INF/maven/[^/]+/(?P<artifact>[^/]+)/pom\.properties")
_MAX_MANIFEST_BYTES = 65_536
_ORIGINAL = ".original"
"""Suffix of the jar that Spring Boot's plugin keeps when it repackages."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Archive:
    """A jar that was built by Maven or Gradle."""

    path: pathlib.Path
    artifact: str | None
    """Of its Maven module, if it names only one."""
    attributes: Mapping[str, str]
    """Of its manifest."""

    @classmethod
    def read(cls, path: pathlib.Path) -> Self:
        """Return what *path* says of itself; nothing, if it is damaged."""
        artifacts: list[str] = []
        manifest = b""
        try:
            with zipfile.ZipFile(path) as jar:
                names = jar.namelist()
                artifacts = [found["artifact"] for name in names if (found := _POM.fullmatch(name))]
                if _MANIFEST in names:
                    with jar.open(_MANIFEST) as stream:
                        manifest = stream.read(_MAX_MANIFEST_BYTES)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
            pass
        artifact = artifacts[0] if len(artifacts) == 1 else None
        return cls(path=path, artifact=artifact, attributes=_attributes(manifest.decode(errors="replace")))

    @property
    def title(self) -> str | None:
        """Name of its module: the artifact, else the manifest's title."""
        return self.artifact or self.attributes.get("Implementation-Title")

    @property
    def main_class(self) -> str | None:
        """The application's class; None if the jar cannot be run."""
        return self.attributes.get("Start-Class") or self.attributes.get("Main-Class")

    @property
    def is_repackaged(self) -> bool:
        """Whether Spring Boot's plugin was at work, which keeps the first jar beside it."""
        return "Start-Class" in self.attributes or self.path.with_name(self.path.name + _ORIGINAL).exists()

    def find_owner(self, services: Iterable[catalog.Service]) -> catalog.Service | None:
        """Return the service of which this is the jar, if its title is the module or the name of one."""
        return next((one for one in services if self.title in {one.module, one.name}), None)

    def describe(self) -> str:
        """Return title, version and main class, such as `pos-order 1.4.2, com.positivity.order.OrderApplication`."""
        titled = " ".join(filter(None, (self.title, self.attributes.get("Implementation-Version"))))
        if self.main_class is not None:
            return ", ".join(filter(None, (titled, self.main_class)))
        reason = "no main class in its manifest"
        if self.path.suffix == _ORIGINAL:
            reason += f", which {self.path.stem} has: this is the jar before the POM’s plugin repackaged it"
        elif not self.is_repackaged:
            reason += f", no {self.path.name}{_ORIGINAL} beside it: the module’s POM does not repackage"
        return ", ".join(filter(None, (titled, reason)))


def _attributes(manifest: str) -> dict[str, str]:
    """Return the main attributes; a line that begins with a space continues the one before."""
    main = manifest.replace("\r\n", "\n").partition("\n\n")[0].replace("\n ", "")
    pairs = (line.partition(":") for line in main.split("\n"))
    return {name: value.strip() for name, separator, value in pairs if separator}
