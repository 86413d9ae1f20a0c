"""What became of the steps of a rebuild."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """What became of a step: state is done, unchanged, failed or left out.

    In a dry run: would be done; or may be done, when that is known only after a step before it.
    `traceback` is that of a fault of the program. While a step runs its state is `running`.
    """

    step: str
    state: str
    why: str
    said: str
    seconds: float
    tries: int = 1
    traceback: str | None = None


@dataclass
class RebuildReport:
    """What a rebuild did, step by step."""

    outcomes: list[Outcome] = field(default_factory=list)
    run_id: int | None = None
    results: str = ""  # what became of the set of results; empty: nothing changed

    @property
    def failed(self) -> list[Outcome]:
        """Steps that failed."""
        return [outcome for outcome in self.outcomes if outcome.state == "failed"]

    @property
    def unfinished(self) -> list[Outcome]:
        """Steps that failed or were left out because of one that did."""
        return [outcome for outcome in self.outcomes if outcome.state in ("failed", "left out")]
