"""What the names in a procedure mean while it runs."""

import dataclasses
import enum
from collections.abc import Mapping

from bot.model import reports, runs


class Source(enum.Enum):
    """Where a name leads."""

    PARAM = enum.auto()
    OUTCOME = enum.auto()
    VERDICT = enum.auto()
    SAVED = enum.auto()
    RUN = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A name as it stands in a template or in an expression."""

    source: Source
    name: str = ""
    """Of the parameter, of the saved fact, or of what is asked of the run."""
    step: str = ""

    def __str__(self) -> str:
        match self.source:
            case Source.PARAM:
                return f"params.{self.name}"
            case Source.RUN:
                return f"run.{self.name}"
            case Source.SAVED:
                return f"steps.{self.step}.saved.{self.name}"
        return f"steps.{self.step}.{self.source.name.lower()}"


class Unknown(enum.Enum):
    """Stands for what only the run will tell."""

    YET = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What came of a step that is over."""

    outcome: runs.StepState
    verdict: str | None = None
    saved: Mapping[str, reports.Scalar] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """All names and their values at one moment of a run."""

    params: Mapping[str, reports.Scalar]
    steps: Mapping[str, Past] = dataclasses.field(default_factory=dict)
    """Those that are over."""
    run_id: str = ""
    requester: str = ""
    is_forecast: bool = False
    """The run is still to come: a step that is not here is not known, instead of nothing."""

    def look_up(self, reference: Reference) -> reports.Scalar | Unknown:
        """Give what *reference* means; null where its step did not run."""
        match reference.source:
            case Source.PARAM:
                return self.params.get(reference.name)
            case Source.RUN:
                value = self.run_id if reference.name == "id" else self.requester
                return Unknown.YET if self.is_forecast and not value else value
        past = self.steps.get(reference.step)
        if past is None:
            return Unknown.YET if self.is_forecast else None
        match reference.source:
            case Source.OUTCOME:
                return past.outcome.value
            case Source.VERDICT:
                return past.verdict
        return past.saved.get(reference.name)


def of(run: runs.Run) -> Scope:
    """Give what the names of the procedure mean at this moment of *run*."""
    return Scope(
        params=run.params,
        steps={
            record.id: Past(
                outcome=record.state,
                verdict=record.verdict.value if record.verdict is not None else None,
                saved=record.saved,
            )
            for record in run.steps
            if record.state.is_final
        },
        run_id=run.id,
        requester=run.requester.name,
    )
