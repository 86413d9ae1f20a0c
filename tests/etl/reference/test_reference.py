"""Reference data through the loader, in a real data base."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.reference import agglomerations, boundaries, classifications, countries
from coagg.etl.reference.held import cleaning_inputs, code_sets
from coagg.etl.reference.load import load_reference
from coagg.settings import Settings


def one(connection: psycopg.Connection, query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values or None).fetchone()
    assert row is not None
    return row[0]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def state(connection: psycopg.Connection) -> list[tuple]:
    """Everything loaded, so that two states can be compared."""
    return [
        connection.execute(query.encode()).fetchall()
        for query in (
            "SELECT country, prefecture_code, name, name_en, md5(public.st_asbinary(geom)) "
            "FROM reference.prefecture ORDER BY 1, 2",
            "SELECT * FROM reference.prefecture_code ORDER BY 1, 2, 3",
            "SELECT country, agglomeration_code, name, md5(public.st_asbinary(geom)) "
            "FROM reference.agglomeration ORDER BY 1, 2",
            "SELECT * FROM reference.agglomeration_member ORDER BY 1, 2, 3",
            "SELECT * FROM reference.industry ORDER BY 1, 2",
            "SELECT * FROM reference.industry_concordance ORDER BY 1, 2, 3, 4",
        )
    ]


# ---- areas


def test_codes_of_areas() -> None:
    pattern = countries.of("CN").areas.code_pattern
    assert boundaries.area_code("156441400", pattern) == "4414"
    assert boundaries.area_code("156110000", pattern) == "1100"
    assert boundaries.area_code("156429004", pattern) == "429004"


def test_faults_of_the_area_file_are_mended_and_reported() -> None:
    frame, findings = boundaries.read_prefectures("CN")
    found = {finding.item: finding for finding in findings}
    assert found["CN features read"].count == 388
    assert found["CN lines dropped"].count == 13
    assert found["CN features without a code"].count == 13
    assert found["CN invalid areas made valid"].count == 1
    assert "659006" in str(found["CN invalid areas made valid"].detail)
    assert len(frame) == 375
    assert frame["prefecture_code"].is_unique
    assert frame.crs.to_epsg() == 4326
    assert frame.is_valid.all()
    assert set(frame.geom_type) == {"MultiPolygon"}
    assert frame["name_en"].notna().all()


def test_names_file_agrees_with_the_areas() -> None:
    frame, _ = boundaries.read_prefectures("CN")
    names = pd.read_csv(countries.of("CN").areas.names, dtype=str).set_index("prefecture_code")[
        "name"
    ]
    assert frame.set_index("prefecture_code")["name"].equals(names.sort_index())


# ---- loading


def test_second_load_changes_nothing(reference_db: psycopg.Connection) -> None:
    before = state(reference_db)
    report = load_reference(reference_db)
    assert report.loaded == {}
    assert report.lines() == []
    assert {"prefectures CN", "prefectures GB"} <= set(report.unchanged)
    assert state(reference_db) == before


def test_forced_reload_gives_the_same_rows(reference_db: psycopg.Connection) -> None:
    before, used = state(reference_db), cleaning_inputs(reference_db, "CN", 2010)
    reference_db.execute("UPDATE reference.load_report SET detail = '' WHERE item = 'sha256'")
    said: list[str] = []
    report = load_reference(reference_db, progress=said.append)
    assert list(report.loaded) == said
    assert report.unchanged == []
    assert any("CN lines dropped 13" in line for line in report.lines())
    assert state(reference_db) == before
    assert cleaning_inputs(reference_db, "CN", 2010) == used


def test_load_needs_and_touches_no_search_path(db: psycopg.Connection) -> None:
    db.execute("SET search_path = ''")
    load_reference(db)
    db.commit()
    assert one(db, "SHOW search_path") == '""'
    assert one(db, "SELECT count(*) FROM reference.prefecture WHERE country = 'CN'") == 375
    left = "SELECT count(*) FROM pg_class WHERE starts_with(relname, 'incoming_') AND relkind = 'r'"
    assert one(db, left) == 0


def test_two_loads_at_once_give_one(db_settings: Settings) -> None:
    reports = []

    def run() -> None:
        with database.connect(db_settings) as connection:
            reports.append(load_reference(connection))

    with database.connect(db_settings) as connection:
        connection.execute(
            "UPDATE reference.load_report SET detail = '' "
            "WHERE item = 'sha256' AND source = 'agglomerations CN'"
        )
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(list(report.loaded) for report in reports) == [[], ["agglomerations CN"]]


# ---- place codes


def test_place_codes_of_the_real_sample(reference_db: psycopg.Connection, sample_dir: Path) -> None:
    sample = pd.read_csv(
        sample_dir / "firms" / "cn_example_2013_drewdrop.csv",
        usecols=["city"],
        dtype=str,
        encoding="utf-8-sig",
    )
    firms = sample["city"].value_counts()
    known = dict(
        reference_db.execute(
            "SELECT place_code, prefecture_code FROM reference.prefecture_code "
            "WHERE country = 'CN' AND survey_year = 2013"
        ).fetchall()
    )
    assert {code: n for code, n in firms.items() if code not in known} == {"0": 4565, "220": 1}
    unsettled = {code: n for code, n in firms.items() if code in known and known[code] is None}
    assert unsettled == {"4290": 247, "6590": 62, "4690": 60}


# ---- agglomerations


def test_claims_are_settled_by_the_stated_rule(reference_db: psycopg.Connection) -> None:
    rows = pd.DataFrame(
        reference_db.execute(
            "SELECT agglomeration_code, prefecture_code, core, coverage, assigned, rule "
            "FROM reference.agglomeration_member"
        ).fetchall(),
        columns=["agglomeration", "prefecture", "core", "coverage", "assigned", "rule"],
    )
    cores = {(row.agglomeration, row.prefecture[:2]) for row in rows[rows.core].itertuples()}
    contested = 0
    for prefecture, claims in rows.groupby("prefecture"):
        if len(claims) == 1:
            assert claims.assigned.all()
            continue
        contested += 1
        winner = claims[[(a, str(prefecture)[:2]) in cores for a in claims.agglomeration]]
        if winner.empty:
            winner = claims[claims.coverage == "whole"]
        assert list(winner.agglomeration) == list(claims.agglomeration[claims.assigned])
        assert claims.rule[~claims.assigned].str.contains(winner.agglomeration.iloc[0]).all()
    assert contested == 8


def test_what_ships_is_called_shipped(reference_db: psycopg.Connection) -> None:
    files = reference_db.execute(
        "SELECT source, detail FROM reference.load_report WHERE item = 'file'"
    ).fetchall()
    assert len(files) == 12
    assert {detail for _, detail in files} == {"shipped"}


def test_own_agglomerations_replace_the_shipped_and_stay(
    reference_db: psycopg.Connection, tmp_path: Path
) -> None:
    own = write(
        tmp_path / "own.csv",
        "agglomeration_code,name,prefecture_code,assigned",
        "A,First,5101,",
        "A,First,5106,true",
        "B,Second,5106,false",
        "B,Second,5000,true",
    )
    shipped = state(reference_db)
    report = load_reference(reference_db, agglomerations=own)
    assert list(report.loaded) == ["agglomerations CN"]
    assert load_reference(reference_db).loaded == {}
    count = "SELECT count(*) FROM reference.agglomeration WHERE country = %s"
    assert reference_db.execute(count, ("CN",)).fetchall() == [(2,)]
    assert reference_db.execute(count, ("GB",)).fetchall() == [(1,)]  # a Chinese list leaves it
    assert one(
        reference_db,
        "SELECT public.st_equals(a.geom, public.st_union(p.geom)) "
        "FROM reference.agglomeration AS a "
        "JOIN reference.prefecture AS p ON p.prefecture_code IN ('5101', '5106') "
        "WHERE a.agglomeration_code = 'A' GROUP BY a.geom",
    )
    back = load_reference(reference_db, agglomerations=countries.of("CN").agglomerations)
    assert list(back.loaded) == ["agglomerations CN"]
    assert state(reference_db) == shipped


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_list_as_spreadsheets_write_it(
    tmp_path: Path, sign: str, encoding: str, ends: str
) -> None:
    lines = [["name", "prefecture_code", "agglomeration_code"], ["First", "5101", "A"]]
    path = tmp_path / "own.csv"
    path.write_bytes(ends.join(map(sign.join, lines)).encode(encoding))
    table = agglomerations.read_agglomerations(path, {("CN", "5101")})
    assert table[["agglomeration_code", "name", "prefecture_code"]].values.tolist() == [
        ["A", "First", "5101"]
    ]


def test_a_list_for_one_country_leaves_the_others(
    reference_db: psycopg.Connection, tmp_path: Path
) -> None:
    count = "SELECT count(*) FROM reference.agglomeration WHERE country = %s"
    area = (
        "SELECT md5(string_agg(public.st_asbinary(geom)::text, '' ORDER BY agglomeration_code)) "
        "FROM reference.agglomeration WHERE country = 'CN'"
    )
    chinese, before = one(reference_db, count, "CN"), one(reference_db, area)
    assert chinese == 21
    case = Path(__file__).parents[2] / "data" / "strangers" / "agg_gb_only.csv"
    report = load_reference(reference_db, agglomerations=case)
    assert "GB agglomerations 1, GB members 1" in report.lines()[0]
    assert one(reference_db, count, "CN") == chinese
    assert one(reference_db, area) == before
    named = "SELECT name FROM reference.agglomeration WHERE country = 'GB'"
    assert one(reference_db, named) == "North West"
    # and the other way round: an own list of China leaves the own one of the United Kingdom
    own = write(tmp_path / "own.csv", "agglomeration_code,name,prefecture_code", "X,成都,5101")
    load_reference(reference_db, agglomerations=own)
    assert (one(reference_db, count, "CN"), one(reference_db, named)) == (1, "North West")
    load_reference(reference_db, agglomerations=countries.of("CN").agglomerations)
    assert (one(reference_db, count, "CN"), one(reference_db, named)) == (chinese, "North West")
    load_reference(reference_db, agglomerations=countries.of("GB").agglomerations)
    assert one(reference_db, named) != "North West"


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["A,First,3712"], "line 2: 3712 is no prefecture of CN"),
        (["A,First,5101", "A,First,5101"], "line 3: A lists 5101 twice"),
        (["A,First,5101", "B,Second,5101"], "5101 is assigned to A and B; set assigned to false"),
        (["A,First,5101", "A,Premier,5106"], "line 3: A has another name"),
        (["A,,5101"], "line 2: name is blank"),
        ([], "no rows after the header"),
    ],
)
def test_faulty_agglomerations_are_refused(
    tmp_path: Path, lines: list[str], complaint: str
) -> None:
    own = write(tmp_path / "own.csv", "agglomeration_code,name,prefecture_code", *lines)
    with pytest.raises(CoaggError) as refusal:
        agglomerations.read_agglomerations(own, {("CN", "5101"), ("CN", "5106")})
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_refused_file_changes_nothing(reference_db: psycopg.Connection, tmp_path: Path) -> None:
    own = write(tmp_path / "own.csv", "agglomeration_code,name,prefecture_code", "A,First,3712")
    reference_db.execute("UPDATE reference.load_report SET detail = '' WHERE item = 'sha256'")
    before = state(reference_db)
    with pytest.raises(CoaggError, match="3712 is no prefecture"):
        load_reference(reference_db, agglomerations=own)
    assert state(reference_db) == before


@pytest.mark.parametrize(
    ("header", "row", "complaint"),
    [
        ("agglomeration_code,name", "A,First", "column prefecture_code is missing"),
        ("agglomeration_code,name,prefecture_code,coverage", "A,F,5101,half", "coverage is 'half'"),
        ("agglomeration_code,name,prefecture_code,assigned", "A,F,5101,yes", "write true or false"),
        ("agglomeration_code,name,prefecture_code,assigned", "A,F,5101,false", "assigned to A"),
    ],
)
def test_faulty_columns_are_named(tmp_path: Path, header: str, row: str, complaint: str) -> None:
    own = write(tmp_path / "own.csv", header, row)
    with pytest.raises(CoaggError, match=complaint):
        agglomerations.read_agglomerations(own, {("CN", "5101")})


def test_unreadable_files_are_named(db: psycopg.Connection, tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CoaggError, match="no such file"):
            load_reference(db, agglomerations=path)
    gbk = tmp_path / "gbk.csv"
    gbk.write_bytes("agglomeration_code,name,prefecture_code\nA,成渝,5101\n".encode("gbk"))
    with pytest.raises(CoaggError, match="not UTF-8"):
        agglomerations.read_agglomerations(gbk, set())


# ---- classifications


def test_own_classification_and_concordance(
    reference_db: psycopg.Connection, tmp_path: Path
) -> None:
    own = write(tmp_path / "own.csv", "industry_code,name", "13,Food", "131,Grain", "1310,Milling")
    links = write(
        tmp_path / "gbt4754_1994_to_gbt4754_2002.csv",
        "from_code,to_code,weight",
        "131,131,0.25",
        "131,132,0.75",
    )
    load_reference(
        reference_db, own_classifications={"gbt4754_1994": own}, own_concordances=[links]
    )
    reference_db.execute("UPDATE reference.load_report SET detail = '' WHERE item = 'sha256'")
    load_reference(reference_db)  # the shipped ones anew: the user's own stay
    assert code_sets(reference_db)["gbt4754_1994"] == {"13", "131", "1310"}
    assert reference_db.execute(
        "SELECT industry_code, level, parent_code FROM reference.industry "
        "WHERE classification = 'gbt4754_1994' ORDER BY 1"
    ).fetchall() == [("13", 2, None), ("131", 3, "13"), ("1310", 4, "131")]
    assert reference_db.execute(
        "SELECT to_code, weight FROM reference.industry_concordance "
        "WHERE from_classification = 'gbt4754_1994' ORDER BY 1"
    ).fetchall() == [("131", 0.25), ("132", 0.75)]


@pytest.mark.parametrize(
    ("name", "lines", "complaint"),
    [
        ("gbt4754_2002_to_gbt4754_2011", ["131,131,0.5"], "weights of 131 add to 0.5, not to 1"),
        ("gbt4754_2002_to_gbt4754_2011", ["131,131,much"], "a positive number is needed"),
        ("gbt4754_2002_to_gbt4754_2011", ["131,131,1", "131,131,1"], "stands twice"),
        ("gbt4754_2002_to_gbt4754_2011", ["999,131,1"], "999 is no code of gbt4754_2002"),
        ("gbt4754_1994_to_gbt4754_2002", ["131,131,1"], "gbt4754_1994 is not loaded"),
        ("links", ["131,131,1"], "named FROM_to_TO.csv"),
    ],
)
def test_faulty_concordances_are_refused(
    tmp_path: Path, name: str, lines: list[str], complaint: str
) -> None:
    path = write(tmp_path / f"{name}.csv", "from_code,to_code,weight", *lines)
    codes = {"gbt4754_2002": {"131"}, "gbt4754_2011": {"131"}}
    with pytest.raises(CoaggError, match=complaint):
        classifications.read_concordance(path, codes)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["6,Coal"], "'6' is no industry code; codes are text of 2, 3, 4 digits"),
        (["06,Coal", "06,Coal"], "line 3: code 06 stands twice"),
    ],
)
def test_faulty_classifications_are_refused(
    tmp_path: Path, lines: list[str], complaint: str
) -> None:
    path = write(tmp_path / "own.csv", "industry_code,name", *lines)
    with pytest.raises(CoaggError, match=complaint):
        classifications.read_classification(path, "gbt4754_1994")


def test_unknown_classification_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "own.csv", "industry_code,name", "06,Coal")
    with pytest.raises(CoaggError, match="known are gbt4754_1994"):
        classifications.read_classification(path, "gbt4754_1984")
