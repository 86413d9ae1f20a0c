"""What the demo found of what was planted: relations, dirt, owners of patents, coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psycopg

from coagg import database
from coagg.analysis.tables.pages.layout import Grid
from coagg.analysis.tables.pages.truth import read_truth, truth_grid, verdicts
from coagg.analysis.tables.store import StoredTable
from coagg.etl.matching.evaluate import evaluate, evaluate_panel
from coagg.settings import Settings
from coagg.simulation.judge import judge, judge_dirt, read_pairs, relations_found

INDEX = """
SELECT survey_year, agglomeration_code, fixed_industry, redrawn_industry, index
FROM coagglomeration.pair_result WHERE measurement_id = %s AND country = %s
"""
INDEX_COLUMNS = (
    "survey_year", "agglomeration_code", "fixed_industry", "redrawn_industry", "index"
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """Planted against found, a frame each; `verdict` has a row a planted pair."""

    verdict: pd.DataFrame
    relations: pd.DataFrame
    by_agglomeration: pd.DataFrame
    dirt: pd.DataFrame
    matching: pd.DataFrame
    truth: Grid


def find(
    settings: Settings,
    truth: Path,
    measurement_id: int,
    tables: Sequence[StoredTable],
    country: str,
) -> Findings:
    """Compare what the data base holds with `truth`, the folder beside the made files."""
    with database.connect(settings) as connection:
        rows = connection.execute(INDEX, (measurement_id, country)).fetchall()
        verdict = judge(read_pairs(truth), pd.DataFrame(rows, columns=list(INDEX_COLUMNS)))
        dirt = _dirt(connection, pd.read_csv(truth / "dirt.csv"), country)
    known = read_truth(truth / "coefficients.json")
    return Findings(
        verdict,
        relations_found(verdict),
        _by_agglomeration(verdict),
        dirt,
        _matching(settings, truth),
        truth_grid([one for table in tables for one in verdicts(table, known)]),
    )


def _by_agglomeration(verdict: pd.DataFrame) -> pd.DataFrame:
    """Share of planted one-way pairs found in the planted direction alone, by cell."""
    one_way = verdict[verdict.relation == "one_way"]
    cells = one_way.groupby(["agglomeration_code", "survey_year"])
    shares = cells.as_planted.mean().unstack().map("{:.0%}".format)
    return shares.reset_index().rename(columns={"agglomeration_code": "agglomeration"})


def _dirt(connection: psycopg.Connection, dirt: pd.DataFrame, country: str) -> pd.DataFrame:
    """Of each kind of planted dirt how many rows there are, and how many were found."""
    refused = connection.execute(
        "SELECT survey_year, row_number, reason FROM clean.refused WHERE country = %s",
        (country,),
    )
    flags = connection.execute(
        "SELECT survey_year, row_number, unnest(flags) FROM clean.firm "
        "WHERE flags <> '{}' AND country = %s",
        (country,),
    )
    return judge_dirt(
        dirt,
        pd.DataFrame(refused.fetchall(), columns=["survey_year", "row_number", "reason"]),
        pd.DataFrame(flags.fetchall(), columns=["survey_year", "row_number", "flag"]),
    )


def _matching(settings: Settings, truth: Path) -> pd.DataFrame:
    found = evaluate(settings, truth / "patents.csv", truth / "firms.csv")
    linked, relinked = evaluate_panel(settings, truth / "firms.csv")
    rows = [
        (stage, str(made), f"{right:.4f}", f"{share:.4f}")
        for stage, made, right, share in found.by_stage()
    ]
    rows.append(
        ("all applicants", str(found.matches), f"{found.precision:.4f}", f"{found.recall:.4f}")
    )
    rows.append(("firms over the years", "", f"{linked:.4f}", f"{relinked:.4f}"))
    return pd.DataFrame(rows, columns=["stage", "matches", "precision", "recall"])
