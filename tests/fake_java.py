"""A java that does what a shell script says, and files that are jars or are none."""

import os
import pathlib
import select
import zipfile

_END_SECONDS = 5.0


def home(folder: pathlib.Path, script: str) -> pathlib.Path:
    """Return a JAVA_HOME whose java runs *script*."""
    program = folder / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return folder / "jdk"


def jar(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "app.jar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
    return path


def half_a_jar(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "half.jar"
    path.write_bytes(jar(folder).read_bytes()[:40])
    return path


def has_ended(pid: int) -> bool:
    """Return whether a process ends within seconds; a killed one may need a moment."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], _END_SECONDS)[0])
    finally:
        os.close(watched)


def is_there(path: str) -> bool:
    """Return whether there is a file or folder at *path*."""
    return pathlib.Path(path).exists()
