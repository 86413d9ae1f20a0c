"""A small economy that is up to date, and what its tables say before and after a correction."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from support.nights import NIGHT, World

from coagg import database
from coagg.settings import DEMO_SUFFIX
from coagg.simulation import world as simulated
from coagg.simulation.write import simulate


class Truth(NamedTuple):
    """What all tables say, what readers see, and how long each step that worked took."""

    state: dict[str, Any]
    published: dict[str, Any]
    seconds: dict[str, float]


def truth_of(world):
    """What an undisturbed rebuild leaves."""
    report = world.rebuild()
    seconds = {o.step: o.seconds for o in report.outcomes if o.state == "done"}
    return Truth(world.state(), world.published(), seconds)


@pytest.fixture(scope="session")
def away(server_settings):
    """Settings of a server that nobody but the test starts."""
    return replace(server_settings, database_url=database.conninfo(server_settings))


@pytest.fixture(scope="session")
def base(databases, reference_template, tmp_path_factory, away):
    """The world every night takes a copy of; its truth is that before the correction."""
    named = databases.copy(reference_template, DEMO_SUFFIX).database_name
    settings = away.for_database(named)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(simulated.SIZES, "night", NIGHT)
        inputs = simulate(settings, tmp_path_factory.mktemp("night") / "economy", "night", 1)
    with inputs.open("a") as file:
        file.write("draws = 20\nseed = 1\n")
    world = World(settings, inputs)
    return world, truth_of(world)


@pytest.fixture(scope="session")
def before(base):
    """What the tables say before the correction."""
    return base[1]


@pytest.fixture(scope="session")
def corrected(base, databases, tmp_path_factory):
    """What an undisturbed rebuild makes of the corrected file of 2013."""
    named = databases.copy(base[0].settings, DEMO_SUFFIX).database_name
    folder = tmp_path_factory.mktemp("corrected") / "economy"
    world = base[0].beside(folder, base[0].settings.for_database(named))
    world.correct()
    return truth_of(world)


@pytest.fixture
def world(base, databases, tmp_path):
    """A copy of the world, of this night alone."""
    named = databases.copy(base[0].settings, DEMO_SUFFIX).database_name
    made = base[0].beside(tmp_path / "economy", base[0].settings.for_database(named))
    yield made
    database.drop(made.settings)
