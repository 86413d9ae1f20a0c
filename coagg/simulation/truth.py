"""What the made economy's truth folder holds, one frame a year, and the list of input files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from coagg.simulation.dirt import SoiledYear
from coagg.simulation.industries import Industry
from coagg.simulation.innovation import COEFFICIENTS
from coagg.simulation.space import LEVELS

TABLES = {"outward": ("table1", "table3"), "inward": ("table2", "table4")}
COLUMNS = {1: "scale", 4: "quality"}  # dependent variable and knowledge pool of the same kind
REGRESSORS = {
    "knowledge_pool": "ln_kp_{way}_{kind}",
    "output_pool": "ln_output_{way}",
    "labour_pool": "ln_employment_{way}",
    "location_quotient": "ln_location_quotient",
    "output": "ln_output_thousand_cny",
    "employment": "ln_employment",
}


def append(path: Path, table: pd.DataFrame, first: bool) -> None:
    """Add rows to a csv file; the first rows begin it anew."""
    table.to_csv(path, mode="w" if first else "a", header=first, index=False, lineterminator="\n")


def true_firms(soiled: SoiledYear, year: int) -> pd.DataFrame:
    """One row a firm of the file: which it is, its cell, its place.

    survey_year, row_number, firm_number (the same in all years), agglomeration_code,
    prefecture_code, industry (of the year's own classification), lon, lat (true) and recorded_lon,
    recorded_lat (as a faultless loader reads them, missing where the row must be refused), WGS-84.
    """
    rows = soiled.rows
    return pd.DataFrame(
        {
            "survey_year": year,
            "row_number": np.arange(1, len(rows) + 1),
            "firm_number": rows.firm_number,
            "agglomeration_code": rows.agglomeration_code,
            "prefecture_code": rows.prefecture_code,
            "industry": rows.industry_code.str[:3],
            "lon": rows.lon.astype(float).round(7),
            "lat": rows.lat.astype(float).round(7),
            "recorded_lon": soiled.recorded[:, 0].round(7),
            "recorded_lat": soiled.recorded[:, 1].round(7),
        }
    )


def true_dirt(soiled: SoiledYear, year: int) -> pd.DataFrame:
    """survey_year, row_number, kind, outcome (refused, flagged, read), field."""
    dirt = soiled.dirt.assign(survey_year=year)
    return dirt[["survey_year", "row_number", "kind", "outcome", "field"]]


def links(
    phi: np.ndarray, agglomerations: list[str], industries: tuple[Industry, ...], year: int
) -> pd.DataFrame:
    """Planted links: survey_year, agglomeration_code, from_industry, to_industry (2002 groups)."""
    c, j, k = np.nonzero(phi)
    code = np.array([i.gbt4754_2002[:3] for i in industries])
    return pd.DataFrame(
        {
            "survey_year": year,
            "agglomeration_code": np.array(agglomerations)[c],
            "from_industry": code[j],
            "to_industry": code[k],
        }
    )


def relations(
    phi: np.ndarray,
    level: np.ndarray,
    agglomerations: list[str],
    industries: tuple[Industry, ...],
    year: int,
) -> pd.DataFrame:
    """Planted pairs, in groups of 2002 as in inputs.toml.

    survey_year, agglomeration_code, relation (one_way, two_way, null), fixed_industry,
    redrawn_industry; a one-way pair holds with `fixed_industry` fixed.

    null: both industries are random subsets of the pool.
    """
    both = phi & phi.transpose(0, 2, 1)
    upper = np.triu(np.ones(phi.shape[1:], dtype=bool), 1)
    idle = LEVELS[level] == 0
    kinds = {
        "one_way": phi & ~both,
        "two_way": both & upper,
        "null": idle[:, :, None] & idle[:, None, :] & upper,
    }
    code = np.array([i.gbt4754_2002[:3] for i in industries])
    parts = []
    for kind, where in kinds.items():
        c, j, k = np.nonzero(where)
        parts.append(
            pd.DataFrame(
                {
                    "survey_year": year,
                    "agglomeration_code": np.array(agglomerations)[c],
                    "relation": kind,
                    "fixed_industry": code[j],
                    "redrawn_industry": code[k],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def true_cells(
    columns: dict[str, np.ndarray],
    agglomerations: list[str],
    industries: tuple[Industry, ...],
    year: int,
) -> pd.DataFrame:
    """One row a cell: survey_year, agglomeration_code, industry and the (C, J) columns given."""
    count = len(industries)
    code = np.array([i.gbt4754_2002[:3] for i in industries])
    table = pd.DataFrame(
        {
            "survey_year": year,
            "agglomeration_code": np.repeat(agglomerations, count),
            "industry": np.tile(code, len(agglomerations)),
        }
    )
    return table.assign(**{name: values.ravel() for name, values in columns.items()})


def table_truth(truth: str) -> dict[str, dict[str, float]]:
    """Column of a table -> regressor -> true value, where the column is the planted equation.

    Scale is made from the pool of scale and quality from that of quality, so that columns (1) and
    (4) are: of tables 1 (OLS) and 3 (2SLS) where innovation follows outward links, of tables 2 and
    4 where inward ones.
    """
    found: dict[str, dict[str, float]] = {}
    for table in TABLES[truth]:
        for column, kind in COLUMNS.items():
            values = COEFFICIENTS[truth][kind]
            found[f"{table}.{column}"] = {
                name.format(way=truth, kind=kind): values[term] for term, name in REGRESSORS.items()
            }
    return found


def no_truth(truth: str) -> dict[str, str]:
    """Why the other columns have no truth."""
    found = {}
    for table in TABLES[truth]:
        found[f"{table}.2"] = "scale was made from the pool of scale, not from that of quality"
        found[f"{table}.3"] = "quality was made from the pool of quality, not from that of scale"
    for table in TABLES["inward" if truth == "outward" else "outward"]:
        found[table] = f"innovation follows {truth} links, not these"
    found["table5"] = (
        "citations are drawn from a law in levels (Poisson) given planted links; no coefficient of "
        "ln(1 + citations) on the index follows from it"
    )
    for table in ("table6", "table7"):
        found[table] = "innovation was made from pools over industries, not pair by pair"
    return found


def write_manifest(
    out: Path, years: tuple[int, ...], uk_file: str, input_output: dict[str, Path]
) -> Path:
    """Write inputs.toml for `coagg rebuild --inputs`; paths are relative to it."""
    lines = ["# Inputs of a rebuild, made by coagg simulate.", ""]
    for year in years:
        lines += ["[[firms]]", f'file = "survey_{year}.csv"', f"survey_year = {year}"]
        lines += ['country = "CN"', ""]
    lines += ["[[firms]]", f'file = "{uk_file}"', f"survey_year = {years[-1]}"]
    lines += ['country = "GB"', ""]
    for year in years:
        lines += ["[[patents]]", f'file = "patents_{year}.csv"', ""]
    lines += ["[[citations]]", 'file = "citations.csv"', ""]
    lines += ["[input_output]", 'name = "made2007"', "year = 2007"]
    lines += [f'{entry} = "{path.name}"' for entry, path in input_output.items()]
    lines += ["", "[index]", 'country = "CN"', f"years = [{', '.join(map(str, years))}]"]
    lines += ['classification = "gbt4754_2002"', ""]
    path = out / "inputs.toml"
    path.write_text("\n".join(lines))
    return path
