"""docs/python.md: every block runs, in order, and those on the data base as well."""

import re
import subprocess
import sys

import pandas as pd
from support.made_panel import put_panel

import coagg
from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.settings import PROJECT

PAGE = PROJECT / "docs" / "python.md"
EXAMPLE = PROJECT / "coagg" / "data" / "examples"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_the_tutorial_runs_and_is_short(capsys):
    code = blocks("python")
    lines = [line for block in code for line in block.splitlines() if line.strip()]
    assert 15 <= len(lines) <= 25
    space = {}
    for number, block in enumerate(code, 1):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), space)
    said = re.search(
        r"(\d+) of (\d+) pairs are near, (\d+) of them one way", capsys.readouterr().out
    )
    near, pairs, one_way = map(int, said.groups())
    assert 0 < one_way < near < pairs
    assert pairs == len(space["pairs"]) > 300
    assert space["pools"]["companies_outward"].max() > 0
    assert space["both"]["colocation_quotient"].notna().all()


def test_the_blocks_on_the_data_base_run(reference_db, put_firms, db_settings, points, monkeypatch):
    put_firms(reference_db, 2013, *points)
    # the place of the test's firms, and some of them large
    (code,) = reference_db.execute(
        "SELECT agglomeration_code FROM reference.agglomeration_member "
        "WHERE prefecture_code = '5101' AND assigned"
    ).fetchone()
    reference_db.execute("UPDATE clean.firm SET employment = row_number * 100")
    reference_db.commit()
    put_panel(reference_db)
    reference_db.commit()
    measure(db_settings, IndexRequest(2013, IndexSettings(seed=1998)))
    estimate_tables(db_settings, load_specifications(), ["table1"])
    monkeypatch.setenv("COAGG_DATABASE_URL", database.conninfo(db_settings))
    space = {"coagg": coagg}
    for block in blocks("python database"):
        exec(block.replace('"CY"', repr(code)), space)
    pd.testing.assert_frame_equal(
        space["again"], space["pairs"], check_exact=True, check_dtype=False
    )
    assert len(space["large"]) == len(space["largest"]) == 270
    assert len(space["cells"]) == 120
    assert set(space["table"]["table"]) == {"table1"}
    assert space["large"].geometry.notna().all()


def test_the_example_holds_codes_and_points_and_its_notice():
    firms = coagg.example("south_yorkshire")
    assert list(firms.columns) == ["sic3", "sic5", "geometry"]
    assert len(firms) == 4350
    assert firms["sic3"].equals(firms["sic5"].str[:3])
    assert firms["sic3"].str[:2].between("10", "33").all()
    assert (EXAMPLE / "south_yorkshire.parquet").stat().st_size < 100_000
    notice = (EXAMPLE / "south_yorkshire_LICENCE.md").read_text(encoding="utf-8")
    assert "Companies House" in notice
    assert "Open\nGovernment Licence v3.0" in notice


def test_the_example_is_made_by_its_script(sample_dir, tmp_path):
    source = sample_dir / "firms" / "uk_south_yorkshire_companies_2024.csv.gz"
    script = tmp_path / "make_south_yorkshire.py"
    script.write_bytes((EXAMPLE / "make_south_yorkshire.py").read_bytes())
    subprocess.run([sys.executable, script, source], check=True)
    made = pd.read_parquet(tmp_path / "south_yorkshire.parquet")
    pd.testing.assert_frame_equal(made, pd.read_parquet(EXAMPLE / "south_yorkshire.parquet"))
