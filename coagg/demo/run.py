"""The demo: the main job on a made economy whose truth is known, in a data base of its own."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psycopg
from rich.console import Console

from coagg import database, prepare, writing
from coagg.analysis.panel.variables import label
from coagg.analysis.show import maps
from coagg.analysis.tables.pages.layout import stars, three
from coagg.analysis.tables.pages.write import FORMATS, write_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.analysis.tables.store import StoredTable, read_latest
from coagg.console import table, truth_table
from coagg.database import disclosure
from coagg.demo.findings import Findings, find
from coagg.demo.report import write_report
from coagg.errors import CoaggError
from coagg.rebuild.manifest import read_manifest
from coagg.rebuild.report import Outcome
from coagg.rebuild.steps import Chain
from coagg.rebuild.whole import rebuild_all
from coagg.settings import PROGRAM, Settings
from coagg.simulation import write as simulation

SEED = 1998


def run(
    settings: Settings, out: Path | None, draws: int, console: Console, size: str = "demo"
) -> Path:
    """Make the economy, rebuild from its files, judge; returns the report's path."""
    began = time.monotonic()
    if not (settings.database_name or "").endswith("_demo"):
        settings = database.demo_settings(settings)
    writing.passable_folder(settings.data_dir)
    out = out or settings.data_dir / "demo"

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {text}", soft_wrap=True)

    say(f"data base {database.database_name(settings)}")
    for line in prepare.prepare(settings):
        say(line)
    disclosure.rule(settings, confidential=False)  # its firms are made
    inputs = simulation.simulate(settings, out / "economy", size, SEED)
    say(f"made economy written to {out / 'economy'}: real layouts, real dirt, known truth")
    manifest = read_manifest(inputs)
    manifest = replace(manifest, index=replace(manifest.index, draws=draws, seed=SEED))
    chain = Chain(settings, manifest, workers=os.cpu_count() or 1)
    home = manifest.index.country

    def tell(outcome: Outcome) -> None:
        say(f"{outcome.step}: {outcome.said or outcome.state}")

    report = rebuild_all(chain, say=tell)
    if report.failed:
        first = report.failed[0]
        raise CoaggError(f"the demo stopped at {first.step}: {first.said}")
    with database.connect(settings) as connection:
        measured = chain.measurement(connection, home, 0)
        assert measured is not None
        tables = [
            read_latest(connection, name, measured, home)[0] for name in load_specifications()
        ]
    findings = find(settings, out / "economy" / "truth", measured, tables, home)
    write_tables(out / "tables", tables, FORMATS)
    with database.connect(settings) as connection:
        drawings = _maps(connection, out, home, findings.verdict, chain.classification or "")
    page = write_report(out, report, findings, tables, drawings)
    _show(console, findings, tables)
    say(f"[bold]report: {page}[/]  (all tables; also as LaTeX, docx, csv in {out / 'tables'})")
    say(f"look around: {PROGRAM} --demo show pairs --agglomeration CY")
    return page


def _show(console: Console, findings: Findings, tables: list[StoredTable]) -> None:
    """The findings and the coefficients that the tables are about, in the terminal."""
    for title, frame in (
        ("Planted dirt, found by the cleaning", findings.dirt),
        ("Owners of patents, against the truth", findings.matching),
        ("Planted relations of industries", findings.relations),
    ):
        right = list(range(1, len(frame.columns)))
        names = [str(name) for name in frame.columns]
        console.print(table(title, names, frame.values.tolist(), right))
    rows = [row for one in tables if one.name.startswith("table") for row in _coefficients(one)]
    heads = ("table", "by", "regressor", "coefficient", "(s.e.)")
    console.print(table("Main coefficients of tables 1 to 7", heads, rows, (3, 4), (0, 1)))
    console.print(truth_table(findings.truth))
    console.print(findings.truth.notes[0], markup=False)


def _coefficients(stored: StoredTable) -> list[tuple[str, ...]]:
    """Of every column the regressor that the specification names first."""
    rows: list[tuple[str, ...]] = []
    for column in stored.columns:
        main = column.main[0]
        rows.append(
            (
                f"{stored.name} ({column.number})", column.estimator.upper(), label(main.name),
                f"{three(main.coefficient)}{stars(main.p)}", f"({three(main.standard_error)})",
            )
        )  # fmt: skip
    return rows


def _maps(
    connection: psycopg.Connection,
    out: Path,
    home: str,
    verdict: pd.DataFrame,
    classification: str,
) -> dict[str, Path]:
    """One map an agglomeration: the planted one-way pair that is plainest in the index."""
    drawings = {}
    year = int(verdict.survey_year.max())
    one_way = verdict[(verdict.relation == "one_way") & (verdict.survey_year == year)]
    one_way = one_way.sort_values(
        ["as_planted", "backward"], ascending=[False, True], kind="stable"
    )
    for code, rows in one_way.groupby("agglomeration_code"):
        first = rows.iloc[0]
        path = out / f"map_{code}.png"
        pair = (first.fixed_industry, first.redrawn_industry)
        maps.draw_map(connection, path, home, str(code), pair, year, classification)
        drawings[str(code)] = path
    return drawings
