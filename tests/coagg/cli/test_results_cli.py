"""`coagg results`, and `coagg --results` before any command."""

import json

import numpy as np
import pytest

from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure


@pytest.fixture
def measured(reference_db, put_firms, db_settings):
    """A year of 100 firms in CY with an index of 10 industries: set 1."""
    rng = np.random.default_rng(3)
    industry = [f"{code:03d}" for code in range(131, 141)] * 10
    lon, lat = 104 + rng.normal(0, 0.2, 100), 30.6 + rng.normal(0, 0.2, 100)
    put_firms(reference_db, 2013, lon, lat, industry)
    measure(db_settings, IndexRequest(2013, IndexSettings(draws=40, seed=1, method="exact")))


@pytest.fixture
def twice(measured, run_coagg):
    """Sets 1 and 2: the second of 30 draws more."""
    code, out, _ = run_coagg("index", "--survey-year", "2013", "--draws", "50", "--force",
                             "--method", "exact")  # fmt: skip
    assert code == 0
    assert "results 2 are complete: readers see them" in out
    return run_coagg


def test_sets_are_listed_shown_compared_chosen_and_forgotten(twice):
    code, out, err = twice("results", "list", "--json")
    assert (code, err) == (0, "")
    assert [(s["set_id"], s["state"], s["made_by"]) for s in json.loads(out)["sets"]][:2] == [
        (2, "active", "index"), (1, "complete", "index"),
    ]  # fmt: skip
    code, out, _ = twice("results", "show", "2", "--json")
    assert (code, json.loads(out)["files"]) == (0, [])
    code, out, _ = twice("results", "diff", "1", "2")
    assert code == 0
    assert "new" in out
    code, out, _ = twice("results", "diff", "2", "2")
    assert (code, out) == (0, "results 2 and 2 are the same\n")
    code, out, _ = twice("results", "activate", "1")
    assert out.startswith("readers see results 1, also when newer ones are made")
    code, out, _ = twice("results", "prune", "--keep", "1", "--json")
    assert json.loads(out)["forgotten"] == [0]
    code, out, _ = twice("results", "activate", "newest")
    assert out == "readers see results 2\n"


def test_any_command_reads_an_old_set(twice):
    def measurements(*words):
        code, out, _ = twice(*words, "show", "pairs", "--agglomeration", "CY", "--json")
        assert code == 0
        return json.loads(out)

    assert measurements("--results", "1") != measurements()
    assert measurements("--results", "2") == measurements() == measurements("--results", "latest")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--results", "77", "show", "agglomerations"), "results 77 are not kept"),
        (("--results", "soon", "show", "agglomerations"), "write the number of a set"),
        (("results", "activate", "77"), "results 77 are not kept"),
        (("results", "activate", "soon"), "write the number of a set, or newest"),
        (("results", "show", "77"), "results 77 are not kept"),
        (("results", "diff", "0", "77"), "results 77 are not kept"),
        (("--results", "0", "index", "--survey-year", "2013"), "are complete and do not change"),
    ],
)
def test_a_set_that_cannot_be_is_one_line(measured, run_coagg, words, said):
    code, out, err = run_coagg(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("coagg: ")
    assert err.count("\n") == 1
