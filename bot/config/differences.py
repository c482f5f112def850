"""One difference between the catalog and the backend."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing on which catalog and checkout do not agree."""

    service: str
    about: str
    catalogue: str
    backend: str
    where: str
    """The file of the checkout that says so, relative to its root."""
