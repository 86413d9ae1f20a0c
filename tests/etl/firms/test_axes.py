"""East and north exchanged: told by what else the rows say of their place, never in silence."""

from pathlib import Path

import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms import postal_areas
from coagg.etl.firms.load import load_firms

CASE = Path(__file__).parents[2] / "data" / "strangers" / "crs_gb_swapped.csv"
NOTE = "no place code, postal code or second pair of coordinates tells"


def rows(path: Path, *, header: str, turned: bool = False, postcode: str = "", extra: str = ""):
    """Thirty firms of Sheffield on the British grid."""
    lines = ["CompanyNumber,Postcode,SICCode.SicText_1," + header]
    for n in range(30):
        east, north = 435354 + 11 * n, 387147 + 13 * n
        pair = (north, east) if turned else (east, north)
        lines.append(f"{3100000 + 7 * n:08d},{postcode},25620,{pair[0]},{pair[1]}{extra}")
    path.write_text("\n".join(lines) + "\n")
    return path


def held(settings):
    with database.connect(settings) as connection:
        return connection.execute(
            "SELECT count(*), min(prefecture_code) FROM clean.firm WHERE country = 'GB'"
        ).fetchone()


def test_postal_codes_tell_exchanged_axes(db_settings):
    told = "100% of the rows are nearer to their postal codes exchanged; row 1 has 387147 435354"
    with pytest.raises(CoaggError, match=f"east and north have changed places: {told}"):
        load_firms(db_settings, CASE, 2022)
    assert held(db_settings) == (0, None)


def test_postal_codes_confirm_axes_that_stand_right(db_settings, tmp_path):
    path = rows(tmp_path / "a.csv", header="easting,northing", postcode="S1 2AB")
    report = load_firms(db_settings, path, 2022)
    assert report.facts["notes"] == []
    assert held(db_settings) == (30, "TLE32")


@pytest.mark.parametrize("turned", [False, True])
def test_axes_that_nothing_confirms_are_said(db_settings, tmp_path, turned):
    path = rows(tmp_path / "a.csv", header="easting,northing", turned=turned)
    (note,) = load_firms(db_settings, path, 2022).facts["notes"]
    assert NOTE in note


def test_the_other_pair_of_columns_tells(db_settings, tmp_path):
    layout = tmp_path / "two.csv"
    layout.write_text(
        "column,note,2022\n@country,,GB\n@datum,,osgb36|wgs84\nfirm_id,,CompanyNumber\n"
        "industry_code,,SICCode.SicText_1\nlon,,x|longitude\nlat,,y|latitude\n"
    )
    wanted = {"header": "x,y,longitude,latitude", "extra": ",-1.4701,53.3801"}
    path = rows(tmp_path / "a.csv", turned=True, **wanted)
    with pytest.raises(CoaggError, match=r"100% of the rows .* the other pair of columns"):
        load_firms(db_settings, path, 2022, layout=str(layout))
    report = load_firms(db_settings, rows(path, **wanted), 2022, layout=str(layout))
    assert (report.rows_clean, report.facts["notes"]) == (30, [])


def test_pairs_that_lie_apart_are_flagged(db_settings, tmp_path):
    path = rows(tmp_path / "a.csv", header="easting,northing,longitude,latitude",
                extra=",-1.4701,53.5801", postcode="S1 2AB")  # fmt: skip
    report = load_firms(db_settings, path, 2022)
    assert report.flags["coordinates_differ"] == 30
    assert "second_coordinates" not in report.flags


def test_a_coarse_pair_beside_a_fine_one_is_not_used(db_settings, tmp_path):
    path = rows(tmp_path / "a.csv", header="easting,northing,longitude,latitude",
                extra=",-1.47,53.38", postcode="S1 2AB")  # fmt: skip
    report = load_firms(db_settings, path, 2022)
    assert report.flags["second_coordinates"] == 30
    assert "low_precision" not in report.flags


def test_every_postal_area_lies_in_the_country(reference_db):
    listed = postal_areas.areas("GB")
    assert len(listed) == 121
    for prefix, (lon, lat) in listed.items():
        (near,) = reference_db.execute(
            "SELECT bool_or(public.st_dwithin(geom, "
            "public.st_setsrid(public.st_makepoint(%s, %s), 4326), 0.1)) "
            "FROM reference.prefecture_piece WHERE country = 'GB'",
            (lon, lat),
        ).fetchone()
        assert near, prefix
