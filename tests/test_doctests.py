"""Examples in docstrings: they run, and the functions people call have one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from types import ModuleType

import pytest

import coagg
from coagg.settings import PROJECT

# the small modules of numbers and names, whose functions stand on their own
ROOMS = (
    "analysis.cells.projection",
    "analysis.coagglomeration.block",
    "analysis.coagglomeration.transport",
    "analysis.comparison.colocation",
    "analysis.comparison.duranton_overman",
    "analysis.comparison.employment",
    "analysis.comparison.pairs",
    "etl.coordinates",
    "etl.matching.names",
)
FILES = [
    file
    for room in ("coagg", "etl", "analysis")
    for file in sorted((PROJECT / room).rglob("*.py"))
    if ">>> " in file.read_text(encoding="utf-8")
]


def _name(file: str) -> str:
    path = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return path if path.startswith("coagg") else f"coagg.{path}"


def _public(module: ModuleType) -> list[str]:
    """Functions that a module defines for others, compiled ones left out."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and inspect.isfunction(value)
        and value.__module__ == module.__name__
    ]


@pytest.mark.parametrize("file", [str(file.relative_to(PROJECT)) for file in FILES])
def test_examples_run(file: str, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(_name(file))
    ran = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert ran.attempted > 0, f"{file} has examples that doctest does not see"
    assert ran.failed == 0


@pytest.mark.parametrize("room", ROOMS)
def test_functions_of_the_small_modules_have_examples(room: str):
    module = importlib.import_module(f"coagg.{room}")
    names = _public(module)
    assert names
    assert [name for name in names if ">>> " not in (getattr(module, name).__doc__ or "")] == []


def test_public_functions_of_the_package_have_examples():
    """Those of frames; the engines re-exported want files and a data base, and are in the docs."""
    public = [getattr(coagg, name) for name in coagg.__all__]
    functions = [
        value
        for value in public
        if inspect.isfunction(value) and value.__module__.startswith("coagg.frames")
    ]
    assert len(functions) >= 8
    assert [f.__name__ for f in functions if ">>> " not in (f.__doc__ or "")] == []
