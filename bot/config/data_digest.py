"""The digest of the data folder: whether two posbots, or a posbot and a checkout, have the same data."""

import hashlib
import pathlib

_FILES = ("*.yaml", "*.md", "procedures/*.yaml")
_LENGTH = 12


def digest(folder: pathlib.Path) -> str:
    """Return twelve hexadecimal digits that change with any file in *folder* that posbot serves from."""
    paths = {path for pattern in _FILES for path in folder.glob(pattern) if path.is_file()}
    content = hashlib.sha256()
    for path in sorted(paths):
        for part in (str(path.relative_to(folder)).encode(), path.read_bytes()):
            content.update(f"{len(part)}:".encode() + part)
    return content.hexdigest()[:_LENGTH]
