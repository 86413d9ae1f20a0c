"""The index from data base to data base: units, seeds, workers, kills."""

from dataclasses import replace

import numpy as np
import pytest

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement import index as measure_module
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.errors import CoaggError
from coagg.settings import LATEST

EXACT = IndexSettings(draws=50, seed=7, method="exact")
RESULT = (
    "SELECT fixed_industry, redrawn_industry, observed_cost, null_mean, null_sd, index, "
    "standard_error FROM coagglomeration.pair_result WHERE measurement_id = %s ORDER BY 1, 2"
)


@pytest.fixture
def firms(reference_db, put_firms, db_settings):
    """300 firms of 20 industries around one city, one of them unknown."""
    rng = np.random.default_rng(3)
    industry = [f"{code:03d}" for code in rng.integers(130, 150, 300)]
    industry[5] = None
    put_firms(
        reference_db, 2013, 104 + rng.normal(0, 0.2, 300), 30.6 + rng.normal(0, 0.2, 300), industry
    )
    return db_settings


def rows(settings, measurement_id):
    with database.connect(settings) as connection:
        return connection.execute(RESULT, (measurement_id,)).fetchall()


def test_every_ordered_pair_once_and_the_same_numbers_from_two_workers(firms):
    report = measure(firms, IndexRequest(2013, EXACT))
    assert report.pairs_done == 20 * 19
    assert report.units_done == 2
    first = rows(firms, report.measurement_id)
    assert len(first) == 20 * 19
    again = measure(firms, IndexRequest(2013, EXACT, workers=2, force=True))
    assert again.measurement_id == report.measurement_id
    assert again.units_done == 2
    assert rows(firms, again.measurement_id) == first


def test_unchanged_units_are_skipped_and_changed_points_are_not(firms, put_firms):
    report = measure(firms, IndexRequest(2013, EXACT))
    second = measure(firms, IndexRequest(2013, EXACT))
    assert (second.units_done, second.units_skipped) == (0, report.units_done)
    rng = np.random.default_rng(4)
    with database.connect(firms) as connection:
        put_firms(
            connection, 2013, 104 + rng.normal(0, 0.2, 60), np.full(60, 30.6), ["131", "132"] * 30
        )
    third = measure(firms, IndexRequest(2013, EXACT))
    assert third.units_done == 1
    assert len(rows(firms, third.measurement_id)) == 2  # the surplus unit of before is gone


def test_a_row_gone_before_a_cell_does_not_change_it(firms):
    """Rows of another place move the row numbers; points and their order are the same."""
    measure(firms, IndexRequest(2013, EXACT))
    with database.connect(firms) as connection:
        connection.execute("UPDATE clean.firm SET row_number = row_number + 1000")
    again = measure(firms, IndexRequest(2013, EXACT))
    assert (again.units_done, again.results) == (0, "")


def test_industries_that_change_blocks_are_measured_anew(firms, put_firms):
    """Without the first industry the next block's first moves up, where it still is."""
    before = measure(firms, IndexRequest(2013, EXACT))
    names = sorted({row[0] for row in rows(firms, before.measurement_id)})
    rng = np.random.default_rng(4)
    codes = names[1:] * 12
    with database.connect(firms) as connection:
        put_firms(
            connection, 2013, 104 + rng.normal(0, 0.2, len(codes)), np.full(len(codes), 30.6), codes
        )
    after = measure(firms, IndexRequest(2013, EXACT))
    assert after.pairs_done == 19 * 18
    assert len(rows(firms, after.measurement_id)) == 19 * 18


def test_a_run_that_dies_midway_goes_on_and_ends_the_same(firms, monkeypatch):
    whole = measure(firms, IndexRequest(2013, EXACT))
    expected = rows(firms, whole.measurement_id)
    with database.connect(firms) as connection:
        connection.execute("DELETE FROM coagglomeration.unit")
    write = measure_module._write
    calls = []

    def dies_in_the_second(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(measure_module, "_write", dies_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        measure(firms, IndexRequest(2013, EXACT))
    monkeypatch.undo()
    newest = replace(firms, results=LATEST)
    assert 0 < len(rows(newest, whole.measurement_id)) < len(expected)
    assert rows(firms, whole.measurement_id) == []  # readers see nothing half done
    resumed = measure(firms, IndexRequest(2013, EXACT))
    assert (resumed.units_skipped, resumed.units_done) == (1, 1)
    assert rows(firms, whole.measurement_id) == expected


def test_direction_is_a_reading_not_another_computation(firms):
    fixed = measure(firms, IndexRequest(2013, EXACT))
    redrawn = measure(firms, IndexRequest(2013, EXACT, direction="from-redrawn"))
    query = (
        "SELECT from_industry, to_industry, index FROM coagglomeration.pair_index "
        "WHERE measurement_id = %s"
    )
    with database.connect(firms) as connection:
        one = {(j, k): i for j, k, i in connection.execute(query, (fixed.measurement_id,))}
        other = {(k, j): i for j, k, i in connection.execute(query, (redrawn.measurement_id,))}
    assert one == other


def test_min_firms_leaves_small_industries_out_but_in_the_pool(firms):
    report = measure(firms, IndexRequest(2013, EXACT, min_firms=15))
    ((_, pool, industries),) = report.cells
    assert pool == 300
    assert industries < 20
    with database.connect(firms) as connection:
        fewest = connection.execute(
            "SELECT min(least(fixed_firms, redrawn_firms)) FROM coagglomeration.pair_result"
        ).fetchone()
    assert fewest[0] >= 15


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (IndexRequest(2012, EXACT), "2012 inside an urban agglomeration; years loaded"),
        (IndexRequest(2013, EXACT, agglomerations=("XX",)), "agglomeration XX"),
        (IndexRequest(2013, EXACT, min_firms=1000), "lower --min-firms"),
        (IndexRequest(2013, EXACT, min_firms=0), "min-firms 0"),
        (IndexRequest(2013, EXACT, workers=0), "0 workers"),
        (IndexRequest(2013, EXACT, direction="up"), "direction 'up'"),
        (IndexRequest(2013, EXACT, pile_ups="burn"), "keep, drop, spread"),
    ],
)
def test_impossible_requests_are_one_line(firms, request_, words):
    with pytest.raises(CoaggError, match=words) as caught:
        measure(firms, request_)
    assert "\n" not in str(caught.value)
