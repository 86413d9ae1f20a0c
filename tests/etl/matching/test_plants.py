"""Plants of a firm over the years: by its id and the nearest point, and by nothing else."""

import numpy as np

from coagg import database
from coagg.etl.firms.load import load_firms
from coagg.etl.matching.firm_links import Key, link_rows
from coagg.etl.matching.firms import match_firms

HEADER = "firm_id,firm_name,industry_code,lon,lat\n"


def test_each_others_nearest_within_the_limit_are_linked():
    years = np.array([2000, 2000, 2000, 2001, 2001, 2001], np.int64)
    lon = np.array([104.0, 104.1, 104.2, 104.1001, 104.0001, 104.3])
    key = Key("plant", np.zeros(6, np.int64), near=(lon, np.full(6, 30.0)))
    firm, links = link_rows(years, [key])
    assert firm.tolist() == [0, 1, 2, 1, 0, 5]
    assert links.refused == 0


def test_of_two_as_near_none_is_linked():
    years = np.array([2000, 2001, 2001], np.int64)
    lon = np.array([104.0, 104.001, 103.999])
    key = Key("plant", np.zeros(3, np.int64), near=(lon, np.full(3, 0.0)))
    assert link_rows(years, [key])[0].tolist() == [0, 1, 2]


def panel(settings, tmp_path, **years):
    for year, rows in years.items():
        path = tmp_path / f"{year}.csv"
        path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        load_firms(settings, path, int(year[1:]), layout="demo")
    report = match_firms(settings)
    with database.connect(settings) as connection:
        found = connection.execute(
            "SELECT survey_year, row_number, panel_id FROM clean.firm_panel ORDER BY 1, 2"
        ).fetchall()
    firms = {}
    for year, row, panel_id in found:
        firms.setdefault(panel_id, []).append((year, row))
    return report, sorted(firms.values())


def test_plants_are_found_again_in_another_order_and_a_new_one_is_none_of_them(
    db_settings, tmp_path
):
    one, two, three = (f"123456788,A,1310,{lon},30.72251" for lon in
                       (104.06001, 104.16001, 104.26001))  # fmt: skip
    single = "987654324,B,1310,104.36001,30.72251"
    moved = "987654324,B,1310,104.46001,30.72251"
    near = two.replace("104.16001", "104.16051")  # 48 m
    report, firms = panel(
        db_settings,
        tmp_path,
        y2004=[one, two, single],
        y2005=[three, near, moved],
        y2006=[one, near],
    )
    assert firms == [
        [(2004, 1), (2006, 1)],
        [(2004, 2), (2005, 2), (2006, 2)],
        [(2004, 3), (2005, 3)],  # stands once a year: its id is enough
        [(2005, 1)],
    ]
    assert (report.links["plant"], report.links["id_name"]) == (3, 1)


def test_a_firm_that_gains_a_plant_goes_on_where_it_was(db_settings, tmp_path):
    old = "123456788,A,1310,104.06001,30.72251"
    new = "123456788,A,1310,104.96001,30.72251"
    _, firms = panel(db_settings, tmp_path, y2004=[old], y2005=[new, old])
    assert firms == [[(2004, 1), (2005, 2)], [(2005, 1)]]
