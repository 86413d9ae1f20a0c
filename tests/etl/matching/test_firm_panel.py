"""One firm over the years: the sequence of keys, gaps, shared ids, refused merges, real run."""

import numpy as np
import pandas as pd
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms.load import load_firms
from coagg.etl.matching.firm_links import Key, link_rows
from coagg.etl.matching.firms import match_firms


def codes(*values):
    return np.array(values, dtype=np.int64)


def test_surer_keys_go_first_and_a_key_that_is_not_unique_links_nothing():
    years = codes(2000, 2000, 2000, 2001, 2001, 2001)
    ids = Key("id", codes(1, 2, -1, 1, 7, 8))
    name = Key("name", codes(5, 6, 6, 9, 6, 6))
    firm, links = link_rows(years, [ids, name])
    assert firm.tolist() == [0, 1, 2, 0, 4, 5]
    assert links.ambiguous == {"id": 0, "name": 1}
    assert [a.tolist() for a in links.arrays()] == [[0], [3], [0]]


def test_a_gap_of_two_years_is_bridged_and_one_of_three_is_not():
    years = codes(2000, 2003, 2007)
    firm, links = link_rows(years, [Key("id", codes(1, 1, 1))])
    assert firm.tolist() == [0, 0, 2]
    assert links.arrays()[0].tolist() == [0]


def test_a_merge_that_puts_two_rows_of_a_year_together_is_refused_and_counted():
    # 2000 and 2001 are one firm by id; 2001 and 2002 another by id; the name says 2000 is 2002
    years = codes(2000, 2001, 2001, 2002)
    ids = Key("id", codes(1, 1, 2, 2))
    name = Key("name", codes(3, -1, -1, 3))
    firm, links = link_rows(years, [ids, name])
    assert firm.tolist() == [0, 0, 2, 2]
    assert links.refused == 1


def test_names_that_go_round_in_a_circle_follow_the_ids():
    # three firms hand their names on each year: a, b, c is b, c, a is c, a, b is a, b, c again
    years = np.repeat(np.arange(2000, 2004), 3)
    ids = Key("id", np.tile([1, 2, 3], 4))
    name = Key("name", np.array([1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3]))
    firm, links = link_rows(years, [ids, name])
    assert firm.tolist() == [0, 1, 2] * 4
    assert links.refused == 0
    # without ids a name is all there is: still one firm a name, and never two rows of a year
    firm, links = link_rows(years, [name])
    assert firm.tolist() == [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]
    # an id that wanders one way while the names wander the other: what came first stands
    other = Key("name", np.array([1, 2, 3, 3, 1, 2, 2, 3, 1, 1, 2, 3]))
    firm, links = link_rows(years, [name, other])
    assert np.unique(firm * 4 + years - 2000).size == years.size


def test_columns_that_contradict_keep_rows_apart():
    years = codes(2000, 2000, 2001, 2001)
    key = Key("phone", codes(1, 2, 1, 2), (codes(10, 11, 12, -1),))
    assert link_rows(years, [key])[0].tolist() == [0, 1, 2, 1]


def test_nothing_to_link_is_nothing():
    firm, links = link_rows(codes(), [Key("id", codes())])
    assert firm.size == 0
    assert links.arrays()[0].size == 0


def test_without_firms_it_says_what_to_do(db_settings):
    with pytest.raises(CoaggError, match="coagg load firms"):
        match_firms(db_settings)


def test_made_firms_are_found_again_over_the_years(db_settings, economy):
    truth = pd.read_csv(economy / "truth" / "firms.csv")
    for year in (2010, 2013):
        load_firms(db_settings, economy / f"survey_{year}.csv", year)
    report = match_firms(db_settings)
    assert report.links["id_name"] > 500
    assert "two rows of a year" in report.line()
    with database.connect(db_settings) as connection:
        rows = connection.execute(
            "SELECT survey_year, row_number, panel_id FROM clean.firm_panel"
        ).fetchall()
        twice = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM clean.firm_panel GROUP BY panel_id, survey_year "
            "HAVING count(*) > 1) AS d"
        ).fetchone()[0]
        links = connection.execute("SELECT count(*) FROM clean.firm_panel_link").fetchone()[0]
        firms = connection.execute("SELECT count(*) FROM clean.firm").fetchone()[0]
    assert twice == 0
    assert links == sum(report.links.values())
    assert len(rows) == firms == report.rows
    number = {
        (y, r): n
        for y, r, n in truth[["survey_year", "row_number", "firm_number"]].itertuples(index=False)
    }
    members: dict = {}
    for year, row, panel in rows:
        members.setdefault(panel, []).append(number[year, row])
    found = [m for m in members.values() if len(m) == 2]
    assert np.mean([a == b for a, b in found]) > 0.99
    loaded = [number[y, r] for y, r, _ in rows]
    possible = len(loaded) - len(set(loaded))
    assert sum(a == b for a, b in found) / possible > 0.97

    again = match_firms(db_settings)
    assert again.unchanged
    assert "unchanged" in again.line()
    assert again.links == report.links
