"""`import coagg` costs next to nothing; every public name is there when it is asked for."""

import inspect
import subprocess
import sys
import time

import pytest

import coagg

HEAVY = (
    "numpy", "pandas", "geopandas", "scipy", "numba", "psycopg", "sqlalchemy", "pyfixest",
    "matplotlib", "typer", "rich", "coagg.analysis", "coagg.etl", "coagg.database",
)  # fmt: skip


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_loads_no_engine_and_takes_under_a_third_of_a_second():
    program = (
        "import sys, time; began = time.process_time(); import coagg; "
        "print(time.process_time() - began); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    seconds, loaded = run(program)
    assert loaded == "[]"
    assert float(seconds) < 0.3


def test_a_name_loads_its_engine_and_no_other():
    program = "import sys, coagg; coagg.transport_cost; print('pyfixest' in sys.modules)"
    assert run(program) == ["False"]


@pytest.mark.parametrize("name", coagg.__all__)
def test_every_public_name_is_there_and_explained(name):
    found = getattr(coagg, name)
    assert name in dir(coagg)
    if name == "__version__":
        assert found == "0.1.0"
    else:
        assert (inspect.getdoc(found) or "").strip()
        assert not inspect.ismodule(found)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'coaglomeration'"):
        coagg.coaglomeration  # noqa: B018
    began = time.monotonic()
    with pytest.raises(ImportError):
        from coagg import nothing_of_the_kind  # noqa: F401
    assert time.monotonic() - began < 1


def test_type_checkers_see_the_same_names():
    """The imports under TYPE_CHECKING and the names loaded when used are the same."""
    source = inspect.getsource(coagg)
    part = source.split("if TYPE_CHECKING:")[1].split("# public name")[0]
    seen = {line.split(" as ")[1].strip() for line in part.splitlines() if " as " in line}
    seen |= {line.split(" = ")[0].strip() for line in part.splitlines() if " = " in line}
    assert seen - {"_rebuild"} == set(coagg._WHERE)
