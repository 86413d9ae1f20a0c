"""Industries named in words: taken where the name is one industry's, never guessed."""

import pytest

from coagg import database
from coagg.etl.firms.load import load_firms


def load(settings, tmp_path, names, country="GB"):
    path = tmp_path / "a.csv"
    lines = ["CompanyNumber,SICCode.SicText_1,longitude,latitude"]
    lines += [f'{3100000 + n},"{name}",{-1.47 + n / 1000:.5f},53.38001'
              for n, name in enumerate(names)]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    report = load_firms(settings, path, 2022, accept="few codes are known")
    with database.connect(settings) as connection:
        rows = connection.execute(
            "SELECT industry_code, industry FROM clean.firm ORDER BY row_number"
        ).fetchall()
    return report, rows


@pytest.fixture
def classes(reference_db):
    """Names of the British classification with their codes, each of one class alone."""
    return reference_db.execute(
        "SELECT min(industry_code), min(name) FROM reference.industry "
        "WHERE classification = 'uksic2007' AND level > 1 AND name !~ '[0-9]' "
        "GROUP BY lower(regexp_replace(name, '[^[:alnum:]]+', ' ', 'g')) "
        "HAVING count(*) = 1 AND length(min(industry_code)) = 5 ORDER BY 1 LIMIT 6"
    ).fetchall()


def test_names_of_one_industry_are_it_in_any_case_and_width(db_settings, tmp_path, classes):
    names = [name.upper() if n % 2 else f"  {name.replace(' ', '  ')} "
             for n, (_, name) in enumerate(classes)]  # fmt: skip
    report, rows = load(db_settings, tmp_path, [*names, "Sundry things"])
    assert rows[:-1] == [(code, code[:3]) for code, _ in classes]
    assert rows[-1] == ("SUNDRY THINGS", None)
    assert report.classification == "uksic2007"
    assert (report.flags["industry_from_name"], report.flags["industry_unknown"]) == (6, 1)
    assert any("85.7% of them are names of uksic2007" in note for note in report.facts["notes"])


def test_words_that_are_hardly_ever_names_are_unknown(db_settings, tmp_path, classes):
    report, rows = load(db_settings, tmp_path, [classes[0][1], "Sundry", "Other", "Things"])
    assert {industry for _, industry in rows} == {None}
    assert report.flags["industry_unknown"] == 4
    assert "industry_from_name" not in report.flags


def test_words_among_codes_are_not_matched(db_settings, tmp_path, classes):
    report, rows = load(db_settings, tmp_path, ["25620", "25620", classes[0][1]])
    assert [industry for _, industry in rows] == ["256", "256", None]
    assert "industry_from_name" not in report.flags
