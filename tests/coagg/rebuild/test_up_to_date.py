"""What is up to date, asked of the tables: a changed input touches exactly what hangs on it."""

import csv
import shutil
from dataclasses import replace

import pytest
import typer
from support.rebuilt import chain, states, whys

from coagg import database
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.cli import check, status
from coagg.database.fingerprint import MISSING, OLDER
from coagg.errors import CoaggError
from coagg.etl.firms.inputs import RULES
from coagg.etl.reference import countries
from coagg.etl.reference.load import load_reference
from coagg.rebuild.engine import rebuild
from coagg.rebuild.memory import remember, remembered
from coagg.rebuild.stale import older_results

TABLES = """
SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables
WHERE schemaname IN ('clean', 'reference', 'coagglomeration', 'panel', 'estimates', 'ops')
ORDER BY 1
"""
UNITS = """
SELECT survey_year, agglomeration_code, block, finished_at FROM coagglomeration.unit
WHERE country = 'CN'
"""
PLACES = """
SELECT m.agglomeration_code, f.prefecture_code, count(*) FROM clean.firm AS f
JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
WHERE f.country = 'CN' GROUP BY 1, 2 ORDER BY 3 DESC
"""
COMMON = """
SELECT industry_code FROM clean.firm WHERE country = 'CN' AND classification = 'gbt4754_2011'
AND length(industry_code) = 4 GROUP BY 1 ORDER BY count(*) DESC LIMIT 1
"""
CELLS = """
SELECT f.survey_year, m.agglomeration_code, array_agg(f.industry ORDER BY f.row_number)
FROM clean.cell_firm AS f
JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
WHERE f.country = 'CN' AND f.classification = 'gbt4754_2002' GROUP BY 1, 2
"""


def every(settings, query, *values):
    with database.connect(settings) as connection:
        return connection.execute(query, values or None).fetchall()


def do(settings, *statements):
    with database.connect(settings) as connection:
        for statement in statements:
            connection.execute(statement)


def units(settings):
    return {tuple(row[:3]): row[3] for row in every(settings, UNITS)}


