"""What a command loads when it starts: engines only where it works with them."""

import subprocess
import sys

import pytest

from coagg import database

HEAVY = {
    "alembic", "fastexcel", "geoalchemy2", "geopandas", "matplotlib", "numba", "numpy", "opencc",
    "ot", "pandas", "pyarrow", "pyfixest", "pyogrio", "pyproj", "scipy", "shapely", "sklearn",
    "sqlalchemy",
}  # fmt: skip
TRACED = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sorted({m.split(".")[0] for m in sys.modules}),
                              file=sys.stderr))
from coagg.cli import main
main()
"""


@pytest.fixture
def loaded(db_settings, monkeypatch):
    """Run the command line; returns exit code and the top-level modules that were loaded."""
    monkeypatch.setenv("COAGG_DATABASE_URL", database.conninfo(db_settings))
    monkeypatch.setenv("COAGG_DATA_DIR", str(db_settings.data_dir))

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-c", TRACED, *words], capture_output=True, text=True
        )
        last = done.stderr.splitlines()[-1].split()
        assert last[0] == "LOADED"
        return done.returncode, set(last[1:])

    return run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--help",), 0),
        (("--version",), 0),
        (("indx",), 2),
        (("index", "--help"), 0),
        (("estimate", "--threshold"), 2),
        (("check",), 0),
        (("show", "pairs", "--agglomeration", "CY"), 2),
        (("show", "agglomerations"), 0),
        (("show", "industries"), 0),
        (("show", "measurements", "--json"), 0),
        (("show", "concordance"), 0),
        (("db", "status"), 0),
    ],
    ids=str,
)
def test_looking_loads_no_engine(loaded, words, code):
    returned, modules = loaded(*words)
    assert returned == code
    assert modules & HEAVY == set()


def test_the_parser_loads_no_driver_of_the_data_base(loaded):
    assert "psycopg" not in loaded("--help")[1]
    assert "psycopg" not in loaded("indx")[1]


def test_an_engine_is_seen_where_one_is_loaded(loaded):
    code, modules = loaded("index", "--survey-year", "2013")
    assert code == 2  # no firms
    assert {"numba", "scipy"} <= modules
