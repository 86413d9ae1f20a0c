"""Patent files of strangers: applicants a row each, countries behind names, dates in any dress."""

from pathlib import Path

import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.matching import names
from coagg.etl.patents import dates
from coagg.etl.patents.citations import load_citations
from coagg.etl.patents.load import load_patents

HEADER = "patent_id,application_date,applicants"
STRANGERS = Path(__file__).parents[2] / "data" / "strangers"


def every(settings, query):
    with database.connect(settings) as connection:
        return connection.execute(query).fetchall()


def applicants(settings):
    return every(
        settings,
        "SELECT patent_id, array_agg(name ORDER BY position) FROM clean.patent_applicant "
        "GROUP BY patent_id ORDER BY patent_id",
    )


def write(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_one_row_an_applicant_is_one_patent(db_settings):
    report = load_patents(db_settings, STRANGERS / "patents_long.csv", layout="plain")
    assert (report.rows_read, report.rows_clean, report.rows_refused) == (3, 3, 0)
    assert applicants(db_settings) == [
        ("7000001", ["Alpha Ltd", "Beta Inc"]), ("7000002", ["Gamma Corp"])
    ]  # fmt: skip
    assert (report.facts["patents"], report.facts["applicants"]) == (2, 3)
    assert load_patents(db_settings, STRANGERS / "patents_long.csv", layout="plain").unchanged


def test_a_repeat_is_a_repeat_and_rows_that_differ_are_judged_as_ever(db_settings, tmp_path):
    header = "patent_id,publication_number,title,application_date,applicants,grant_date"
    report = load_patents(
        db_settings,
        write(tmp_path / "p.csv", header, [
            "1,P1A,t,2004-01-02,Alpha Ltd,",      # 1 kept with 2 and 4
            "1,P1A,t,2004-01-02,Beta Inc,",
            "1,P1A,t,2004-01-02,ALPHA LTD.,",     # 3 repeats 1
            "1,P1A,t,2004-01-02,Beta Inc;Gamma,",
            "1,P1A,u,2004-01-02,Delta,",          # 5 says another title
            "2,P2A,t,2004-01-02,Alpha Ltd,",      # 6 and 7: the publication of 8
            "2,P2A,t,2004-01-02,Beta Inc,",
            "2,P2B,t,2004-01-02,Alpha Ltd,2006-01-01",
            "3,P3A,t,2004-01-02,,",               # 9 has none, 10 has
            "3,P3A,t,2004-01-02,Alpha Ltd,",
            "4,P4A,t,2004-01-02,,",               # 11 and 12: nobody, twice
            "4,P4A,t,2004-01-02,,",
        ]),
    )  # fmt: skip
    assert applicants(db_settings) == [
        ("1", ["Alpha Ltd", "Beta Inc", "Gamma"]), ("2", ["Alpha Ltd"]), ("3", ["Alpha Ltd"])
    ]  # fmt: skip
    refused = every(
        db_settings, "SELECT row_number, reason FROM clean.refused_input ORDER BY row_number"
    )
    assert refused == [
        (3, "duplicate_application"), (5, "duplicate_application"), (6, "earlier_publication"),
        (7, "earlier_publication"), (12, "duplicate_application"),
    ]  # fmt: skip
    assert (report.rows_read, report.rows_clean) == (12, 7)
    assert report.flags == {"applicant_missing": 1}


def test_an_application_that_another_dataset_holds_is_refused_with_all_its_rows(
    db_settings, tmp_path
):
    header = "patent_id,application_date,applicants"
    rows = ["1,2004-01-02,Alpha", "1,2004-01-02,Beta", "2,2004-01-02,Gamma"]
    load_patents(db_settings, write(tmp_path / "a.csv", header, rows[:2]))
    report = load_patents(db_settings, write(tmp_path / "b.csv", header, rows))
    assert report.reasons == {"in_other_dataset": 2}
    assert applicants(db_settings) == [("1", ["Alpha", "Beta"]), ("2", ["Gamma"])]


def test_a_load_stands_when_a_grant_of_another_dataset_took_one_of_its_patents(
    db_settings, tmp_path
):
    header = "patent_id,application_date,applicants,grant_date"
    rows = ["1,2004-01-02,Alpha,", "1,2004-01-02,Beta,", "2,2004-01-02,Gamma,"]
    first = write(tmp_path / "a.csv", header, rows)
    load_patents(db_settings, first)
    load_patents(db_settings, write(tmp_path / "b.csv", header, ["1,2004-01-02,Alpha,2006-01-03"]))
    assert every(
        db_settings,
        "SELECT rows_read, rows_clean, rows_refused FROM ops.input_load WHERE dataset = 'a'",
    ) == [(3, 2, 1)]
    assert load_patents(db_settings, first).unchanged


def test_the_country_behind_a_name_is_taken_off_and_told(db_settings):
    report = load_patents(db_settings, STRANGERS / "patents_country_tag.csv", layout="plain")
    assert applicants(db_settings) == [
        ("7000003", ["ALPHA MACHINES LLC"]), ("7000004", ["华东机械有限公司"])
    ]  # fmt: skip
    assert any("behind 2 names" in note for note in report.notes)


@pytest.mark.parametrize(
    "name",
    ["ALPHA MACHINES LLC [US]", "ALPHA MACHINES LLC[US]", "Alpha Machines LLC (US)",
     "ALPHA MACHINES, L.L.C., US", "(ALPH-C) ALPHA MACHINES LLC", "ALPHA MACHINES LLC (ALPH-C)",
     "ＡＬＰＨＡ　ＭＡＣＨＩＮＥＳ　ＬＬＣ［ＵＳ］"],
)  # fmt: skip
def test_a_name_with_country_or_code_has_the_stem_of_the_name(name):
    assert names.stem(names.normalise(name)) == names.stem(names.normalise("Alpha Machines LLC"))


@pytest.mark.parametrize(
    "name", ["Nestle, SA", "Volvo (AB)", "ABB (Schweiz) AG", "Alpha [USA]", "Toyota (GB)", "A, KG"]
)
def test_what_may_be_a_part_of_the_name_stays(name):
    assert names.untagged(name) == name


@pytest.mark.parametrize(
    ("cells", "taken"),
    [
        (["Alpha (US)", "Beta (JP)", "Gamma"], ["Alpha", "Beta", "Gamma"]),
        (["Alpha, US", "Beta, JP", "Gamma, SA"], ["Alpha", "Beta", "Gamma, SA"]),
        (["Alpha (US)", "Beta", "Gamma"], ["Alpha (US)", "Beta", "Gamma"]),
    ],
)
def test_a_column_of_names_with_countries_tells_that_they_are_none_of_the_name(
    db_settings, tmp_path, cells, taken
):
    rows = [f'{n},2004-01-02,"{cell}"' for n, cell in enumerate(cells)]
    load_patents(
        db_settings, write(tmp_path / "p.csv", "patent_id,application_date,applicants", rows)
    )
    assert [found[0] for _, found in applicants(db_settings)] == taken


@pytest.mark.parametrize(
    "cell",
    ["Alpha;Beta", "Alpha;;Beta", "Alpha [US];\nBeta [JP]", "Alpha [US]\nBeta [JP]",
     '["Alpha", "Beta"]', "['Alpha', 'Beta']", '{"Alpha","Beta"}', '"Alpha"; "Beta"',
     "Alpha；Beta", "(ALPH-C) Alpha; (BETA-N) Beta"],
)  # fmt: skip
def test_lists_of_applicants_in_every_dress(db_settings, tmp_path, cell):
    quoted = cell.replace('"', '""')
    row = f'1,2004-01-02,"{quoted}"'
    load_patents(
        db_settings, write(tmp_path / "p.csv", "patent_id,application_date,applicants", [row])
    )
    assert applicants(db_settings) == [("1", ["Alpha", "Beta"])]


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2010-01-05", "", "2010-01-05"), ("20100105", "", "2010-01-05"),
        ("2010.01.05", "", "2010-01-05"), ("2010年1月5日", "", "2010-01-05"),
        ("２０１０．１．５", "", "2010-01-05"), ("2010-01-05T00:00:00", "", "2010-01-05"),
        ("40183", "", "2010-01-05"), ("40183.0", "", "2010-01-05"),
        ("Jan 5, 2010", "", "2010-01-05"), ("January 5 2010", "", "2010-01-05"),
        ("5 Jan. 2010", "", "2010-01-05"), ("05-JAN-10", "", "2010-01-05"),
        ("5. Januar 2010", "", "2010-01-05"), ("5 janvier 2010", "", "2010-01-05"),
        ("5 de enero de 2010", "", "2010-01-05"), ("2010-Jan-05", "", "2010-01-05"),
        ("1/5/2010", "mdy", "2010-01-05"), ("5/1/10", "dmy", "2010-01-05"),
        ("1/5/2010 0:00", "mdy", "2010-01-05"), ("5.1.2010", "dmy", "2010-01-05"),
        ("1/5/2010", "", None), ("31/31/2010", "", None), ("Foo 5, 2010", "", None),
        ("2010", "", None), ("2010-02-30", "", None), ("123456", "", None),
    ],
)  # fmt: skip
def test_days_in_every_dress(text, order, day):
    found = dates.day_of(text, order)
    assert (found and str(found)) == day


