"""Bad input of the tables: one line that names table and column and says what to do."""

import pytest
from support.made_panel import put_panel

from coagg import database
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.pages import layout
from coagg.analysis.tables.specification import load_specifications
from coagg.analysis.tables.store import read_latest
from coagg.errors import CoaggError

HEAD = 'title = "Mine"\n[[column]]\ndependent = "ln_innovation_scale"\n'


@pytest.fixture(scope="module")
def made(databases, schema_template):
    """Settings of a data base with a made panel; a constant, a copy and an unrelated column."""
    settings = databases.copy(schema_template)
    with database.connect(settings) as connection:
        put_panel(connection)
        connection.execute(
            "UPDATE panel.industry_cell SET output_inward_99 = 7, "
            "output_inward_90 = 2 * employment_inward_90, employment_inward_99 = survey_year, "
            "kp_inward_scale_oneway = -1"
        )
        connection.commit()
    return settings


@pytest.fixture
def mine(made, tmp_path):
    """Estimate a column of these lines and read it back."""

    def estimate(text, head=HEAD):
        (tmp_path / "mine.toml").write_text(head + text)
        estimate_tables(made, load_specifications(tmp_path), ["mine"])
        with database.connect(made) as connection:
            return read_latest(connection, "mine", None, "CN")[0]

    return estimate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('regressors = ["ln_employment"]\nsample = ["survey_year == 2001"]',
         "mine, column 1: the panel has no survey_year 2001, only 1998, 2003; measure it (coagg "
         "index)"),
        ('regressors = ["ln_employment"]\nsample = ["agglomeration_code == XX"]',
         "the panel has no agglomeration_code XX, only CY, PD, YD; measure it (coagg index)"),
        ('regressors = ["ln_employment"]\nsample = ["agglomeration_code != XX"]', "code XX, only"),
        ('regressors = ["ln_employment"]\nsample = ["industry == 999"]', "no industry 999, only"),
        ('regressors = ["ln_employment"]\nsample = ["survey_year > 2003"]',
         "no cell of the panel has survey_year > 2003.0; widen the sample"),
        ('regressors = ["output_inward_99"]',
         "no regressor of ln_innovation_scale is left: output_inward_99: constant; change"),
        ('regressors = ["employment_inward_99"]',
         "employment_inward_99: no variation left after the fixed effects; change the regressors"),
        ('endogenous = "ln_kp_outward_scale"\ninstruments = "output_inward_99"',
         "instruments output_inward_99 of ln_kp_outward_scale: output_inward_99 constant; name an "
         "instrument with variation of its own"),
        ('endogenous = "output_inward_99"\ninstruments = "ln_kp_outward_scale_uk"',
         "column output_inward_99: constant; it cannot be left out, change the model"),
        ('regressors = ["ln_employment"]\ncluster = ["agglomeration_code"]\n'
         'sample = ["agglomeration_code == CY"]',
         "column agglomeration_code has 1 cluster: clustered errors need at least two; cluster on "
         "another column or widen the sample"),
        ('regressors = ["ln_kp_inward_scale_oneway"]',
         "mine, column 1: ln_kp_inward_scale_oneway: kp_inward_scale_oneway has values below 0"),
        ('regressors = ["ln_employment"]\nsample = ["industry == 261", "survey_year == 1998", '
         '"agglomeration_code == CY"]', "is alone in one of industry, survey_year"),
    ],
)  # fmt: skip
def test_what_cannot_be_estimated_is_one_line(mine, text, said):
    with pytest.raises(CoaggError) as fault:
        mine(text)
    assert said in str(fault.value)
    assert str(fault.value).startswith("mine, column 1: ")
    assert "\n" not in str(fault.value)


def test_what_was_dropped_is_named_below_the_table(mine):
    found = mine('regressors = ["ln_kp_outward_scale", "output_inward_99", "employment_inward_90", '
                 '"output_inward_90", "employment_inward_99"]')  # fmt: skip
    assert [one.name for one in found.columns[0].main] == [
        "ln_kp_outward_scale", "employment_inward_90",
    ]  # fmt: skip
    notes = layout.grids(found)[0].notes
    for said in (
        "output_inward_99: constant",
        "output_inward_90: collinear with employment_inward_90",
        "employment_inward_99: no variation left after the fixed effects",
    ):
        assert f"Left out of column (1): {said}." in notes


def test_an_unrelated_instrument_is_said_below_the_table(mine):
    found = mine('endogenous = "ln_kp_outward_scale"\ninstruments = "location_quotient_output"')
    assert found.columns[0].diagnostics["kp_lm_p"] > 0.1
    notes = " ".join(layout.grids(found)[0].notes)
    assert "Instrument unrelated to the regressor in column (1)" in notes
    assert "Weak instrument in column (1): rk Wald F below 16.4" in notes


def test_missing_and_infinite_values(empty_settings, tmp_path, run_coagg):
    with database.connect(empty_settings) as connection:
        put_panel(connection)
        connection.execute("UPDATE panel.industry_cell SET kp_outward_quality = 'NaN' "
                           "WHERE industry = '265'")  # fmt: skip
        connection.execute("UPDATE panel.industry_pair SET index = 'Infinity' "
                           "WHERE from_industry = '262' AND to_industry = '263'")  # fmt: skip
        connection.commit()
    tables = load_specifications()
    estimate_tables(empty_settings, tables, ["table1"])
    with database.connect(empty_settings) as connection:
        (found,) = read_latest(connection, "table1", None, "CN")
    assert [c.observations for c in found.columns] == [120, 114, 120, 114]
    notes = layout.grids(found)[0].notes
    assert "Left out of columns (2), (4): 6 rows without ln_kp_outward_quality." in notes
    with pytest.raises(CoaggError, match=r"table5, column 1, .*index: NaN or infinite .*row"):
        estimate_tables(empty_settings, tables, ["table5"])


def test_a_panel_built_again_is_said_of_older_tables(run_coagg, db_settings):
    with database.connect(db_settings) as connection:
        put_panel(connection)
    code, _, said = run_coagg("estimate", "table1")
    assert code == 0, said
    with database.connect(db_settings) as connection:
        connection.execute(
            "INSERT INTO ops.result_set (set_id, made_by, code_version, completed_at, loads) "
            "VALUES (2, 'panel', 'x', now() - interval '1 year', '{}')"  # the clock was set back
        )
        connection.execute("UPDATE panel.build_version SET from_set = 2")
        connection.execute("UPDATE ops.active_results SET set_id = 2")
        connection.commit()
    code, out, said = run_coagg("tables", "table1")
    assert (code, said) == (0, "")
    assert "estimated before the panel was built again: table1: coagg estimate" in out
    for words, expected in (
        (("estimate", "table1", "--conley", "-3"), "'--conley': Input should be greater"),
        (("tables", "table1", "--conley", "500"), "coagg estimate table1 --measurement 1 --conley"),
        (("tables", "table1", "--plot", "bmp", "--out", "x"), "unknown plot format bmp: one of"),
        (("tables", "table1", "--curve", "png"), "say where to write: --out DIR"),
        (("estimate", "tables1"), "unknown table tables1; do you mean table1?"),
    ):
        code, _, said = run_coagg(*words)
        assert (code, said.count("\n")) == (2, 1)
        assert expected in said
