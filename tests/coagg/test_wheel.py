"""What people install: the wheel and the source distribution, away from the checkout.

The packages coagg needs come from the running environment, by a path file: it does not run the
hooks of that environment's own coagg, so what is imported is what was installed (asserted).
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from coagg.database import server
from coagg.errors import CoaggError
from coagg.settings import PROJECT
from coagg.version import VERSION

SOURCES = ("coagg", "etl", "analysis", "sql")
FILES = ("pyproject.toml", "README.md", "LICENSE")
TAKEN = ("analysis", "etl", "sql", "settings", "database")  # file names a user may well choose
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
Run = Callable[..., str]


def _build(folder: Path, what: str, out: Path) -> Path:
    """Build a wheel or an sdist of the sources in `folder` with the locked setuptools."""
    code = f"import sys; from setuptools import build_meta as b; b.build_{what}(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, out], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, its links still links, with leavings that must not travel."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        shutil.copytree(
            PROJECT / name,
            folder / name,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for name in FILES:
        shutil.copy(PROJECT / name, folder)
    assert (folder / "coagg" / "etl").is_symlink()
    for room in ("etl", "etl/data", "sql"):
        (folder / room / "__pycache__").mkdir()
        (folder / room / "__pycache__" / "left.cpython-311.pyc").write_text("")
    return folder


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(checkout, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel made from the source distribution, as pip makes it."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", out, sdist],
        check=True,
    )
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a program of a fresh environment that holds the wheel, as a user with an own folder."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True, with_pip=False)
    (libraries,) = place.glob("lib/python*/site-packages")
    (libraries / "running.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    subprocess.run(
        [*PIP, "--python", place / "bin" / "python", "install", "--no-deps", "--no-index",
         "--ignore-installed", wheel],
        check=True,
    )  # fmt: skip
    # not a folder of pytest's: the private server's user must be able to enter
    home = Path(tempfile.mkdtemp(prefix="coagg-test-"))
    home.chmod(0o755)
    work = home / "study"
    work.mkdir()
    for name in TAKEN:
        (work / f"{name}.py").write_text(f"raise ImportError('the user\\'s own {name}.py')\n")
    environment = {
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "share"),
        "COLUMNS": "160",
    }

    def run(*words: object) -> str:
        done = subprocess.run(
            [place / "bin" / str(words[0]), *map(str, words[1:])],
            cwd=work, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    yield run
    run("coagg", "db", "stop")
    shutil.rmtree(home, ignore_errors=True)


def test_every_file_of_the_package_travels(checkout: Path, wheel: Path):
    have = {
        str(path.relative_to(checkout))
        for name in SOURCES
        for path in (checkout / "coagg" / name if name != "coagg" else checkout / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in packed if ".dist-info/" not in name} == have
    for kind in (".sql", ".toml", ".csv", ".geojson.gz", "_MIT.txt", "LICENCES.md", "/0001_ops.py"):
        assert any(name.endswith(kind) for name in have), kind


def test_a_wheel_from_the_checkout_is_the_wheel_from_the_sdist(
    checkout: Path, wheel: Path, tmp_path: Path
):
    straight = zipfile.ZipFile(_build(checkout, "wheel", tmp_path))
    through = zipfile.ZipFile(wheel)
    assert sorted(straight.namelist()) == sorted(through.namelist())
    for name in through.namelist():
        if ".dist-info/" not in name:
            assert straight.read(name) == through.read(name), name


def test_the_sdist_holds_files_not_links_and_the_licences(sdist: Path):
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert all(member.isfile() or member.isdir() for member in members)
    names = {member.name.split("/", 1)[-1] for member in members}
    assert {"LICENSE", "coagg/etl/data/LICENCES.md"} <= names
    assert not {"etl", "analysis", "sql"} & {name.split("/")[0] for name in names}


def test_the_wheel_names_its_licences(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    text = archive.read(metadata).decode()
    assert f"Version: {VERSION}\n" in text
    assert "License-Expression: MIT" in text
    assert "License-File: LICENSE" in text
    assert "License-File: coagg/etl/data/LICENCES.md" in text


def test_a_users_own_files_do_not_stand_in_the_way(installed: Run):
    """Every module is imported beside files called analysis.py, etl.py, sql.py, ..."""
    told = installed(
        "python", "-c",
        "import importlib, pkgutil, sys, coagg\n"
        "assert sys.path[0] == ''\n"
        "names = [m.name for m in pkgutil.walk_packages(coagg.__path__, 'coagg.')]\n"
        "for name in names:\n"
        "    if name != 'coagg.database.revisions.env':\n"  # alembic's, run by it alone
        "        importlib.import_module(name)\n"
        "print(coagg.__file__)\n"
        "print(sum(name.startswith('coagg.etl.') for name in names))\n"
        "print([name for name in ('analysis', 'etl', 'sql') if name in sys.modules])",
    ).splitlines()  # fmt: skip
    assert str(PROJECT) not in told[0]
    assert told[0].endswith("site-packages/coagg/__init__.py")
    assert int(told[1]) > 30
    assert told[2] == "[]"


def test_help_of_the_installed_program(installed: Run):
    assert "coagg db upgrade" in installed("coagg", "--help")


@pytest.fixture(scope="module")
def economy(installed: Run) -> Run:
    """The installed program after `coagg db upgrade`, and a made economy in the user's folder."""
    try:
        server.binaries()
    except CoaggError as fault:
        pytest.skip(f"a private server cannot be tried here: {fault}")
    assert "reference: agglomerations" in installed("coagg", "db", "upgrade")
    installed("coagg", "simulate", "--size", "tiny", "--out", "economy")
    return installed


