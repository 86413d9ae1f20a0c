"""coagg inspect, --map and register at the command line; every command of docs/inspect.md runs."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from coagg import database
from coagg.settings import PROJECT

STRANGERS = PROJECT / "tests" / "data" / "strangers"
PLAIN = STRANGERS / "files_plain.csv"
PAGE = (PROJECT / "docs" / "inspect.md").read_text(encoding="utf-8")
BLOCKS = [
    [line.split("#")[0].strip() for line in block.splitlines()]
    for block in re.findall(r"^```\n(.*?)^```$", PAGE, re.M | re.S)
]
FIRMS = "SELECT count(*) FROM clean.firm"


def count(settings) -> int:
    with database.connect(settings) as connection:
        return connection.execute(FIRMS).fetchone()[0]


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """The files that the page names, in the folder that the commands run in."""
    text = PLAIN.read_text(encoding="utf-8")
    header, *rows = text.splitlines(keepends=True)
    renamed = header.replace("lon,lat", "Longitude,Latitude").replace("industry_code", "sic")
    many = [f"{part}{row}" for part in range(1, 5) for row in rows]  # enough to tell the datum
    (tmp_path / "mapped.csv").write_text(renamed + "".join(many), encoding="utf-8")
    both = header.rstrip() + ",sic\n"
    both += "".join(f"{row.rstrip()},{row.split(',')[3]}\n" for row in many)
    (tmp_path / "both.csv").write_text(both, encoding="utf-8")
    (tmp_path / "base.csv").write_text(header + "".join(rows[:40]), encoding="utf-8")
    added = "".join(f"{row.rstrip()},2013-03-01\n" for row in rows[40:])
    (tmp_path / "added.csv").write_text(header.rstrip() + ",on\n" + added, encoding="utf-8")
    gone = "".join(f"{row.split(',')[0]},2013-05-01\n" for row in rows[:5])
    (tmp_path / "deleted.csv").write_text("firm_id,on\n" + gone, encoding="utf-8")
    shutil.copy(PLAIN, tmp_path / "plain.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(line: str) -> list[str]:
    """A command of the page with files in the place of its capitals."""
    file = "mapped.csv" if "Longitude" in line else "both.csv" if "sic" in line else "plain.csv"
    names = {"FILE": file, "BASE": "base.csv", "ADDED": "added.csv", "DELETED": "deleted.csv"}
    first, *rest = shlex.split(line.removeprefix("./run "))
    assert first == "coagg"
    return [names.get(word, word) for word in rest]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[0][:40])
def test_the_page_runs(db_settings, run_coagg, files, block):
    for line in block:
        code, out, err = run_coagg(*words(line))
        assert code == 0, (line, err)
        assert "Traceback" not in err
        assert out
    if any(" load " in line or " register " in line for line in block):
        assert count(db_settings) in (55, 60, 240)


def test_the_page_has_its_commands():
    assert sum(len(block) for block in BLOCKS) == 10


def test_inspect_says_it_to_programs_and_keeps_nothing(db_settings, run_coagg, files):
    code, out, err = run_coagg("inspect", "mapped.csv", "--json", "--write-layout", "l.csv")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["format"], found["encoding"], found["header_line"]) == ("csv", "utf-8", 1)
    by_header = {row["header"]: row for row in found["columns"]}
    assert by_header["Longitude"]["columns"] == ["lon"]
    assert by_header["Longitude"]["guess"] is True
    assert by_header["sic"]["seems"] == "industry_code, codes of gbt4754_2002"
    assert len(by_header["sic"]["examples"]) == 3
    assert found["places"][0]["country"] == "CN"
    assert found["classification_share"] == 1
    assert found["taken"] is True
    assert found["layout_text"] == Path("l.csv").read_text(encoding="utf-8")
    assert count(db_settings) == 0
    told = shlex.split(found["command"])
    assert told[:4] == ["coagg", "load", "firms", "mapped.csv"]
    loaded = ["2013" if word == "YEAR" else word for word in told[1:]]
    assert run_coagg(*loaded)[0] == 0
    assert count(db_settings) == 240


def test_the_words_it_proposes_load_the_file(db_settings, run_coagg, files):
    code, out, _ = run_coagg("inspect", "mapped.csv", "--survey-year", 2013)
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("to load it")]
    told = shlex.split(line.partition(" or: ")[2])
    assert told[:3] == ["coagg", "load", "firms"]
    assert "--map" in told
    assert run_coagg(*told[1:])[0] == 0
    assert count(db_settings) == 240


def test_a_guess_is_called_one(run_coagg, files):
    _, out, _ = run_coagg("inspect", "mapped.csv")
    assert "Columns (no layout fits: a guess)" in out
    assert "lon (a guess)" in out
    assert "header word; 100% of values can be" in out
    assert "country CN (a guess: 100% of the points lie in it)" in out
    assert "codes of gbt4754_2002 (a guess: it knows 100%)" in out
    _, out, _ = run_coagg("inspect", "plain.csv")
    assert "Columns (layout demo fits)" in out
    assert "lon (a guess)" not in out


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("register", "--base", "base.csv", "--as-of", "soon", "--out", "r.csv"), "write a day"),
        (("register", "--base", "base.csv", "--as-of", "2013-01-01", "--out", "r.csv"),
         "nothing changes the base: name files with --added or --deleted"),
        (("register", "--base", "base.csv", "--as-of", "2013-01-01", "--out", "r.xlsx",
          "--added", "added.csv"), "r.xlsx: name a file that ends in .parquet or .csv"),
        (("load", "firms", "mapped.csv", "--survey-year", 2013, "--map", "lon"),
         "--map lon: write COLUMN=HEADER"),
        (("inspect", "mapped.csv", "--map", "lonn=Longitude"), "do you mean lon?"),
    ],
)  # fmt: skip
def test_faults_are_one_line(run_coagg, files, told, said):
    code, out, err = run_coagg(*told)
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith("coagg: ")
    assert said in line
