"""A GBK Stata file, a GB18030 csv and a csv with a byte order mark of one year are one year."""

import pandas as pd

from coagg import database
from coagg.etl.firms.load import load_firms

HEADERS = ["firm_id", "firm_name", "place_code", "industry_code", "output", "lon", "lat"]
ROWS = [
    ["00000012X", "红星机械厂", "5101", "3610", "100", "104.012345", "30.612345"],
    ["000123456", "长城(集团)公司", "5101", "0610", "250.5", "104.022345", "30.622345"],
    ["000123457", "东方厂", "1100", "3660", "7", "116.391276", "39.907353"],
    ["000123458", "无坐标厂", "1100", "3660", "7", "", ""],
]
# Stata's writer knows no GBK before version 118: letters of one byte each carry the bytes.
STATA_VERSION = 114


def as_gbk_bytes(text):
    return text.encode("gbk").decode("latin-1")


def held(settings):
    with database.connect(settings) as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT * FROM clean.firm ORDER BY row_number",
                "SELECT row_number, reason, detail FROM clean.refused ORDER BY row_number",
            )
        ]


def test_three_formats_give_identical_rows(db_settings, tmp_path):
    frame = pd.DataFrame(ROWS, columns=HEADERS)
    frame.to_csv(tmp_path / "a.csv", index=False, encoding="gb18030")
    frame.to_csv(tmp_path / "b.csv", index=False, encoding="utf-8-sig")
    stata = frame.assign(firm_name=frame["firm_name"].map(as_gbk_bytes))
    stata.to_stata(tmp_path / "c.dta", version=STATA_VERSION, write_index=False)
    found, encodings = [], []
    for name in ("a.csv", "b.csv", "c.dta"):
        report = load_firms(db_settings, tmp_path / name, 2013, layout="demo", datum="wgs84")
        encodings.append(report.encoding)
        found.append(held(db_settings))
    assert encodings == ["gbk", "utf-8-sig", "gbk"]
    assert found[0] == found[1] == found[2]
    clean, refused = found[0]
    assert (len(clean), len(refused)) == (3, 1)
    assert any("长城(集团)公司" in row for row in clean)
