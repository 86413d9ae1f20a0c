"""A year that moves too far is not taken unasked, and a dry run keeps nothing."""

from pathlib import Path

import pytest
from test_firms import FINE, HEADER, load, one, survey

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms import gate
from coagg.etl.firms.load import load_firms

ROWS = 400


@pytest.fixture
def whole(db_settings, tmp_path):
    load(db_settings, survey(tmp_path / "whole.csv", ROWS))
    return db_settings


def clean(settings, year=2013):
    return one(settings, "SELECT count(*) FROM clean.firm WHERE survey_year = %s", year)[0]


def received(settings):
    return {file.name for file in settings.received_dir.iterdir()}


def test_a_truncated_file_does_not_replace_its_year(whole, tmp_path):
    cut, kept = survey(tmp_path / "cut.csv", 21), received(whole)
    with pytest.raises(CoaggError) as told:
        load(whole, cut)
    line = str(told.value)
    assert "\n" not in line
    assert "clean rows 400 before, 21 now (at most -20%" in line
    assert '--accept "why"' in line
    assert clean(whole) == ROWS
    assert one(whole, "SELECT count(*) FROM ops.load") == (1,)
    assert received(whole) == kept, "a file not taken is not kept"


def test_a_reason_is_kept_and_opens_the_gate_for_one_file_only(whole, tmp_path):
    cut = survey(tmp_path / "cut.csv", 200)
    assert load(whole, cut, accept="the survey's new threshold").accepted
    kept = "SELECT accepted_reason, gate -> 'replaced' ->> 'rows_clean' FROM ops.load "
    assert one(whole, kept + "WHERE superseded_at IS NULL") == ("the survey's new threshold", "400")
    less = survey(tmp_path / "less.csv", 100)
    with pytest.raises(CoaggError, match=r"was given for another file, cut\.csv"):
        load(whole, less, accept="the survey's new threshold")
    with pytest.raises(CoaggError, match="--accept needs a reason"):
        load(whole, less, accept=" ")
    assert clean(whole) == 200


def test_a_correction_of_some_rows_passes_without_a_reason(whole, tmp_path):
    report = load(whole, survey(tmp_path / "b.csv", 360), accept="not needed")
    assert report.accepted is None
    assert clean(whole) == 360


def test_a_year_whose_codes_are_not_known_never_replaces_one_that_can_be_used(whole, tmp_path):
    lines = [FINE.format(n=n).replace(",3610,", ",XY,") for n in range(ROWS)]
    file = tmp_path / "codes.csv"
    file.write_text(HEADER + "".join(lines))
    with pytest.raises(CoaggError, match=r"known codes share 100\.0% before, 0\.0% now"):
        load(whole, file)


@pytest.mark.parametrize("code", ["XY", "食品制造业", ""])
def test_a_first_year_whose_codes_are_not_known_is_taken_with_a_reason_only(
    db_settings, tmp_path, code
):
    lines = [FINE.format(n=n).replace(",3610,", f",{code},") for n in range(60)]
    file = tmp_path / "codes.csv"
    file.write_text(HEADER + "".join(lines))
    with pytest.raises(CoaggError) as error:
        load(db_settings, file)
    shown = f"codes that are not known: {code!r} in 60 rows" if code else "no row has an industry"
    assert shown in str(error.value)
    assert "known codes share 0.0% (at least 50% in a year that can be used)" in str(error.value)
    assert clean(db_settings) == 0
    report = load(db_settings, file, accept="codes come later")
    assert report.accepted == "codes come later"
    assert clean(db_settings) == 60


def test_texts_in_place_of_codes_do_not_replace_a_year(db_settings):
    """A file of texts, too small for any other measure to judge it."""
    strangers = Path(__file__).parents[2] / "data" / "strangers"
    load_firms(db_settings, strangers / "files_plain.csv", 2013, layout="demo")
    with pytest.raises(CoaggError, match=r"'食品制造业' in 60 rows: known codes share 100"):
        load_firms(db_settings, strangers / "files_industry_unknown.csv", 2013, layout="demo")
    assert clean(db_settings) == 60


def test_another_unit_of_output_is_seen(whole, tmp_path):
    lines = [FINE.format(n=n).replace(",100,10,", ",100000,10,") for n in range(ROWS)]
    file = tmp_path / "yuan.csv"
    file.write_text(HEADER + "".join(lines))
    with pytest.raises(CoaggError, match=r"output 40,000 before, 40,000,000 now"):
        load(whole, file)


def test_a_new_year_is_stopped_only_by_all_of_its_neighbours(whole, tmp_path):
    small = survey(tmp_path / "small.csv", 120)
    with pytest.raises(CoaggError, match=r"at most -60% against 2013"):
        load(whole, small, 2011)
    honest = survey(tmp_path / "honest.csv", 250)  # -37%, as the survey did in 2011
    load(whole, honest, 2011)
    load(whole, small, 2012, accept=None)  # -52% against 2011, though -70% against 2013
    assert clean(whole, 2012) == 120


def test_few_firms_judge_nobody(db_settings, tmp_path):
    load(db_settings, survey(tmp_path / "a.csv", 50))
    load(db_settings, survey(tmp_path / "b.csv", 10))
    assert clean(db_settings) == 10


def test_a_dry_run_does_everything_and_keeps_nothing(whole, tmp_path):
    before, kept = one(whole, "SELECT count(*), max(load_id) FROM ops.load"), received(whole)
    report = load(whole, survey(tmp_path / "cut.csv", 22), dry_run=True)
    assert report.dry_run
    assert report.rows_clean == 22
    assert {found.measure for found in report.verdict.findings} == {
        "rows_clean", "output", "employment",
    }  # fmt: skip
    assert clean(whole) == ROWS
    assert one(whole, "SELECT count(*), max(load_id) FROM ops.load") == before
    assert received(whole) == kept
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'clean' AND tablename ~ '_2013_'"
    assert one(whole, tables) == (1,)
    again = load(whole, tmp_path / "whole.csv", dry_run=True)
    assert again.unchanged
    assert again.verdict.findings == ()
    assert again.verdict.new == again.verdict.replaced


def test_limits_can_be_set(whole, tmp_path):
    loose = gate.Limits(replaced={"rows_clean": gate.Limit(0.99, 1.0)})
    load(whole, survey(tmp_path / "cut.csv", 20), limits=loose)
    assert clean(whole) == 20


def test_a_total_that_is_gone_is_seen(whole):
    with database.connect(whole) as connection:
        held = gate.examine(connection, "CN", gate.Measures(
            2013, 400, 400, 1.0, 1.0, 1, None, None, 0.0, 1))  # fmt: skip
    assert {f.measure: f.limit for f in held.findings} == {
        "output": "must be known", "employment": "must be known",
    }  # fmt: skip
