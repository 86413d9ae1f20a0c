"""A demo of size tiny, made once; tests that change something take a copy."""

import io
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console
from support.rebuilt import DRAWS

from coagg.demo import run as demo
from coagg.settings import DEMO_SUFFIX, Settings


class World(NamedTuple):
    """Settings, folder and terminal output of a demo."""

    settings: Settings
    out: Path
    terminal: str


@pytest.fixture(scope="session")
def world(databases, reference_template, tmp_path_factory):
    settings = databases.copy(reference_template, DEMO_SUFFIX)
    out = tmp_path_factory.mktemp("demo")
    terminal = io.StringIO()
    demo.run(settings, out, DRAWS, Console(file=terminal, width=100), size="tiny")
    return World(settings, out, terminal.getvalue())


@pytest.fixture
def copied(world, databases):
    """Settings of a copy of the demo's data base."""
    return databases.copy(world.settings, DEMO_SUFFIX)


@pytest.fixture
def inputs(world, tmp_path):
    """The list of a copy of the files."""
    shutil.copytree(world.out / "economy", tmp_path / "economy")
    return tmp_path / "economy" / "inputs.toml"
