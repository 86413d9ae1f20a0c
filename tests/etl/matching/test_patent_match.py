"""Applicants to firms on a real data base: stages, ambiguity, years, review, evaluation."""

import csv

import pytest

from coagg import database
from coagg.errors import CoaggError
from coagg.etl.firms.load import load_firms
from coagg.etl.matching.evaluate import evaluate, evaluate_names
from coagg.etl.matching.firms import match_firms
from coagg.etl.matching.patents import match_patents
from coagg.etl.matching.review import export_review, import_review

HEADER = "firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n"
FIRMS = (
    "成都兴达精密机床制造有限公司",
    "成都宏泰电子有限公司",
    "成都长城纺织厂",
    "成都同名机械有限公司",
    "成都同名机械有限公司",
    "成都鼎诚高分子材料科技发展有限公司",
    # so that 材料 is a word that names have, and 材枓 is none
    *(
        f"成都{word}材料科技发展有限公司"
        for word in ("天元", "瑞丰", "金祥", "安和", "永昌", "宏远", "嘉荣")
    ),
)
PATENTS = [  # id, year, name, code, address, expected stage and row
    ("P1", 2013, "別的名字", "00000000-1", None, ("code", 1)),
    ("P2", 2012, "成都宏泰電子有限公司", None, None, ("name", 2)),
    ("P3", 2011, "长城纺织厂有限责任公司", None, "四川省成都市一环路", ("stem_place", 3)),
    ("P4", 2013, "成都同名机械有限公司", None, None, None),
    ("P5", 2013, "成都鼎诚高分子材枓科技发展有限公司", None, None, ("fuzzy", 6)),
    ("P6", 2020, "成都宏泰电子有限公司", None, None, None),
    ("P7", 2013, "王伟", None, None, None),
    ("P8", 2013, "广州兴达精密机床制造有限公司", None, None, None),
    # a word for a word: another firm's name as likely as not, so for review
    ("P9", 2013, "成都鼎诚高分子材料科技开发有限公司", None, None, None),
]


@pytest.fixture
def loaded(db_settings, tmp_path):
    for year in (2010, 2013):
        file = tmp_path / f"{year}.csv"
        lines = [
            f"{n:09d},{name},5101,3610,100,10,104.0{n}231,30.6{n}231\n"
            for n, name in enumerate(FIRMS, 1)
        ]
        file.write_text(HEADER + "".join(lines))
        load_firms(db_settings, file, year, layout="demo", datum="wgs84")
    with database.connect(db_settings) as connection:
        for number, (patent, year, name, code, address, _) in enumerate(PATENTS):
            connection.execute(
                "INSERT INTO clean.patent (patent_id, dataset, row_number, application_date, "
                "granted, flags) VALUES (%s, 'test', %s, make_date(%s, 5, 1), true, '{}')",
                (patent, number, year),
            )
            connection.execute(
                "INSERT INTO clean.patent_applicant VALUES (%s, 1, %s, %s, NULL, %s)",
                (patent, name, code, address),
            )
    return db_settings


def matches(settings):
    with database.connect(settings) as connection:
        return {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT patent_id, stage, row_number, survey_year FROM clean.patent_match"
            ).fetchall()
        }


def test_firms_must_be_linked_first(loaded):
    with pytest.raises(CoaggError, match="coagg match firms"):
        match_patents(loaded)


def test_stages_years_review_and_evaluation(loaded, tmp_path):
    match_firms(loaded)
    report = match_patents(loaded)
    found = matches(loaded)
    assert {patent: row[:2] for patent, row in found.items()} == {
        patent: expected for patent, *_, expected in PATENTS if expected
    }
    assert found["P3"][2] == 2010  # 2011 is nearer to 2010
    assert (report.ambiguous, report.outside, report.unmatched) == (2, 1, 2)
    assert report.matched + 5 == report.applicants
    assert match_patents(loaded).unchanged

    review = tmp_path / "review.csv"
    assert export_review(loaded, review) == 2
    with review.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["applicant_name"][2:4] for row in rows] == ["同名", "同名", "鼎诚"]
    assert rows[2]["reason"].startswith("not plainly a slip")
    rows[1]["decision"] = "yes"
    write(review, rows)
    assert import_review(loaded, review, "tester") == {"firm": 1, "none": 0, "open": 1}
    again = match_patents(loaded)
    assert not again.unchanged
    assert (again.decisions_used, again.candidates) == (1, 1)
    assert matches(loaded)["P4"][0] == "review"

    truth, firms = tmp_path / "patents.csv", tmp_path / "firms.csv"
    right = {"P1": 1, "P2": 2, "P3": 1, "P5": 6, "P6": 2, "P7": ""}
    write(truth, [{"patent_id": p, "position": 1, "firm_number": n} for p, n in right.items()])
    write(
        firms,
        [
            {"survey_year": y, "row_number": n, "firm_number": n}
            for y in (2010, 2013)
            for n in range(1, 7)
        ],
    )
    judged = evaluate(loaded, truth, firms)
    assert judged.stages["stem_place"] == (1, 0)
    assert judged.stages["code"] == (1, 1)
    assert (judged.applicants, judged.reachable, judged.found) == (5, 4, 3)


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_name_that_two_firms_exchanged_is_for_review(db_settings, tmp_path):
    names = ("成都兴达机床有限公司", "成都宏泰电子有限公司")
    for year, order in ((2004, names), (2013, names[::-1])):
        file = tmp_path / f"{year}.csv"
        lines = [
            f"{n:09d},{name},5101,3610,100,10,104.0{n}231,30.6{n}231\n"
            for n, name in enumerate(order, 1)
        ]
        file.write_text(HEADER + "".join(lines))
        load_firms(db_settings, file, year, layout="demo", datum="wgs84")
    with database.connect(db_settings) as connection:
        for patent, year in (("early", 2005), ("between", 2009), ("late", 2012)):
            connection.execute(
                "INSERT INTO clean.patent (patent_id, dataset, row_number, application_date, "
                "granted, flags) VALUES (%s, 'test', %s, make_date(%s, 5, 1), true, '{}')",
                (patent, year, year),
            )
            connection.execute(
                "INSERT INTO clean.patent_applicant VALUES (%s, 1, %s, NULL, NULL, NULL)",
                (patent, names[0]),
            )
    match_firms(db_settings, max_gap=8)
    report = match_patents(db_settings)
    # both firms have borne the name, so it is for review, and never guessed
    assert (report.matched, report.ambiguous, report.outside) == (0, 2, 1)
    assert report.candidates == 2


def test_a_decision_that_cannot_be_names_its_line(db_settings, tmp_path):
    file = tmp_path / "r.csv"
    write(file, [{"applicant_name": "a", "panel_id": "7", "decision": "yes"}])
    with pytest.raises(CoaggError, match=r"line 2: no firm has panel_id '7'"):
        import_review(db_settings, file, "tester")
    write(file, [{"applicant_name": "a", "panel_id": "7", "decision": "perhaps"}])
    with pytest.raises(CoaggError, match="perhaps"):
        import_review(db_settings, file, "tester")


def test_real_name_pairs_come_together(sample_dir):
    found = evaluate_names(sample_dir / "patents" / "drones_2017_applicant_name_variants.csv")
    assert found.rows == 840
    assert sum(found.together.values()) > 0.5 * found.variants
