"""The demo and rebuilds on a made economy: real files, a real PostGIS, everything to the tables."""

import re

import pandas as pd
import pytest
from support.rebuilt import chain, states, whys

from coagg import database
from coagg.demo.findings import find
from coagg.errors import CoaggError
from coagg.rebuild.engine import rebuild
from coagg.rebuild.manifest import Manifest
from coagg.rebuild.steps import Chain
from coagg.settings import SQL


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
    found = find(settings, truth, measured, [], "CN")
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
    other = chain(world[0], inputs, draws=7)
    would = whys(rebuild(world[0], other.steps(), dry_run=True))
    assert would["index CN 2013"] == "not measured with these settings"
    assert would["panel 2013"] == "not measured with these settings; follows index CN 2013"
    assert would["estimates"].endswith("; follows panel 2010")
    assert not any(step.startswith(("firms", "patents", "match")) for step in would)
    chosen = whys(rebuild(world[0], other.steps((2013,)), dry_run=True))
    assert "index CN 2010" not in chosen


def test_another_file_redoes_what_rests_on_it(copied, inputs):
    file = inputs.with_name("citations.csv")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    foretold = rebuild(copied, chain(copied, inputs).steps(), dry_run=True)
    assert whys(foretold) == {"citations citations": "changed: file"}
    assert states(foretold)["panel 2013"] == "may be done"
    report = rebuild(copied, chain(copied, inputs).steps())
    done = whys(report)
    # only years with a patent that cites what the lost line cites
    assert set(done) < {"citations citations", "panel 2010", "panel 2013", "estimates"}
    assert {done[step] for step in done if step.startswith("panel")} == {"changed: citations"}
    assert done["estimates"].startswith("changed: pairs in ")
    assert set(states(rebuild(copied, chain(copied, inputs).steps())).values()) == {"unchanged"}


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


def test_a_missing_file_fails_its_step_and_what_needs_it_alone(world, inputs):
    inputs.with_name("citations.csv").unlink()
    report = rebuild(world[0], chain(world[0], inputs).steps(), dry_run=True)
    assert [(o.step, "no such file" in o.said) for o in report.failed] == [
        ("citations citations", True)
    ]
    left = [o.step for o in report.outcomes if o.state == "left out"]
    assert left == ["panel 2010", "panel 2013", "estimates"]


def test_steps_wait_for_what_they_read_alone(world, inputs):
    steps = {step.name: step.needs for step in chain(world[0], inputs).steps()}
    firms = {name for name in steps if name.startswith("firms CN")}
    assert len(firms) > 1
    assert set(steps["match firms"]) == firms
    patents = {name for name in steps if name.startswith("patents")}
    assert set(steps["match patents"]) == firms | patents | {"match firms"}


def test_the_room_a_step_asks_for_is_more_than_it_takes_and_not_wildly(world, inputs):
    settings = world[0]
    with database.connect(settings) as connection:
        grew = dict(
            connection.execute(
                "SELECT step, database_bytes_after - database_bytes_before FROM ops.run_step "
                "WHERE run_id = 1 AND state = 'done'"
            ).fetchall()
        )
        asked = {s.name: s.room(connection) for s in chain(settings, inputs).steps() if s.room}
    loads = [name for name in asked if not name.startswith("panel")]
    assert len(loads) > 4
    for name in loads:
        assert 0.9 * grew[name] < asked[name] < 10 * grew[name], name
    assert all(asked[name] > 0 for name in asked)


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
