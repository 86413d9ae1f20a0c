"""Input-output tables and sector maps: computed, balanced, compared, and faults named."""

import csv

import numpy as np
import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.input_output import grid as io_grid
from coagg.etl.input_output.load import load_input_output
from coagg.etl.reference import concordance_use

CODES = ["001", "002", "003"]
FLOWS = np.array([[10.0, 20.0, 0.0], [5.0, 40.0, 15.0], [0.0, 0.0, 8.0]])
TOTAL = np.array([50.0, 100.0, 40.0])
ADDED = TOTAL - FLOWS.sum(axis=0)
WORKBOOK = "raw_xls/中国投入产出表2007_excel_0401.xls"
PUBLISHED = "raw_xls/中国投入产出表2007_excel_0402.xls"


def write(path, rows, encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows(rows)
    return path


def single(path, flows=FLOWS, total=TOTAL, added=ADDED, encoding="utf-8"):
    """A table as published: a title, the unit, merged headers, totals between the numbers."""
    rows = [
        ["基本流量表"],
        ["", "", "单位\uff1a万元"],
        ["投入", "", "代码", "农业", "煤炭", "石油"],
        ["", "代码", "-", *CODES, "TIU"],
    ]
    rows += [
        ["", f"sector {c}", c, *row, sum(row)] for c, row in zip(CODES, flows.tolist(), strict=True)
    ]
    rows += [["", "合计", "TII", *flows.sum(axis=0)], ["增加值", "x", "VA001", *added]]
    rows += [["", "增加值合计", "TVA", *added], ["总投入", "", "TI", *total]]
    return write(path, rows, encoding)


def pair(folder, added=ADDED):
    write(
        folder / "io_2007_Z.csv",
        [["input\\output", *CODES]] + [[c, *r] for c, r in zip(CODES, FLOWS.tolist(), strict=True)],
    )
    write(
        folder / "io_2007_sectors.csv",
        [["io_code", "name_zh", "gross_output", "value_added"]]
        + [[c, f"sector {c}", t, a] for c, t, a in zip(CODES, TOTAL, added, strict=True)],
    )
    return folder / "io_2007_Z.csv"


def flows_held(settings, table):
    with database.connect(settings) as connection:
        return connection.execute(
            "SELECT supplier, user_sector, flow, direct_coefficient FROM reference.io_flow "
            "WHERE io_table = %s ORDER BY 1, 2",
            (table,),
        ).fetchall()


def everything(settings):
    with database.connect(settings) as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT * FROM reference.io_table ORDER BY 1",
                "SELECT * FROM reference.io_sector ORDER BY 1, 2",
                "SELECT * FROM reference.io_sector_industry ORDER BY 1, 3, 4, 2",
                "SELECT * FROM ops.input_load ORDER BY 1",
            )
        ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_one_file_and_a_pair_give_the_same_table(empty_settings, tmp_path, encoding):
    one = load_input_output(
        empty_settings, single(tmp_path / "a.csv", encoding=encoding), table="one", year=2007
    )
    two = load_input_output(empty_settings, pair(tmp_path))
    assert (two.io_table, two.year, two.sectors) == ("cn2007", 2007, 3)
    assert (one.unit, two.unit) == ("万元", "as in the file")
    held = flows_held(empty_settings, "one")
    assert held == flows_held(empty_settings, "cn2007")
    assert [row[2] for row in held] == FLOWS.ravel().tolist()
    assert [row[3] for row in held] == pytest.approx((FLOWS / TOTAL).ravel(), abs=1e-15)
    assert one.facts["largest_imbalance"].keys() == {
        "intermediate inputs and value added", "intermediate inputs", "intermediate uses"
    }  # fmt: skip


