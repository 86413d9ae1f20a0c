"""The demo: the main job on a made survey whose truth is known, in a data base of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path

import geopandas
import pandas as pd
import psycopg
from rich.console import Console

from analysis import maps
from analysis.coagglomeration import IndexSettings
from analysis.measure import IndexRequest, MeasureReport, measure
from coagg import database, prepare
from coagg.console import table
from coagg.demo_report import write_report
from coagg.settings import Settings
from etl import simulated_survey
from etl.firms import LoadReport, load_firms

AGGLOMERATIONS = ("CY", "GZ", "LZN")
SEED = 1998
KEY = ("survey_year", "agglomeration_code")

MEMBERS = """
SELECT agglomeration_code, prefecture_code, core FROM reference.agglomeration_member
WHERE assigned AND country = 'CN' ORDER BY 1, 2
"""
PREFECTURES = """
SELECT prefecture_code, name, geom AS geometry FROM reference.prefecture
WHERE country = 'CN' ORDER BY 1
"""
INDEX = """
SELECT survey_year, agglomeration_code, fixed_industry, redrawn_industry, index
FROM coagglomeration.pair_result WHERE measurement_id = %s
"""


def run(settings: Settings, out: Path | None, draws: int, console: Console) -> Path:
    """Make the survey, load, clean, measure, judge; returns the report's path."""
    began = time.monotonic()
    if not (settings.database_name or "").endswith("_demo"):
        settings = database.demo_settings(settings)
    out = out or settings.data_dir / "demo"

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {text}", soft_wrap=True)

    say(f"data base {database.database_name(settings)}")
    for line in prepare.prepare(settings):
        say(line)
    with database.engine(settings).connect() as reader:
        prefectures = geopandas.read_postgis(PREFECTURES, reader, geom_col="geometry")
        members = pd.read_sql_query(MEMBERS.strip(), reader)
    truth = simulated_survey.write_demo_survey(
        out / "survey", prefectures, members, seed=SEED, agglomerations=AGGLOMERATIONS
    )
    say(
        f"made survey written to {out / 'survey'}: {len(truth.files)} years, real layout, real dirt"
    )

    loads: list[LoadReport] = []
    measures: list[MeasureReport] = []
    for year, file in sorted(truth.files.items()):
        loads.append(load_firms(settings, file, year))
        last = loads[-1]
        say(
            f"loaded {file.name}: {last.rows_read:,} rows read = {last.rows_clean:,} clean + "
            f"{last.rows_refused:,} refused"
        )
    for year in sorted(truth.files):
        request = IndexRequest(
            survey_year=year,
            index=IndexSettings(draws=draws, seed=SEED, method="calibrated"),
            agglomerations=AGGLOMERATIONS,
            workers=os.cpu_count() or 1,
        )
        measures.append(measure(settings, request))
        last_measure = measures[-1]
        pairs = last_measure.pairs_done + last_measure.pairs_skipped
        say(f"measured {year}: {pairs:,} ordered pairs in {last_measure.wall_seconds:.1f} s")

    with database.connect(settings) as connection:
        rows = connection.execute(INDEX, (measures[-1].measurement_id,)).fetchall()
        columns = [*KEY, "fixed_industry", "redrawn_industry", "index"]
        verdict = simulated_survey.judge(truth.pairs, pd.DataFrame(rows, columns=columns))
        dirt = _dirt_found(connection, truth.dirt)
        drawings = _maps(connection, out, verdict)
    relations = _relations(verdict)
    report = write_report(out, loads, measures, verdict, relations, dirt, drawings)
    for title, frame in (
        ("Planted relations", relations),
        ("Planted dirt, found by the cleaning", dirt),
    ):
        right = [i for i, kind in enumerate(frame.dtypes) if kind.kind in "iuf"]
        console.print(
            table(title, [str(name) for name in frame.columns], frame.values.tolist(), right)
        )
    say(f"[bold]report: {report}[/]")
    say("look around: ./run coagg --demo show pairs --agglomeration CY")
    return report


def _dirt_found(connection: psycopg.Connection, dirt: pd.DataFrame) -> pd.DataFrame:
    """Of each kind of planted dirt how many rows there are, and how many were found."""
    refused = connection.execute("SELECT survey_year, row_number, reason FROM clean.refused")
    flags = connection.execute(
        "SELECT survey_year, row_number, unnest(flags) FROM clean.firm WHERE flags <> '{}'"
    )
    return simulated_survey.judge_dirt(
        dirt,
        pd.DataFrame(refused.fetchall(), columns=["survey_year", "row_number", "reason"]),
        pd.DataFrame(flags.fetchall(), columns=["survey_year", "row_number", "flag"]),
    )


def _maps(connection: psycopg.Connection, out: Path, verdict: pd.DataFrame) -> dict[str, Path]:
    """One map an agglomeration: its first planted one-way pair, latest year."""
    drawings = {}
    year = int(verdict.survey_year.max())
    one_way = verdict[(verdict.relation == "one_way") & (verdict.survey_year == year)]
    for code, rows in one_way.groupby("agglomeration_code"):
        first = rows.iloc[0]
        path = out / f"map_{code}.png"
        pair = (first.fixed_industry, first.redrawn_industry)
        maps.draw_map(connection, path, "CN", str(code), pair, year)
        drawings[str(code)] = path
    return drawings


def _relations(verdict: pd.DataFrame) -> pd.DataFrame:
    """Of each kind of relation how many directed tests there are and how many passed the mark.

    A one-way pair is one test that should pass (and one, its reverse, that should not), a two-way
    pair two that should, a null pair two that pass by chance one time in twenty.
    """
    mark = simulated_survey.SIGNIFICANT
    forward, backward = verdict.forward >= mark, verdict.backward >= mark
    kinds = {kind: verdict.relation == kind for kind in ("one_way", "two_way", "null")}
    one, two, null = kinds["one_way"], kinds["two_way"], kinds["null"]
    rows = [
        ("one-way, as planted", one.sum(), forward[one].sum(), one.sum()),
        ("one-way, reverse", one.sum(), backward[one].sum(), 0),
        ("two-way", 2 * two.sum(), forward[two].sum() + backward[two].sum(), 2 * two.sum()),
        ("null", 2 * null.sum(), forward[null].sum() + backward[null].sum(),
         round(0.05 * 2 * null.sum(), 1)),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["planted", "tests", "at 0.95 or more", "expected"])