def content(settings):
    """A hash of every table, the diary and the ledgers among them."""
    return {
        name: every(settings, f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {name} t")
        for (name,) in every(settings, TABLES)
    }


def moved_members(settings, folder):
    """A list of members with one prefecture given to another agglomeration; both codes."""
    places = every(settings, PLACES)
    of_most = [row for row in places if sum(other[0] == row[0] for other in places) > 1]
    loser, prefecture, _ = of_most[0]
    winner = next(code for code, *_ in places if code != loser)
    with countries.of("CN").agglomerations.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names, rows = reader.fieldnames, list(reader)
    of_winner = next(row for row in rows if row["agglomeration_code"] == winner)
    said = ("agglomeration_code", "name", "name_en", "basis", "confidence")
    for row in rows:
        if (row["prefecture_code"], row["agglomeration_code"]) == (prefecture, loser):
            row.update({name: of_winner[name] for name in said if name in row})
    path = folder / "mine.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path, {loser, winner}


def test_nothing_is_older_than_its_inputs_after_a_rebuild(copied, inputs, capsys, monkeypatch):
    assert older_results(copied) == {}
    assert set(states(rebuild(copied, chain(copied, inputs).steps())).values()) == {"unchanged"}
    do(copied, "UPDATE clean.patent SET patent_value = coalesce(patent_value, 0) + 1")
    older = older_results(copied)
    assert {name.split()[0] for name in older} == {"panel"}
    assert set(older.values()) == {"changed: patents"}
    monkeypatch.setattr(check, "settings", lambda: copied)
    with pytest.raises(typer.Exit):
        check.check()
    said = capsys.readouterr().out
    assert f"{len(older)} │ results older than their inputs" in " ".join(said.split())
    assert "coagg rebuild --dry-run says which and why" in said
    monkeypatch.setattr(status, "settings", lambda: copied)
    with database.connect(copied) as connection:
        assert remembered(connection) == {}  # what the rebuild found; rows changed by hand are
    do(copied, "UPDATE ops.run SET state_md5 = NULL")  # for coagg check, or when it looks anew
    status.status()
    said = " ".join(capsys.readouterr().out.split())
    assert f"stale, older than what they are made from: {len(older)}" in said
    assert f"{next(iter(older))}: changed: patents" in said


CHANGES = {
    "a load": "UPDATE ops.load SET superseded_at = now() WHERE survey_year = 2010",
    "patents": "UPDATE ops.input_load SET superseded_at = now() WHERE kind = 'patents'",
    "places": "UPDATE reference.load_report SET count = 0",
    "a set of results": "INSERT INTO ops.result_set VALUES (99, 'x', now(), now(), '{}', 'x')",
    "a matching": "UPDATE ops.match_run SET input_sha256 = 'x'",
    "definitions": "UPDATE ops.definitions SET sha256 = 'x'",
}


def test_what_a_rebuild_found_older_holds_until_something_changes(copied):
    (number,) = every(copied, "SELECT max(run_id) FROM ops.run")[0]
    remember(copied, number)
    with database.connect(copied) as connection:
        assert remembered(connection) == {}
        for change in CHANGES.values():
            assert connection.execute(change).rowcount > 0, change
            assert remembered(connection) is None, change
            connection.rollback()
        assert remembered(connection) == {}


def test_other_members_touch_exactly_their_cells(copied, inputs, tmp_path):
    before = units(copied)
    years, every_code = {row[0] for row in before}, {row[1] for row in before}
    path, codes = moved_members(copied, tmp_path)
    with database.connect(copied) as connection:
        load_reference(connection, agglomerations=path)
    older = {name.split()[-1] for name in older_results(copied) if name.startswith("index")}
    assert older == codes
    steps = chain(copied, inputs).steps()
    foretold = rebuild(copied, steps, dry_run=True)
    certain = whys(foretold)
    assert {step for step in certain if step.startswith("index CN")} == {
        f"index CN {year}" for year in years
    }
    for year in years:
        told = certain[f"index CN {year}"]
        assert told.startswith("changed: firms")
        assert {code for code in every_code if code in told} == codes
        assert certain[f"panel {year}"].startswith("changed: agglomerations; follows index")
    assert not any(step.startswith(("firms", "match", "patents", "index GB")) for step in certain)
    report = rebuild(copied, steps)
    assert report.failed == []
    done = set(whys(report))
    assert set(certain) <= done <= {o.step for o in foretold.outcomes if o.state != "unchanged"}
    assert "estimates" in done
    after = units(copied)
    touched = {key[1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert touched == codes
    assert older_results(copied) == {}


def test_a_concordance_touches_the_years_and_cells_that_pass_through_it(copied, inputs):
    before = {tuple(row[:2]): row[2] for row in every(copied, CELLS)}
    ((code,),) = every(copied, COMMON)
    # the commonest code of one year means another industry from now on
    do(
        copied,
        "UPDATE reference.industry_concordance SET weight = 1e-6 "
        "WHERE from_classification = 'gbt4754_2002' AND to_classification = 'gbt4754_2011' "
        f"AND to_code = '{code}'",
        "INSERT INTO reference.industry_concordance SELECT 'gbt4754_2002', '1310', "
        f"'gbt4754_2011', '{code}', 1, false, false, 'test', 'test'",
    )
    after = {tuple(row[:2]): row[2] for row in every(copied, CELLS)}
    changed = {key for key in before if before[key] != after[key]}
    years = {year for year, _ in changed}
    assert changed
    assert years == {2013}
    found = {tuple(n.split()[-2:]) for n in older_results(copied) if n.startswith("index")}
    assert found == {(str(year), code) for year, code in changed}
    would = whys(rebuild(copied, chain(copied, inputs).steps(), dry_run=True))
    assert {s for s in would if s.startswith("index")} == {f"index CN {year}" for year in years}
    assert not any(step.startswith(("firms", "patents ", "citations")) for step in would)


def test_a_boundary_cleans_again_and_what_comes_out_the_same_is_left(copied, inputs):
    # one more vertex on a border: another polygon, the same area
    do(
        copied,
        "UPDATE reference.prefecture_piece SET geom = public.st_segmentize(geom, 0.05) "
        "WHERE country = 'CN' AND prefecture_code = (SELECT min(prefecture_code) "
        "FROM clean.firm WHERE country = 'CN')",
    )
    foretold = rebuild(copied, chain(copied, inputs).steps(), dry_run=True)
    loads = {o.step for o in foretold.outcomes if o.step.startswith("firms CN")}
    assert whys(foretold) == dict.fromkeys(loads, "changed: places")
    report = rebuild(copied, chain(copied, inputs).steps())
    assert whys(report) == dict.fromkeys(loads, "changed: places")
    assert older_results(copied) == {}


def test_a_mended_reader_reads_again(copied, inputs, monkeypatch):
    monkeypatch.setattr("coagg.etl.firms.inputs.FIRM_READER_CODE", 1000)
    foretold = rebuild(copied, chain(copied, inputs).steps(), dry_run=True)
    loads = [o.step for o in foretold.outcomes if o.step.startswith("firms ")]
    assert whys(foretold) == dict.fromkeys(loads, "changed: reader")
    assert set(older_results(copied)) == set(loads)
    monkeypatch.setattr("coagg.etl.patents.load.PATENT_READER_CODE", 1000)
    would = whys(rebuild(copied, chain(copied, inputs).steps(), dry_run=True))
    assert {step.split()[0] for step in would} == {"firms", "patents"}


def test_a_comment_costs_nothing_and_a_changed_rule_does(copied, inputs, tmp_path, monkeypatch):
    rules = tmp_path / "firms"
    shutil.copytree(RULES, rules)
    file = rules / "20_duplicates.sql"
    text = file.read_text()
    file.write_text(
        "-- why\n" + text.replace("\n", "\n    /* so */ ") + "\nCOMMENT ON TABLE a IS 'b';"
    )
    monkeypatch.setattr("coagg.etl.firms.inputs.RULES", rules)
    assert whys(rebuild(copied, chain(copied, inputs).steps(), dry_run=True)) == {}
    file.write_text(text + "SELECT 1;")
    would = whys(rebuild(copied, chain(copied, inputs).steps(), dry_run=True))
    assert set(would.values()) == {"changed: rules"}
    assert all(step.startswith("firms") for step in would)


def test_no_python_source_is_part_of_a_fingerprint(copied, inputs, monkeypatch):
    from pathlib import Path

    read, opened = [], Path.open

    def watched(path, *words, **options):
        read.append(path.suffix)
        return opened(path, *words, **options)

    monkeypatch.setattr(Path, "open", watched)
    assert older_results(copied) == {}
    rebuild(copied, chain(copied, inputs).steps(), dry_run=True)
    assert ".sql" in read
    assert ".py" not in read


def test_agglomerations_of_the_list_count(copied, inputs):
    codes = sorted({row[0] for row in every(copied, PLACES)})

    def index_steps(**index):
        steps = chain(copied, inputs, draws=5, **index).steps()
        return [step for step in steps if step.name.startswith("index CN")]

    first = rebuild(copied, index_steps(agglomerations=tuple(codes[:1])))
    assert set(states(first).values()) == {"done"}
    assert set(states(rebuild(copied, index_steps(agglomerations=(codes[0],)))).values()) == {
        "unchanged"
    }
    wider = rebuild(copied, index_steps(), dry_run=True)
    assert set(whys(wider).values()) == {f"{MISSING} in {', '.join(codes[1:])}"}
    assert set(states(rebuild(copied, index_steps())).values()) == {"done"}
    for dry_run in (True, False):
        wrong = rebuild(copied, index_steps(agglomerations=("NOPE",)), dry_run=dry_run)
        assert len(wrong.failed) == len(wrong.outcomes)
        assert "agglomeration NOPE: not one with firms" in wrong.failed[0].said


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("DELETE FROM clean.firm WHERE survey_year = 2013 AND row_number < 9 AND country = 'CN'",
         "firms CN 2013"),
        ("DELETE FROM clean.refused", "firms CN 2010"),
        ("DELETE FROM clean.patent WHERE row_number < 9", "patents patents_2013"),
        ("DELETE FROM clean.citation WHERE citing_id = (SELECT min(citing_id) FROM clean.citation)",
         "citations citations"),
        ("DELETE FROM reference.io_flow WHERE supplier = (SELECT min(supplier) FROM "
         "reference.io_flow)", "input-output"),
        ("DELETE FROM clean.firm_panel_link WHERE from_row = 1", "match firms"),
        ("DELETE FROM clean.patent_match WHERE position = 1", "match patents"),
        ("DELETE FROM coagglomeration.unit WHERE survey_year = 2013 AND country = 'CN'",
         "index CN 2013"),
        ("DELETE FROM coagglomeration.pair_result WHERE survey_year = 2010 AND country = 'CN' "
         "AND fixed_firms = (SELECT max(fixed_firms) FROM coagglomeration.pair_result "
         "WHERE country = 'CN' AND survey_year = 2010)",
         "index CN 2010"),
        ("DELETE FROM panel.industry_cell WHERE survey_year = 2013", "panel 2013"),
        ("DELETE FROM panel.cell_guard WHERE survey_year = 2013 AND industry = (SELECT "
         "min(industry) FROM panel.cell_guard)", "panel 2013"),
        ("DELETE FROM panel.industry_pair WHERE survey_year = 2010", "panel 2010"),
        ("DELETE FROM estimates.coefficient WHERE column_number = 1", "estimates"),
    ],
)  # fmt: skip
def test_rows_that_are_gone_are_missed(copied, inputs, statement, step):
    do(copied, statement)
    would = whys(rebuild(copied, chain(copied, inputs).steps(), dry_run=True))
    (name,) = [name for name in would if name.startswith(step)]
    assert MISSING in would[name]
    assert older_results(copied)


def test_units_that_were_deleted_are_measured_again_and_all_is_as_it_was(copied, inputs):
    def numbers():
        return every(
            copied,
            "SELECT (SELECT sum(hash_record_extended(r, 0)) FROM coagglomeration.pair_result r), "
            "(SELECT sum(hash_record_extended(c, 0)) FROM panel.industry_cell c)",
        )

    before = numbers()
    do(copied, "DELETE FROM coagglomeration.unit WHERE survey_year = 2013 AND country = 'CN'")
    assert numbers() != before
    report = rebuild(copied, chain(copied, inputs).steps())
    assert report.failed == []
    assert set(whys(report)) == {"index CN 2013"}  # the panel finds the units it was built from
    assert numbers() == before
    assert older_results(copied) == {}


def test_an_agglomeration_without_firms_is_taken_out(copied, inputs):
    (gone, *_), *_ = every(copied, PLACES)
    do(copied, f"UPDATE reference.agglomeration_member SET assigned = false "
               f"WHERE agglomeration_code = '{gone}'")  # fmt: skip
    steps = [s for s in chain(copied, inputs).steps() if s.name.startswith("index CN")]
    report = rebuild(copied, steps)
    assert set(whys(report).values()) == {f"firms are no more in {gone}"}
    assert gone in report.outcomes[0].said
    assert gone not in {code for _, code, _ in units(copied)}


def test_a_dry_run_writes_nothing(copied, inputs, monkeypatch, capsys):
    from coagg.cli import rebuild as command

    do(copied, "UPDATE ops.definitions SET sha256 = 'older'",
       "UPDATE reference.load_report SET detail = 'older' "
       "WHERE item = 'sha256' AND source = 'place codes CN'",
       "DELETE FROM coagglomeration.unit WHERE survey_year = 2013 AND country = 'CN'")  # fmt: skip
    file = inputs.with_name("citations.csv")
    file.write_text(file.read_text() + "\n")
    before = content(copied)
    monkeypatch.setattr(command, "settings", lambda: copied)
    command.rebuild(inputs, None, dry_run=True, force=False, workers=1)
    assert content(copied) == before
    said = capsys.readouterr()
    assert "definitions would be applied first" in said.err
    assert "reference data would be loaded first: place codes CN" in said.err
    assert "would be done index CN 2013" in " ".join(said.out.split())


def test_results_of_an_older_version_are_made_once_more(copied, inputs):
    ledgers = ("ops.load", "ops.input_load", "ops.match_run", "coagglomeration.unit",
               "coagglomeration.comparison_cell", "panel.build", "estimates.run")  # fmt: skip
    do(copied, *(f"UPDATE {name} SET inputs = NULL" for name in ledgers))
    report = rebuild(copied, chain(copied, inputs).steps(), dry_run=True)
    assert set(states(report).values()) == {"would be done"}
    assert all(why.startswith(OLDER) for why in whys(report).values())
    links = [s for s in chain(copied, inputs).steps() if s.name == "match firms"]
    assert states(rebuild(copied, [replace(s, needs=()) for s in links])) == {"match firms": "done"}
    assert states(rebuild(copied, links)) == {"match firms": "unchanged"}


def test_a_table_that_cannot_be_estimated_is_not_tried_again(copied, inputs):
    do(copied, "UPDATE panel.industry_cell SET kp_outward_scale = NULL")
    with pytest.raises(CoaggError) as caught:
        estimate_tables(copied, load_specifications(), ["table1"])
    steps = [s for s in chain(copied, inputs).steps() if s.name == "estimates"]
    (first,) = rebuild(copied, steps).outcomes
    assert f"table1 not possible: {caught.value}" in first.said
    assert states(rebuild(copied, steps)) == {"estimates": "unchanged"}
    with pytest.raises(CoaggError) as again:  # said again, not tried again
        estimate_tables(copied, load_specifications(), ["table1"])
    assert str(again.value) == str(caught.value)
