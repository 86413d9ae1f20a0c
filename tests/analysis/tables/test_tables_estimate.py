"""Specifications, estimates of a made panel, and what is stored of them."""

import json

import numpy as np
import pandas as pd
import pytest
from support.made_panel import put_panel

from coagg import database
from coagg.analysis.estimation.fit import fit
from coagg.analysis.estimation.model import Model
from coagg.analysis.panel.read import cell_frame, pair_table
from coagg.analysis.tables import store
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.options import Options
from coagg.analysis.tables.pages import layout
from coagg.analysis.tables.specification import HERE, load_specifications, read_specification
from coagg.errors import CoaggError

NAMES = {
    "descriptives", "heterogeneity", "robustness", "table1", "table2", "table3", "table4",
    "table5", "table6", "table7",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(databases, schema_template):
    """Settings of a data base with a made panel, its measurement, all tables estimated."""
    settings = databases.copy(schema_template)
    with database.connect(settings) as connection:
        number = put_panel(connection)
    report = estimate_tables(settings, load_specifications())
    return settings, number, report


def test_every_specification_estimates_on_the_made_panel(made):
    _, number, report = made
    assert {t.name for t in report.tables} == NAMES
    assert [t.reason for t in report.tables if t.reason] == []
    assert report.measurement_id == number
    assert not any(t.skipped for t in report.tables)


def by_hand(settings, number):
    with database.connect(settings) as connection:
        frame = cell_frame(connection, number, "CN")
    for name in frame.columns[3:]:
        frame[f"ln_{name}"] = np.log1p(frame[name].astype(float))
    return frame


def test_stored_numbers_are_those_of_the_fit(made):
    settings, number, _ = made
    frame = by_hand(settings, number)
    names = (
        "ln_kp_outward_scale", "ln_output_outward", "ln_employment_outward",
        "ln_location_quotient", "ln_output_thousand_cny", "ln_employment",
    )  # fmt: skip
    found = fit(frame, Model("ln_innovation_scale", names))
    with database.connect(settings) as connection:
        (table,) = store.read_latest(connection, "table1", number, "CN")
    column = table.columns[0]
    assert [c.name for c in column.main] == list(names)
    np.testing.assert_allclose([c.coefficient for c in column.main], found.coefficients, rtol=1e-12)
    np.testing.assert_allclose(
        [c.standard_error for c in column.main], found.standard_errors, rtol=1e-12
    )
    assert column.main[0].coefficient == pytest.approx(0.3, abs=0.1)
    sd = frame[names[0]].std() / frame["ln_innovation_scale"].std()
    assert column.main[0].standardised == pytest.approx(found.coefficients[0] * sd)
    (grid,) = layout.grids(table)
    assert grid.rows[0].cells[0].rstrip("*") == layout.three(found.coefficients[0])
    assert grid.rows[1].cells[0] == f"({layout.three(found.standard_errors[0])})"


def test_pairs_are_estimated_from_cells_of_both_sides(made):
    settings, number, _ = made
    frame = by_hand(settings, number)
    with database.connect(settings) as connection:
        (table,) = store.read_latest(connection, "table6", number, "CN")
    pairs = pair_table(settings, number, "CN").to_pandas()
    for side, key in (("j", "from_industry"), ("k", "to_industry")):
        keys = {"industry": key, "survey_year": "survey_year"}
        keys["agglomeration_code"] = "agglomeration_code"
        cells = frame.rename(columns={c: keys.get(c, f"{c}_{side}") for c in frame.columns})
        pairs = pairs.merge(cells, on=["survey_year", "agglomeration_code", key])
    specified = load_specifications()["table6"].columns[0]
    for name in specified.regressors:
        if ":" in name:
            pairs[name] = np.prod([pairs[p].astype(float) for p in name.split(":")], axis=0)
    pairs["phi_95"] = pairs["phi_95"].astype(float)
    model = Model(
        specified.dependent, specified.regressors, effects=specified.effects,
        cluster=specified.cluster,
    )  # fmt: skip
    found = fit(pairs, model)
    main = table.columns[0].main
    assert table.columns[0].observations == len(pairs) == 2 * 3 * 20 * 19
    np.testing.assert_allclose([c.coefficient for c in main], found.coefficients, rtol=1e-8)
    np.testing.assert_allclose([c.standard_error for c in main], found.standard_errors, rtol=1e-6)


def test_two_stages_keep_first_stage_and_diagnostics(made):
    settings, number, _ = made
    with database.connect(settings) as connection:
        (table,) = store.read_latest(connection, "table3", number, "CN")
    column = table.columns[0]
    assert column.estimator == "2sls"
    assert "ln_kp_outward_scale_uk" in [c.name for c in column.first]
    assert column.diagnostics["kp_f"] > 16.38
    (grid,) = layout.grids(table)
    labels = [row.label for row in grid.rows]
    assert "Kleibergen-Paap rk Wald F" in labels
    assert "Anderson-Rubin 95% set" in labels


def test_descriptives_are_those_of_numpy(made):
    settings, number, _ = made
    frame = by_hand(settings, number)
    with database.connect(settings) as connection:
        (table,) = store.read_latest(connection, "descriptives", number, "CN")
    found = {(d.level, d.name, d.statistic): d.value for d in table.described}
    values = frame["ln_innovation_scale"]
    assert found["cell", "ln_innovation_scale", "sd"] == pytest.approx(values.std())
    assert found["cell", "ln_innovation_scale", "max"] == pytest.approx(values.max())
    pairs = pair_table(settings, number, "CN").to_pandas()
    near = pairs[pairs["phi_95"]]
    shares = [d.value for d in table.described if d.statistic == "share"]
    assert shares == pytest.approx(
        [pairs["phi_95"].mean(), near["same_division"].mean(), near["phi_back_95"].mean()]
    )
    (correlation,) = [d.value for d in table.described if d.statistic == "correlation"]
    assert correlation == pytest.approx(pairs["io"].corr(pairs["tech"]))


def test_unchanged_is_skipped_and_changed_is_not(made):
    settings, number, _ = made
    tables = load_specifications()
    again = estimate_tables(settings, tables, ["table2"])
    assert [t.skipped for t in again.tables] == [True]
    other = estimate_tables(settings, tables, ["table2"], number, Options(min_firms=20))
    assert [t.skipped for t in other.tables] == [False]
    with database.connect(settings) as connection:
        connection.execute(
            "UPDATE panel.industry_cell SET employment = employment + 1 WHERE industry = '261'"
        )
        connection.commit()
        try:
            changed = estimate_tables(settings, tables, ["table2"])
            assert [t.skipped for t in changed.tables] == [False]
        finally:
            connection.execute(
                "UPDATE panel.industry_cell SET employment = employment - 1 WHERE industry = '261'"
            )
            connection.commit()


def test_options_change_what_they_say(made):
    settings, number, _ = made
    tables = load_specifications()

    def table(name, options):
        estimate_tables(settings, tables, [name], number, options)
        with database.connect(settings) as connection:
            rows = connection.execute(
                "SELECT c.name, c.coefficient, c.standard_error, r.observations, r.clusters "
                "FROM estimates.latest AS l JOIN estimates.column_result AS r USING (run_id) "
                "JOIN estimates.coefficient AS c USING (run_id, column_number) "
                "WHERE l.table_name = %s AND l.options = %s::jsonb AND c.place = 1 "
                "AND c.stage = 'main' ORDER BY column_number",
                (name, json.dumps(options.as_json())),
            ).fetchall()
        return pd.DataFrame(rows, columns=["name", "b", "se", "n", "clusters"])

    plain, few = table("table1", Options()), table("table1", Options(min_firms=20))
    assert (few.n < plain.n).all()
    turned, inward = table("table1", Options(transposed=True)), table("table2", Options())
    np.testing.assert_allclose(turned.b, inward.b)
    two = table("table6", Options(two_way=True))
    assert set(two.clusters[0]) == {"from_industry", "to_industry"}
    assert (table("table1", Options(convention="ivreghdfe")).se < plain.se).all()
    estimate_tables(settings, tables, ["table1"], number, leave_one_out=True)
    with database.connect(settings) as connection:
        left = store.read_latest(connection, "table1", number, "CN", leave_out=True)
        assert {t.options["leave_out"] for t in left} == {"CY", "PD", "YD"}
        assert {t.columns[0].observations for t in left} == {80}


def test_without_the_uk_only_what_needs_it_is_missing(empty_settings):
    with database.connect(empty_settings) as connection:
        number = put_panel(connection, uk=False)
    tables = load_specifications()
    report = estimate_tables(empty_settings, tables, [])
    reasons = {t.name: t.reason for t in report.tables if t.reason}
    assert set(reasons) == {"table3", "table4", "table5"}
    assert "ln_kp_outward_scale_uk is missing in 120 rows; measure the UK" in reasons["table3"]
    with pytest.raises(CoaggError, match=r"table4, column 1: .*_uk is missing"):
        estimate_tables(empty_settings, tables, ["table4"])
    with database.connect(empty_settings) as connection:
        with pytest.raises(CoaggError, match="table3 is not estimated: coagg estimate table3"):
            store.read_latest(connection, "table3", number, "CN")
        connection.execute(
            "DELETE FROM panel.industry_cell WHERE industry = '262' AND agglomeration_code = 'PD' "
            "AND survey_year = 2003"
        )
        connection.execute("UPDATE panel.industry_cell SET kp_inward_scale = 'NaN'")
        connection.execute("UPDATE panel.industry_cell SET kp_outward_scale = 'Infinity' "
                           "WHERE industry = '263'")  # fmt: skip
        connection.commit()
    with pytest.raises(CoaggError, match=r"cell 2003 PD 262 .*coagg panel"):
        estimate_tables(empty_settings, tables, ["table6"])
    with pytest.raises(CoaggError, match=r"table2, column 1: ln_kp_inward_scale is missing"):
        estimate_tables(empty_settings, tables, ["table2"])
    with pytest.raises(CoaggError, match=r"table1, column 1: .*ln_kp_outward_scale.*infinite"):
        estimate_tables(empty_settings, tables, ["table1"])


def test_no_panel_is_one_line(empty_settings):
    tables = load_specifications()
    with pytest.raises(CoaggError, match="no panel of CN is built: coagg panel"):
        estimate_tables(empty_settings, tables, ["table1"])
    with pytest.raises(CoaggError, match=r"unknown table tabel1; do you mean table1?"):
        estimate_tables(empty_settings, tables, ["tabel1"])
    with pytest.raises(CoaggError, match="unknown convention stata"):
        estimate_tables(empty_settings, tables, ["table1"], options=Options(convention="stata"))


def test_a_dropped_regressor_is_named_in_the_notes(made, tmp_path):
    settings, number, _ = made
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\n[[column]]\ndependent = "ln_innovation_scale"\n'
        'regressors = ["ln_kp_outward_scale", "ln_employment", "employment:ln_kp_outward_scale"]\n'
        'sample = ["survey_year >= 2003", "agglomeration_code != PD", "firms > 5"]\n'
        '[[column]]\ndependent = "innovation_scale"\nestimator = "ppml"\n'
        'regressors = ["ln_kp_outward_scale"]\n'
    )
    with database.connect(settings) as connection:
        connection.execute("UPDATE panel.industry_cell SET location_quotient_output = firms * 2")
        connection.commit()
    text = (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text(
        text.replace('"ln_employment",', '"location_quotient_output", "firms",')
    )
    tables = load_specifications(tmp_path)
    estimate_tables(settings, tables, ["mine"], number)
    with database.connect(settings) as connection:
        (table,) = store.read_latest(connection, "mine", number, "CN")
    assert table.columns[0].observations < 80
    assert table.columns[1].estimator == "ppml"
    notes = "\n".join(layout.grids(table)[0].notes)
    assert "Left out of column (1): " in notes
    assert "firms" in notes.split("Left out of column (1): ")[1]
    assert "survey_year >= 2003 and agglomeration_code != PD and firms > 5" in notes


GOOD = (
    'title = "T"\n[[column]]\ndependent = "ln_innovation_scale"\nregressors = ["ln_employment"]\n'
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = ", "bad.toml: not TOML"),
        ('title = "T"\n', r"no \[\[column\]\]"),
        (GOOD.replace("ln_employment", "ln_emplyment"), "column 1: unknown variable ln_emplyment at"
         " cell level; do you mean ln_employment?"),
        (GOOD.replace("ln_innovation_scale", "innovation"), "unknown variable innovation at cell"),
        (GOOD + 'endogenuos = "x"', "column 1: unknown key endogenuos; do you mean endogenous?"),
        (GOOD + 'sample = ["firms"]', "sample 'firms' is no comparison"),
        (GOOD + 'sample = ["firms > many"]', "many is no number"),
        (GOOD + 'sample = ["industry > 26"]', "industry is a code"),
        (GOOD + 'endogenous = "ln_kp_outward_scale"', "1 endogenous and 0 instruments"),
        (GOOD + 'controls = ["ln_employment"]', "ln_employment named twice"),
        (GOOD + 'effects = ["sector"]', "no fixed effect or cluster sector"),
        (GOOD + 'estimator = "logit"', "estimator 'logit'; here it is ols or ppml"),
        ('level = "firm"\n' + GOOD, "level 'firm'; it is cell or pair"),
        (GOOD + '[[test]]\ncolumns = [1, 2]\nregressors = ["ln_employment", "x"]', "1 to 1"),
        (GOOD + '[[test]]\ncolumns = [1, 1]\nregressors = ["ln_employment", "x"]', "has no x"),
        (GOOD + '[[column]]\ndependent = "ln_innovation_scale"\n'
         'regressors = ["firms", "ln_firms"]\n[[test]]\ncolumns = [1, 2]\n'
         'regressors = ["ln_employment", "firms"]', "column 1 has 1 regressors and column 2 has 2"),
    ],
)  # fmt: skip
def test_a_faulty_specification_is_one_line(tmp_path, text, said):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(CoaggError, match=said.replace("?", r"\?")) as caught:
        read_specification(file)
    assert "\n" not in str(caught.value).strip()
    assert str(file) in str(caught.value)


def test_a_folder_without_specifications_is_said(tmp_path):
    with pytest.raises(CoaggError, match="no specification"):
        load_specifications(tmp_path)


def test_specifications_are_packaged_and_named():
    assert {file.stem for file in HERE.glob("*.toml")} == NAMES
