"""Loading a survey year: nothing lost, nothing half, one year at a time."""

import errno
import threading

import numpy as np
import psycopg
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl import coordinates, ledger
from coagg.etl.firms.load import CleaningSettings, load_firms
from coagg.etl.firms.year import YearLock, in_a_quiet_moment

HEADER = "firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n"
FINE = "000001{n:03d},firm {n},5101,3610,100,10,104.0{n:03d}1,30.6{n:03d}1\n"


def survey(path, rows=20, extra=""):
    path.write_text(HEADER + "".join(FINE.format(n=n) for n in range(rows)) + extra)
    return path


def load(settings, path, year=2013, **options):
    return load_firms(settings, path, year, layout="demo", **{"datum": "wgs84", **options})


def one(settings, query, *values):
    with database.connect(settings) as connection:
        return connection.execute(query, values).fetchone()


DIRT = """\
000000901,no point,5101,3660,100,10,,
000000902,zero,5101,3660,100,10,0,0
000000903,words,5101,3660,100,10,east,north
000000904,nowhere,5101,3660,100,10,404.5,95.1
000000905,Paris,5101,3660,100,10,2.35211,48.85661
000000906,at sea,5101,3660,100,10,125.12345,28.12345
000000907,swapped,5101,3660,100,10,30.61234,104.01234
000000908,coarse,5101,3660,100,10,104.1,30.6
000000909,elsewhere,4401,3660,100,10,104.01235,30.61235
000000910,no place,0,3660,100,10,104.01236,30.61236
000000911,odd place,9999,3660,100,10,104.01237,30.61237
000000912,no industry,5101,,100,10,104.01238,30.61238
000000913,odd industry,5101,9990,100,10,104.01239,30.61239
000000914,words,5101,3660,much,ten,104.0124,30.6124
000000901,no point,5101,3660,100,10,104.01241,30.61241
000000908,coarse,5101,3660,100,10,104.100001,30.6
000000907,other name,5101,3660,100,10,104.01243,30.61243
short,row
"""


@pytest.fixture
def dirty(db_settings, tmp_path):
    return load(db_settings, survey(tmp_path / "a.csv", 20, DIRT)), db_settings


def test_every_fault_has_its_reason_or_flag_and_no_row_is_lost(dirty):
    report, _ = dirty
    assert report.rows_read == 20 + 18 == report.rows_clean + report.rows_refused
    assert report.reasons == {
        "coordinates_missing": 1,
        "coordinates_zero": 1,
        "coordinates_unreadable": 1,
        "coordinates_impossible": 1,
        "outside_country": 2,
        "duplicate_id": 1,
        "row_malformed": 1,
    }
    assert report.flags == {
        "axes_swapped": 1,
        "low_precision": 1,
        "outside_own_prefecture": 1,
        "place_missing": 1,
        "place_unknown": 1,
        "industry_missing": 1,
        "industry_unknown": 1,
        "output_unreadable": 1,
        "employment_unreadable": 1,
        "shared_id": 2,
    }


def test_refused_rows_are_kept_as_received_whoever_refused_them(dirty):
    _, settings = dirty
    query = "SELECT received, detail FROM clean.refused WHERE reason = %s ORDER BY row_number"
    with database.connect(settings) as connection:
        words = connection.execute(query, ("coordinates_unreadable",)).fetchone()
        assert words[0]["lon"] == "east"
        paris, sea = connection.execute(query, ("outside_country",)).fetchall()
        assert paris[0]["firm_name"] == "Paris"
        assert sea[0]["lon"] == "125.12345"
        twice = connection.execute(query, ("duplicate_id",)).fetchone()
        assert twice[0]["lon"] == "104.100001"
        assert twice[1] == "firm id 000000908 repeats row 28"


def test_what_sql_adds_to_a_row(dirty):
    _, settings = dirty
    strayed = one(
        settings,
        "SELECT prefecture_code, own_prefecture_code, distance_to_own_km FROM clean.firm "
        "WHERE firm_name = 'elsewhere'",
    )
    assert strayed[:2] == ("5101", "4401")
    assert 1000 < strayed[2] < 1300  # Chengdu to Guangzhou
    home = one(
        settings,
        "SELECT own_prefecture_code, distance_to_own_km, industry, geom = "
        "ST_SetSRID(ST_MakePoint(lon, lat), 4326) FROM clean.firm WHERE firm_name = 'firm 3'",
    )
    assert home == ("5101", 0.0, "361", True)
    words = one(settings, "SELECT unreadable, output_thousand_cny FROM clean.firm "
                "WHERE firm_name = 'words'")  # fmt: skip
    assert words == ({"output": "much", "employment": "ten"}, None)


def test_the_same_file_twice_changes_nothing(db_settings, tmp_path):
    file = survey(tmp_path / "a.csv")
    first = load(db_settings, file)
    again = load(db_settings, file)
    assert not first.unchanged
    assert again.unchanged
    assert (again.rows_clean, again.flags) == (first.rows_clean, first.flags)
    assert one(db_settings, "SELECT count(*) FROM ops.load") == (1,)