def test_the_installed_program_loads_measures_and_shows(economy: Run):
    loaded = economy("coagg", "load", "firms", "economy/survey_2013.csv", "--survey-year", "2013")
    assert "7,824" in loaded
    economy(
        "coagg", "index", "--survey-year", "2013", "--agglomeration", "CY", "--draws", "20",
        "--method", "exact", "--workers", "1",
    )  # fmt: skip
    assert "of 600 ordered pairs" in economy("coagg", "show", "pairs", "--agglomeration", "CY")


def test_its_data_are_in_the_users_data_folder(economy: Run):
    where = economy(
        "python", "-c",
        "from coagg.settings import read_settings; print(read_settings().data_dir)",
    ).strip()  # fmt: skip
    assert where.endswith("/share/coagg")
    assert Path(where).is_relative_to(tempfile.gettempdir())
    told = economy("coagg", "db", "status")
    assert "running" in told
    assert f"{where}/server" in told


def test_its_specifications_are_found(installed: Run):
    told = installed(
        "python", "-c",
        "from coagg.analysis.tables.specification import load_specifications\n"
        "from coagg.analysis.tables.pages.paper import FILE\n"
        "print(len(load_specifications()), FILE.exists())",
    )  # fmt: skip
    assert told.split() == ["10", "True"]


@pytest.mark.skipif(find_spec("coagg.frames") is None, reason="no face for Python yet")
def test_the_python_face_needs_no_data_base(installed: Run):
    told = installed(
        "python", "-c",
        "import coagg\n"
        "firms = coagg.example('south_yorkshire')\n"
        "pairs = coagg.coagglomeration(firms, 'sic3', draws=10, min_firms=150, method='exact')\n"
        "print(coagg.__file__, len(firms), len(pairs), pairs['index'].between(0, 1).all())",
    ).split()  # fmt: skip
    assert str(PROJECT) not in told[0]
    assert int(told[1]) > 1000
    assert int(told[2]) > 1
    assert told[3] == "True"


@pytest.mark.slow
def test_the_installed_demo_goes_from_files_to_its_report(economy: Run):
    told = economy("coagg", "demo", "--draws", "50", "--out", "demo")
    assert "report: demo/report.html" in told
    assert "./run" not in told