def test_the_same_files_change_nothing_and_corrected_ones_replace(db_settings, tmp_path):
    file = pair(tmp_path)
    links = write(tmp_path / "map.csv", [["gb2002_3", "io2007_code"], ["061", "001"]])
    load_input_output(db_settings, file, sector_maps=[links])
    before = everything(db_settings)
    again = load_input_output(db_settings, file, sector_maps=[links])
    assert again.unchanged
    assert again.maps[0].unchanged
    assert everything(db_settings) == before
    single(tmp_path / "new_2007.csv", flows=FLOWS / 2, added=TOTAL - FLOWS.sum(axis=0) / 2)
    report = load_input_output(db_settings, tmp_path / "new_2007.csv")
    assert not report.unchanged
    assert report.dropped_maps == []
    assert [row[2] for row in flows_held(db_settings, "cn2007")] == (FLOWS / 2).ravel().tolist()
    assert everything(db_settings)[2] == before[2]


def test_a_table_of_other_sectors_takes_its_maps_along(db_settings, tmp_path):
    links = write(tmp_path / "map.csv", [["gb2002_3", "io2007_code"], ["061", "001"]])
    load_input_output(db_settings, pair(tmp_path), sector_maps=[links])
    rows = [["code", "name", "01", "02"], ["01", "a", 1, 2], ["02", "b", 3, 4]]
    rows += [["TVA", "", 6, 4], ["TI", "", 10, 10]]
    other = write(tmp_path / "other_2007.csv", rows)
    report = load_input_output(db_settings, other)
    assert (report.sectors, report.dropped_maps) == (2, ["gbt4754_2002"])
    with database.connect(db_settings) as connection:
        current = connection.execute(
            "SELECT kind, dataset FROM ops.input_load WHERE superseded_at IS NULL"
        ).fetchall()
    assert current == [("input-output", "cn2007")]


def test_an_unbalanced_table_names_its_sector_unless_allowed(empty_settings, tmp_path):
    wrong = ADDED + np.array([0.0, 5.0, 0.0])
    file = single(tmp_path / "a_2007.csv", added=wrong)
    with pytest.raises(CoaggError, match=r"does not balance: .* of sector 002 sector 002") as error:
        load_input_output(empty_settings, file)
    assert "\n" not in str(error.value)
    assert everything(empty_settings)[0] == []
    report = load_input_output(empty_settings, file, allow_unbalanced=True)
    assert report.facts["unbalanced_sectors"] == ["002"]
    assert report.facts["largest_imbalance"]["intermediate inputs and value added"] == 0.05


def test_published_coefficients_must_be_those_of_the_flows(empty_settings, tmp_path):
    def coefficients(name, values):
        return write(tmp_path / name, [["", *CODES]] + [
            [c, *r] for c, r in zip(CODES, values.tolist(), strict=True)])  # fmt: skip

    exact = FLOWS / TOTAL
    file = single(tmp_path / "a_2007.csv")
    load = load_input_output(empty_settings, file, coefficients=coefficients("c.csv", exact))
    assert load.facts["agrees_to"] == "1e-12"
    printed = load_input_output(
        empty_settings, file, coefficients=coefficients("p.csv", exact.round(9) + 4e-10)
    )
    assert printed.facts["agrees_to"] == "nine printed decimals"
    exact[1, 2] += 1e-6
    with pytest.raises(CoaggError, match=r"supplier 002 and user 003 is 0\.375001, the flows give"):
        load_input_output(empty_settings, file, coefficients=coefficients("w.csv", exact))
    (tmp_path / "x_2007.csv").write_bytes(coefficients("y.csv", exact).read_bytes() + b"TI,1,1,1\n")
    with pytest.raises(CoaggError, match="holds coefficients, not flows"):
        load_input_output(empty_settings, tmp_path / "x_2007.csv")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["a", "b"], [1, 2]], "no line and column of the same sector codes"),
        ([["", "001", "002"], ["001", 1, 2], ["003", 3, 4], ["002", 3, 4]], "sector 003 stands in"),
        ([["", "001", "002"], ["001", 1, 2], ["002", 3, "x"]], "user 002 holds 'x', no number"),
        ([["", "001", "002"], ["001", 1, 2], ["002", 3, 4]], "states no total input"),
        ([["", "001", "002"], ["001", 1, 2], ["002", 3, 4], ["TI", 9, ""]], "002 is blank"),
        ([["", "001", "002"], ["001", 1, 2], ["002", 3, 4], ["TI", 9, 0]], "of sector 002 is not"),
        ([["", "001", "002", "002"], ["001", 1, 2, 0], ["002", 3, 4, 0]], "002 stands twice"),
    ],
)
def test_faults_of_a_table_are_one_line(empty_settings, tmp_path, rows, said):
    with pytest.raises(CoaggError, match=said) as error:
        load_input_output(empty_settings, write(tmp_path / "a_2007.csv", rows))
    assert "\n" not in str(error.value)


