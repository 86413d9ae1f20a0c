"""`coagg index FILE`: the function on a file, and no data base."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import coagg
from coagg.cli import main

NOWHERE = "postgresql://nobody@localhost:1/none"


@pytest.fixture
def run(monkeypatch, capsys):
    """The command line where there can be no data base: exit code, stdout, stderr."""
    monkeypatch.setenv("COAGG_DATABASE_URL", NOWHERE)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["coagg", "index", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call


@pytest.fixture
def some():
    """The larger industries of the example, with leading zeros in a code of their own."""
    firms = coagg.example("south_yorkshire")
    firms["code"] = "0" + firms["sic3"].str[:2]
    firms["half"] = (firms.geometry.x > -1.4).map({True: "east", False: "west"})
    return firms


ARGUMENTS = ("--draws", "50", "--min-firms", "150", "--workers", "2")


def test_every_kind_of_file_gives_what_the_function_gives(run, some, tmp_path):
    expected = coagg.coagglomeration(some, "code", draws=50, min_firms=150)
    out = tmp_path / "pairs.parquet"
    table = pd.DataFrame(
        {"code": some["code"], "x": some.geometry.x.map(repr), "y": some.geometry.y.map(repr)}
    )
    some.to_parquet(tmp_path / "firms.parquet")
    some.to_file(tmp_path / "firms.gpkg")
    table.to_csv(tmp_path / "firms.csv", index=False)
    table.astype({"x": float, "y": float}).to_parquet(tmp_path / "plain.parquet")
    for name, more in (
        ("firms.parquet", ()),
        ("firms.gpkg", ()),
        ("firms.csv", ("--lon", "x", "--lat", "y")),
        ("plain.parquet", ("--lon", "x", "--lat", "y")),
    ):
        code, said, fault = run(
            tmp_path / name, "--industry", "code", "--out", out, *ARGUMENTS, *more
        )
        assert code == 0, fault
        assert f"{len(expected)} ordered pairs" in said
        found = pd.read_parquet(out)
        assert_frame_equal(found, expected, check_exact=True)
        assert found.attrs == expected.attrs


def test_cells_by_column_to_csv(run, some, tmp_path):
    some.to_parquet(tmp_path / "firms.parquet")
    out = tmp_path / "pairs.csv"
    code, said, fault = run(
        tmp_path / "firms.parquet", "--industry", "code", "--by", "half", "--key", "GB/2024",
        "--out", out, *ARGUMENTS,
    )  # fmt: skip
    assert code == 0, fault
    assert "GB/2024/east" in said
    found = pd.read_csv(out, dtype={"from_industry": str, "to_industry": str})
    expected = coagg.coagglomeration(
        some, "code", by="half", key="GB/2024", draws=50, min_firms=150
    )
    assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def test_projected_coordinates_of_a_table(run, some, tmp_path):
    metres = some.to_crs(27700)
    table = pd.DataFrame({"code": some["code"], "x": metres.geometry.x, "y": metres.geometry.y})
    table.to_csv(tmp_path / "firms.csv", index=False)
    out = tmp_path / "pairs.parquet"
    words = ("--industry", "code", "--out", out, "--lon", "x", "--lat", "y", *ARGUMENTS)
    code, _, fault = run(tmp_path / "firms.csv", *words, "--crs", "EPSG:27700")
    assert code == 0, fault
    expected = coagg.coagglomeration(metres, "code", draws=50, min_firms=150)
    assert_frame_equal(pd.read_parquet(out), expected)
    code, _, fault = run(tmp_path / "firms.csv", *words)
    assert (code, "points lie nowhere on the globe" in fault) == (2, True)


def test_bad_calls_are_one_line(run, some, tmp_path):
    file, out = tmp_path / "firms.parquet", tmp_path / "pairs.parquet"
    some.to_parquet(file)
    (tmp_path / "bad.parquet").write_text("no")
    (tmp_path / "bad.gpkg").write_text("no")
    (tmp_path / "bad.csv").write_text("code,x,y\n061,east,53\n062,1.4,53\n")
    given = ("--industry", "code", "--out", out)
    for words, said in (
        ((), "name a year of the data base (--survey-year 2013) or a FILE"),
        (("--industry", "code", "--survey-year", "2013"), "--industry is of a file"),
        ((file, *given, "--survey-year", "2013"), "--survey-year is of the data base"),
        ((file, *given, "--agglomeration", "CY"), "--agglomeration is of the data base"),
        ((file, "--industry", "code"), "--industry COLUMN --out pairs.parquet"),
        ((file, "--industry", "sic", "--out", out), "no column 'sic'"),
        ((file, "--industry", "code", "--out", tmp_path / "a.xlsx"), "ends in .parquet"),
        ((file, "--industry", "code", "--out", tmp_path / "b" / "a.csv"), "there is no folder"),
        ((file, *given, "--lon", "x", "--lat", "y"), "has points of its own"),
        ((file, *given, "--crs", "EPSG:27700"), "states the CRS WGS 84"),
        ((file, *given, "--draws", "0"), "Invalid value for '--draws'"),
        ((tmp_path / "no.gpkg", *given), "no.gpkg: no such file"),
        ((tmp_path / "bad.parquet", *given), "is no parquet"),
        ((tmp_path / "bad.gpkg", *given), "GeoPandas cannot read it"),
        ((tmp_path / "bad.csv", *given), "name its columns of coordinates"),
        ((tmp_path / "bad.csv", *given, "--lon", "x", "--lat", "z"), "no column 'z'"),
        ((tmp_path / "bad.csv", *given, "--lon", "x", "--lat", "y"), "'east'; give numbers"),
        ((tmp_path / "bad.csv", *given, "--lon", "x", "--lat", "y", "--crs", "Q"), "--crs Q"),
    ):
        code, _, fault = run(*words)
        assert code == 2, words
        assert said in fault, (words, fault)
        assert fault.count("\n") == 1, fault
    assert not out.exists()


def test_a_process_of_its_own_makes_no_server(some, tmp_path):
    """Nothing is started and no folder is made where the private server would be."""
    some.to_parquet(tmp_path / "firms.parquet")
    words = ["index", tmp_path / "firms.parquet", "--industry", "code", "--draws", "5",
             "--min-firms", "300", "--out", tmp_path / "pairs.csv"]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if k != "COAGG_DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-c", "from coagg.cli import main; main()", *map(str, words)],
        capture_output=True,
        text=True,
        env=environment | {"COAGG_DATA_DIR": str(tmp_path / "nowhere")},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pairs.csv").exists()
    assert not (tmp_path / "nowhere").exists()
