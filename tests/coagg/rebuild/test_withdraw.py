"""Years and files that are withdrawn, and the list of inputs as the wish."""

import re
from dataclasses import replace

import pytest
from support.rebuilt import chain, states, whys

from coagg import database, withdraw
from coagg.errors import CoaggError
from coagg.rebuild.engine import rebuild
from coagg.rebuild.guard import Guard
from coagg.rebuild.manifest import read_manifest
from coagg.rebuild.stale import older_results

YEARLY = (
    "clean.firm", "clean.refused", "clean.firm_panel", "clean.patent_match",
    "coagglomeration.unit", "coagglomeration.pair_result", "panel.industry_cell",
    "panel.industry_pair", "panel.build",
)  # fmt: skip
COEFFICIENTS = """
SELECT e.table_name, c.column_number, c.stage, c.name, c.coefficient
FROM estimates.latest AS e INNER JOIN estimates.coefficient AS c ON e.run_id = c.run_id
ORDER BY 1, 2, 3, 4
"""


def query(settings, text, *values):
    with database.connect(settings) as connection:
        return connection.execute(text, values).fetchall()


def of_year(settings, year):
    return {
        table: query(settings, f"SELECT count(*) FROM {table} WHERE survey_year = %s", year)[0][0]
        for table in YEARLY
    }


def problems(settings):
    return dict(query(settings, "SELECT title, problems FROM ops.checks WHERE problems > 0"))


def without(inputs, year):
    """Take a survey year out of the list of inputs."""
    whole = inputs.read_text()
    parts = re.split(r"(?m)^(?=\[)", whole)
    kept = [p for p in parts if f"survey_year = {year}" not in p]
    assert len(kept) == len(parts) - 1
    text = re.sub(rf"(?m)^years = .*{year}.*\n", "", "".join(kept))
    inputs.write_text(text)
    return whole


def test_a_year_no_longer_listed_is_named_and_pruned_with_all_that_hangs_on_it(copied, inputs):
    before, kept = of_year(copied, 2010), of_year(copied, 2013)
    assert all(before.values())
    numbers = query(copied, COEFFICIENTS)
    whole = without(inputs, 2010)
    assert chain(copied, inputs).unlisted() == [("firms", "CN 2010")]
    pruning = replace(chain(copied, inputs), prune=True)
    would = whys(rebuild(copied, pruning.steps(), dry_run=True))
    assert would["withdraw firms CN 2010"] == "loaded, and not in the list of inputs"
    assert of_year(copied, 2010) == before
    report = rebuild(copied, pruning.steps())
    assert not report.failed
    assert states(report)["withdraw firms CN 2010"] == "done"
    assert "index CN 2010" not in states(report)
    assert not any(of_year(copied, 2010).values())
    assert of_year(copied, 2013)["clean.firm"] == kept["clean.firm"]
    assert problems(copied) == {}
    assert query(copied, COEFFICIENTS) != numbers
    reason = "SELECT withdrawn_reason, superseded_at IS NULL FROM ops.load WHERE survey_year = 2010"
    assert query(copied, reason) == [("the list of inputs does not name it", False)]
    assert older_results(copied) == {}
    again = rebuild(copied, replace(chain(copied, inputs), prune=True).steps())
    assert set(states(again).values()) == {"unchanged"}

    inputs.write_text(whole)  # wanted again: everything is as it was
    assert not rebuild(copied, chain(copied, inputs).steps()).failed
    assert of_year(copied, 2010) == before
    back = query(copied, COEFFICIENTS)
    assert [row[:4] for row in back] == [row[:4] for row in numbers]
    assert [row[4] for row in back] == pytest.approx([row[4] for row in numbers], rel=1e-9)


def test_unload_lists_first_then_leaves_tables_that_are_seen_as_older(copied, inputs):
    before = of_year(copied, 2010)
    listed = withdraw.withdraw_firms(copied, 2010, dry_run=True)
    assert listed.rows["panel.industry_cell"] == before["panel.industry_cell"]
    assert listed.rows["clean.firm"] == before["clean.firm"]
    assert of_year(copied, 2010) == before
    done = withdraw.withdraw_firms(copied, 2010, reason="the office withdrew it")
    assert done.rows == listed.rows
    assert done.stale_tables == listed.stale_tables > 0
    assert problems(copied) == {}
    older = older_results(copied)
    assert any(name.startswith("table1 ") for name in older)
    assert any(name.startswith("match firms") for name in older)
    with pytest.raises(CoaggError, match="nothing of CN 2010 is there; loaded are 2013"):
        withdraw.withdraw_firms(copied, 2010)
    withdraw.withdraw_firms(copied, 2013)
    assert query(copied, "SELECT count(*) FROM estimates.latest") == [(0,)], "no panel is left"


