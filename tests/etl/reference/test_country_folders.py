"""Countries by data alone: a folder from its template to loaded firms; all that is wrong said."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms.country_check import check_country
from coagg.etl.firms.layouts import load_layout
from coagg.etl.firms.load import load_firms
from coagg.etl.reference import countries
from coagg.etl.reference.classifications import read_classification
from coagg.etl.reference.country_new import new_country
from coagg.etl.reference.load import load_reference, pending

CASES = Path(__file__).parents[2] / "data" / "strangers"
SCIAN = """\
industry_code,section,name
31-33,31-33,Industrias manufactureras
32,31-33,Industrias manufactureras
325,31-33,Industria química
3252,31-33,Resinas y hules sintéticos
325211,31-33,Resinas sintéticas
33,31-33,Industrias manufactureras
332,31-33,Productos metálicos
3328,31-33,Recubrimientos
332810,31-33,Recubrimientos
336,31-33,Equipo de transporte
3363,31-33,Partes para vehículos
336320,31-33,Equipo eléctrico
"""
FILLED = {
    'name = "FILL IN" # in': 'name = "Mexico" # in',
    'names = []': 'names = ["MEX", "México"]',
    'file = "boundaries/FILL IN"': 'file = "boundaries/municipios.gpkg"',
    'source = "FILL IN"': 'source = "made for a test"',
    'code = "FILL IN"': 'code = "cvegeo"',
    'name = "FILL IN" # the': 'name = "nomgeo" # the',
    'datums = ["wgs84"]': 'datums = ["wgs84", "EPSG:32614"]',
    'name = "mx_industries"': 'name = "scian2018"',
    'title = "FILL IN"': 'title = "SCIAN 2018"',
    "digits = [2, 3, 4]": "digits = [2, 3, 4, 6]",
}  # fmt: skip


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A folder for a user's own countries, empty."""
    monkeypatch.setenv("COAGG_COUNTRIES", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def mexico(own) -> Path:
    """Mexico as a user would fill it in: two made municipalities, SCIAN, one agglomeration."""
    new_country("mx")
    folder = own / "MX"
    replace(folder / "country.toml", FILLED)
    areas = gpd.GeoDataFrame(
        {"cvegeo": ["09002", "09003"], "nomgeo": ["Azcapotzalco", "Coyoacán"]},
        geometry=[
            shapely.box(480_000, 2_140_000, 495_000, 2_160_000),
            shapely.box(495_000, 2_140_000, 510_000, 2_160_000),
        ],
        crs="EPSG:32614",
    )
    areas.to_file(folder / "boundaries" / "municipios.gpkg")
    (folder / "classifications" / "mx_industries.csv").unlink()
    (folder / "classifications" / "scian2018.csv").write_text(SCIAN, encoding="utf-8")
    (folder / "agglomerations.csv").write_text(
        "agglomeration_code,name,prefecture_code\nVM,Valle de México,09002\n"
        "VM,Valle de México,09003\n",
        encoding="utf-8",
    )
    (folder / "layouts" / "mx_firms.csv").unlink()
    shutil.copy(CASES / "mx_layout.csv", folder / "layouts" / "mx_plants.csv")
    return folder


def replace(file: Path, changes: dict[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")


def test_a_mexican_register_loads_from_a_folder_alone(mexico, db_settings):
    found = check_country(mexico, CASES / "mx_2008.csv", 2008)
    assert found.faults == []
    assert found.counts | {} == found.counts | {
        "areas": 2, "agglomerations": 1, "members": 2, "codes of scian2018": 12,
        "industries of scian2018": 3, "layouts": 1, "points of the example": 60,
        "points in an area": 60, "classification of the example": "scian2018",
    }  # fmt: skip
    report = load_firms(
        db_settings, CASES / "mx_2008.csv", 2008, layout=str(CASES / "mx_layout.csv")
    )
    assert (report.country, report.rows_clean, report.rows_refused) == ("MX", 60, 0)
    assert report.classification == "scian2018"
    again = load_firms(db_settings, CASES / "mx_2008.csv", 2008)  # by the layout of the folder
    assert (again.unchanged, again.rows_clean) == (True, 60)
    with database.connect(db_settings) as connection:
        rows = connection.execute(
            "SELECT industry, agglomeration_code, count(*), count(DISTINCT prefecture_code) "
            "FROM clean.firm_located WHERE country = 'MX' GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        assert [row[:3] for row in rows] == [
            ("325", "VM", 20), ("332", "VM", 20), ("336", "VM", 20)
        ]  # fmt: skip
        described = connection.execute(
            "SELECT name, classification, west, north, home FROM reference.country "
            "WHERE country = 'MX'"
        ).fetchone()
        assert described is not None
        assert described[:2] == ("Mexico", "scian2018")
        assert -100.2 < described[2] < -99.6
        assert 19.8 < described[3] < 20.2
        assert not described[4]
        # what is loaded of others stays as it is
        assert pending(connection) == []


def test_a_second_country_leaves_the_loads_of_the_first(mexico, db_settings):
    from coagg.etl.reference.held import cleaning_inputs

    with database.connect(db_settings) as connection:
        before = cleaning_inputs(connection, countries.COUNTRY, 2013)
        report = load_reference(connection, only=["MX"])
        assert list(report.loaded) == [
            "prefectures MX", "place codes MX", "agglomerations MX", "classification scian2018"
        ]  # fmt: skip
        assert cleaning_inputs(connection, countries.COUNTRY, 2013) == before
        assert load_reference(connection, only=["MX"]).loaded == {}
        connection.commit()
        (mexico / "agglomerations.csv").write_text(
            "agglomeration_code,name,prefecture_code\nVM,Valle,09002\n", encoding="utf-8"
        )
        assert pending(connection) == ["agglomerations MX"]  # it is loaded, so it is kept up


def test_a_fresh_folder_says_what_to_fill_in(own):
    files = new_country("FR")
    assert {str(file.relative_to(own / "FR")) for file in files} == {
        "README.md", "agglomerations.csv", "classifications/fr_industries.csv", "country.toml",
        "layouts/fr_firms.csv",
    }  # fmt: skip
    faults = check_country(own / "FR").faults
    assert len(faults) == 6
    assert all("FILL IN" in fault and "country.toml line " in fault for fault in faults)
    # and stands in nobody's way
    assert "FR" not in [country.code for country in countries.every()]
    assert load_layout("demo").name == "demo"
    with pytest.raises(CoaggError, match=r"country.toml line 4: name is 'FILL IN'"):
        countries.of("FR")
    with pytest.raises(CoaggError, match="is there already"):
        new_country("FR")
    with pytest.raises(CoaggError, match="two letters of ISO 3166"):
        new_country("France")


@pytest.mark.parametrize(
    ("file", "changes", "says"),
    [
        ("country.toml", {'code = "cvegeo"': 'kode = "cvegeo"'},
         ["unknown entry areas.kode; do you mean code?", "areas.code is missing"]),
        ("country.toml", {'code = "MX"': 'code = "mx"'}, ["line 3: code is 'mx'; write two cap"]),
        ("country.toml", {'code = "MX"': 'code = "CU"'}, ["its folder is MX, name it CU"]),
        ("country.toml", {'"EPSG:32614"': '"utm14"'}, ["utm14"]),
        ("country.toml", {'datum = "wgs84"': 'datum = "bd09"'},
         ["coordinates.datum is 'bd09'; it must be one of"]),
        ("country.toml", {"[coordinates]": "[coordinates"}, ["is no TOML"]),
        ("country.toml", {'divisions = "01-99"': 'divisions = "all"'},
         ["industry.divisions is 'all'; write first and last division"]),
        ("country.toml", {'name = "scian2018"': 'name = "SCIAN 2018"'}, ["is no name"]),
        ("country.toml", {"digits = [2, 3, 4, 6]": "digits = [2, 3]"},
         ["scian2018.csv line 5: '3252' is no industry code"]),
        ("country.toml", {'code = "cvegeo"': 'code = "clave"'},
         ["has no column 'clave' (areas.code); it has cvegeo, nomgeo"]),
        ("country.toml", {'code = "cvegeo"': 'code = "cvegeo"\ncode_pattern = "(..)"'},
         ["1 areas have the code of another, 09 say"]),
        ("country.toml", {'code = "cvegeo"': 'code = "cvegeo"\ncode_pattern = "("'},
         ["areas.code_pattern is no regular expression"]),
        ("country.toml", {'code = "cvegeo"': 'code = "cvegeo"\nbox = [0, 0, 1, 1]'},
         ["areas.box [0, 0, 1, 1] does not hold the areas"]),
        ("country.toml", {'code = "cvegeo"': 'code = "cvegeo"\nbox = [0, 0, "a"]'},
         ["write west, south, east, north"]),
        ("country.toml", {"municipios.gpkg": "nowhere.gpkg"}, ["nowhere.gpkg: no such file"]),
        ("country.toml", {"municipios.gpkg": "../agglomerations.csv"}, ["agglomerations.csv"]),
        ("agglomerations.csv", {"09002": "09999", "09003": "09998"},
         ["line 2: 09999 is no code of an area of MX (codes are such as 09002",
          "line 3: 09998 is no"]),
        ("agglomerations.csv", {"VM,Valle de México,09003": "VM,Valle,09003"},
         ["line 3: VM has another name"]),
        ("classifications/scian2018.csv", {"\n325,": "\n0325x,"},
         ["line 4: '0325x' is no industry"]),
        ("layouts/mx_plants.csv", {"@country,,MX": "@country,,CN"},
         ["@country of 2008 is 'CN'; write MX"]),
        ("layouts/mx_plants.csv", {"EPSG:32614": "bd09"}, ["datum bd09 is used in China only"]),
        ("layouts/mx_plants.csv", {"industry_code,,scian": "industry_code,,"},
         ["industry_code of 2008 is empty"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_folder_is_said(mexico, file, changes, says):
    replace(mexico / file, changes)
    faults = check_country(mexico).faults
    for said in says:
        assert any(said in fault for fault in faults), faults
    assert all("\n" not in fault and str(mexico) in fault for fault in faults), faults


def test_warnings_do_not_stop(mexico):
    replace(mexico / "country.toml", {'place_codes = "areas"': ""})
    (mexico / "agglomerations.csv").unlink()
    found = check_country(mexico)
    assert found.faults == []
    told = " | ".join(found.warnings)
    assert "no place codes" in told
    assert "no agglomerations.csv" in told
    gone = {
        "\n336,": "\n339,", "\n3363,": "\n3399,", "\n33,": "\n34,", "336320,31-33": "336320,",
    }  # fmt: skip
    replace(mexico / "classifications" / "scian2018.csv", gone)
    assert any(
        "codes have no code above them, 336320 say" in one for one in check_country(mexico).warnings
    )


def test_an_example_elsewhere_is_told(mexico, tmp_path):
    text = (CASES / "mx_2008.csv").read_text(encoding="utf-8")
    far = tmp_path / "far.csv"
    far.write_text(text.replace(",48", ",52").replace(",49", ",53"), encoding="utf-8")
    (fault,) = check_country(mexico, far, 2008).faults
    assert "of 60 usable points lie in an area, read as EPSG:32614" in fault
    with pytest.raises(CoaggError, match="name the year of its firms"):
        check_country(mexico, far)


def test_an_own_folder_stands_in_for_a_shipped_one(own):
    shutil.copytree(countries.SHIPPED / "ES", own / "ES")
    replace(own / "ES" / "country.toml", {'name = "Spain"': 'name = "My Spain"'})
    assert countries.of("ES").name == "My Spain"
    assert not countries.of("ES").shipped
    assert load_layout("es_firms").path.is_relative_to(own)


def test_every_shipped_country_is_sound():
    for code, folder in countries.folders().items():
        found = check_country(folder)
        assert found.faults == [], code
        assert found.counts["areas"]
        assert found.counts["agglomerations"]


def test_a_box_is_taken_from_the_areas_where_none_is_stated():
    west, south, east, north = countries.box("ES")
    assert (round(west, 1), round(south, 1), round(east, 1), round(north, 1)) == (
        -18.7, 27.1, 4.8, 44.3,
    )  # fmt: skip


SECTIONS = """\
industry_code,section,name
C,C,Manufacturing
10,C,Food
10A,C,Meat
10A1,C,Meat of cattle
"""


def test_a_classification_of_another_shape(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(SECTIONS, encoding="utf-8")
    described = countries.Classification(
        "own", "own", file, digits=(), code="[0-9]{2}[0-9A-Z]*", short=()
    )
    table = read_classification(file, described)
    assert table[["industry_code", "level", "parent_code"]].fillna("").to_numpy().tolist() == [
        ["C", 1, ""], ["10", 2, "C"], ["10A", 3, "10"], ["10A1", 4, "10A"]
    ]  # fmt: skip
    file.write_text(SECTIONS + "1-A,C,Fish\n", encoding="utf-8")
    with pytest.raises(CoaggError, match="line 6: '1-A' is no industry code: own has codes of"):
        read_classification(file, described)
