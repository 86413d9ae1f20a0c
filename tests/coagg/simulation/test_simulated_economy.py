"""The made economy: same seed, same bytes; its truth adds up, with the files and with itself."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from coagg.analysis.tables.pages.truth import read_truth
from coagg.analysis.tables.specification import load_specifications
from coagg.errors import CoaggError
from coagg.rebuild.manifest import read_manifest
from coagg.simulation.classes import industries, kinship
from coagg.simulation.economy import found_economy, write_economy
from coagg.simulation.files import YEAR_FORMATS
from coagg.simulation.innovation import COEFFICIENTS, CellYear, given_part
from coagg.simulation.panel import planted_panel
from coagg.simulation.space import LEVELS, MARGIN, planted_links
from coagg.simulation.truth import no_truth, table_truth
from coagg.simulation.uk import uk_phi
from coagg.simulation.world import SIZES, affinity_groups, planted_years

YEARS = (2010, 2013)
CELL = ["survey_year", "agglomeration_code", "industry"]
Areas = tuple[gpd.GeoDataFrame, pd.DataFrame, gpd.GeoDataFrame]


def truth_of(economy: Path, name: str) -> pd.DataFrame:
    words = ["industry", "from_industry", "to_industry", "firm_number", "fixed_industry"]
    types = dict.fromkeys([*words, "redrawn_industry"], str)
    return pd.read_csv(economy / "truth" / f"{name}.csv", dtype=types, keep_default_na=False)


def pool(economy: Path, values: pd.Series, near: str, far: str) -> pd.Series:
    """Sum over planted links of `values`, which are indexed by CELL."""
    phi = truth_of(economy, "phi").rename(columns={near: "industry", far: "other"})
    key = pd.MultiIndex.from_frame(phi[[*CELL[:2], "other"]])
    sums = phi.assign(value=values.reindex(key).to_numpy()).groupby(CELL).value.sum()
    return sums.reindex(values.index).fillna(0)


# --- as a whole


def test_same_seed_same_bytes_and_another_seed_another_world(
    areas: Areas, economy: Path, tmp_path: Path
) -> None:
    write_economy(tmp_path, *areas, seed=1)
    files = [sorted(p for p in out.rglob("*") if p.is_file()) for out in (economy, tmp_path)]
    digests = [
        {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in mine}
        for out, mine in zip((economy, tmp_path), files, strict=True)
    ]
    assert digests[0] == digests[1]
    assert {"inputs.toml", "survey_2010.csv", "truth/coefficients.json"} < set(digests[0])
    one, other = (found_economy(*areas, seed=seed)[0] for seed in (1, 2))
    assert not np.allclose(one.lasting_shock, other.lasting_shock)


def test_nothing_that_is_rebuilt_from_is_truth(economy: Path) -> None:
    manifest = read_manifest(economy / "inputs.toml")
    table = manifest.input_output
    assert table is not None
    listed = [f.file for f in (*manifest.firms, *manifest.patents, *manifest.citations)]
    listed += [table.table_file, table.sectors_file, table.sector_map]
    assert all(path is not None and path.parent == economy for path in listed)
    assert len(listed) == 9
    loaded = "import coagg.rebuild.steps, sys; print([m for m in sys.modules if 'simulat' in m])"
    seen = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"size": "huge"}, "no size huge: known are tiny, demo, paper"),
        ({"truth": "sideways"}, "no truth sideways: known are outward, inward"),
    ],
)
def test_unknown_wishes_are_answered_in_a_line(
    areas: Areas, tmp_path: Path, wish: dict[str, str], said: str
) -> None:
    with pytest.raises(CoaggError, match=f"^{said}$"):
        write_economy(tmp_path, *areas, **wish)
    assert not list(tmp_path.iterdir())


def test_a_missing_agglomeration_is_named(areas: Areas, tmp_path: Path) -> None:
    prefectures, members, regions = areas
    without = members[members.agglomeration_code != "GZ"]
    with pytest.raises(CoaggError, match=r"size tiny needs agglomeration GZ, which .* coagg db"):
        write_economy(tmp_path, prefectures, without, regions)


# --- files and their truth


def test_every_dirty_row_of_the_survey_is_labelled(economy: Path) -> None:
    firms, dirt = truth_of(economy, "firms"), truth_of(economy, "dirt")
    for year in YEARS:
        style = YEAR_FORMATS[year]
        with (economy / f"survey_{year}.csv").open(encoding=style.encoding, newline="") as file:
            header, *rows = list(csv.reader(file))
        assert header == list(style.headers.values())
        truth = firms[firms.survey_year == year]
        assert truth.row_number.tolist() == list(range(1, len(rows) + 1))
        labelled = set(dirt.row_number[dirt.survey_year == year])
        place = {field: i for i, field in enumerate(style.headers)}
        sound = {
            "lon": r"(9|1[0-3])\d\.\d{4,}", "lat": r"[2-4]\d\.\d{4,}", "employment": r"\d+",
            "output": r"\d+", "place_code": r"\d{6}", "industry_code": r"\d{4}",
            "firm_id": r"\d{8}[\dX]", "survey_year": str(year),
        }  # fmt: skip
        for number, row in enumerate(rows, 1):
            if number not in labelled:
                assert len(row) == len(header)
                for field, pattern in sound.items():
                    assert re.fullmatch(pattern, row[place[field]]), (year, number, field)
        refused = dirt[(dirt.survey_year == year) & (dirt.outcome == "refused")]
        assert truth.recorded_lon.eq("").sum() == refused.row_number.nunique()


def test_granted_patents_and_their_values_are_those_of_the_cells(economy: Path) -> None:
    truth, firms = truth_of(economy, "patents"), truth_of(economy, "firms")
    cells = truth_of(economy, "cells").set_index(CELL)
    assert set(truth.status) == {"granted", "ungranted", "outside", "faulty"}
    # a firm's row of 2013 speaks the revision of 2011: name industries by that of 2002
    later = {i.gbt4754_2011[:3]: i.gbt4754_2002[:3] for i in industries(SIZES["tiny"].industries)}
    new = firms.survey_year == 2013
    firms.loc[new, "industry"] = firms.industry[new].map(later)
    owners = firms.drop_duplicates(["survey_year", "firm_number"])
    owned = truth[(truth.status == "granted") & (truth.position == 1)].merge(
        owners, on=["survey_year", "firm_number"]
    )
    written = [pd.read_csv(economy / f"patents_{y}.csv", dtype=str) for y in YEARS]
    value = pd.concat(written).set_index("申请号")["专利价值"].astype(float)
    value.index = value.index.str.replace(".", "")
    owned["value"] = value.reindex(owned.patent_id).to_numpy()
    count = owned.groupby(CELL).value.agg(["size", "sum"]).reindex(cells.index).fillna(0)
    assert (count["size"] == cells.scale.astype(float)).all()
    assert np.allclose(count["sum"], cells.quality.astype(float), atol=0.005 * count["size"] + 1e-6)


def test_innovation_is_what_its_equation_says(economy: Path) -> None:
    cells = truth_of(economy, "cells").set_index(CELL)
    made = json.loads((economy / "truth" / "coefficients.json").read_text())
    amount = {n: cells[n].astype(float) for n in cells.columns}
    pools = {
        name: np.log1p(pool(economy, amount[column], "from_industry", "to_industry"))
        for name, column in (("output_pool", "output_thousand_cny"), ("labour_pool", "employment"))
    }
    own = {
        name: np.log1p(amount[column])
        for name, column in (
            ("location_quotient", "location_quotient"), ("output", "output_thousand_cny"),
            ("employment", "employment"),
        )
    }  # fmt: skip
    for kind in ("scale", "quality"):
        equation = made["equations"][kind]
        knowledge = np.log1p(pool(economy, amount[kind], "from_industry", "to_industry"))
        right = equation["constant"] + equation["knowledge_pool"] * knowledge
        right += amount[f"{kind}_effect"] + amount[f"{kind}_error"]
        right += sum(equation[name] * term for name, term in {**pools, **own}.items())
        residual = np.log1p(amount[kind]) - right
        # patents are whole numbers, and a cell without one has no quality: in the own amount and
        # in those of the pool that is a little off
        assert residual.abs()[amount["scale"] > 20].max() < 0.06
        assert residual.abs()[amount["scale"] > 2].mean() < 0.02


def test_the_solution_holds_to_the_last_digit(areas: Areas) -> None:
    world, _, rng = found_economy(*areas, seed=1)
    constants: dict[str, float] = {}
    year = next(planted_years(world, SIZES["tiny"], "outward", rng, constants))
    whole = (year.solved["scale"] > 0).all(axis=1)  # no cell of the agglomeration was set to 0
    assert whole.any()
    coefficients, value = COEFFICIENTS["outward"]["quality"], year.solved["quality"]
    right = given_part(year.cells, coefficients) + constants["quality"]
    right += year.solved["quality_effect"] + year.solved["quality_error"]
    right += coefficients["knowledge_pool"] * np.log1p(year.cells.pool(value))
    assert np.allclose(np.log1p(value)[whole], np.maximum(right, 0)[whole], atol=1e-8)


def test_citations_are_more_between_linked_industries(economy: Path) -> None:
    truth, firms = truth_of(economy, "patents"), truth_of(economy, "firms")
    truth = truth[(truth.status == "granted") & (truth.position == 1)]
    owners = firms.drop_duplicates(["survey_year", "firm_number"])
    owned = truth.merge(owners, on=["survey_year", "firm_number"]).set_index("patent_id")
    owned = owned[owned.survey_year == 2010]  # one revision of the classification
    cited = pd.read_csv(economy / "citations.csv", dtype=str).set_axis(["a", "b", "date"], axis=1)
    cited = cited[cited.a.isin(owned.index) & cited.b.isin(owned.index)]
    made = pd.DataFrame(
        {
            "agglomeration_code": owned.agglomeration_code.reindex(cited.a).to_numpy(),
            "from_industry": owned.industry.reindex(cited.a).to_numpy(),
            "to_industry": owned.industry.reindex(cited.b).to_numpy(),
        }
    ).value_counts()
    phi = truth_of(economy, "phi")
    linked = set(phi[phi.survey_year == 2010][list(made.index.names)].itertuples(index=False))
    count = owned.groupby(["agglomeration_code", "industry"]).size()
    sums = {True: [0.0, 0.0], False: [0.0, 0.0]}
    linked_keys = {tuple(key) for key in linked}
    for (c, j), own in count.items():
        for k, other in count[c].items():
            if j != k:
                kind = sums[(c, j, k) in linked_keys]
                kind[0] += made.get((c, j, k), 0)
                kind[1] += np.sqrt(own * other)
    rate = {kind: cites / weight for kind, (cites, weight) in sums.items()}
    assert 1.4 < rate[True] / rate[False] < 2.8


def test_the_input_output_table_balances(economy: Path) -> None:
    flows = pd.read_csv(economy / "io_Z.csv", dtype={"input\\output": str}).set_index(
        "input\\output"
    )
    sectors = pd.read_csv(economy / "io_sectors.csv", dtype={"io_code": str}).set_index("io_code")
    assert np.allclose(flows.sum(axis=1) + sectors.TFU, sectors.GO)
    assert np.allclose(flows.sum(axis=0) + sectors.value_added, sectors.GO)
    assert (sectors.value_added > 0).all()


# --- the world


def test_planted_links_are_those_of_a_brute_force_transport() -> None:
    rng = np.random.default_rng(3)
    place = rng.uniform(0, 300, (3, 2))
    distance = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    park, level = np.repeat(range(3), 4), np.tile(range(4), 3)
    shares = np.array([0.5, 0.3, 0.2])

    def cost(one: np.ndarray, other: np.ndarray) -> float:
        rows = np.kron(np.eye(3), np.ones(3))
        sums = np.vstack([rows, np.kron(np.ones(3), np.eye(3))])
        return float(linprog((distance**2).ravel(), A_eq=sums, b_eq=np.r_[one, other]).fun)

    mass = [
        (1 - LEVELS[a]) * shares + LEVELS[a] * np.eye(3)[p]
        for p, a in zip(park, level, strict=True)
    ]
    phi = planted_links(park, level, shares, distance)
    for j, one in enumerate(mass):
        for k, other in enumerate(mass):
            near = j != k and level[j] > 0 and level[k] > 0
            near = near and cost(one, other) < (1 - MARGIN) * cost(one, shares)
            assert phi[j, k] == near, (j, k)
    own_park = phi[:4, :4]
    assert (own_park[3, 2], own_park[2, 3]) == (True, False)  # towards the less concentrated
    assert not phi[0].any()
    assert not phi[:, 0].any()


def test_shares_of_links_are_near_the_papers(economy: Path) -> None:
    planted = json.loads((economy / "truth" / "coefficients.json").read_text())["planted"]
    assert all(0.08 < share < 0.16 for share in planted["phi_share"])  # the paper: 0.121
    assert all(0.28 < share < 0.45 for share in planted["both_ways_share"])  # 0.356
    phi, pairs = truth_of(economy, "phi"), truth_of(economy, "pairs")
    kinds = Counter(pairs.relation)
    assert kinds["one_way"] + 2 * kinds["two_way"] == len(phi)
    assert kinds["null"] > 0


def test_affinity_groups_are_of_one_size_and_keep_kin_together() -> None:
    kin = kinship(industries(50))
    assert np.allclose(kin, kin.T)
    assert not kin.diagonal().any()
    group = affinity_groups(kin, 4, np.random.default_rng(0))
    assert sorted(Counter(group.tolist()).values()) == [12, 12, 13, 13]
    same = group[:, None] == group
    assert kin[same].sum() > 1.8 * kin.sum() / 4


def test_the_uk_is_a_relevant_and_excluded_instrument(areas: Areas) -> None:
    """Knowledge pools go with the shock, those by UK links do not, and both go together."""
    measured = []
    for seed in range(1, 5):
        world, uk, rng = found_economy(*areas, seed=seed)
        years = list(planted_years(world, SIZES["tiny"], "outward", rng, {}))
        panel = planted_panel(world, years, uk_phi(uk, world.industries))
        shock = np.concatenate([year.solved["scale_error"].ravel() for year in years])
        names = [
            "output_outward", "employment_outward", "location_quotient", "output_thousand_cny",
            "employment",
        ]  # fmt: skip
        rest = np.hstack([np.log1p(panel[names]), pd.get_dummies(panel[CELL], columns=CELL)])
        pools = np.log1p(panel[["kp_outward_scale", "kp_outward_scale_uk"]].fillna(0))
        both = np.column_stack([pools, shock])
        measured.append(both - rest @ np.linalg.lstsq(rest, both, rcond=None)[0])
    pool_with_uk, pool_with_shock, uk_with_shock = np.corrcoef(np.vstack(measured).T)[
        [0, 0, 1], [1, 2, 2]
    ]
    assert pool_with_uk > 0.2
    assert pool_with_shock > 0.1
    assert abs(uk_with_shock) < 0.07


def test_location_quotients_average_to_one() -> None:
    rng = np.random.default_rng(0)
    employment = rng.lognormal(5, 1, (3, 7))
    cells = CellYear(np.zeros((3, 7, 7)), employment, employment)
    weight = employment.sum(axis=0) / employment.sum()
    assert np.allclose(cells.location_quotient @ weight, 1)
    assert not cells.pool(employment).any()


# --- the truth of the tables


@pytest.mark.parametrize("truth", ["outward", "inward"])
def test_true_coefficients_bear_the_names_of_the_tables(truth: str) -> None:
    tables, found, without = load_specifications(), table_truth(truth), no_truth(truth)
    for where, values in found.items():
        name, number = where.split(".")
        column = tables[name].columns[int(number) - 1]
        assert set(values) == {*column.regressors, *column.endogenous}
        kind = column.dependent.removeprefix("ln_innovation_")
        assert values[f"ln_kp_{truth}_{kind}"] == COEFFICIENTS[truth][kind]["knowledge_pool"]
    for name in (f"table{number}" for number in range(1, 8)):
        for number in range(1, len(tables[name].columns) + 1):
            told = {name, f"{name}.{number}"} & set(without)
            assert len(told) + (f"{name}.{number}" in found) == 1


def test_the_truth_file_is_read_by_the_tables(economy: Path) -> None:
    known = read_truth(economy / "truth" / "coefficients.json")
    assert {key: known[key] for key in table_truth("outward")} == table_truth("outward")
    assert not {f"table{n}" for n in range(1, 8)} & {key.split(".")[0] for key in known} - {
        "table1", "table3",
    }  # fmt: skip


def test_inward_links_make_innovation_where_they_are_wanted(areas: Areas) -> None:
    world, _, rng = found_economy(*areas, seed=1)
    plan = dataclasses.replace(SIZES["tiny"], survey_years=(2010,))
    year = next(planted_years(world, plan, "inward", rng, {}))
    assert (year.cells.phi == year.phi.transpose(0, 2, 1)).all()
