"""What every load says: the table of counts at its end, and what is kept when it is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coagg.console import Answer

if TYPE_CHECKING:
    from coagg.etl.firms.load_report import LoadReport
    from coagg.etl.ledger import InputReport

KEPT = "nothing was changed, the data base holds what it held before; call again to load"
NOT_KEPT = "dry run: what follows was done and taken back, nothing is kept"


@dataclass(frozen=True)
class Counted:
    """Rows of a load; read = refused + clean."""

    read: int
    refused: int
    clean: int
    reasons: dict[str, int]
    flags: dict[str, int]

    @classmethod
    def of(cls, report: LoadReport | InputReport) -> Counted:
        """The counts of a report."""
        return cls(
            report.rows_read, report.rows_refused, report.rows_clean, report.reasons, report.flags
        )


def told_encoding(encoding: str | None, facts: Mapping[str, Any]) -> str:
    """The encoding of a file and how sure it is, after a comma; empty where the format knows it."""
    if encoding is None:
        return ""
    sure = facts.get("encoding_confidence")
    return f", {encoding}" + (f" {sure:.0%} sure" if sure is not None and sure < 0.995 else "")


def rows_table(answer: Answer, counted: Counted) -> None:
    """Say how many rows were read, refused and why, clean, and flagged."""

    def row(what: str, rows: int, name: str = "", share: float | None = None) -> dict[str, object]:
        return {"what": what, "name": name or None, "rows": rows, "share_of_clean": share}

    rows = [row("read", counted.read), row("refused", counted.refused)]
    rows += [row("refused because", n, reason) for reason, n in counted.reasons.items()]
    rows.append(row("clean", counted.clean))
    rows += [row("flag", n, flag, n / max(counted.clean, 1)) for flag, n in counted.flags.items()]
    names = {"read": "rows read", "refused": "  refused", "clean": "  clean"}
    answer.table(
        "rows",
        "Rows",
        (
            (
                "",
                lambda r: (
                    names.get(r["what"])
                    or f"    {'flag ' if r['what'] == 'flag' else ''}{r['name']}"
                ),
            ),
            ("rows", "{rows:,}"),
            ("of clean", "{share_of_clean:.2%}"),
        ),
        rows,
    )
