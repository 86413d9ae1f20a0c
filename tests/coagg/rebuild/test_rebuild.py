"""The demo and rebuilds on a made economy: real files, a real PostGIS, everything to the tables."""

import io
import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from coagg import database, withdraw
from coagg.demo import run as demo
from coagg.demo.findings import find
from coagg.errors import CoaggError
from coagg.rebuild.engine import rebuild
from coagg.rebuild.manifest import Manifest, read_manifest
from coagg.rebuild.steps import Chain
from coagg.settings import DEMO_SUFFIX, SQL

DRAWS = 100


@pytest.fixture(scope="module")
def world(databases, reference_template, tmp_path_factory):
    """Settings, folder and terminal output of a demo of size tiny."""
    settings = databases.copy(reference_template, DEMO_SUFFIX)
    out = tmp_path_factory.mktemp("demo")
    terminal = io.StringIO()
    demo.run(settings, out, DRAWS, Console(file=terminal, width=100), size="tiny")
    return settings, out, terminal.getvalue()


def chain(settings, inputs):
    manifest = read_manifest(inputs)
    index = replace(manifest.index, draws=DRAWS, seed=demo.SEED)
    return Chain(settings, replace(manifest, index=index), workers=1)


def states(report):
    return {outcome.step: outcome.state for outcome in report.outcomes}


def redone(report):
    return {o.step: o.why for o in report.outcomes if o.state in ("done", "would be done")}


@pytest.fixture
def inputs(world, tmp_path):
    """A copy of the files that a test may change."""
    shutil.copytree(world[1] / "economy", tmp_path / "economy")
    return tmp_path / "economy" / "inputs.toml"


def test_the_demo_ends_in_tables_and_a_report(world):
    _, out, terminal = world
    page = (out / "report.html").read_text()
    for number in range(1, 8):
        assert f"table{number} (1)" in terminal
        assert f'id="table{number}"' in page
    for name in ("robustness", "heterogeneity", "descriptives"):
        assert f'id="chapter-{name}"' in page
    assert {file.suffix for file in (out / "tables").iterdir()} >= {
        ".md", ".tex", ".html", ".docx", ".csv"
    }  # fmt: skip
    assert 'src="data:image/png' in page
    assert not re.search(r"\bnan\b", terminal)


def test_rows_add_up_and_planted_things_are_found(world):
    settings, out, _ = world
    truth = out / "economy" / "truth"
    with database.connect(settings) as connection:
        read, clean = connection.execute(
            "SELECT sum(rows_read), sum(rows_clean + rows_refused) FROM ops.load"
        ).fetchone()
        measured = Chain.measurement(
            chain(settings, out / "economy" / "inputs.toml"), connection, "CN", 0
        )
    lines = [len(pd.read_csv(truth / "firms.csv"))]
    lines += [sum(1 for _ in file.open()) - 1 for file in (out / "economy").glob("uk_*.csv")]
    assert read == clean == sum(lines)
    found = find(settings, truth, measured, [])
    dirt = found.dirt.set_index("kind")
    # a code may mean several prefectures: a firm that strayed into another of them is not seen
    assert (dirt.found / dirt.planted).min() > 0.97
    assert (dirt.found / dirt.planted).drop("outside_own_prefecture").min() > 0.99
    applicants = found.matching.set_index("stage").loc["all applicants"]
    assert float(applicants.precision) >= 0.99
    assert float(applicants.recall) >= 0.95
    relations = found.relations.set_index("planted")
    share = relations["at 0.95 or more"] / relations["tests"]
    assert share["one-way, as planted"] > 0.2
    assert relations.loc["null", "tests"] > 100
    assert share["null"] < 0.08
    assert share["one-way, reverse"] < share["one-way, as planted"] / 3


def test_what_is_unchanged_is_left_alone(world, inputs):
    report = rebuild(world[0], chain(world[0], inputs).steps())
    assert set(states(report).values()) == {"unchanged"}


def test_other_settings_measure_anew_and_say_why(world, inputs):
    one = chain(world[0], inputs)
    other = replace(one, manifest=replace(one.manifest, index=replace(one.manifest.index, draws=7)))
    would = redone(rebuild(world[0], other.steps(), dry_run=True))
    assert would["index CN 2013"] == "changed: settings"
    assert would["panel 2013"] == "follows index CN 2013"
    assert would["estimates"].startswith("follows panel")
    assert not any(step.startswith(("firms", "patents", "match")) for step in would)
    chosen = redone(rebuild(world[0], other.steps((2013,)), dry_run=True))
    assert "index CN 2010" not in chosen


