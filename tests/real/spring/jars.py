"""Jars with which something is wrong, made from the built ones."""

import pathlib
import shutil
import zipfile
from collections.abc import Callable

_PRICES = "BOOT-INF/lib/prices-1.4.2.jar"
_MAIN_CLASS = "BOOT-INF/classes/com/positivity/order/OrderApplication.class"


def make(kind: str, built: pathlib.Path, module: str, jar: pathlib.Path) -> None:
    """Write *jar*: that of *module* in the folder *built*, with what *kind* says is wrong with it."""
    source = built / f"{module}.jar"
    if kind == "library":
        shutil.copy(built / "prices.jar", jar)
    elif kind == "corrupt":
        jar.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    elif kind == "without-main-class":
        _copy(source, jar, lambda name, content: None if name == _MAIN_CLASS else content)
    elif kind == "without-prices":
        _copy(source, jar, lambda name, content: None if name == _PRICES else content)
    elif kind == "with-next-prices":
        following = (built / "prices-next.jar").read_bytes()
        _copy(source, jar, lambda name, content: following if name == _PRICES else content)
    else:
        shutil.copy(source, jar)
    jar.chmod(0o644)


def _copy(source: pathlib.Path, jar: pathlib.Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Copy a jar entry by entry, each as compressed as it was: the loader reads stored libraries only."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(jar, "w") as new:
        for entry in old.infolist():
            content = change(entry.filename, old.read(entry))
            if content is not None:
                new.writestr(entry.filename, content, compress_type=entry.compress_type)