def test_what_is_left_of_a_year_removed_by_hand_is_seen_and_its_remedy_works(copied):
    with database.connect(copied) as connection:
        connection.execute("SELECT clean.withdraw_year('CN', 2010)")
        connection.execute("DELETE FROM clean.refused WHERE survey_year = 2010")
        connection.execute("UPDATE ops.load SET superseded_at = now() WHERE survey_year = 2010")
    seen = problems(copied)
    assert list(seen) == ["survey years with an index or a panel and no firms"]
    hint = "SELECT hint FROM ops.checks WHERE title LIKE 'survey years with an index%%'"
    assert "coagg unload firms --survey-year" in query(copied, hint)[0][0]
    withdraw.withdraw_firms(copied, 2010)
    assert "survey years with an index or a panel and no firms" not in problems(copied)
    assert not any(of_year(copied, 2010).values())


def test_files_are_withdrawn_by_name(copied):
    patents = query(copied, "SELECT dataset FROM ops.input_load WHERE kind = 'patents' ORDER BY 1")[
        0
    ][0]
    for kind, name, table in (
        ("citations", "citations", "clean.citation"),
        ("patents", patents, "clean.patent"),
        ("input-output", query(copied, "SELECT io_table FROM reference.io_table")[0][0],
         "reference.io_flow"),
    ):  # fmt: skip
        listed = withdraw.withdraw_input(copied, kind, name, dry_run=True)
        assert listed.rows[table] > 0
        assert withdraw.withdraw_input(copied, kind, name).rows == listed.rows
        with pytest.raises(CoaggError, match=f"no {kind} {name} is loaded"):
            withdraw.withdraw_input(copied, kind, name)
    orphans = "SELECT count(*) FROM clean.patent_match WHERE patent_id NOT IN (SELECT patent_id FROM clean.patent)"  # noqa: E501
    assert query(copied, orphans) == [(0,)]


def test_index_years_restrict_the_tables(copied, inputs):
    both = query(copied, COEFFICIENTS)
    one = chain(copied, inputs)
    index = replace(one.manifest.index, years=(2013,))
    narrow = replace(one, manifest=replace(one.manifest, index=index))
    report = rebuild(copied, narrow.steps())
    assert list(whys(report)) == ["estimates"]
    assert whys(report)["estimates"].startswith("changed: ")
    used = query(copied, "SELECT count(*) FROM panel.industry_cell WHERE survey_year = 2013")[0][0]
    rows = query(
        copied,
        "SELECT max(observations) FROM estimates.latest AS e "
        "INNER JOIN estimates.column_result AS c ON e.run_id = c.run_id "
        "WHERE table_name = 'table1'",
    )
    assert rows[0][0] <= used
    assert query(copied, COEFFICIENTS) != both
    assert set(states(rebuild(copied, narrow.steps())).values()) == {"unchanged"}
    assert older_results(copied) == {}, "a table of some years is not older than the others"


def test_a_truncated_file_fails_its_step_and_leaves_the_year(copied, inputs):
    file = next(f for f in read_manifest(inputs).firms if f.survey_year == 2013).file
    before = of_year(copied, 2013)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 20].rsplit(b"\n", 1)[0] + b"\n")
    report = rebuild(copied, chain(copied, inputs).steps())
    assert states(report)["firms CN 2013"] == "failed"
    assert 'accept = "why"' in report.failed[0].said
    assert of_year(copied, 2013) == before


def test_nothing_is_withdrawn_while_a_rebuild_runs(db_settings, run_coagg):
    with Guard(db_settings):
        for words in (("firms", "--survey-year", 2013), ("patents", "p")):
            code, _, err = run_coagg("unload", *words)
            assert (code, err.count("\n")) == (2, 1)
            assert "another rebuild" in err
