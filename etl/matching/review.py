"""Review of ambiguous matches: out as a csv that a spreadsheet opens, decisions back in."""

from __future__ import annotations

import csv
from pathlib import Path

import psycopg

from coagg import database, writing
from coagg.errors import CoaggError, remedy
from coagg.settings import Settings

COLUMNS = (
    "applicant_name", "patents", "panel_id", "firm_name", "stage", "score", "reason", "decision",
)  # fmt: skip
YES, NONE = "yes", "none"


def export_review(settings: Settings, path: Path) -> int:
    """Write all candidates, those with most patents first; returns the number of applicants.

    In the column decision, `yes` beside one firm says that it is the one; `none` beside any says
    that none is; empty leaves it open. Decisions made before are filled in. Names that a
    spreadsheet would take for a formula have an apostrophe in front, which `import_review` takes
    away. The file holds names of firms: only its owner may read it.
    """
    with database.connect(settings) as connection:
        rows = connection.execute(
            "SELECT c.applicant_name, c.patents, c.panel_id, c.firm_name, c.stage, "
            "round(c.score::numeric, 4), c.reason, CASE WHEN d.applicant_name IS NULL THEN '' "
            "WHEN d.panel_id IS NULL THEN 'none' WHEN d.panel_id = c.panel_id THEN 'yes' "
            "ELSE '' END FROM clean.match_candidate AS c "
            "LEFT JOIN clean.match_decision AS d USING (applicant_name) "
            "ORDER BY max(c.patents) OVER (PARTITION BY c.applicant_name) DESC, c.applicant_name, "
            "c.score DESC, c.panel_id"
        ).fetchall()
    try:
        with writing.open_private(path, encoding="utf-8-sig", newline="") as file:
            writer = writing.CsvWriter(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
    except OSError as fault:
        raise CoaggError(f"{path} cannot be written: {fault.strerror}; {remedy(fault)}") from None
    return len({row[0] for row in rows})


def import_review(settings: Settings, path: Path, decided_by: str) -> dict[str, int]:
    """Take the decisions of a file of `export_review`; in one transaction.

    Returns counts: firm (applicants given a firm), none, open. A decision stands until another
    one replaces it. Raises CoaggError naming the line of a decision that cannot be.
    """
    chosen: dict[str, int | None] = {}
    open_names: set[str] = set()
    with database.connect(settings) as connection:
        for line, row in _read(path):
            name, decision = row["applicant_name"], row["decision"].strip().lower()
            if decision == "":
                open_names.add(name)
                continue
            if decision not in (YES, NONE):
                raise CoaggError(
                    f"{path} line {line}: decision {row['decision']!r}; yes, none or nothing"
                )
            panel = _panel(connection, path, line, row["panel_id"]) if decision == YES else None
            if name in chosen and (panel is not None or chosen[name] is not None):
                raise CoaggError(f"{path} line {line}: a second decision for {name!r}; keep one")
            chosen[name] = panel
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO clean.match_decision (applicant_name, panel_id, decided_by) "
                "VALUES (%s, %s, %s) ON CONFLICT (applicant_name) DO UPDATE SET "
                "panel_id = excluded.panel_id, decided_by = excluded.decided_by, "
                "decided_at = now() WHERE clean.match_decision.panel_id "
                "IS DISTINCT FROM excluded.panel_id",
                [(name, panel, decided_by) for name, panel in chosen.items()],
            )
        connection.commit()
    given = sum(panel is not None for panel in chosen.values())
    return {
        "firm": given,
        "none": len(chosen) - given,
        "open": len(open_names - set(chosen)),
    }


def _read(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = {"applicant_name", "panel_id", "decision"} - set(reader.fieldnames or ())
            if missing:
                raise CoaggError(
                    f"{path}: no column {', '.join(sorted(missing))}; coagg match review "
                    "--export writes a file that has them"
                )
            rows = [
                (reader.line_num, {k: writing.received_cell(v or "") for k, v in row.items() if k})
                for row in reader
            ]
    except UnicodeDecodeError:
        raise CoaggError(f"{path}: not UTF-8; save it as CSV UTF-8") from None
    return rows


def _panel(connection: psycopg.Connection, path: Path, line: int, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 19:
        found = connection.execute(
            "SELECT 1 FROM clean.firm_panel WHERE panel_id = %s LIMIT 1", (int(text),)
        ).fetchone()
        if found:
            return int(text)
    raise CoaggError(
        f"{path} line {line}: no firm has panel_id {text!r}; export the candidates again "
        "(and see that the spreadsheet keeps the number whole)"
    )
