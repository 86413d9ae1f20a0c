import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from coagg.etl.files import values as firm_values
from coagg.etl.files.readers import open_table
from coagg.etl.firms import layouts, organisation_codes
from coagg.etl.firms import rows as firm_rows
from coagg.etl.firms.rows import firm_batches, scan


def test_check_digits():
    assert organisation_codes.is_organisation_code("123456788")
    assert not organisation_codes.is_organisation_code("123456789")
    codes = [f"{n:08}{c}" for n in range(200) for c in "0123456789X"]
    valid = [code for code in codes if organisation_codes.is_organisation_code(code)]
    assert len(valid) == 200
    assert any(code.endswith("X") for code in valid)


def test_coordinate_sample_is_the_same_every_time(tmp_path):
    path = tmp_path / "x.csv"
    body = "".join(f"0610,{100 + n / 1000},30.123,{510000 + n % 10}\n" for n in range(3000))
    path.write_text("industry_code,lon,lat,place_code\n0610,0,0,5101\n" + body)
    table = open_table(path)
    mapping = layouts.load_layout("demo").map(table.headers, 2005)
    sample = firm_rows.coordinate_sample(table, mapping, "CN", points=500)
    again = firm_rows.coordinate_sample(table, mapping, "CN", points=500)
    assert (sample.lon == again.lon).all()
    assert len(sample.lon) == len(sample.place_code) == 500
    numbers = np.rint((sample.lon - 100) * 1000).astype(int)
    assert sample.place_code == [str(510000 + n % 10) for n in numbers]
    assert numbers.min() < 100
    assert numbers.max() > 2900
    assert 1300 < numbers.mean() < 1700
    whole = firm_rows.coordinate_sample(table, mapping, "CN")
    assert len(whole.lon) == 3000


def test_rows_are_read_again_as_received(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,x\n2\n3,\n4, y \n")
    found = list(firm_rows.rows_as_received(open_table(path), [4, 1, 3]))
    assert found == [
        (1, {"a": "1", "b": "x"}),
        (3, {"a": "3", "b": None}),
        (4, {"a": "4", "b": " y "}),
    ]


@pytest.mark.parametrize(
    ("text", "year"),
    [("2003", 2003), ("20031231", 2003), ("2003-1", 2003), ("203", None), ("x2003", None)],
)
def test_years_of_a_text(text, year):
    assert firm_values.year_of(text) == year


# The real sample


def test_faults_of_the_real_sample(sample_dir):
    code_sets = {}
    for year in (2002, 2011, 2017):
        path = sample_dir / "classifications" / f"gbt4754_{year}.csv"
        with path.open(encoding="utf-8-sig", newline="") as file:
            code_sets[f"gbt4754_{year}"] = {row["code"] for row in csv.DictReader(file)}
    table = open_table(sample_dir / "firms" / "cn_example_2013_drewdrop.csv")
    mapping = layouts.detect_layout(table.headers, 2013).map(table.headers, 2013)
    sample = firm_rows.coordinate_sample(table, mapping, "CN")
    assert len(sample.lon) == 20_000
    found = scan(table, mapping, 2013, code_sets)
    assert found.classification == "gbt4754_2011"
    assert (found.code_length, found.organisation_codes) == (3, False)
    flags: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    rows_read = 0
    for batch in firm_batches(table, mapping, 2013, datum="bd09", country="CN", scan=found):
        flags.update(flag for row in batch.clean["flags"].to_pylist() for flag in row)
        reasons.update(batch.refused["reason"].to_pylist())
        rows_read += batch.clean.num_rows + batch.refused.num_rows
    assert rows_read == 99_998
    assert reasons == {"coordinates_missing": 2}
    assert flags["industry_zero_restored"] == 2948
    assert flags["place_missing"] == 4565
    assert flags["industry_unknown"] == flags["industry_missing"] == 0


# Memory

MEASURE = """
import sys
from pathlib import Path
from coagg.etl.firms import rows as firm_rows, layouts
from coagg.etl.files import readers
path, rows = Path(sys.argv[1]), int(sys.argv[2])
with path.open("w", encoding="gb18030") as file:
    file.write("firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\\n")
    for n in range(rows):
        file.write(f"{n:09},红星机械制造有限公司第{n}厂,5101{n % 90},{1310 + n % 3000},"
                   f"{n},{n % 900},{100 + n % 2000 / 100:.6f},{25 + n % 1500 / 100:.6f}\\n")
table = readers.open_table(path)
mapping = layouts.load_layout("demo").map(table.headers, 2005)
firm_rows.coordinate_sample(table, mapping, "CN")
scan = firm_rows.scan(table, mapping, 2005, {})
read = sum(
    batch.rows_read
    for batch in firm_rows.firm_batches(
        table, mapping, 2005, datum="bd09", country="CN", scan=scan
    )
)
assert read == rows
# its own peak: getrusage would give that of the process that started it, where that is larger
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(int(peak) // 1024)
"""


def peak_mb(path: Path, rows: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(rows)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path):
    small, large = peak_mb(tmp_path / "a.csv", 200_000), peak_mb(tmp_path / "b.csv", 1_000_000)
    assert large < 500
    assert large < 1.25 * small