def dated(settings, path, cells, layout=None, header="application_date"):
    rows = [f'{n},"{cell}",a' for n, cell in enumerate(cells)]
    write(path, f"patent_id,{header},applicants", rows)
    report = load_patents(settings, path, layout=layout)
    found = every(settings, "SELECT application_date::text FROM clean.patent ORDER BY row_number")
    return report, [day for (day,) in found]


def dates_layout(path, order):
    path.write_text(
        f"column,headers\n@dates,{order}\npatent_id,patent_id\n"
        "application_date,application_date\napplicants,applicants\n"
    )
    return str(path)


def test_american_dates_are_told_by_the_whole_column(db_settings, tmp_path):
    report, days = dated(db_settings, tmp_path / "p.csv", ["01/05/2010", "12/25/2010"])
    assert days == ["2010-01-05", "2010-12-25"]
    assert any("month first, as '12/25/2010' says" in note for note in report.notes)
    report, days = dated(db_settings, tmp_path / "p.csv", ["01/05/2010", "25/12/2010"])
    assert days == ["2010-05-01", "2010-12-25"]


def test_a_layout_that_says_the_other_order_is_overruled_and_that_is_told(db_settings, tmp_path):
    layout = dates_layout(tmp_path / "dmy.csv", "dmy")
    report, days = dated(db_settings, tmp_path / "p.csv", ["01/05/2010", "12/25/2010"], layout)
    assert days == ["2010-01-05", "2010-12-25"]
    assert any("the layout says dmy" in note for note in report.notes)


