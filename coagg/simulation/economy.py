"""A made economy whose truth is known: firms, patents, citations, a UK, an input-output table.

`write_economy` writes raw files in the real layouts, `inputs.toml` for a rebuild, and `truth/`,
which no part of the pipeline reads. What is planted, in short (docs/simulated-economy.md):

- industries have an affinity group and a level of concentration, common to all agglomerations
  and to the UK; simulated_space derives the directed links phi from both;
- some cells (j, c) lie with another group: those with a high lasting shock to innovation with an
  innovative one. So least squares is biased upward; the UK knows base groups and levels only;
- innovation follows simulated_innovation with the paper's coefficients, given the planted phi.

The world (simulated_world), the UK, the input-output table and the files draw from streams of
their own: what is done to the files does not move the world behind them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from coagg.errors import CoaggError
from coagg.simulation import names
from coagg.simulation.dirt import DATUM, SoiledYear, soil
from coagg.simulation.files import YEAR_FORMATS, write_file
from coagg.simulation.innovation import COEFFICIENTS
from coagg.simulation.input_output import write_input_output
from coagg.simulation.patents import CITATION_HEADERS, Granted, citations, write_patents
from coagg.simulation.space import LEVELS
from coagg.simulation.truth import (
    append,
    links,
    no_truth,
    relations,
    table_truth,
    true_cells,
    true_dirt,
    true_firms,
    write_manifest,
)
from coagg.simulation.uk import UnitedKingdom, found_uk, uk_links, write_uk_companies
from coagg.simulation.world import (
    ENDOGENEITY,
    SIZES,
    Planted,
    Size,
    World,
    found_world,
    planted_years,
)


def found_economy(
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    regions: gpd.GeoDataFrame,
    size: str = "tiny",
    seed: int = 1998,
    endogeneity: float = ENDOGENEITY,
) -> tuple[World, UnitedKingdom, np.random.Generator]:
    """The world before its first year, the UK, and the stream that the years draw from.

    Parameters and errors as in `write_economy`.
    """
    if size not in SIZES:
        raise CoaggError(f"no size {size}: known are {', '.join(SIZES)}")
    plan = SIZES[size]
    codes = plan.agglomerations or tuple(sorted(set(members.agglomeration_code)))
    missing = sorted(set(codes) - set(members.agglomeration_code))
    if missing:
        raise CoaggError(
            f"size {size} needs agglomeration {', '.join(missing)}, which the data base does not "
            "have: run coagg db upgrade, or add it to your list of agglomerations"
        )
    rng = _stream(seed, size, "world")
    world = found_world(plan, codes, prefectures, members, rng, endogeneity)
    uk = found_uk(
        regions, world.industries, world.group, world.level, plan.uk_companies,
        _stream(seed, size, "uk"),
    )  # fmt: skip
    return world, uk, rng


def _stream(seed: int, size: str, purpose: str) -> np.random.Generator:
    purposes = ("world", "uk", "register", "input-output", "files")
    return np.random.default_rng([seed, list(SIZES).index(size), purposes.index(purpose)])


def write_economy(
    out: Path,
    prefectures: gpd.GeoDataFrame,
    members: pd.DataFrame,
    regions: gpd.GeoDataFrame,
    size: str = "tiny",
    seed: int = 1998,
    truth: str = "outward",
    endogeneity: float = ENDOGENEITY,
    progress: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write everything under `out`; returns the path of inputs.toml. Same seed, same bytes.

    `prefectures`: prefecture_code, name, geometry (WGS-84). `members`: agglomeration_code,
    prefecture_code, core (true for leading cities), a row a prefecture. `regions`: the UK's ITL3
    polygons under the columns of `prefectures`. `truth`: outward (tables 1, 3) or inward (tables
    2, 4). `endogeneity` in [0, 1]: 0 moves cells by luck alone. Raises CoaggError for a size, a
    truth or an agglomeration it does not know.
    """
    if truth not in COEFFICIENTS:
        raise CoaggError(f"no truth {truth}: known are {', '.join(COEFFICIENTS)}")
    world, uk, rng = found_economy(prefectures, members, regions, size, seed, endogeneity)
    plan = SIZES[size]
    folder = out / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    files = write_input_output(
        out, world.industries, world.group, _stream(seed, size, "input-output")
    )
    uk_year = plan.survey_years[-1]
    uk_file = out / f"uk_companies_{uk_year}.csv"
    write_uk_companies(uk_file, uk, _stream(seed, size, "register"))
    uk_links(uk).to_csv(folder / "uk_phi.csv", index=False, lineterminator="\n")
    constants: dict[str, float] = {}
    years = planted_years(world, plan, truth, rng, constants)
    facts = _write_years(out, world, plan, years, _stream(seed, size, "files"), progress)
    equations = {
        name: {**values, "constant": constants[name]}
        for name, values in COEFFICIENTS[truth].items()
    }
    made = {"seed": seed, "size": size, "truth": truth, "endogeneity": endogeneity}
    made |= {"equations": equations, "planted": facts}
    made |= {**table_truth(truth), "no_truth": no_truth(truth)}
    _write_json(folder / "coefficients.json", made)
    survey_files = {year: f"survey_{year}.csv" for year in plan.survey_years}
    _write_json(folder / "truth.json", {"seed": seed, "datum": DATUM, "files": survey_files})
    return write_manifest(out, plan.survey_years, uk_file.name, files)


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_years(
    out: Path,
    world: World,
    plan: Size,
    years: Iterable[Planted],
    rng: np.random.Generator,
    progress: Callable[[str], None],
) -> dict[str, object]:
    """Write the files of each year and its truth; memory holds one year at a time."""
    before: Granted | None = None
    counts: dict[str, list[float]] = {"phi_share": [], "both_ways_share": [], "firms": []}
    for now in years:
        granted, written, cited = _write_year(out, world, plan, now, before, rng)
        phi, before = now.phi, granted
        share, both = phi.mean() * phi.shape[1] / (phi.shape[1] - 1), phi & phi.transpose(0, 2, 1)
        counts["phi_share"].append(round(float(share), 4))
        counts["both_ways_share"].append(round(float(both.sum() / phi.sum()), 4))
        counts["firms"].append(written)
        progress(
            f"{now.year}: {written:,} firms, {len(granted.ids):,} granted patents, "
            f"{cited:,} citations, links {share:.1%} of pairs, {both.sum() / phi.sum():.1%} "
            "of them both ways"
        )
        del now
    return dict(counts)


