"""Extras by one option each: what they store is what the functions behind them give."""

import json
import re
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.made_panel import put_panel
from support.panel_world import World

from coagg import database
from coagg.analysis.estimation import Model, fit, fit_pairs
from coagg.analysis.estimation import inference as extras
from coagg.analysis.panel.build import build_panel
from coagg.analysis.panel.read import cell_frame, pair_parquet
from coagg.analysis.panel.variables import POOLS
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.level import Cells, Pairs
from coagg.analysis.tables.options import Options, family, respecified
from coagg.analysis.tables.pages import curve, layout
from coagg.analysis.tables.pages.notes import table_notes
from coagg.analysis.tables.pages.render_csv import table_csv
from coagg.analysis.tables.permutation import Network
from coagg.analysis.tables.specification import load_specifications
from coagg.analysis.tables.store import command_words, read_latest, read_variants
from coagg.cli.estimate import estimate
from coagg.errors import CoaggError

TABLES = load_specifications()
OUTWARD = (
    "ln_kp_outward_scale", "ln_output_outward", "ln_employment_outward", "ln_location_quotient",
    "ln_output_thousand_cny", "ln_employment",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(databases, reference_template):
    """Settings of a data base with a made panel, its measurement, and its cells with logarithms."""
    settings = databases.copy(reference_template)
    with database.connect(settings) as connection:
        number = put_panel(connection)
        frame = cell_frame(connection, number, "CN")
        for code, x, y in (("PD", 121.5, 31.2), ("YD", 113.3, 23.1)):
            connection.execute(
                "INSERT INTO reference.agglomeration (country, agglomeration_code, name, geom) "
                "VALUES ('CN', %s, 'made', "
                "ST_Multi(ST_Buffer(ST_SetSRID(ST_MakePoint(%s, %s), 4326), 0.5)))",
                (code, x, y),
            )
        connection.commit()
    logs = {f"ln_{name}": np.log1p(frame[name]) for name in frame.columns[3:]}
    estimate_tables(settings, TABLES, ["table1", "table5"])
    return settings, number, pd.concat([frame, pd.DataFrame(logs)], axis=1)


def table(made, name, **options):
    """Estimate with options, read back with the same."""
    settings, number, _ = made
    chosen = Options(**options)
    estimate_tables(settings, TABLES, [name], number, chosen)
    with database.connect(settings) as connection:
        (found,) = read_latest(connection, name, number, "CN", chosen.as_json())
    return found


def column(found, number=1):
    main = found.columns[number - 1].main
    return (
        np.array([one.coefficient for one in main]),
        np.array([one.standard_error for one in main]),
    )


def test_poisson(made):
    found = table(made, "table1", poisson=True)
    theirs = fit(made[2], Model("innovation_scale", OUTWARD, convention="ppmlhdfe",
                                estimator="ppml"))  # fmt: skip
    np.testing.assert_allclose(column(found)[0], theirs.coefficients)
    np.testing.assert_allclose(column(found)[1], theirs.standard_errors)
    (grid,) = layout.grids(found)
    assert set(grid.heads[-1]) == {"Poisson"}
    assert "Pseudo R²" in [row.label for row in grid.rows]
    assert any("not its logarithm" in note for note in grid.notes)
    pairs = table(made, "table5", poisson=True)
    assert [c.dependent for c in pairs.columns] == ["citations", "citations_back"]
    assert "2SLS columns are left out" in pairs.specification["note"]


def test_dyadic_and_two_way_over_pairs(made):
    settings, number, _ = made
    level = pairs_level(settings, number)
    specified = TABLES["table5"].columns[0]
    both = ("from_industry", "to_industry")
    frame = {
        name: np.asarray(values)
        for name, values in level.rows(
            specified.variables, (*specified.effects, *both), np.ones(len(level), dtype=bool)
        ).items()
    }
    model = Model(specified.dependent, specified.regressors, effects=specified.effects,
                  cluster=both)  # fmt: skip
    for options, dyadic in (({"two_way": True}, False), ({"dyadic": True}, True)):
        found = table(made, "table5", **options)
        (theirs,) = fit_pairs(frame, [model], dyadic=dyadic)
        np.testing.assert_allclose(column(found)[0], theirs.coefficients, rtol=1e-9)
        np.testing.assert_allclose(column(found)[1], theirs.standard_errors, rtol=1e-9)
        assert found.columns[0].clusters == theirs.clusters
    assert table_notes(found)[1].startswith("Dyadic standard errors")


def test_conley_over_the_centres_of_agglomerations(made):
    settings, _, frame = made
    found = table(made, "table1", conley=800.0)
    with database.connect(settings) as connection:
        rows = connection.execute(
            "SELECT agglomeration_code, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)) "
            "FROM reference.agglomeration WHERE country = 'CN'"
        ).fetchall()
    centres = {code: (x, y) for code, x, y in rows}
    theirs = extras.conley(frame, Model("ln_innovation_scale", OUTWARD), centres, 800.0)
    np.testing.assert_allclose(column(found)[1], theirs.standard_errors, rtol=1e-9)
    assert found.columns[0].clusters == {"agglomeration_code": 3}
    assert "Conley (1999)" in table_notes(found)[1]
    assert "up to 800 km" in table_notes(found)[1]
    several = table(made, "heterogeneity", conley=800.0)
    assert not several.tests
    assert "tested with clustered errors only" in table_notes(several)[0]


def test_wild_bootstrap_of_the_leading_regressors(made):
    found = table(made, "table1", wild_bootstrap=199)
    theirs = extras.wild_bootstrap(
        made[2], Model("ln_innovation_scale", OUTWARD), OUTWARD[0], draws=199
    )
    stored = found.columns[0].diagnostics["wild"]
    assert stored == {OUTWARD[0]: {"t": pytest.approx(theirs.t), "p": theirs.p, "draws": 199}}
    (grid,) = layout.grids(found)
    assert grid.rows[2].cells[0] == f"[{theirs.p:.3f}]"
    assert any("wild cluster bootstrap" in note and "199 draws" in note for note in grid.notes)
    assert '"wild, 199 draws"' in table_csv(found)
    pairs = table(made, "table5", wild_bootstrap=199)
    assert ["wild" in c.diagnostics for c in pairs.columns] == [True, False, True, False]
    assert any("Not of columns (2), (4)" in note for note in table_notes(pairs))


def test_randomisation_is_stored_and_finds_what_is_there(made):
    settings, number, _ = made
    found = table(made, "table5", randomisation=99)
    tested = found.columns[0].diagnostics["randomisation"]
    assert set(tested) == {"index"}
    assert tested["index"]["p"] == pytest.approx(0.01)  # the made citations rise with the index
    plain = table(made, "table5").columns[0].main[0]
    assert tested["index"]["t"] == pytest.approx(plain.t)
    cells = table(made, "table1", randomisation=99).columns[0].diagnostics["randomisation"]
    assert set(cells) == {OUTWARD[0], "ln_output_outward", "ln_employment_outward"}
    report = estimate_tables(settings, TABLES, ["table5"], number, Options(randomisation=99))
    assert report.tables[0].skipped


def pairs_level(settings, number, transposed=False):
    with database.connect(settings) as connection:
        frame = cell_frame(connection, number, "CN")
    return Pairs(pair_parquet(settings, number, "CN"), Cells(frame, transposed))


@pytest.fixture(scope="module")
def world(databases, reference_template):
    """Pairs of a panel that SQL built, so that pools rest on φ."""
    settings = databases.copy(reference_template)
    with database.connect(settings) as connection:
        number = World(connection).measurement_id
    build_panel(settings, number, 2007)
    return pairs_level(settings, number)


def test_unpermuted_pools_are_those_of_sql(world):
    network = Network(world)
    still = network.draw(None)
    for name in POOLS:
        if not name.endswith("_uk"):
            np.testing.assert_allclose(
                network.pool(name, still), world.cells.raw(name), err_msg=name
            )


def test_cells_and_pairs_are_permuted_alike(world):
    network = Network(world)
    names = ("ln_kp_outward_scale", "ln_kp_inward_quality_90", "ln_output_outward_oneway")
    keep = np.ones(len(world.cells), dtype=bool)
    rng = np.random.default_rng(3)
    drawn = network.redrawn(world.cells, names, rng, keep)
    other = network.permuted(world, np.random.default_rng(3))
    k = {name: world.raw(f"{name}_k") for name in ("innovation_scale", "innovation_quality",
                                                   "output_thousand_cny")}  # fmt: skip
    by_hand = (
        other.raw("phi_95") * k["innovation_scale"],
        other.raw("phi_back_90") * k["innovation_quality"],
        other.raw("phi_95") * (1 - other.raw("phi_back_95")) * k["output_thousand_cny"],
    )
    at = world.cell_rows("from_industry")
    for name, amounts in zip(names, by_hand, strict=True):
        sums = np.bincount(at, amounts, minlength=len(world.cells))
        np.testing.assert_allclose(drawn[name], np.log1p(sums))
    assert sorted(other.raw("index")) == sorted(world.raw("index"))
    assert not np.array_equal(other.raw("index"), world.raw("index"))
    np.testing.assert_array_equal(other.raw("uk_index"), world.raw("uk_index"))


def test_a_stream_is_the_column_in_pieces(made, monkeypatch):
    settings, number, _ = made
    level = pairs_level(settings, number)
    keep = level.variable("firms_j") > 20
    names = ("io:phi_95:ln_innovation_scale_k", "index", "ln_citations")
    stream = level.rows(names, ["from_industry"], keep)
    assert list(stream) == [*names, "from_industry"]
    for name in names:
        whole = level.variable(name)[keep]
        assert len(stream[name]) == len(whole) == keep.sum()
        pieces = [stream[name][start : start + 500] for start in range(0, len(whole), 500)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
        np.testing.assert_array_equal(np.asarray(stream[name]), whole)
    with pytest.raises(KeyError):
        stream["io"]


def test_windows_over_the_edges_of_row_groups(made, tmp_path):
    import pyarrow.parquet as pq

    settings, number, _ = made
    whole = pairs_level(settings, number)
    file = tmp_path / "groups.parquet"
    pq.write_table(whole.file.read(), file, row_group_size=100)
    parted = Pairs(file, whole.cells)
    for start, stop in ((0, 100), (50, 100), (99, 101), (100, 350), (2200, 2280), (7, 7)):
        mine = parted.window(["index", "employment_k"], start, stop)
        for name, values in mine.items():
            np.testing.assert_array_equal(values, whole.raw(name)[start:stop])
    for key in parted.keys:
        np.testing.assert_array_equal(parted.codes(key)[0], whole.codes(key)[0])


def test_thresholds_are_those_of_the_robustness_table(made):
    robust = table(made, "robustness")
    for threshold, at in (("0.90", 1), ("0.99", 3), ("one-way", 5)):
        found = table(made, "table1", threshold=threshold)
        np.testing.assert_allclose(column(found)[0], column(robust, at)[0], rtol=1e-12)
        labels = [row.label for row in layout.grids(found)[0].rows]
        assert labels[0] == "Knowledge pool, outward, by scale"
    table6 = respecified(TABLES["table6"], Options(threshold="0.90"))
    assert "io:phi_90:ln_innovation_scale_k" in table6.columns[0].regressors
    assert family("io:phi_90:ln_innovation_scale_k") == "io:phi_95:innovation_scale_k"
    assert family("ln_kp_outward_scale_oneway") == "kp_outward_scale"


def test_leave_one_out_says_how_far_an_estimate_moves(made):
    settings, number, _ = made
    estimate_tables(settings, TABLES, ["table1"], number, leave_one_out=True)
    with database.connect(settings) as connection:
        (whole,) = read_latest(connection, "table1", number, "CN")
        left = read_latest(connection, "table1", number, "CN", leave_out=True)
    grid = layout.leave_one_out_grid(whole, left)
    assert len(grid.rows) == 4
    moved = {t.options["leave_out"]: t.columns[0].main[0].coefficient for t in left}
    least = min(moved, key=moved.get)
    assert grid.rows[0].cells[2] == f"{layout.three(moved[least])} ({least})"
    assert "leave_out" not in whole.options


def test_a_variant_does_not_hide_the_paper_s_table(made):
    settings, number, _ = made
    plain = table(made, "table1")
    table(made, "table1", conley=300.0)
    with database.connect(settings) as connection:
        (again,) = read_latest(connection, "table1", number, "CN")
        with pytest.raises(CoaggError, match="coagg estimate table1 --measurement 1 --conley 301"):
            read_latest(connection, "table1", number, "CN", Options(conley=301.0).as_json())
    assert again.run_id == plain.run_id
    words = Options(conley=500.0, two_way=False, min_firms=3, transposed=True).as_json()
    assert command_words(words) == ["--min-firms", "3", "--direction-transposed", "--conley", "500"]


def test_curve_over_all_that_is_stored(made, tmp_path):
    settings, number, _ = made
    estimate_tables(settings, TABLES, ["table1", "table5"], number, sensitivity=True)
    with database.connect(settings) as connection:
        (whole,) = read_latest(connection, "table1", number, "CN")
        variants = read_variants(connection, "table1", "CN")
        known = curve.measured(connection, "CN")
        (five,) = read_latest(connection, "table5", number, "CN")
        fives = read_variants(connection, "table5", "CN")
    found = curve.points(whole, 1, OUTWARD[0], variants, known)
    assert [p.coefficient for p in found] == sorted(p.coefficient for p in found)
    assert sum(p.main for p in found) == 1
    kinds = {(p.choices["φ"], p.choices["Direction"], p.choices["Firms, at least"]) for p in found}
    assert len(kinds) == 4 * 2 * 3
    (mine,) = [p for p in found if p.main]
    one = whole.columns[0].main[0]
    assert mine.coefficient == one.coefficient
    assert mine.low < one.coefficient < mine.high
    instrumented = curve.points(five, 2, "index", fives, known)
    assert {p.choices["Estimator"] for p in instrumented} == {"2SLS"}
    files = curve.draw_curve(tmp_path / "c.svg", whole, variants, known)
    assert [file.name for file in files] == [f"c_{n}.svg" for n in range(1, 5)]
    assert "table1 (1)" in files[0].read_text()
    with pytest.raises(CoaggError, match="coagg estimate table1 --sensitivity"):
        curve.draw_curve(tmp_path / "c.svg", whole, [whole], known)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("table1", {"threshold": "0.5"}, "no pools at threshold 0.5: the panel has 0.90, 0.99"),
        ("table5", {"threshold": "0.90"}, "table5: nothing in it rests on φ at 0.95"),
        ("table6", {"threshold": "one-way"}, "table6: only pools come without bidirectional"),
        ("table3", {"poisson": True}, "table3: Poisson takes no instrument"),
        ("table1", {"poisson": True, "conley": 5.0}, "--poisson goes with clustered errors"),
        ("table1", {"dyadic": True}, "table1: dyadic errors are of pairs of industries"),
        ("table6", {"conley": 500.0}, "table6: Conley errors are of cells"),
        ("table1", {"conley": -1.0}, "--conley -1: a distance in km above 0"),
        ("table6", {"dyadic": True, "two_way": True}, "give one of --cluster-two-way, --dyadic"),
        ("table3", {"wild_bootstrap": 999}, "table3: the wild cluster bootstrap is of OLS"),
        ("table1", {"wild_bootstrap": 9}, "--wild-bootstrap 9: at least 99 draws"),
        ("table1", {"wild_bootstrap": 99, "two_way": True}, "call it without --cluster-two-way"),
        ("table4", {"randomisation": 99}, "table4: randomisation permutes φ, and no OLS column"),
        ("table1", {"min_firms": 0}, "--min-firms 0: at least 1"),
        ("table1", {"min_firms": 10**6}, "no cell of the panel has firms >= 1000000.0; widen"),
        ("table1", {"leave_out": "XX"}, "no agglomeration XX in the panel to leave out; it has CY"),
        ("descriptives", {"conley": 500.0}, "descriptives: no estimates in it, so conley changes"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_with_a_remedy(made, name, options, said):
    settings, number, _ = made
    with pytest.raises(CoaggError) as fault:
        estimate_tables(settings, TABLES, [name], number, Options(**options))
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)


def test_conley_without_a_place_is_said(made):
    settings, number, _ = made
    rename = (
        "UPDATE reference.agglomeration SET agglomeration_code = %s "
        "WHERE name = 'made' AND agglomeration_code = %s"
    )
    with database.connect(settings) as connection:
        connection.execute(rename, ("QQ", "PD"))
        connection.commit()
        try:
            with pytest.raises(CoaggError, match=r"no place in reference.agglomeration for PD: "):
                estimate_tables(settings, TABLES, ["table1"], number, Options(conley=77.0))
        finally:
            connection.execute(rename, ("PD", "QQ"))
            connection.commit()


def test_options_are_stored_as_asked(made):
    table(made, "table1", min_firms=10)
    with database.connect(made[0]) as connection:
        options = [row[0] for row in connection.execute(
            "SELECT options FROM estimates.latest WHERE table_name = 'table1'")]  # fmt: skip
    assert {"country": "CN", "min_firms": 10} in options
    assert json.dumps(Options().as_json()) == '{"country": "CN"}'


def test_what_the_documentation_shows_works(made, tmp_path):
    settings, number, _ = made
    text = (Path(__file__).parents[3] / "docs" / "tables.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    (tmp_path / "near.toml").write_text(example, encoding="utf-8")
    estimate_tables(settings, load_specifications(tmp_path), ["near"], number)
    with database.connect(settings) as connection:
        (found,) = read_latest(connection, "near", number, "CN")
        queries = re.findall(r"```sql\n(.*?)```", text, re.S)
        rows = [connection.execute(query).fetchall() for query in queries]
    assert [len(column.main) for column in found.columns] == [6, 7, 6]
    assert layout.grids(found)[0].heads[1] == ("All cells", "All cells", "10 firms or more")
    assert len(rows) == 2
    assert all(rows)
    options = set(re.findall(r"^\| `(--[a-z-]+)", text, re.M))
    known = {f"--{name.replace('_', '-')}" for name in signature(estimate).parameters}
    assert options == known - {"--tables", "--measurement", "--country", "--specifications"}
