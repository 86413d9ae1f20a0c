"""Sets of results: readers see a complete one, old ones stay, and a difference has its reason."""

from dataclasses import replace

import numpy as np
import pytest
from support.made_panel import put_panel
from support.panel_world import World

from coagg import database, results
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement import index as measuring
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.panel.build import PanelSettings, build_panel
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.database.results import making, retire
from coagg.errors import CoaggError
from coagg.settings import LATEST

REQUEST = IndexRequest(2013, IndexSettings(draws=20, seed=7, method="exact"))
INDEX = (
    "SELECT survey_year, fixed_industry, redrawn_industry, observed_cost, index "
    "FROM coagglomeration.pair_index ORDER BY 1, 2, 3"
)


def ask(settings, query, *values):
    with database.connect(settings) as connection:
        return connection.execute(query, values).fetchall()


def stored(settings):
    """Versions of units and pairs there are at all."""
    return ask(
        settings,
        "SELECT (SELECT count(*) FROM coagglomeration.unit_version), "
        "(SELECT count(*) FROM coagglomeration.pair_version)",
    )[0]


@pytest.fixture
def put_year(db_settings, put_firms):
    """Put 40 firms of 20 industries in one city; `seed` is what the year's file says."""

    def put(year, seed):
        rng = np.random.default_rng(seed)
        with database.connect(db_settings) as connection:
            put_firms(
                connection, year, 104 + rng.normal(0, 0.2, 40), 30.6 + rng.normal(0, 0.2, 40),
                [f"{code:03d}" for code in range(131, 151)] * 2,
            )  # fmt: skip

    return put


@pytest.fixture
def measured(reference_db, db_settings, put_year):
    """Two years, measured: set 1 and set 2."""
    for year in (2012, 2013):
        put_year(year, year)
        measure(db_settings, replace(REQUEST, survey_year=year))
    return db_settings


def test_an_old_set_is_kept_and_shares_what_did_not_change(measured, put_year):
    before = ask(measured, INDEX)
    units, pairs = stored(measured)
    put_year(2013, 5)
    report = measure(measured, REQUEST)
    assert report.results == "results 3 are complete: readers see them"
    now = ask(measured, INDEX)
    assert now != before
    assert [r for r in now if r[0] == 2012] == [r for r in before if r[0] == 2012]
    assert ask(replace(measured, results="2"), INDEX) == before
    assert stored(measured) == (units + 2, pairs + 380)  # 2012 stands once for both


def test_nothing_new_makes_no_set(measured):
    assert measure(measured, REQUEST).results == ""
    assert [one.set_id for one in results.result_sets(measured)] == [2, 1]


def test_readers_see_no_year_half_done(measured, put_year, monkeypatch):
    before = ask(measured, INDEX)
    put_year(2013, 5)
    write, seen = measuring._write, []

    def watched(*arguments):
        write(*arguments)
        seen.append(ask(measured, INDEX) == before)
        seen.append(ask(replace(measured, results=LATEST), INDEX) == before)

    monkeypatch.setattr(measuring, "_write", watched)
    measure(measured, REQUEST)
    assert seen == [True, False] * 2
    assert ask(measured, INDEX) != before


def stop_after_one_unit(settings, request, monkeypatch):
    write = measuring._write

    def once(*arguments):
        write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "_write", once)
        with pytest.raises(KeyboardInterrupt):
            measure(settings, request)


def test_a_stopped_year_waits_and_does_not_hold_up_another(measured, put_year, monkeypatch):
    """The half-done year goes on in the next set, and is complete there."""
    before = ask(measured, INDEX)
    put_year(2013, 5)
    stop_after_one_unit(measured, REQUEST, monkeypatch)
    assert ask(measured, INDEX) == before
    put_year(2012, 6)
    other = measure(measured, replace(REQUEST, survey_year=2012))
    assert other.results == "results 3 are complete: readers see them"
    now = ask(measured, INDEX)
    assert [r for r in now if r[0] == 2013] == [r for r in before if r[0] == 2013]
    assert [r for r in now if r[0] == 2012] != [r for r in before if r[0] == 2012]
    newest = results.result_sets(measured)[0]
    assert (newest.set_id, newest.state) == (4, "unfinished")
    assert newest.unfinished == ("index CN 2013: it was stopped",)
    rest = measure(measured, REQUEST)
    assert (rest.units_done, rest.units_skipped) == (1, 1)
    assert rest.results == "results 4 are complete: readers see them"
    whole = ask(measured, INDEX)
    assert [r for r in whole if r[0] == 2013] != [r for r in now if r[0] == 2013]
    measure(measured, replace(REQUEST, force=True))
    assert ask(measured, INDEX) == whole


