"""Agglomerations that are areas of their own in force: firms, index, panel, and back again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import psycopg
import pytest
import shapely
from support.area_files import BOX, EAST, WEST, made, written
from support.panel_world import PLACES, World

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.measurement.stale import stale_cells
from coagg.analysis.panel.build import build_panel, stale_builds
from coagg.errors import CoaggError
from coagg.etl.firms import gate
from coagg.etl.firms.load import load_firms
from coagg.etl.reference import area_shapes, countries
from coagg.etl.reference.areas import AreaChoices
from coagg.etl.reference.load import load_reference
from coagg.settings import PROJECT, Settings
from coagg.withdraw import withdraw_firms


@pytest.fixture
def load(reference_db: psycopg.Connection, tmp_path: Path):
    """Put areas in force, as `coagg load reference` does."""

    def put(shapes: dict[str, shapely.Geometry], **choices: str) -> list[str]:
        path = written(made(shapes), tmp_path / "own.gpkg")
        report = load_reference(
            reference_db, agglomerations=path, area_choices=AreaChoices(**choices)
        )
        reference_db.commit()
        return report.lines()

    return put


@pytest.mark.parametrize(
    ("shapes", "choices", "complaint"),
    [
        ({"W": WEST, "S": BOX(0, -40, 1, -39)}, {}, "S of 2 areas lie outside of the country"),
        ({"W": WEST}, {"country": "GB"}, "W of 1 areas lie outside of the country"),
        ({"W": WEST, "G": BOX(-2, 52, -1, 53)}, {}, "lies in CN and GB; say one with"),
    ],
)
def test_areas_off_the_country_change_nothing(reference_db, load, shapes, choices, complaint):
    before = reference_db.execute("SELECT count(*) FROM reference.agglomeration").fetchall()
    with pytest.raises(CoaggError, match=complaint):
        load(shapes, **choices)
    reference_db.rollback()
    after = reference_db.execute("SELECT count(*) FROM reference.agglomeration").fetchall()
    assert before == after


# ---- firms


def cells(connection: psycopg.Connection) -> list[tuple]:
    """All that the one statement on who stands in a cell says of the Chinese firms."""
    found = connection.execute(
        "SELECT * FROM clean.cell_firm WHERE country = 'CN' "
        "ORDER BY survey_year, classification, row_number"
    ).fetchall()
    connection.commit()
    return found


@pytest.fixture
def points(reference_db, put_firms) -> tuple[np.ndarray, np.ndarray]:
    """400 firms of 8 industries in one prefecture, on both sides of a line, some off the areas."""
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(103.7, 104.5, 400), rng.uniform(30.5, 30.8, 400)
    put_firms(reference_db, 2013, lon, lat, [str(131 + n % 8) for n in range(400)])
    return lon, lat


def test_firms_belong_by_their_point_and_back_by_their_prefecture(
    reference_db, points, load, tmp_path
):
    before = cells(reference_db)
    (line,) = load({"W": WEST, "E": EAST})
    assert "country by place" in line
    lon, lat = points
    for classification in ("own", "gbt4754_2002"):
        rows = reference_db.execute(
            "SELECT row_number, agglomeration_code FROM clean.cell_firm WHERE country = 'CN' "
            "AND survey_year = 2013 AND classification = %s ORDER BY 1",
            (classification,),
        ).fetchall()
        assert [number for number, _ in rows] == list(range(1, 401))  # each once, outside too
        for (_, code), x, y in zip(rows, lon, lat, strict=True):
            inside = [c for c, shape in (("W", WEST), ("E", EAST))
                      if shapely.intersects_xy(shape, x, y)]  # fmt: skip
            assert [code] == (inside or [None])
    counts = dict(
        reference_db.execute(
            "SELECT agglomeration_code, count(*) FROM clean.firm_located GROUP BY 1"
        ).fetchall()
    )
    assert counts.keys() == {"W", "E", None}
    assert f"CN firms inside {counts['W'] + counts['E']}, CN firms outside {counts[None]}" in line
    again = load_reference(reference_db, agglomerations=tmp_path / "own.gpkg")
    assert again.loaded == {}  # unchanged
    load_reference(reference_db, agglomerations=countries.of("CN").agglomerations)
    assert cells(reference_db) == before
    assert reference_db.execute("SELECT count(*) FROM clean.firm_area").fetchone() == (0,)
    assert reference_db.execute("SELECT count(*) FROM reference.area_country").fetchone() == (0,)


def test_areas_of_one_country_leave_the_other_ones_list(reference_db, points, load):
    before = cells(reference_db)
    load({"G": BOX(-2, 52, -1, 53)})
    assert cells(reference_db) == before
    kept = "SELECT country, count(*) FROM reference.agglomeration GROUP BY 1 ORDER BY 1"
    assert reference_db.execute(kept).fetchall() == [("CN", 21), ("GB", 1)]


def test_a_shared_border_is_the_lower_codes(reference_db, put_firms, load):
    put_firms(reference_db, 2013, [104.1, 104.1], [30.5, 30.6], ["131", "132"])
    load({"W": WEST, "E": EAST})
    found = reference_db.execute("SELECT DISTINCT agglomeration_code FROM clean.firm_area")
    assert found.fetchall() == [("E",)]


EXACT = IndexSettings(draws=20, seed=7, method="exact")


def test_other_areas_make_only_what_changes_stale(reference_db, db_settings, points, load):
    load({"W": WEST, "E": EAST})
    first = measure(db_settings, IndexRequest(2013, EXACT))
    assert first.pairs_done == 2 * 8 * 7
    assert stale_cells(reference_db) == {}
    reference_db.commit()
    load({"W": WEST, "E": BOX(104.1, 30.4, 104.3, 30.9)})
    stale = {name.split()[-1]: why for name, why in stale_cells(reference_db).items()}
    assert stale == {"E": "changed: firms"}
    reference_db.commit()
    again = measure(db_settings, IndexRequest(2013, EXACT))
    assert (again.units_done, again.units_skipped) == (1, 1)
    # another name of the file, a border that no firm stands near: nothing to do
    load({"W": WEST, "E": BOX(104.1, 30.3, 104.3, 30.9)}, name="code")
    assert stale_cells(reference_db) == {}
    reference_db.commit()
    load({"W": WEST})
    stale = {name.split()[-1]: why for name, why in stale_cells(reference_db).items()}
    assert stale == {"E": "firms are no more"}


def test_a_year_being_loaded_waits_for_areas(reference_db, db_settings, points, tmp_path):
    path = written(made({"W": WEST}), tmp_path / "own.gpkg")
    with database.connect(db_settings) as other:
        other.execute("SELECT 1")  # in a transaction: the load is not committed
        load_reference(other, agglomerations=path)
        reference_db.execute("SET lock_timeout = 200")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            reference_db.execute("SELECT clean.place_in_areas('CN', 2013, 'clean.firm')")
        reference_db.rollback()


# ---- a year that is loaded, replaced, withdrawn

HEADER = "CompanyNumber,CompanyName,SICCode.SicText_1,longitude,latitude\n"


def register(path: Path, lon: float, firms: int = 6) -> Path:
    rows = [
        f"{n:08d},F{n} LTD,{(25110, 28110)[n % 2]},{lon + n / 1000:.6f},53.38{n:04d}"
        for n in range(firms)
    ]
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_year_that_is_loaded_gets_its_areas(reference_db, db_settings, load, tmp_path):
    load({"S": BOX(-1.6, 53.3, -1.4, 53.5), "L": BOX(-1.4, 53.3, -1.2, 53.5)})
    held = "SELECT agglomeration_code, count(*) FROM clean.firm_area GROUP BY 1"

    def areas_of() -> list[tuple]:
        found = reference_db.execute(held).fetchall()
        reference_db.commit()
        return found

    first = load_firms(db_settings, register(tmp_path / "a.csv", -1.47), 2024, country="GB")
    assert first.verdict is not None
    assert first.verdict.new.agglomerations == 1
    assert areas_of() == [("S", 6)]
    tried = load_firms(
        db_settings, register(tmp_path / "b.csv", -1.3), 2024, country="GB", dry_run=True
    )
    assert tried.dry_run
    assert areas_of() == [("S", 6)]
    load_firms(db_settings, register(tmp_path / "b.csv", -1.3), 2024, country="GB")
    assert areas_of() == [("L", 6)]
    report = withdraw_firms(db_settings, 2024, "GB")
    assert report.rows["clean.firm_area"] == 6
    assert areas_of() == []


def test_the_gate_counts_areas_with_firms(reference_db, points, load):
    def count() -> int:
        counts = {"reasons": {}, "facts": {}}
        table = psycopg.sql.Identifier("clean", "firm")
        return gate.measure(
            reference_db, table, "CN", 2013, (400, 400, 0), counts
        ).agglomerations  # fmt: skip

    assert count() == 1
    load({"W": WEST, "E": EAST, "far": BOX(106, 29, 107, 30)})
    assert count() == 2


# ---- the panel


def panel_of(settings: Settings, world: World) -> dict[str, list[tuple]]:
    build_panel(settings, world.measurement_id, 2007)
    with database.connect(settings) as connection:
        return {
            table: connection.execute(
                f"SELECT * FROM panel.{table} ORDER BY 1, 2, 3, 4, 5, 6"
            ).fetchall()
            for table in ("industry_cell", "industry_pair")
        }


def test_a_panel_by_areas_is_that_by_members_where_they_hold_the_same(
    reference_db, db_settings, load
):
    """Patents, matches and citations follow the firms: every join goes by the one rule."""
    world = World(reference_db)
    for place, x in zip(PLACES, (104.0, 105.0, 106.0, 107.0), strict=True):
        reference_db.execute(
            "UPDATE clean.firm SET lon = %s, lat = 30 WHERE country = 'CN' "
            "AND prefecture_code = %s", (x, place),
        )  # fmt: skip
    reference_db.commit()
    by_members = panel_of(db_settings, world)
    assert len(by_members["industry_cell"]) == 8
    boxes = {
        world.code_of[place]: BOX(x - 0.1, 29.9, x + 0.1, 30.1)
        for place, x in zip(PLACES, (104.0, 105.0, 106.0, 107.0), strict=True)
    }
    load(boxes)
    assert list(stale_builds(reference_db).values()) == ["changed: agglomerations"]
    reference_db.commit()
    assert panel_of(db_settings, world) == by_members
    assert stale_builds(reference_db) == {}
    reference_db.commit()
    last = world.code_of[PLACES[-1]]
    load({**boxes, last: BOX(108, 29.9, 108.1, 30.1)})  # its firms are outside now
    assert list(stale_builds(reference_db).values()) == ["changed: agglomerations"]
    reference_db.commit()
    assert panel_of(db_settings, world) != by_members


# ---- grid and circles


def test_a_grid_holds_every_firm_in_one_square(reference_db, points, tmp_path):
    frame = area_shapes.grid(reference_db, "CN", 100)
    reference_db.commit()
    assert frame.agglomeration_code.is_unique
    assert frame.agglomeration_code.str.fullmatch(r"E\d{3}N\d{3}").all()
    assert np.allclose(frame.area, 1e10)
    path = tmp_path / "grid.gpkg"
    area_shapes.write(frame, path)
    (line,) = load_reference(reference_db, agglomerations=path).lines()
    assert "overlap" not in line
    assert "CN firms inside 400, CN firms outside 0" in line
    with pytest.raises(CoaggError, match=r"has [\d,]+ squares, more than 20,000"):
        area_shapes.grid(reference_db, "CN", 1)
    with pytest.raises(CoaggError, match="no prefectures of FR are loaded"):
        area_shapes.grid(reference_db, "FR", 1)


# ---- the command line


def test_as_a_person_does_it(run_coagg, reference_db, db_settings, points, tmp_path):
    out, picture = tmp_path / "grid.gpkg", tmp_path / "map.png"
    assert run_coagg("areas", "grid", "--km", 200, "--out", out)[0] == 0
    code, said, _ = run_coagg("load", "reference", "--agglomerations", out, "--area-country", "cn")
    assert code == 0
    assert "code from agglomeration_code, name from name, country from country" in said
    (square,) = reference_db.execute(
        "SELECT agglomeration_code FROM clean.firm_area GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    reference_db.commit()
    assert "an area" in run_coagg("show", "agglomerations", "--country", "CN")[1]
    measure(db_settings, IndexRequest(2013, EXACT, agglomerations=(square,)))
    drawn = run_coagg("map", "--agglomeration", square, "--industry", 131, "--out", picture)
    assert drawn[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = run_coagg("check")[1].splitlines()
    (line,) = [row for row in rows if "reference data are missing" in row]
    assert " 0 " in line
    (line,) = [row for row in rows if "results older" in row]
    assert " 0 " in line
    code, _, fault = run_coagg(
        "load",
        "reference",
        "--agglomerations",
        countries.of("CN").agglomerations,
        "--area-code",
        "x",
    )
    assert code == 2
    assert "--area-code: of a vector file only" in fault


def test_the_page_runs(run_coagg, tmp_path):
    """docs/areas.md: every block of commands, in order, on the points that it shows."""
    page = (PROJECT / "docs" / "areas.md").read_text(encoding="utf-8")
    (towns,) = re.findall(r"^```csv\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "towns.csv").write_text(towns, encoding="utf-8")
    register(tmp_path / "firms.csv", -1.47, firms=40)
    commands = [
        shlex.split(line)[1:]
        for block in re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
        for line in block.splitlines()
    ]
    assert len(commands) == 9
    for words in commands:
        here = [
            tmp_path / word if re.search(r"\.(csv|gpkg|png)$", word) else word for word in words
        ]
        code, said, fault = run_coagg(*here)
        assert code == 0, (words, said, fault)
    assert (tmp_path / "map.png").exists()
