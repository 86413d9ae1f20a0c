"""Exports of the sources of patents, with their own headers: each loads by its layout."""

import gzip
import shutil
from pathlib import Path

import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.patents.citations import load_citations
from coagg.etl.patents.load import load_patents

FILES = Path(__file__).parents[2] / "data" / "patents"
PATENTS = (
    "SELECT patent_id, publication_number, kind, application_date::text, granted, "
    "grant_date::text, ipc, "
    "(SELECT string_agg(name, '+' ORDER BY position) FROM clean.patent_applicant AS applicant "
    "WHERE applicant.patent_id = patent.patent_id) FROM clean.patent ORDER BY 1"
)
A = "ALPHA MACHINES LLC+BETA INC"
EXPECTED = {
    "lens": [
        ("CN200720000001U", "CN201000001U", "utility", "2007-03-12", True, "2008-01-02",
         "F16C3/02", "华东机械有限公司"),
        ("US200410770001A", "US7000001B2", None, "2004-02-03", True, "2006-02-14", "B30B1/00", A),
        ("US200410770002A", "US20050150001A1", None, "2004-12-13", False, None, "B64C39/02",
         "GAMMA CORP"),
    ],
    "derwent_innovation": [
        ("US2004770001A", "US7000001B2", None, "2004-02-03", True, "2006-02-14", "B30B0001/00", A),
        ("US2004770002A", "US20050150001A1", None, "2004-12-13", False, None, "B64C0039/02",
         "GAMMA CORP"),
    ],
    "espacenet": [
        ("34000001", "US7000001B2", None, "2004-02-03", True, "2006-02-14", "B30B1/00", A),
        ("34000002", "US2005150001A1", None, "2004-12-13", False, None, "B64C39/02", "GAMMA CORP"),
    ],
    "patentscope": [
        ("10770001", "US7000001B2", None, "2004-02-03", True, "2006-02-14", "B30B 1/00", A),
        ("PCTJP2004010001", "WO2005060001", None, "2004-12-05", False, None, "B64C 39/02",
         "GAMMA CORP"),
    ],
    "google_patents": [
        ("US2005150001A1", "US2005150001A1", None, "2004-12-13", False, None, None, "Gamma Corp"),
        ("US7000001B2", "US7000001B2", None, "2004-02-03", True, "2006-02-14", None,
         "Alpha Machines, LLC"),
    ],
    "patentsview/g_assignee_disambiguated": [
        ("7000001", "US7000001", "invention", "2004-02-03", True, "2006-02-14", None,
         "Alpha Machines LLC+Beta Inc."),
        ("7000002", "US7000002", "invention", "2004-12-13", True, "2006-02-14", None,
         "Gamma Corp."),
        ("D500001", "USD500001", "design", "2004-03-05", True, "2005-01-04", None, None),
    ],
    "patstat/tls207_pers_appln": [
        ("1001", "US7000001B2", "invention", "2004-02-03", True, "2006-02-14", None,
         "ALPHA MACHINES+BETA"),
        ("1002", None, "utility", "2004-12-13", False, None, None, "ALPHA MACHINES"),
    ],
}  # fmt: skip


def every(settings, query):
    with database.connect(settings) as connection:
        return connection.execute(query).fetchall()


def made(name):
    (path,) = (FILES / name).parent.glob(f"{Path(name).name}.*")
    return path


@pytest.mark.parametrize("name", EXPECTED)
def test_an_export_is_known_by_its_headers_and_read_whole(db_settings, name):
    report = load_patents(db_settings, made(name), dataset="made")
    assert report.layout == name.partition("/")[0]
    assert every(db_settings, PATENTS) == EXPECTED[name]
    assert report.rows_read == report.rows_clean + report.rows_refused


def test_tables_of_a_source_are_joined_and_what_has_no_partner_is_told(db_settings):
    report = load_patents(db_settings, made("patentsview/g_assignee_disambiguated"))
    assert (report.rows_read, report.rows_clean) == (5, 4)
    assert report.reasons == {"application_date_missing": 1}
    assert report.flags == {"applicant_missing": 1}
    assert any("g_application: 1 rows are asked for by no row" in note for note in report.notes)
    assert any("4 rows are 3 patents" in note for note in report.notes)


def test_inventors_of_patstat_are_no_applicants(db_settings):
    report = load_patents(db_settings, made("patstat/tls207_pers_appln"))
    assert (report.rows_read, report.rows_clean, report.rows_refused) == (6, 6, 0)
    assert report.facts["patents"] == 2


def test_a_table_that_is_missing_is_named_and_another_makes_another_load(db_settings, tmp_path):
    for name in ("g_assignee_disambiguated", "g_application"):
        shutil.copy(made(f"patentsview/{name}"), tmp_path)
    main = tmp_path / "g_assignee_disambiguated.tsv"
    with pytest.raises(CoaggError, match=r"needs g_patent beside it .*by patent_id"):
        load_patents(db_settings, main)
    other = made("patentsview/g_patent").read_bytes()
    with gzip.open(tmp_path / "g_patent.tsv.gz", "wb") as file:
        file.write(other)
    assert not load_patents(db_settings, main).unchanged
    assert load_patents(db_settings, main).unchanged
    with gzip.open(tmp_path / "g_patent.tsv.gz", "wb") as file:
        file.write(other.replace(b"Press", b"Printing press"))
    assert not load_patents(db_settings, main).unchanged
    assert every(db_settings, "SELECT title FROM clean.patent WHERE patent_id = '7000001'") == [
        ("Printing press",)
    ]


def test_parts_of_a_table_are_one(db_settings, tmp_path):
    for path in (FILES / "patstat").iterdir():
        shutil.copy(path, tmp_path)
    head, *rows = made("patstat/tls201_appln").read_text().splitlines(keepends=True)
    (tmp_path / "tls201_appln.csv").unlink()
    for number, row in enumerate(rows, start=1):
        (tmp_path / f"tls201_appln_part{number:02d}.csv").write_text(head + row)
    load_patents(db_settings, tmp_path / "tls207_pers_appln.csv")
    assert every(db_settings, PATENTS) == EXPECTED["patstat/tls207_pers_appln"]


def test_citations_of_tables_are_those_of_the_patents(db_settings):
    load_patents(db_settings, made("patentsview/g_assignee_disambiguated"))
    report = load_citations(db_settings, made("patentsview/g_us_patent_citation"))
    assert report.layout == "patentsview"
    assert every(db_settings, "SELECT citing_id, cited_id FROM clean.citation ORDER BY 1, 2") == [
        ("7000002", "7000001"), ("7000002", "US5000001"), ("D500001", "7000002")
    ]  # fmt: skip
    assert (report.facts["internal"], report.facts["cited_unknown"]) == (2, 1)


def test_citations_of_patstat_go_from_publications_to_applications(db_settings):
    load_patents(db_settings, made("patstat/tls207_pers_appln"))
    report = load_citations(db_settings, made("patstat/tls212_citation"))
    assert every(db_settings, "SELECT citing_id, cited_id FROM clean.citation") == [
        ("1002", "1001")
    ]
    assert report.reasons == {"cited_missing": 1, "duplicate_citation": 1}