def test_the_year_must_be_told(empty_settings, tmp_path):
    with pytest.raises(CoaggError, match="state --year"):
        load_input_output(empty_settings, single(tmp_path / "a.csv"))


def test_damaged_workbooks_are_one_line(empty_settings, tmp_path):
    (tmp_path / "io_2007.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600)
    with pytest.raises(CoaggError, match="cannot be read as a workbook"):
        load_input_output(empty_settings, tmp_path / "io_2007.xls")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["061,001,0.5", "061,002,0.4"], "weights of industry 061 add to 0.9, not to 1"),
        (["061,001,1", "062,002,"], "line 3: the weight of 062 is ''"),
        (["061,001,-1"], "the weight of 061 is '-1'"),
        (["999,001,1"], "'999' is no three-digit industry of gbt4754_2002"),
        (["61,001,1"], "'61' is no three-digit industry"),
        (["061,009,1"], "'009' is no sector of the table"),
        (["061,001,1", "061,001,1"], "the link 061 to 001 stands twice"),
    ],
)
def test_faults_of_a_sector_map_change_nothing(db_settings, tmp_path, rows, said):
    links = tmp_path / "map.csv"
    links.write_text("\n".join(["gb2002_3,io2007_code,weight", *rows]))
    with pytest.raises(CoaggError, match=said) as error:
        load_input_output(db_settings, pair(tmp_path), sector_maps=[links])
    assert "\n" not in str(error.value)
    assert everything(db_settings) == [[], [], [], []]


def test_weights_default_to_equal_ones_and_open_sectors_are_named(db_settings, tmp_path, put_firms):
    links = write(
        tmp_path / "map_DERIVED.csv",
        [["industry", "sector_code"], ["061", "001"], ["061", "002"], ["071", "001"]],
    )
    report = load_input_output(
        db_settings, pair(tmp_path), sector_maps=[links], classification="gbt4754_2011"
    )
    (told,) = report.maps
    assert (told.links, told.industries, told.doubtful) == (3, 2, 3)
    assert (told.split, told.unmapped) == (["061"], ["003 sector 003"])
    with database.connect(db_settings) as connection:
        assert connection.execute(
            "SELECT industry, sector_code, weight, doubtful, basis "
            "FROM reference.io_sector_industry ORDER BY 1, 2"
        ).fetchall() == [
            ("061", "001", 0.5, True, "derived, not official; equal weights"),
            ("061", "002", 0.5, True, "derived, not official; equal weights"),
            ("071", "001", 1.0, True, "derived, not official; equal weights"),
        ]
        put_firms(connection, 2013, [104.0] * 4, [30.6] * 4, ["061", "061", "071", "366"])
        (use,) = concordance_use.firms_by_sector_map(connection)
    assert (use.firms_of, use.by) == ("CN 2013", "gbt4754_2011 to sectors of cn2007")
    assert (use.firms, use.split, use.doubtful, use.unlinked) == (4, 2, 3.0, 1)