def test_another_file_redoes_what_rests_on_it(world, inputs):
    file = inputs.with_name("citations.csv")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    report = rebuild(world[0], chain(world[0], inputs).steps())
    assert redone(report) == {
        "citations citations": "changed: file",
        "panel 2010": "changed: patents, citations, input-output",
        "panel 2013": "changed: patents, citations, input-output",
        "estimates": "changed: panel",
    }
    assert set(states(rebuild(world[0], chain(world[0], inputs).steps())).values()) == {"unchanged"}


def test_a_bad_file_leaves_what_was_there(world, inputs):
    settings = world[0]
    bad = inputs.with_name("patents_2013.csv")
    bad.write_text("nothing,known\n1,2\n")
    with database.connect(settings) as connection:
        before = connection.execute("SELECT count(*) FROM clean.patent").fetchone()
    report = rebuild(settings, chain(settings, inputs).steps())
    (failed,) = report.failed
    assert failed.step == "patents patents_2013"
    assert "\n" not in failed.said
    assert str(bad) in failed.said
    assert states(report)["estimates"] == "left out"
    assert states(report)["index CN 2013"] == "unchanged"
    with database.connect(settings) as connection:
        assert connection.execute("SELECT count(*) FROM clean.patent").fetchone() == before


def test_nothing_to_rebuild_from_is_one_line(db_settings, run_coagg):
    with pytest.raises(CoaggError, match="nothing to rebuild from"):
        Chain(db_settings, Manifest(), workers=1).steps()
    code, _, err = run_coagg("rebuild")
    assert (code, err.count("\n")) == (2, 1)
    assert "--inputs" in err


@pytest.mark.parametrize(
    "query", sorted((SQL / "queries").glob("*.sql")), ids=lambda path: path.stem
)
def test_every_query_finds_something_on_a_made_economy(world, query):
    with database.connect(world[0]) as connection:
        assert database.run_file(connection, query) > 0


def test_pairs_of_the_demo_are_all_named(world):
    with database.connect(world[0]) as connection:
        nameless = connection.execute(
            "SELECT count(*) FILTER (WHERE from_name IS NULL OR to_name IS NULL), count(*) "
            "FROM coagglomeration.pair_named WHERE country = 'CN'"
        ).fetchone()
    assert nameless[0] == 0
    assert nameless[1] > 1000


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


@pytest.fixture
def copied(world, databases):
    """A copy of the demo's data base that a test may change."""
    return databases.copy(world[0])


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
    would = redone(rebuild(copied, pruning.steps(), dry_run=True))
    assert would["withdraw firms CN 2010"] == "never done"
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
    again = rebuild(copied, replace(chain(copied, inputs), prune=True).steps())
    assert set(states(again).values()) == {"unchanged"}

    inputs.write_text(whole)  # wanted again: everything is as it was
    assert not rebuild(copied, chain(copied, inputs).steps()).failed
    assert of_year(copied, 2010) == before
    back = query(copied, COEFFICIENTS)
    assert [row[:4] for row in back] == [row[:4] for row in numbers]
    assert [row[4] for row in back] == pytest.approx([row[4] for row in numbers], rel=1e-9)


def test_unload_lists_first_then_marks_the_tables_stale(copied, inputs):
    before = of_year(copied, 2010)
    listed = withdraw.withdraw_firms(copied, 2010, dry_run=True)
    assert listed.rows["panel.industry_cell"] == before["panel.industry_cell"]
    assert listed.rows["clean.firm"] == before["clean.firm"]
    assert of_year(copied, 2010) == before
    done = withdraw.withdraw_firms(copied, 2010, reason="the office withdrew it")
    assert done.rows == listed.rows
    assert done.stale_tables == listed.stale_tables > 0
    assert list(problems(copied)) == ["tables estimated from what was withdrawn since"]
    with pytest.raises(CoaggError, match="nothing of CN 2010 is there; loaded are 2013"):
        withdraw.withdraw_firms(copied, 2010)
    withdraw.withdraw_firms(copied, 2013)
    assert query(copied, "SELECT count(*) FROM estimates.run") == [(0,)], "no panel is left"


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
    assert redone(report) == {"estimates": "changed: panel"}
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


def test_a_truncated_file_fails_its_step_and_leaves_the_year(copied, inputs):
    file = next(f for f in read_manifest(inputs).firms if f.survey_year == 2013).file
    before = of_year(copied, 2013)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 20].rsplit(b"\n", 1)[0] + b"\n")
    report = rebuild(copied, chain(copied, inputs).steps())
    assert states(report)["firms CN 2013"] == "failed"
    assert 'accept = "why"' in report.failed[0].said
    assert of_year(copied, 2013) == before