def test_a_corrected_file_replaces_its_year_and_no_other(db_settings, tmp_path):
    load(db_settings, survey(tmp_path / "old.csv", 30), 2010)
    load(db_settings, survey(tmp_path / "a.csv", 20, DIRT), 2013)
    kept = "SELECT md5(string_agg(f::text, '|' ORDER BY row_number)) FROM clean.firm AS f \
WHERE survey_year = 2010"
    before = one(db_settings, kept)
    load(db_settings, survey(tmp_path / "b.csv", 25), 2013)
    counts = "SELECT survey_year, count(*) FROM clean.firm GROUP BY 1 ORDER BY 1"
    with database.connect(db_settings) as connection:
        assert connection.execute(counts).fetchall() == [(2010, 30), (2013, 25)]
        assert connection.execute("SELECT count(*) FROM clean.refused").fetchone() == (0,)
        ledger = connection.execute(
            "SELECT survey_year, rows_clean, superseded_at IS NULL FROM ops.load ORDER BY load_id"
        ).fetchall()
    assert ledger == [(2010, 30, True), (2013, 30, False), (2013, 25, True)]
    assert one(db_settings, kept) == before


def test_other_cleaning_settings_are_another_load(db_settings, tmp_path):
    row = "{n:09d},pile {n},5101,3660,1,1,104.0555,30.6555\n"
    pile = "".join(row.format(n=n) for n in range(800, 812))
    file = survey(tmp_path / "a.csv", 20, pile)
    assert load(db_settings, file).flags == {"pile_up": 12}
    stricter = load(db_settings, file, cleaning=CleaningSettings(pile_up_min=13))
    assert not stricter.unchanged
    assert stricter.flags == {}
    assert one(db_settings, "SELECT max(pile_up_size) FROM clean.firm") == (12,)


def test_two_loads_of_one_year_do_not_meet(db_settings, tmp_path):
    file = survey(tmp_path / "a.csv")
    with YearLock(db_settings, "CN", 2013):
        with pytest.raises(CoaggError, match="another load of CN 2013 is running"):
            load(db_settings, file)
        assert load(db_settings, file, 2012).rows_clean == 20
    assert load(db_settings, file).rows_clean == 20


def test_readers_see_the_old_year_or_the_new_one(db_settings, tmp_path):
    load(db_settings, survey(tmp_path / "a.csv", 20))
    seen, stop = set(), threading.Event()

    def read():
        with database.connect(db_settings, autocommit=True) as connection:
            while not stop.is_set():
                row = connection.execute(
                    "SELECT (SELECT count(*) FROM clean.firm), "
                    "(SELECT rows_clean FROM ops.load WHERE superseded_at IS NULL)"
                ).fetchone()
                seen.add(row)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(3):
        load(db_settings, survey(tmp_path / f"{number}.csv", 40 + number))
    stop.set()
    reader.join()
    assert seen <= {(20, 20), (40, 40), (41, 41), (42, 42)}
    assert (20, 20) in seen


def test_an_open_transaction_does_not_stop_a_load(db_settings, tmp_path, monkeypatch):
    monkeypatch.setattr("coagg.etl.firms.year.QUIET_TRIES", 2)
    count = "SELECT count(*), count(geom), max(row_number) FROM clean.firm"
    load(db_settings, survey(tmp_path / "a.csv", 20))
    with database.snapshot(db_settings) as idle:  # its lock stays until the end
        before = idle.execute(count).fetchone()
        for number in (30, 10):
            load(db_settings, survey(tmp_path / f"{number}.csv", number))
            assert one(db_settings, count) == (number, number, number)
            assert idle.execute(count).fetchone() == before
        load(db_settings, survey(tmp_path / "new.csv", 15), 2012)
        assert one(db_settings, "SELECT count(*) FROM clean.firm") == (25,)
    load(db_settings, survey(tmp_path / "quiet.csv", 40))
    ((partitions, names),) = [
        one(
            db_settings,
            "SELECT (SELECT count(*) FROM pg_class WHERE starts_with(relname, 'firm_cn_20') "
            "AND relkind = 'r'), (SELECT count(*) FROM ops.load JOIN pg_class "
            "ON relname = partition_name WHERE superseded_at IS NULL)",
        )
    ]
    assert (partitions, names) == (2, 2)


def test_a_withdrawal_is_held_up_by_a_reader_who_is_named(db_settings, tmp_path, monkeypatch):
    load(db_settings, survey(tmp_path / "a.csv", 20))
    with database.connect(db_settings) as connection:
        connection.execute("SELECT count(*) FROM clean.firm")
        with (
            database.connect(db_settings) as other,
            pytest.raises(CoaggError, match="the year was not withdrawn") as refused,
        ):
            in_a_quiet_moment(
                other, "SELECT clean.withdraw_year(%s, %s)", ("CN", 2013), "withdrawn", 2
            )
        assert f"process {connection.info.backend_pid} of" in str(refused.value)
        assert "idle in transaction since" in str(refused.value)
    assert one(db_settings, "SELECT count(*) FROM clean.firm") == (20,)


def test_the_data_base_refuses_counts_that_do_not_add_up(db_settings, tmp_path):
    load(db_settings, survey(tmp_path / "a.csv", 20))
    with database.connect(db_settings) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("UPDATE ops.load SET rows_clean = rows_clean - 1")


