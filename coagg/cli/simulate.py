"""`coagg simulate`: a made economy whose truth is known, as raw files in the real layouts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import geopandas
import pandas as pd
import typer

from coagg import database, prepare
from coagg.console import console, settings
from etl.simulated_economy import write_economy

MEMBERS = """
SELECT agglomeration_code, prefecture_code, core FROM reference.agglomeration_member
WHERE assigned AND country = 'CN' ORDER BY 1, 2
"""
PREFECTURES = """
SELECT prefecture_code, name, geom AS geometry FROM reference.prefecture
WHERE country = %(country)s ORDER BY 1
"""


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the files; inputs.toml lists them.")],
    size: Annotated[str, typer.Option(help="tiny, demo or paper.")] = "tiny",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.", min=0)] = 1998,
    truth: Annotated[
        str, typer.Option(help="Links that innovation follows: outward or inward.")
    ] = "outward",
) -> None:
    """Write a made economy: firms, patents, citations, UK companies, an input-output table.

    What was planted goes to truth/ beside the files; nothing reads it but tests and reports.
    """
    began = time.monotonic()
    prepare.prepare(settings())
    with database.engine(settings()).connect() as reader:
        members = pd.read_sql_query(MEMBERS.strip(), reader)
        prefectures, regions = (
            geopandas.read_postgis(
                PREFECTURES, reader, geom_col="geometry", params={"country": country}
            )
            for country in ("CN", "GB")
        )

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {line}", soft_wrap=True)

    inputs = write_economy(out, prefectures, members, regions, size, seed, truth, progress=say)
    say(f"inputs: {inputs}")
    say(f"next: coagg rebuild --inputs {inputs}")