def test_a_stopped_year_that_work_around_finishes_is_seen(measured, put_year, monkeypatch):
    put_year(2013, 5)
    stop_after_one_unit(measured, REQUEST, monkeypatch)
    with making(measured, "rebuild") as work:
        measure(work.settings, REQUEST)
    seen = ask(measured, INDEX)
    measure(measured, replace(REQUEST, force=True))
    assert ask(measured, INDEX) == seen
    assert len(results.result_sets(measured)) == 4


def test_a_year_that_was_killed_when_all_was_written_is_whole_to_who_says_so(
    measured, put_year, monkeypatch
):
    """A rebuild finds nothing to measure there and says that the year is whole."""
    put_year(2013, 5)
    measure_ = measuring._measure

    def killed(*arguments):
        measure_(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "_measure", killed)
        with pytest.raises(KeyboardInterrupt):
            measure(measured, REQUEST)
    newest = ask(replace(measured, results=LATEST), INDEX)
    with making(measured, "rebuild") as work:
        report = measure(work.settings, REQUEST)
    assert report.units_done == 0
    assert ask(measured, INDEX) == newest


def test_a_stopped_year_is_nowhere_counted_twice(measured, put_year, monkeypatch):
    """Every pair once in every set, whatever was stopped between."""
    for seed in (5, 6, 7):
        put_year(2013, seed)
        stop_after_one_unit(measured, REQUEST, monkeypatch)
        put_year(2012, seed)
        measure(measured, replace(REQUEST, survey_year=2012))
    measure(measured, REQUEST)
    for one in results.result_sets(measured):
        rows = ask(replace(measured, results=str(one.set_id)), INDEX)
        assert len(rows) == len({row[:3] for row in rows}) in (380, 760)


def test_work_around_work_is_complete_at_its_end(measured, put_year):
    before = ask(measured, INDEX)
    put_year(2013, 5)
    with making(measured, "rebuild") as work:
        inner = measure(work.settings, REQUEST)
        assert inner.results == ""
        assert ask(measured, INDEX) == before
    assert work.said == "results 3 are complete: readers see them"
    assert ask(measured, INDEX) != before


def test_a_failed_rebuild_keeps_readers_where_they_are(measured, put_year):
    before = ask(measured, INDEX)
    put_year(2013, 5)
    with making(measured, "rebuild") as work:
        measure(work.settings, REQUEST)
        work.fail("panel 2013: no patents")
    assert work.said == "results 3 are not complete: readers see those of before"
    put_year(2012, 6)
    later = measure(measured, replace(REQUEST, survey_year=2012))
    assert later.results == (
        "results 3 wait for the rebuild that was not finished (panel 2013: no patents): "
        "coagg rebuild, or coagg results activate 3"
    )
    assert ask(measured, INDEX) == before
    with making(measured, "rebuild") as work:
        pass
    assert work.said == "results 3 are complete: readers see them"
    assert ask(measured, INDEX) != before


def test_a_rebuild_of_one_year_does_not_finish_one_of_all(measured, put_year):
    before = ask(measured, INDEX)
    put_year(2013, 5)
    with making(measured, "rebuild") as work:
        measure(work.settings, REQUEST)
        work.fail("panel 2013: no patents")
    with making(measured, "rebuild of 2012") as part:
        pass
    assert part.said.startswith("results 3 wait for the rebuild that was not finished (panel 2013")
    assert ask(measured, INDEX) == before
    with making(measured, "rebuild of 2012") as part:
        part.fail("firms CN 2012: no file")
    with making(measured, "rebuild") as work:
        pass
    assert work.said == "results 3 are complete: readers see them"


def test_two_at_work_the_last_completes(measured, put_year):
    put_year(2013, 5)
    with making(measured, "panel") as other:
        report = measure(measured, REQUEST)
        assert report.results == "results 3 are complete when this ends: panel"
    assert other.said == "results 3 are complete: readers see them"


def test_a_complete_set_does_not_change(measured):
    with pytest.raises(CoaggError, match=r"results 1 are complete and do not change: leave out"):
        measure(replace(measured, results="1"), REQUEST)
    with (
        database.connect(measured) as connection,
        pytest.raises(CoaggError, match="was completed meanwhile: call again"),
    ):
        retire(connection, "coagglomeration.unit_version", "true")


def test_a_set_that_is_not_kept_is_one_line(measured):
    for asked in ("9", "123456789"):
        with pytest.raises(CoaggError, match=f"^results {asked} are not kept: coagg results list"):
            ask(replace(measured, results=asked), INDEX)


