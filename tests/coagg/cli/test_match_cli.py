"""`coagg match`, run as a person runs it: firms, patents, review out and in, evaluation."""

import csv

import pytest

from coagg import database
from coagg.etl.firms.load import load_firms

HEADER = "firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n"
FIRMS = ["成都兴达机床有限公司", "成都同名机械有限公司", "成都同名机械有限公司"]
PATENTS = {"P1": "成都兴达機床有限公司", "P2": "成都同名机械有限公司", "P3": "王伟"}


@pytest.fixture
def loaded(db_settings, tmp_path):
    """Two years of three firms, two of them of one name, and three patents."""
    for year in (2010, 2013):
        file = tmp_path / f"{year}.csv"
        lines = [
            f"00000000{n},{name},5101,3610,100,10,104.0{n}231,30.6{n}231\n"
            for n, name in enumerate(FIRMS, 1)
        ]
        file.write_text(HEADER + "".join(lines))
        load_firms(db_settings, file, year, layout="demo", datum="wgs84")
    with database.connect(db_settings) as connection:
        for number, (patent, name) in enumerate(PATENTS.items()):
            connection.execute(
                "INSERT INTO clean.patent (patent_id, dataset, row_number, application_date, "
                "granted, flags) VALUES (%s, 'test', %s, '2013-05-01', true, '{}')",
                (patent, number),
            )
            connection.execute(
                "INSERT INTO clean.patent_applicant VALUES (%s, 1, %s, NULL, NULL, NULL)",
                (patent, name),
            )
    return db_settings


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(path, rows):
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def refused(result):
    """The one line that a call was refused with."""
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("coagg: ")
    assert err.count("\n") == 1
    return err


def test_from_firms_to_a_reviewed_match(loaded, run_coagg, tmp_path):
    assert "coagg match firms" in refused(run_coagg("match", "patents"))
    code, out, _ = run_coagg("match", "firms")
    assert code == 0
    assert "6 rows of 2 years are 3 firms, by 3 links" in out
    assert "id_name" in out

    code, out, _ = run_coagg("match", "patents")
    assert code == 0
    assert "3 applicants = 1 matched + 1 ambiguous + 0 outside the years + 1 without a firm" in out
    assert "2 candidates wait for review: coagg match review --export FILE" in out
    assert "unchanged, nothing to do" in run_coagg("match", "patents")[1]

    file = tmp_path / "review.csv"
    assert "1 applicants to decide on" in run_coagg("match", "review", "--export", file)[1]
    rows = rows_of(file)
    assert [row["decision"] for row in rows] == ["", ""]
    rows[0]["decision"] = "yes"
    write(file, rows)
    code, out, _ = run_coagg("match", "review", "--import", file, "--by", "a reader")
    assert code == 0
    assert "1 given a firm, 0 given none, 0 left open" in out
    code, out, _ = run_coagg("match", "patents")
    assert "2 matched + 0 ambiguous" in out
    assert "review" in out
    with database.connect(loaded) as connection:
        row = connection.execute(
            "SELECT panel_id, evidence FROM clean.patent_match WHERE stage = 'review'"
        ).fetchone()
    assert row == (int(rows[0]["panel_id"]), "decided by a reader")

    rows[0]["decision"] = "none"
    write(file, rows)
    assert "0 given a firm, 1 given none" in run_coagg("match", "review", "--import", file)[1]
    assert "1 matched + 0 ambiguous" in run_coagg("match", "patents")[1]

    truth, firms = tmp_path / "patents.csv", tmp_path / "firms.csv"
    write(
        truth,
        [
            {"patent_id": "P1", "position": 1, "firm_number": 1, "name_dirt": "script"},
            {"patent_id": "P2", "position": 1, "firm_number": 2, "name_dirt": ""},
            {"patent_id": "P3", "position": 1, "firm_number": "", "name_dirt": ""},
        ],
    )
    write(
        firms,
        [
            {"survey_year": year, "row_number": n, "firm_number": n}
            for year in (2010, 2013)
            for n in (1, 2, 3)
        ],
    )
    code, out, _ = run_coagg("match", "evaluate", "--truth", truth)
    assert code == 0
    cells = [line.replace("│", " ").split() for line in out.splitlines()]
    assert ["all", "1", "1.0000", "0.5000"] in cells
    assert ["script", "1", "1", "1.0000"] in cells
    assert ["nothing", "1", "0", "0.0000"] in cells
    assert "2 applicants are firms" in out


def test_a_file_of_decisions_that_cannot_be_is_refused_whole(loaded, run_coagg, tmp_path):
    run_coagg("match", "firms")
    run_coagg("match", "patents")
    file = tmp_path / "review.csv"
    run_coagg("match", "review", "--export", file)
    good = rows_of(file)

    def told(rows):
        write(file, rows)
        return refused(run_coagg("match", "review", "--import", file))

    first, second = ({**row, "decision": "yes"} for row in good)
    assert "line 3: a second decision for '成都同名机械有限公司'; keep one" in told([first, second])
    assert "line 3: decision 'maybe'; yes, none or nothing" in told(
        [first, {**second, "decision": "maybe"}]
    )
    # a spreadsheet that shows a long number in short
    assert "line 2: no firm has panel_id '2.01E+10'" in told([{**first, "panel_id": "2.01E+10"}])
    lacking = [{"applicant_name": "x", "decision": "yes"}]
    assert "no column panel_id; coagg match review --export writes" in told(lacking)
    file.write_bytes("applicant_name,panel_id,decision\n成都,1,yes\n".encode("gbk"))
    assert "not UTF-8" in refused(run_coagg("match", "review", "--import", file))
    with database.connect(loaded) as connection:
        row = connection.execute("SELECT count(*) FROM clean.match_decision").fetchone()
    assert row == (0,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("review",), "either --export FILE or --import FILE"),
        (("review", "--export", "a.csv", "--import", "b.csv"), "either --export"),
        (("review", "--import", "nowhere.csv"), "nowhere.csv"),
        (("evaluate",), "either --truth FILE or --names FILE"),
        (("evaluate", "--truth", "nowhere.csv"), "nowhere.csv"),
        (("firms",), "no firms of CN are loaded"),
        (("firms", "--max-gap", "-1"), "greater than or equal to 0"),
        (
            ("patents", "--threshold", "0.2"),
            "greater than or equal to 0.5",
        ),
        (("patents", "--threshold", "0.6"), "0.85 is above --threshold 0.6"),
        (
            ("patents", "--max-years", "-1"),
            "greater than or equal to 0",
        ),
        (
            ("patents", "--slip-odds", "-1"),
            "greater than or equal to 0",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(db_settings, run_coagg, words, said):
    assert said in refused(run_coagg("match", *words))
