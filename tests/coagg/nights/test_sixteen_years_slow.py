"""Sixteen years: whatever the order they come in, the same numbers; and only what is stale anew."""

import re
from dataclasses import replace

import pytest
from support.nights import World, differences

from coagg.settings import DEMO_SUFFIX
from coagg.simulation import world as simulated
from coagg.simulation.write import simulate

YEARS = tuple(range(1998, 2014))
SHUFFLED = (2005, 1999, 2013, 2001, 2010, 1998, 2007, 2012, 2003, 2000, 2009, 2004, 2011, 2002,
            2008, 2006)  # fmt: skip
SIXTEEN = simulated.Size(("CY", "GZ"), YEARS, 20, (500, 600), 2, 400, 1)
WITHDRAWN, CORRECTED = 2005, 2010
NEW = """
SELECT concat_ws(' ', country, survey_year, agglomeration_code) FROM coagglomeration.unit_version
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


@pytest.fixture
def fresh(databases, reference_template, away):
    """Makes worlds of nothing but reference data."""

    def make(inputs):
        name = databases.copy(reference_template, DEMO_SUFFIX).database_name
        return World(replace(away, database_name=name), inputs)

    return make


@pytest.fixture
def sixteen(fresh, tmp_path):
    """The list of inputs of sixteen years."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(simulated.SIZES, "sixteen", SIXTEEN)
        inputs = simulate(fresh(None).settings, tmp_path / "economy", "sixteen", 1)
    inputs.write_text(inputs.read_text() + "draws = 20\nseed = 1\n")
    return inputs


def correct_cell(world, year, prefectures):
    """Take one firm of forty out of a year, all of them in one agglomeration."""
    file = world.inputs.with_name(f"survey_{year}.csv")
    lines = file.read_bytes().splitlines(keepends=True)
    own = [n for n, line in enumerate(lines) if any(f.encode() in line for f in prefectures)]
    gone = set(own[10::40])
    assert len(gone) > 2
    file.write_bytes(b"".join(line for n, line in enumerate(lines) if n not in gone))


@pytest.mark.slow
def test_sixteen_years_in_any_order(fresh, sixteen, tmp_path):
    whole = sixteen.read_text()
    ordered = fresh(sixteen)
    ordered.rebuild()
    truth = ordered.state(), ordered.published()

    shuffled = ordered.beside(tmp_path / "again", fresh(sixteen).settings)
    for count in (5, 11, 16):
        shuffled.inputs.write_text(listed(whole, SHUFFLED[:count]))
        shuffled.rebuild()
    assert not differences(shuffled.state(), truth[0])
    assert not differences(shuffled.published(), truth[1])

    # one year goes, and comes back
    rest = tuple(year for year in YEARS if year != WITHDRAWN)
    shuffled.inputs.write_text(listed(whole, rest))
    shuffled.rebuild(prune=True)
    units, panels, tables = made_anew(shuffled)
    assert units == []
    assert set(panels) < set(rest)
    gone = shuffled.state()
    shuffled.inputs.write_text(whole)
    shuffled.rebuild()
    units, panels, tables = made_anew(shuffled)
    assert units == [f"CN {WITHDRAWN} {code}" for code in SIXTEEN.agglomerations]
    assert WITHDRAWN in panels
    print("panels made anew for a year that came back:", panels, tables)
    assert not differences(shuffled.state(), truth[0])
    assert differences(gone, truth[0])

    # one year is corrected in one agglomeration
    first = {w: w.inputs.with_name(f"survey_{CORRECTED}.csv").read_bytes()
             for w in (ordered, shuffled)}  # fmt: skip
    ((places,),) = ordered.ask(
        "SELECT array_agg(firm_id) FROM clean.cell_firm JOIN clean.firm USING (country, "
        "survey_year, row_number) WHERE country = 'CN' AND survey_year = %s "
        "AND agglomeration_code = 'CY' AND length(firm_id) > 7", CORRECTED,
    )  # fmt: skip
    for world in (ordered, shuffled):
        correct_cell(world, CORRECTED, places)
        world.rebuild()
        units, panels, tables = made_anew(world)
        assert units == [f"CN {CORRECTED} CY"]
        assert CORRECTED in panels
        print("after a correction:", world.ask(DONE), panels, tables)
    assert not differences(ordered.state(), shuffled.state())
    for world, content in first.items():
        world.inputs.with_name(f"survey_{CORRECTED}.csv").write_bytes(content)
        world.rebuild()
        assert made_anew(world)[0] == [f"CN {CORRECTED} CY"]
        assert not differences(world.state(), truth[0])