def test_a_chosen_set_stays_until_the_newest_is_asked_for(measured, put_year):
    first = ask(replace(measured, results="1"), INDEX)
    assert results.activate(measured, 1).startswith("readers see results 1, also when newer")
    assert ask(measured, INDEX) == first
    put_year(2013, 5)
    assert measure(measured, REQUEST).results == (
        "results 3 are complete; readers see 1, which was chosen: coagg results activate 3"
    )
    assert ask(measured, INDEX) == first
    assert [one.state for one in results.result_sets(measured)] == [
        "complete", "complete", "chosen",
    ]  # fmt: skip
    assert results.activate(measured, None) == "readers see results 3"
    assert ask(measured, INDEX) == ask(replace(measured, results="3"), INDEX) != first
    with pytest.raises(CoaggError, match="results 8 are not kept"):
        results.activate(measured, 8)


def test_prune_forgets_what_no_set_has_any_more(measured, put_year):
    for seed in (5, 6):
        put_year(2013, seed)
        measure(measured, REQUEST)
    newest = ask(measured, INDEX)
    assert stored(measured) == (8, 1520)
    results.activate(measured, 3)
    chosen = ask(measured, INDEX)
    assert results.prune(measured, 1) == [0, 1, 2]
    assert stored(measured) == (6, 1140)  # 2012 once, 2013 of sets 3 and 4
    assert ask(measured, INDEX) == chosen
    results.activate(measured, None)
    assert ask(measured, INDEX) == newest
    assert results.prune(measured, 1) == [3]
    assert stored(measured) == (4, 760)
    with pytest.raises(CoaggError, match="keep 0: at least 1"):
        results.prune(measured, 0)


def test_a_difference_counts_pairs_and_says_why(measured, put_year):
    before = {row[1:3]: row[4] for row in ask(measured, INDEX) if row[0] == 2013}
    put_year(2013, 5)
    measure(measured, REQUEST)
    after = {row[1:3]: row[4] for row in ask(measured, INDEX) if row[0] == 2013}
    found = results.difference(measured, 2, 3)
    (one,) = found.index
    assert (one.survey_year, one.why) == (2013, "changed: firms")
    assert one.changed == sum(before[key] != after[key] for key in before) > 0
    assert one.became_near == sum(after[k] >= 0.95 > before[k] for k in before)
    assert one.no_longer_near == sum(before[k] >= 0.95 > after[k] for k in before)
    assert one.largest_change == max(abs(after[k] - before[k]) for k in before)
    assert (one.new, one.gone) == (0, 0)
    assert (found.panel, found.tables, found.files) == ((), (), ())
    assert results.difference(measured, 3, 3).index == ()
    (back,) = results.difference(measured, 3, 2).index
    assert (back.became_near, back.no_longer_near) == (one.no_longer_near, one.became_near)
    new = results.difference(measured, 1, 2)
    assert [(c.survey_year, c.why, c.new, c.gone) for c in new.index] == [(2013, "new", 380, 0)]
    assert results.difference(measured, 0, 1).files is None


def test_years_of_the_panel_and_tables_are_versions_too(reference_db, db_settings):
    world = World(reference_db)
    build_panel(db_settings, world.measurement_id, 2007)
    cells = ask(db_settings, "SELECT c::text FROM panel.industry_cell AS c ORDER BY 1")
    build_panel(db_settings, world.measurement_id, 2007, chosen=PanelSettings(window_years=3))
    newer = ask(db_settings, "SELECT c::text FROM panel.industry_cell AS c ORDER BY 1")
    assert len(newer) == len(cells)
    old = replace(db_settings, results="1")
    assert ask(old, "SELECT c::text FROM panel.industry_cell AS c ORDER BY 1") == cells
    (change,) = results.difference(db_settings, 1, 2).panel
    assert change.why == "changed: settings"
    assert change.cells_changed == len(set(newer) - set(cells))
    assert results.prune(db_settings, 1) == [0, 1]
    assert ask(db_settings, "SELECT count(*) FROM panel.cell_version") == [(len(newer),)]
    assert ask(db_settings, "SELECT count(DISTINCT build_id) FROM panel.pair_version") == [(1,)]


def test_a_table_cites_its_set_and_its_difference_is_counted(empty_settings):
    with database.connect(empty_settings) as connection:
        put_panel(connection)
    known = load_specifications()
    estimate_tables(empty_settings, known, ["table3"])
    with database.connect(empty_settings) as connection:
        connection.execute("UPDATE panel.industry_cell SET innovation_scale = innovation_scale * 2")
        connection.execute("UPDATE panel.build SET input_sha256 = 'other'")
    estimate_tables(empty_settings, known, ["table3"])
    (change,) = results.difference(empty_settings, 1, 2).tables
    assert change.table == "table3"
    assert change.why == "changed: cells"
    assert change.numbers_changed > 0
    assert change.largest_change_in_se > 0
    from coagg.analysis.tables.pages.notes import trace
    from coagg.analysis.tables.store import read_latest

    for asked, cited in ((None, 2), ("1", 1)):
        with database.connect(replace(empty_settings, results=asked)) as connection:
            (table,) = read_latest(connection, "table3", None, "CN")
        assert trace(table).startswith(f"Results {cited}; measurement ")