def test_a_toss_up_is_refused_with_examples_until_a_layout_says_it(db_settings, tmp_path):
    cells = ["01/05/2010", "05/05/2010", "2010-03-04"]
    with pytest.raises(CoaggError, match=r"'01/05/2010', and none tells .*@dates,mdy") as caught:
        dated(db_settings, tmp_path / "p.csv", cells)
    assert "\n" not in str(caught.value)
    for order, day in (("mdy", "2010-01-05"), ("dmy", "2010-05-01")):
        _, days = dated(
            db_settings, tmp_path / "p.csv", cells, dates_layout(tmp_path / "l.csv", order)
        )
        assert days == [day, "2010-05-05", "2010-03-04"]


def test_two_orders_in_a_column_are_refused_and_single_mistakes_told(db_settings, tmp_path):
    with pytest.raises(CoaggError, match=r"day first \('25/12/2010'\) and month first"):
        dated(db_settings, tmp_path / "p.csv", ["12/25/2010", "25/12/2010"])
    cells = ["12/25/2010"] * 200 + ["25/12/2010"]
    report, days = dated(db_settings, tmp_path / "p.csv", cells)
    assert set(days) == {"2010-12-25"}
    assert report.reasons == {"application_date_unreadable": 1}
    assert any("1 dates are not so, as '25/12/2010'" in note for note in report.notes)


