"""Tables as other offices publish them: long form with several tables in it, grids of any codes."""

import csv

import numpy as np
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.input_output.load import load_input_output

SECTORS = ["A01", "B", "C10-C12"]
FLOWS = np.array([[10.0, 20.0, 0.0], [5.0, 40.0, 15.0], [0.0, 0.0, 8.0]])
TOTAL = np.array([50.0, 100.0, 40.0])
TAXES = np.array([1.0, 2.0, 3.0])
ADDED = TOTAL - FLOWS.sum(axis=0) - TAXES


def flows_of(codes, names=("B1G", "D21X31", "P1"), uses=("P3", "TU")):
    """(supplier, user, value) of all cells, with final uses and primary inputs."""
    for i, supplier in enumerate(codes):
        for j, user in enumerate(codes):
            yield supplier, user, FLOWS[i, j]
        for use in uses:
            yield supplier, use, 7.0
    for name, values in zip(names, (ADDED, TAXES, TOTAL), strict=True):
        for j, user in enumerate(codes):
            yield name, user, values[j]


def write(path, rows, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def eurostat(path, change=lambda rows: rows):
    """SDMX-CSV: two countries, two years, total and domestic flows."""
    codes = [f"CPA_{code}" for code in SECTORS]
    rows = [
        ["ESTAT:NAIO_10_CP1700(1.0)", "11/10/23", "A", "MIO_EUR", flow, use, ava, geo, year,
         value * (1 if (flow, geo, year) == ("TOTAL", "AT", "2015") else 2), ""]
        for geo in ("AT", "BE")
        for year in ("2010", "2015")
        for flow in ("TOTAL", "DOM")
        for ava, use, value in flows_of(codes)
    ]  # fmt: skip
    head = ["DATAFLOW", "LAST UPDATE", "freq", "unit", "stk_flow", "prd_use", "prd_ava", "geo",
            "TIME_PERIOD", "OBS_VALUE", "OBS_FLAG"]  # fmt: skip
    return write(path, [head, *change(rows)])


def held(settings):
    with database.connect(settings) as connection:
        return np.array(
            [
                flow
                for (flow,) in connection.execute(
                    "SELECT flow FROM reference.io_flow ORDER BY supplier, user_sector"
                ).fetchall()
            ]
        )


def test_a_table_of_eurostat_is_chosen_from_its_file(empty_settings, tmp_path):
    file = eurostat(tmp_path / "naio.csv")
    asked = {"geo": "AT", "stk_flow": "TOTAL"}
    report = load_input_output(empty_settings, file, table="at", year=2015, where=asked)
    assert (report.sectors, report.unit, report.year) == (3, "MIO_EUR", 2015)
    assert held(empty_settings).tolist() == FLOWS.ravel().tolist()
    assert report.facts["largest_imbalance"]["intermediate inputs and value added"] < 1e-9
    assert load_input_output(empty_settings, file, table="at", year=2015, where=asked).unchanged
    other = {"geo": "BE", "stk_flow": "TOTAL"}
    assert not load_input_output(empty_settings, file, table="at", year=2015, where=other).unchanged


def test_the_packed_tsv_of_eurostat_is_the_same_table(empty_settings, tmp_path):
    head = ["freq,unit,stk_flow,prd_use,prd_ava,geo\\TIME_PERIOD", "2010 ", "2015 "]
    rows = [
        [f"A,MIO_EUR,TOTAL,{use},{ava},AT", f"{2 * value} ", f"{value} p"]
        for ava, use, value in flows_of([f"CPA_{code}" for code in SECTORS])
    ]
    file = write(tmp_path / "naio.tsv", [head, *rows], "\t")
    with pytest.raises(CoaggError, match="has the years 2010, 2015: choose one with --year"):
        load_input_output(empty_settings, file, table="at")
    load_input_output(empty_settings, file, table="at", year=2015)
    assert held(empty_settings).tolist() == FLOWS.ravel().tolist()


@pytest.mark.parametrize(
    ("year", "where", "change", "said"),
    [
        (2015, {}, None, r"several tables: stk_flow is TOTAL, DOM; choose one with --where stk"),
        (2015, {"stk_flow": "DOM"}, None, r"geo is AT, BE; choose one with --where geo=VALUE"),
        (None, {"stk_flow": "DOM", "geo": "AT"}, None, r"TIME_PERIOD is 2010, 2015; .* --year"),
        (2015, {"land": "AT"}, None, r"has no column 'land'; it has DATAFLOW"),
        (2015, {"geo": "XX"}, None, r"geo is nowhere 'XX'; it is AT, BE"),
        (1999, {"geo": "AT"}, None, r"TIME_PERIOD is nowhere '1999'; it is 2010, 2015"),
        (2015, {"stk_flow": "TOTAL", "geo": "AT"}, ":",
         r"row \d+, supplier CPA_A01 and user CPA_B, holds ':', no number"),
    ],
)  # fmt: skip
def test_faults_of_a_long_table_are_one_line(empty_settings, tmp_path, year, where, change, said):
    def spoil(rows):
        if change:
            for row in rows:
                if row[5:7] == ["CPA_B", "CPA_A01"]:
                    row[9] = change
        return rows

    file = eurostat(tmp_path / "naio.csv", spoil)
    with pytest.raises(CoaggError, match=said) as caught:
        load_input_output(empty_settings, file, table="at", year=year, where=where)
    assert "\n" not in str(caught.value)


def test_a_plain_long_table_and_one_of_the_oecd(empty_settings, tmp_path):
    plain = [["supplier", "user", "flow"], *flows_of(SECTORS, ("VA", "TLS", "TI"))]
    load_input_output(empty_settings, write(tmp_path / "io_2015.csv", plain), table="x")
    assert held(empty_settings).tolist() == FLOWS.ravel().tolist()
    codes = [f"TTL_{code}" for code in ("01T02", "05T06", "10T12")]
    head = ["VAR", "COU", "ROW", "From: (sector in row)", "COL", "TIME", "Unit Code", "Value"]
    rows = [
        ["TTL", cou, ava, f"name of {ava}", use, "2015", "USD", value]
        for cou in ("CHN", "JPN")
        for ava, use, value in flows_of(codes, ("VALU", "TXS_INT_FNL", "OUTPUT"), ("HFCE", "GFCF"))
    ]
    file = write(tmp_path / "oecd_2015.csv", [head, *rows])
    load_input_output(empty_settings, file, table="x", where={"COU": "CHN"})
    assert held(empty_settings).tolist() == FLOWS.ravel().tolist()
    with database.connect(empty_settings) as connection:
        assert connection.execute("SELECT min(name) FROM reference.io_sector").fetchall() == [
            ("name of TTL_01T02",)
        ]


@pytest.mark.parametrize(
    ("codes", "margins"),
    [
        (["TTL_01T02", "TTL_05T06", "TTL_10T12"], ("VALU", "TXS_INT_FNL", "OUTPUT")),
        (["111CA", "3361MV", "GSLG"], ("VABAS", "TLS", "T018")),
        (["Farms", "Coal mining", "Food and drink"],
         ("Value added", "Taxes less subsidies on products", "Total input")),
    ],
)  # fmt: skip
def test_a_grid_of_any_codes_or_names(empty_settings, tmp_path, codes, margins):
    rows = [["Title of the table"], ["", *codes, "HFCE", "GFCF"]]
    rows += [
        [code, *("..." if x == 0 else x for x in row), 7, 7]
        for code, row in zip(codes, FLOWS.tolist(), strict=True)
    ]
    rows += [[name, *v] for name, v in zip(margins, (ADDED, TAXES, TOTAL), strict=True)]
    report = load_input_output(empty_settings, write(tmp_path / "io_2015.csv", rows), table="x")
    assert report.facts["balance_checked"]
    order = np.argsort(codes)
    assert held(empty_settings).tolist() == FLOWS[np.ix_(order, order)].ravel().tolist()


def test_where_is_for_long_tables_only(run_coagg, tmp_path):
    rows = [["", "001", "002"], ["001", 1, 2], ["002", 3, 4], ["TI", 9, 9]]
    file = write(tmp_path / "io_2015.csv", rows)
    code, _, err = run_coagg("load", "input-output", file, "--where", "geo=AT")
    assert code == 2
    assert "--where is for such tables" in err
    code, _, err = run_coagg("load", "input-output", file, "--where", "geo")
    assert code == 2
    assert "write COLUMN=VALUE" in err