def test_the_received_file_is_kept_under_its_hash(db_settings, tmp_path):
    file = survey(tmp_path / "a.csv")
    load(db_settings, file)
    (sha256,) = one(db_settings, "SELECT file_sha256 FROM ops.load")
    kept = db_settings.received_dir / f"{sha256}.csv"
    assert kept.read_bytes() == file.read_bytes()


def test_a_full_disk_is_one_line_and_changes_nothing(db_settings, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ledger.shutil, "copyfile", full)
    with pytest.raises(CoaggError, match=r"No space left on device; .*: make room") as caught:
        load(db_settings, survey(tmp_path / "full.csv", 17))
    assert "\n" not in str(caught.value)
    assert one(db_settings, "SELECT count(*) FROM clean.firm") == (0,)


def test_a_file_of_nothing_but_refusals_is_refused(db_settings, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(HEADER + "1,a,5101,3660,1,1,,\n2,b,5101,3660,1,1,0,0\n")
    with pytest.raises(CoaggError, match=r"every one of its 2 rows .*1 coordinates_missing"):
        load(db_settings, file)
    assert one(db_settings, "SELECT count(*) FROM clean.refused") == (0,)


def test_a_wrong_datum_is_said(db_settings, tmp_path):
    """Points along the border of Chengdu, read half a kilometre off."""
    with database.connect(db_settings) as connection:
        rows = connection.execute(
            "SELECT ST_X(p.geom), ST_Y(p.geom) FROM reference.prefecture, "
            "ST_DumpPoints(ST_GeneratePoints(ST_Difference(geom, ST_Buffer(geom, -0.012)), 3000, 1)"
            ") AS p WHERE prefecture_code = '5101'"
        ).fetchall()
    lon, lat = np.array(rows).T
    lon, lat = coordinates.gcj02_to_bd09(*coordinates.wgs84_to_gcj02(lon, lat))
    file = tmp_path / "a.csv"
    line = "{n:09d},f{n},5101,3660,1,1,{x:.6f},{y:.6f}\n"
    points = enumerate(zip(lon, lat, strict=True))
    file.write_text(HEADER + "".join(line.format(n=n, x=x, y=y) for n, (x, y) in points))
    assert "is it --datum bd09?" in load(db_settings, file).facts["datum_note"]
    assert load(db_settings, file, datum="bd09").facts["datum_note"] is None
    silent = tmp_path / "silent.csv"
    silent.write_text(
        "column,note,2013\nplace_code,,place_code\nindustry_code,,industry_code\n"
        "lon,,lon\nlat,,lat\n"
    )
    unstated = load_firms(db_settings, file, 2013, layout=str(silent), accept="no amounts")
    assert unstated.datum == "bd09"
    assert "no datum stated" in unstated.facts["datum_note"]


def test_the_real_sample_shows_its_known_faults(db_settings, sample_dir):
    report = load_firms(
        db_settings, sample_dir / "firms/cn_example_2013_drewdrop.csv", 2013, layout="drewdrop"
    )
    assert (report.rows_read, report.encoding, report.datum) == (99_998, "utf-8-sig", "bd09")
    assert report.classification == "gbt4754_2011"
    assert report.rows_clean + report.rows_refused == 99_998
    assert report.reasons["coordinates_missing"] == 2
    assert report.flags["place_missing"] == 4_565
    assert report.flags["industry_zero_restored"] == 2_948
    facts = report.facts
    assert (facts["firms_on_points_of_50"], facts["points_of_50"]) == (26_105, 191)
    assert facts["largest_pile_up"] == 806
    shares = facts["datum_shares_inside"]
    assert max(shares, key=lambda datum: shares[datum]["any"]) == "bd09"
    assert max(shares, key=lambda datum: shares[datum]["own"]) == "bd09"
    assert 0.105 < report.flags["outside_own_prefecture"] / report.rows_clean < 0.12


def test_the_distance_of_strayed_firms_is_that_of_a_geodesic_search(db_settings, tmp_path):
    rng = np.random.default_rng(2)
    lines = "".join(
        f"{n:09d},f{n},5101,3660,1,1,{x:.6f},{y:.6f}\n"
        for n, (x, y) in enumerate(
            zip(rng.uniform(102, 110, 60), rng.uniform(28, 33, 60), strict=True)
        )
    )
    file = tmp_path / "a.csv"
    file.write_text(HEADER + lines)
    load(db_settings, file)
    with database.connect(db_settings) as connection:
        rows = connection.execute(
            "SELECT f.distance_to_own_km, ST_Distance(p.geom::geography, f.geom::geography) / 1000 "
            "FROM clean.firm AS f JOIN reference.prefecture AS p "
            "ON p.country = 'CN' AND p.prefecture_code = '5101' WHERE f.distance_to_own_km > 0"
        ).fetchall()
    ours, geodesic = np.array(rows).T
    assert len(rows) > 40
    assert (ours >= geodesic * (1 - 1e-6)).all()
    assert (ours <= geodesic * 1.01 + 0.05).all()