def test_every_use_of_a_doubtful_link_is_counted(reference_db, put_firms):
    reference_db.execute(
        "UPDATE reference.industry_concordance SET official = false, doubtful = "
        "to_code = (SELECT min(to_code) FROM reference.industry_concordance "
        "WHERE from_classification = 'gbt4754_2011' AND from_code = '361') "
        "WHERE from_classification = 'gbt4754_2011' AND from_code = '361'"
    )
    put_firms(reference_db, 2013, [104.0] * 3, [30.6] * 3, ["361", "361", "no"])
    uses = concordance_use.firms_by_link(reference_db, "gbt4754_2017")
    (use,) = uses
    ((share,),) = reference_db.execute(
        "SELECT sum(weight) FILTER (WHERE doubtful) FROM reference.industry_concordance "
        "WHERE from_classification = 'gbt4754_2011' AND from_code = '361'"
    ).fetchall()
    assert use.by == "gbt4754_2011 to gbt4754_2017"
    assert (use.firms, use.unlinked) == (3, 1)
    assert use.doubtful == pytest.approx(2 * share)
    assert use.unofficial == pytest.approx(2.0)
    assert {u.by for u in concordance_use.firms_by_link(reference_db)} == {
        "gbt4754_2011 to gbt4754_2002 (read backwards)", "gbt4754_2011 to gbt4754_2017"
    }  # fmt: skip


def test_the_real_workbook_equals_its_published_coefficients(run_coagg, db_settings, sample_dir):
    folder = sample_dir / "io"
    code, out, err = run_coagg(
        "load", "input-output", folder / WORKBOOK, "--coefficients", folder / PUBLISHED,
        "--sector-map", folder / "map_gb2002_3digit_to_io2007_135_DERIVED.csv",
        "--sector-map", folder / "map_gb2011_3digit_to_io2007_135_DERIVED.csv",
    )  # fmt: skip
    assert code == 0, err
    assert "as cn2007: loaded (135 sectors, year 2007, unit 万元)" in out
    assert "agree with 中国投入产出表2007_excel_0402.xls to 1e-12" in out
    assert "gbt4754_2002: loaded (191 industries, 191 links, 191 doubtful, 0 split)" in out
    assert "gbt4754_2011: loaded (184 industries, 196 links, 196 doubtful, 9 split)" in out
    from_workbook = flows_held(db_settings, "cn2007")
    assert len(from_workbook) == 135 * 135
    load_input_output(db_settings, folder / "cn_io_2007_135_Z.csv", table="tidy")
    tidy = flows_held(db_settings, "tidy")
    assert [row[:2] for row in tidy] == [row[:2] for row in from_workbook]
    gap = np.array([row[2:] for row in tidy]) - np.array([row[2:] for row in from_workbook])
    assert np.abs(gap).max(axis=0) == pytest.approx([0, 0], abs=1e-8)


def test_the_other_real_sheets_are_told_apart(sample_dir, empty_settings):
    folder = sample_dir / "io"
    assert (
        len(io_grid.read_matrix(folder / "raw_xls/中国投入产出表2007_excel_0101.xls").codes) == 42
    )
    with pytest.raises(CoaggError, match="holds coefficients, not flows"):
        load_input_output(empty_settings, folder / PUBLISHED)
    with pytest.raises(CoaggError, match="states no total input"):
        load_input_output(empty_settings, folder / "cn_io_2002_122_Z.csv")
    with pytest.raises(CoaggError, match="no line and column of the same sector codes"):
        load_input_output(empty_settings, folder / "raw_xls/中国投入产出表2007_excel_fu4.xls")


def test_a_dry_run_keeps_nothing(db_settings, tmp_path):
    before = everything(db_settings)
    tried = load_input_output(db_settings, pair(tmp_path), table="cn2007", dry_run=True)
    assert tried.sectors == len(CODES)
    assert everything(db_settings) == before
    load_input_output(db_settings, pair(tmp_path), table="cn2007")
    assert everything(db_settings) != before