def test_a_column_that_tells_nothing_is_read_as_the_others_of_the_file(db_settings, tmp_path):
    rows = ["1,01/05/2010,12/25/2012,a"]
    header = "patent_id,application_date,grant_date,applicants"
    load_patents(db_settings, write(tmp_path / "p.csv", header, rows))
    assert every(
        db_settings, "SELECT application_date::text, grant_date::text FROM clean.patent"
    ) == [("2010-01-05", "2012-12-25")]


def test_dates_with_points_are_day_first_and_days_of_spreadsheets_are_told(db_settings, tmp_path):
    report, days = dated(db_settings, tmp_path / "p.csv", ["01.05.2010", "40183"])
    assert days == ["2010-05-01", "2010-01-05"]
    assert any("1 dates are day numbers of a spreadsheet" in note for note in report.notes)


@pytest.mark.parametrize("day", ["9999-12-31", "99991231", "31/12/9999", "0001-01-01"])
def test_the_last_and_the_first_day_there_is_stand_for_none(db_settings, tmp_path, day):
    header = "patent_id,application_date,grant_date,applicants"
    report = load_patents(db_settings, write(tmp_path / "p.csv", header, [f"1,2010-01-05,{day},a"]))
    assert report.flags == {}
    assert every(db_settings, "SELECT granted, grant_date FROM clean.patent") == [(False, None)]


@pytest.mark.parametrize(
    "number",
    ["US-7000001-B2", "US7000001B2", "7000001", "US 7,000,001 B2", "US7000001", "US7000001 (B2)",
     "US07000001B2", "US7000001B1", "us 7000001 b2"],
)  # fmt: skip
@pytest.mark.parametrize("loaded", ["US7000001B2", "US 7,000,001 B2", "US-7000001-B2"])
def test_a_number_in_every_dress_is_the_same_patent(db_settings, tmp_path, loaded, number):
    header = "patent_id,publication_number,application_date,applicants"
    rows = [f'A1,"{loaded}",2004-01-02,a', "A2,US7000002B2,2005-01-02,b"]
    load_patents(db_settings, write(tmp_path / "p.csv", header, rows))
    report = load_citations(
        db_settings,
        write(tmp_path / "c.csv", "citing,cited", [f'US7000002B2,"{number}"', "A2,US5000001A"]),
    )
    assert (report.facts["internal"], report.facts["cited_unknown"]) == (1, 1)
    assert every(db_settings, "SELECT citing_id, cited_id FROM clean.citation ORDER BY 2") == [
        ("A2", "A1"), ("A2", "US5000001A")
    ]  # fmt: skip


def test_a_number_that_may_be_two_patents_is_neither(db_settings, tmp_path):
    header = "patent_id,publication_number,application_date,applicants"
    rows = [
        "A1,US7000001B2,2004-01-02,a",
        "A2,CN7000001A,2005-01-02,b",
        "A3,CN8000001U,2005-01-02,b",
    ]
    load_patents(db_settings, write(tmp_path / "p.csv", header, rows))
    report = load_citations(
        db_settings,
        write(tmp_path / "c.csv", "citing,cited", ["A1,7000001", "A1,CN8000001A", "A1,CN8000001Y"]),
    )
    assert report.facts["cited_unknown"] == 2
    assert every(db_settings, "SELECT cited_id FROM clean.citation ORDER BY 1") == [
        ("7000001",), ("A3",), ("CN8000001A",)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("@join,a b c", r"@join has 'a b c'; write 'file by column'"),
        ("@dates,soon", r"@dates is 'soon'; use one of ymd, dmy, mdy"),
        ("@separators,z-a", r"@separators is 'z-a', which cannot be read"),
    ],
)
def test_a_wrong_line_of_a_layout_is_named(db_settings, tmp_path, line, said):
    layout = tmp_path / "l.csv"
    layout.write_text(f"column,headers\n{line}\npatent_id,patent_id\n")
    with pytest.raises(CoaggError, match=said):
        load_patents(db_settings, STRANGERS / "patents_long.csv", layout=str(layout))
