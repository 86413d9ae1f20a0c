"""Tables that are passed on leave out what tells of a single cell, by the rule of the views."""

import csv
import json

import pytest
from support.made_panel import put_panel

from coagg import database
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.database.disclosure import rule


@pytest.fixture(scope="module")
def described(databases, reference_template):
    """A data base with the descriptive statistics of a made panel, and smallest and largest."""
    settings = databases.copy(reference_template)
    with database.connect(settings) as connection:
        put_panel(connection)
    estimate_tables(settings, load_specifications(), ["descriptives", "table1"])
    with database.connect(settings) as connection:
        found = connection.execute(
            "SELECT value FROM estimates.descriptive WHERE statistic IN ('min', 'max')"
        ).fetchall()
    return settings, {value for (value,) in found if value not in (0, 1, None)}, len(found)


@pytest.fixture
def tables(described, coagg_on):
    def call(*words):
        code, out, err = coagg_on(described[0], "tables", *words)
        assert code == 0, err
        return out, err

    return call


def numbers(value):
    """All numbers of a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(numbers, value)) if value else set()
    return {value} if isinstance(value, float) else set()


def test_smallest_and_largest_are_in_no_page_and_the_note_is(described, tables, tmp_path):
    _, extremes, hidden = described
    assert extremes
    out, err = tables("descriptives", "--json")
    document = json.loads(out)
    assert document["suppressed"] == hidden
    assert f"note: {hidden} smallest and largest values are suppressed" in err
    assert numbers(document["tables"]) & extremes == set()
    assert "| Mean | Std. dev. |" in tables("descriptives")[0].replace("  ", " ")
    tables("descriptives", "--format", "all", "--out", str(tmp_path))
    for ending in ("md", "tex", "html"):
        text = (tmp_path / f"descriptives.{ending}").read_text(encoding="utf-8")
        assert "Smallest and largest values are suppressed" in text
        assert "Std. dev." in text
        assert "Max" not in text
    with (tmp_path / "descriptives.csv").open(encoding="utf-8-sig", newline="") as file:
        words = {cell for row in csv.reader(file) for cell in row}
    assert not {"min", "max"} & words
    assert {"mean", "sd"} <= words


def test_they_are_there_when_asked_for_or_public(described, tables):
    settings, extremes, _ = described
    whole, err = tables("descriptives", "--disclosure", "0", "--json")
    assert extremes <= numbers(json.loads(whole)["tables"])
    assert "suppressed" not in err
    assert "Max" in tables("descriptives", "--disclosure", "0")[0]
    rule(settings, confidential=False)
    try:
        assert tables("descriptives", "--json")[0] == whole
        assert "Max" not in tables("descriptives", "--disclosure", "3")[0]
    finally:
        rule(settings, confidential=True)


def test_estimates_stay_as_they_are(tables):
    assert tables("table1") == tables("table1", "--disclosure", "0")
