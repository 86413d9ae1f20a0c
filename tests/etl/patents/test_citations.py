"""Loading citations: pairs and lists, patents told by either number."""

import pytest

from coagg import database
from coagg.etl.patents.citations import load_citations
from coagg.etl.patents.load import load_patents

PATENTS = """\
patent_id,publication_number,application_date,applicants
A1,P1,2010-01-01,a
A2,P2,2011-01-01,b
"""
PAIRS = """\
citing,cited,citation_date
a2,A1,2012-01-01
A2,P1,2012-01-01
A1,A1,
A2,X9,1012-01-01
P1,P1,
,A1,
A1,,
A2,X8,soon
"""


def every(settings, query):
    with database.connect(settings) as connection:
        return connection.execute(query).fetchall()


def test_pairs_are_resolved_counted_and_refused_with_reason(db_settings, tmp_path):
    (tmp_path / "p.csv").write_text(PATENTS)
    (tmp_path / "c.csv").write_text(PAIRS)
    load_patents(db_settings, tmp_path / "p.csv")
    report = load_citations(db_settings, tmp_path / "c.csv")
    assert report.rows_read == 8 == report.rows_clean + report.rows_refused
    assert report.reasons == {
        "self_citation": 2,
        "cited_missing": 1,
        "citing_missing": 1,
        "duplicate_citation": 1,
    }
    assert report.flags == {"citation_date_unreadable": 1, "citation_date_impossible": 1}
    assert (report.facts["internal"], report.facts["cited_unknown"]) == (1, 2)
    assert every(
        db_settings,
        "SELECT citing_id, cited_id, citation_date::text FROM clean.citation ORDER BY 2",
    ) == [("A2", "A1", "2012-01-01"), ("A2", "X8", None), ("A2", "X9", None)]
    received = every(
        db_settings, "SELECT received->>'cited' FROM clean.refused_input WHERE row_number = 2"
    )
    assert received == [("P1",)]


def test_other_patents_make_the_same_file_another_load(db_settings, tmp_path):
    (tmp_path / "c.csv").write_text(PAIRS)
    assert load_citations(db_settings, tmp_path / "c.csv").facts["internal"] == 0
    assert load_citations(db_settings, tmp_path / "c.csv").unchanged
    (tmp_path / "p.csv").write_text(PATENTS)
    assert "load their files again" in load_patents(db_settings, tmp_path / "p.csv").notes[0]
    assert load_citations(db_settings, tmp_path / "c.csv").facts["internal"] == 1


@pytest.fixture
def drones(sample_dir):
    return sample_dir / "patents" / "drones_2017_patents_derwent.csv.gz"


def test_the_lists_of_the_real_sample_are_its_citations(run_coagg, db_settings, drones):
    assert run_coagg("load", "patents", drones)[0] == 0
    code, out, err = run_coagg("load", "citations", drones)
    assert code == 0, err
    assert "245,407" in out
    assert every(
        db_settings,
        "SELECT rows_read, (counts #>> '{facts,internal}')::int, "
        "(counts #>> '{facts,internal_to_itself}')::int "
        "FROM ops.input_load WHERE kind = 'citations'",
    ) == [(245_407, 11_557, 9)]
    assert "nothing to do" in run_coagg("load", "citations", drones)[1]
