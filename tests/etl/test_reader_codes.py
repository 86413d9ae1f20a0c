"""The rule of reading: small awkward files into typed rows, held by the numbers of the readers."""

import csv
import datetime
import gzip

import pytest
from support.golden import held

from coagg.etl.files import FILE_READER_CODE
from coagg.etl.files.readers import open_table
from coagg.etl.firms import FIRM_READER_CODE, layouts
from coagg.etl.firms.rows import firm_batches, scan
from coagg.etl.input_output import INPUT_OUTPUT_CODE
from coagg.etl.input_output import grid as io_grid
from coagg.etl.input_output import sectors as io_sectors
from coagg.etl.input_output.check import check_table
from coagg.etl.patents import CITATION_READER_CODE, PATENT_READER_CODE, citations
from coagg.etl.patents import load as patents
from coagg.etl.patents.rows import patent_batches

AWKWARD = (
    'id;name;"a;b";note\r\n'
    ' 1 ;"he said ""no""";-;ＡＢＣ\r\n'
    '2;"two\nlines";N/A;\r\n'
    "3;too;many;fields;here\r\n"
    '4;"never closed;x;y\r\n'
    "\r\n"
    "5;成都;0;NULL\r\n"
)
FIRMS = """\
firm_id,firm_name,established_year,place_code,industry_code,output,employment,lon,lat
123456788,红星机械厂,1998,510104,3661,1200,35,104.066512,30.572301
123456788,红星机械厂（成都）有限公司,98,510100,366,"1,200.5",三十,104.07,30.57
,无号,2050,,,,-5,30.572301,104.066512
12345678-8,坏点,,510104,3661,abc,1e3,0,0
987654321,零,1990,510104,610,0,0,104.0665,30.5723
987654322,全角,１９９９,５１０１０４,３６６１,１２,３,１０４.１,３０.６
987654323,外,1990,510104,9999,5,5,200,100
short,row
"""
CODE_SETS = {
    "gbt4754_2002": {"36", "366", "3661", "06", "061", "0610"},
    "gbt4754_2011": {"36", "366", "3660", "381", "06", "061", "0610"},
}
PATENTS = """\
申请号,公开号,名称,专利类型,申请日,授权日,是否授权,主分类号,申请人,组织机构代码,行政区划代码,地址,专利价值
201010000011.X,CN100000011B,乙,,2010-03-01,2012-01-01,是,B64C,甲公司;乙公司、丙大学,123456789;;987654321,510100;110000;440300,成都,7.5
201020000012.X,,无人,,2010/3/1,,是,B64C,,,,,1
201030000013.X,,外观,,20100301,2009-01-01,,B64C,丁,,,,1
201010000014.X,,世纪,发明,1910-03-01,,否,,戊,,,,
201010000016.X,,坏,发明,2010-13-41,,否,,戊,,,,
,,无号,发明,2010-01-01,,否,,戊,,,,
201010000017.X,,值,发明,2010-01-01,坏日,否,,戊,,,,很高
short,row
"""
CITATIONS = """\
citing,cited,citation_date
a2,A1,2012-01-01
CN201010000011.X,201010000012.9,20120101
A1,A1,
,A1,
A1,?,soon
A2,X9,1012-01-01
"""
FLOWS = [["input\\output", "001", "002"], ["001", "10", ""], ["002", "5", "40.5"]]
TOTALS = [
    ["io_code", "name_zh", "gross_output", "value_added"],
    ["001", "农业", "50", "35"],
    ["002", "煤炭", "100", "59.5"],
]
MAP = [
    ["industry", "sector_code", "weight"],
    ["061", "002", "1"],
    ["131", "001", "0.25"],
    ["131", "002", "0.75"],
]


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_files(tmp_path, encoding):
    data = AWKWARD.encode(encoding)
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(data))
    for name in ("a.txt", "a.txt.gz"):
        table = open_table(tmp_path / name)
        rows = [
            [batch.first_row, batch.table.to_pydict(), batch.malformed] for batch in table.batches()
        ]
        held(
            [table.headers, rows],
            FILE_READER_CODE,
            "FILE_READER_CODE",
            (2, "e557cdc3e3aef135d63aad1d69c77589"),
        )


@pytest.mark.parametrize(
    ("datum", "golden"),
    [("bd09", "07b70a7a0d96621ba9beee31d230115c"), ("wgs84", "5706d90b48bf4bf8d6b50cd8248e5ee2")],
)
def test_firms(tmp_path, datum, golden):
    path = tmp_path / "f.csv"
    path.write_text(FIRMS, encoding="utf-8")
    table = open_table(path)
    mapping = layouts.load_layout("demo").map(table.headers, 2010, file=path)
    found = scan(table, mapping, 2010, CODE_SETS, "CN")
    batches = firm_batches(table, mapping, 2010, datum=datum, country="CN", scan=found)
    rows = [[b.rows_read, b.clean.to_pydict(), b.refused.to_pydict()] for b in batches]
    held(
        [found.classification, rows],
        FIRM_READER_CODE,
        "FIRM_READER_CODE",
        (3, golden),
    )


def test_patents(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(PATENTS, encoding="utf-8")
    table, layout, columns = patents.open_file(path, None, "patents")
    rows = [
        [b.rows_read, b.clean.to_pydict(), b.applicants.to_pydict(), b.refused.to_pydict()]
        for b in patent_batches(table, columns, layout, datetime.date(2024, 1, 1))
    ]
    golden = (1, "588e87b72de56c246a7663273cf4425f")
    held(rows, PATENT_READER_CODE, "PATENT_READER_CODE", golden)


def test_citations(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(CITATIONS, encoding="utf-8")
    table, layout, columns = patents.open_file(path, None, "citations")
    rows = []
    for pairs in citations._pairs(table, columns, layout):
        clean, refused, bad = citations._cleaned(pairs, columns, layout)
        rows.append([clean.to_pydict(), refused.to_pydict(), bad])
    held(
        rows, CITATION_READER_CODE, "CITATION_READER_CODE", (1, "14250d18f7debc91618af2738e6f454b")
    )


def test_input_output(tmp_path):
    flows = write(tmp_path / "io_2007_Z.csv", FLOWS)
    sectors = write(tmp_path / "io_2007_sectors.csv", TOTALS)
    table = check_table(flows, io_grid.read_matrix(flows), sectors, None)
    known = dict(zip(table.codes, table.names, strict=True))
    found = io_sectors.read_sector_map(
        write(tmp_path / "map.csv", MAP), "gbt4754_2002", known, {"gbt4754_2002": {"061", "131"}}
    )
    held(
        [
            *(table.codes, table.names, table.flows.tolist(), table.coefficients.tolist()),
            *(table.total_input.tolist(), table.unit, table.facts),
            *(found.classification, found.links.to_dict("list"), found.split, found.unmapped),
        ],
        INPUT_OUTPUT_CODE,
        "INPUT_OUTPUT_CODE",
        (1, "1796ef4a89610a7f70bfdb8da9ac80fe"),
    )
