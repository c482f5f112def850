"""What a service says of how it was built."""

import dataclasses
import datetime

_SHORT_COMMIT = 7


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What runs behind an address; each part is empty where the service does not tell it."""

    version: str = ""
    commit: str = ""
    built_at: datetime.datetime | None = None
    missing: str = ""
    """Why nothing is known, as a half sentence; empty where something is."""

    @property
    def name(self) -> str:
        """Give version and commit, as far as they are known."""
        commit = self.commit[:_SHORT_COMMIT]
        return f"{self.version} ({commit})" if self.version and commit else self.version or commit