def _write_year(
    out: Path,
    world: World,
    plan: Size,
    now: Planted,
    before: Granted | None,
    rng: np.random.Generator,
) -> tuple[Granted, int, int]:
    """The year's granted patents, and how many rows of firms and citations were written."""
    folder, year, first = out / "truth", now.year, before is None
    codes, made, style = [t.code for t in world.territories], world.industries, YEAR_FORMATS[year]
    soiled = soil(now.rows, world.places, style.zero_loss, rng, plan.pile_up_places)
    write_file(out / f"survey_{year}.csv", soiled, style)
    granted, patent_truth = _patents_of(out, now, soiled, world, rng)
    cited = citations(granted, before, now.phi, world.group, rng)
    columns = {
        **now.solved,
        "level": LEVELS[now.level],
        "output_thousand_cny": now.cells.output,
        "employment": now.cells.employment,
        "location_quotient": now.cells.location_quotient,
    }
    for name, table in (
        ("firms", true_firms(soiled, year)),
        ("dirt", true_dirt(soiled, year)),
        ("patents", patent_truth.assign(survey_year=year)),
        ("phi", links(now.phi, codes, made, year)),
        ("pairs", relations(now.phi, now.level, codes, made, year)),
        ("cells", true_cells(columns, codes, made, year)),
    ):
        append(folder / f"{name}.csv", table, first)
    append(out / "citations.csv", cited[list(CITATION_HEADERS)], first)
    return granted, len(soiled.rows), len(cited)


def _patents_of(
    out: Path,
    now: Planted,
    soiled: SoiledYear,
    world: World,
    rng: np.random.Generator,
) -> tuple[Granted, pd.DataFrame]:
    """Patents go to firms whose row is faultless, so that dirt does not move a cell's count."""
    industries = len(world.industries)
    dirty = set(soiled.rows.firm_number.to_numpy()[soiled.dirt.row_number.to_numpy() - 1])
    rows, year, solved = now.rows, now.year, now.solved
    firms = rows[rows.c < len(world.territories)]
    firms = firms.assign(
        cell=firms.c * industries + firms.industry.astype(int),
        trade=[world.industries[j].trade for j in firms.industry],
    )
    clean = firms[~firms.firm_number.isin(dirty)]
    lone = firms[~firms["cell"].isin(clean["cell"])]
    firms = pd.concat([clean, lone], ignore_index=True)
    place = sorted({names.short_place(p.name) for p in world.places.values()})
    return write_patents(
        out / f"patents_{year}.csv", year, firms, solved["scale"], solved["quality"], place, rng
    )
