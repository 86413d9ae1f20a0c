"""Sixteen years: whatever the order they come in, the same numbers; and only what is stale anew."""

import re

import pytest
from support.nights import World, differences

from coagg.settings import DEMO_SUFFIX
from coagg.simulation import world as simulated
from coagg.simulation.write import simulate

pytestmark = pytest.mark.slow
YEARS = tuple(range(1998, 2014))
SHUFFLED = (2005, 1999, 2013, 2001, 2010, 1998, 2007, 2012, 2003, 2000, 2009, 2004, 2011, 2002,
            2008, 2006)  # fmt: skip
SIXTEEN = simulated.Size(("CY", "GZ"), YEARS, 20, (500, 600), 2, 400, 1)
WITHDRAWN, CORRECTED = 2005, 2010
NEW = """
SELECT DISTINCT concat_ws(' ', country, survey_year, agglomeration_code)
FROM coagglomeration.unit_version
WHERE from_set = (SELECT max(set_id) FROM ops.result_set) ORDER BY 1
"""
NEW_PANELS = """
SELECT survey_year FROM panel.build_version
WHERE from_set = (SELECT max(set_id) FROM ops.result_set) ORDER BY 1
"""
NEW_TABLES = """
SELECT count(*) FROM estimates.run WHERE from_set = (SELECT max(set_id) FROM ops.result_set)
"""
DONE = """
SELECT step FROM ops.run_step WHERE state = 'done'
AND run_id = (SELECT max(run_id) FROM ops.run) ORDER BY number
"""


def listed(text, years):
    """The list of inputs with the files of these years alone, in their order."""
    head, *blocks = re.split(r"\n\n(?=\[)", text)
    by_year = {int(m[1]): b for b in blocks if (m := re.search(r"survey_(\d{4})", b))}
    rest = [b for b in blocks if b not in by_year.values()]
    rest = [re.sub(r"years = \[.*\]", f"years = {sorted(years)}", b) for b in rest]
    return "\n\n".join([head, *(by_year[year] for year in years), *rest]) + "\n"


def made_anew(world):
    """What the newest set has that no set before it had: units, panel years, tables."""
    units, panels = world.ask(NEW), world.ask(NEW_PANELS)
    ((tables,),) = world.ask(NEW_TABLES)
    return [unit for (unit,) in units], [year for (year,) in panels], tables


@pytest.fixture(scope="module")
def fresh(databases, reference_template, away):
    """Makes settings of a data base of nothing but reference data."""
    return lambda: away.for_database(databases.copy(reference_template, DEMO_SUFFIX).database_name)


@pytest.fixture(scope="module")
def ordered(fresh, tmp_path_factory):
    """A world whose years came in order, and what it says."""
    settings = fresh()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(simulated.SIZES, "sixteen", SIXTEEN)
        inputs = simulate(settings, tmp_path_factory.mktemp("years") / "economy", "sixteen", 1)
    with inputs.open("a") as file:
        file.write("draws = 20\nseed = 1\n")
    world = World(settings, inputs)
    world.rebuild()
    return world, world.state(), world.published()


@pytest.fixture
def copied(ordered, databases, tmp_path):
    """Makes copies of that world."""

    def copy(name):
        made = databases.copy(ordered[0].settings, DEMO_SUFFIX).database_name
        return ordered[0].beside(tmp_path / name, ordered[0].settings.for_database(made))

    return copy


def correct_cell(world, year, firm_ids):
    """Break the rows of one of forty of these firms in a year's file, so that they are refused."""
    file = world.inputs.with_name(f"survey_{year}.csv")
    lines = file.read_bytes().splitlines(keepends=True)
    own = [n for n, line in enumerate(lines) if any(f.encode() in line for f in firm_ids)]
    broken = set(own[10::40])  # not taken out: rows that follow would have other numbers
    assert len(broken) > 2
    file.write_bytes(
        b"".join(b"broken\r\n" if n in broken else line for n, line in enumerate(lines))
    )


def test_years_in_another_order(ordered, fresh, tmp_path):
    world = ordered[0].beside(tmp_path / "again", fresh())
    whole = world.inputs.read_text()
    for count in (5, 11, 16):
        world.inputs.write_text(listed(whole, SHUFFLED[:count]))
        world.rebuild()
    assert not differences(world.state(), ordered[1])
    assert not differences(world.published(), ordered[2])


def test_a_year_goes_and_comes_back_and_one_is_corrected(ordered, copied):
    truth = ordered[1]
    world, straight = copied("one"), copied("other")
    whole = world.inputs.read_text()
    rest = tuple(year for year in YEARS if year != WITHDRAWN)
    world.inputs.write_text(listed(whole, rest))
    world.rebuild(prune=True)
    units, panels, tables = made_anew(world)
    assert units == []
    assert set(panels) < set(rest)
    print("withdrawn:", panels, tables)
    assert differences(world.state(), truth)
    world.inputs.write_text(whole)
    world.rebuild()
    units, panels, tables = made_anew(world)
    assert units == [f"CN {WITHDRAWN} {code}" for code in SIXTEEN.agglomerations]
    assert WITHDRAWN in panels
    print("back:", panels, tables)
    assert not differences(world.state(), truth)

    ((firms,),) = world.ask(
        "SELECT array_agg(DISTINCT firm_id) FROM clean.cell_firm JOIN clean.firm USING (country, "
        "survey_year, row_number) WHERE country = 'CN' AND survey_year = %s "
        "AND agglomeration_code = 'CY' AND length(firm_id) > 7", CORRECTED,
    )  # fmt: skip
    file = world.inputs.with_name(f"survey_{CORRECTED}.csv")
    first = file.read_bytes()
    for one in (world, straight):
        correct_cell(one, CORRECTED, firms)
        one.rebuild()
        units, panels, tables = made_anew(one)
        assert units == [f"CN {CORRECTED} CY"]
        assert CORRECTED in panels
        print("corrected:", [step for (step,) in one.ask(DONE)], panels, tables)
    assert not differences(world.state(), straight.state())
    file.write_bytes(first)
    world.rebuild()
    assert made_anew(world)[0] == [f"CN {CORRECTED} CY"]
    assert not differences(world.state(), truth)
