"""An index run killed with -9 ten times over ends with the bytes of an undisturbed one."""

import time
from dataclasses import replace

import numpy as np
import pytest

from coagg import prepare
from coagg.settings import LATEST
from tests.coagg.test_kills import coagg, finish, kill, load, query, wait_for

KILLS = 10
FIRMS = 700  # of a cell: more sites than are solved exactly, so nulls are calibrated
INDUSTRIES = range(131, 243)
# Chengdu, Wuhan, Guangzhou, Xi'an: four agglomerations.
TOWNS = {"5101": (104.07, 30.65), "4201": (114.31, 30.60), "4401": (113.30, 23.15),
         "6101": (108.95, 34.30)}  # fmt: skip
INDEX = ("index", "--survey-year", "2013", "--draws", "600", "--seed", "5", "--workers", "2",
         "--method", "calibrated")  # fmt: skip
UNITS = "SELECT count(*) FROM coagglomeration.unit"
RESULT = (
    "SELECT p::text FROM coagglomeration.pair_result AS p "
    "ORDER BY agglomeration_code, fixed_industry, redrawn_industry"
)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A file of firms around four towns."""
    path = tmp_path_factory.mktemp("survey") / "towns.csv"
    rng = np.random.default_rng(4)
    with path.open("w") as file:
        file.write("firm_id,firm_name,place_code,industry_code,output,employment,lon,lat\n")
        for n in range(FIRMS * len(TOWNS)):
            place, centre = list(TOWNS.items())[n % len(TOWNS)]
            lon, lat = centre + rng.normal(0, 0.1, 2)
            code = INDUSTRIES[n // len(TOWNS) % len(INDUSTRIES)]
            file.write(f"{n:09d},firm {n},{place},{code}0,100,10,{lon:.6f},{lat:.6f}\n")
    return path


@pytest.mark.slow
def test_index_killed_ten_times_over_ends_with_the_same_bytes(own, survey):
    prepare.prepare(own)
    finish(load(own, survey))
    rng = np.random.default_rng(9)
    done = 0
    newest = replace(own, results=LATEST)
    for _ in range(KILLS):
        process = coagg(own, *INDEX)
        more = int(rng.integers(0, 3))
        assert wait_for(newest, f"SELECT ({UNITS}) >= {done + more}", process)
        # Of a start that is to end before its first unit, anywhere in reading and preparing.
        time.sleep(rng.uniform(0.0, 0.1 if more else 1.0))
        assert process.poll() is None, "the run ended before it could be killed"
        kill(process)
        ((units, pairs, rows),) = query(
            newest,
            f"SELECT ({UNITS}), (SELECT coalesce(sum(pairs), 0) FROM coagglomeration.unit), "
            "(SELECT count(*) FROM coagglomeration.pair_result)",
        )
        assert pairs == rows
        assert units >= done
        done = units
    assert done > 0
    out = finish(coagg(own, *INDEX))
    assert "unchanged, skipped" in out
    killed = query(own, RESULT)
    industries = len(INDUSTRIES)
    assert len(killed) == len(TOWNS) * industries * (industries - 1)

    finish(coagg(own, *INDEX, "--force"))
    assert query(own, RESULT) == killed
