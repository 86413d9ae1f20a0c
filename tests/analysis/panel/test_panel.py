"""The panel against values worked out by hand and in plain Python."""

import numpy as np
import pandas as pd
import pytest
from support import panel_world
from support.panel_world import INDUSTRIES, PLACES, World

from coagg import database
from coagg.analysis.panel.build import PanelSettings, build_panel, build_panels, stale_builds
from coagg.errors import CoaggError
from coagg.settings import SQL


@pytest.fixture
def world(reference_db, db_settings):
    made = World(reference_db)
    made.settings = db_settings
    made.connection = reference_db
    return made


def frame(connection, table):
    cursor = connection.execute(f"SELECT * FROM panel.{table}")
    made = pd.DataFrame(cursor.fetchall(), columns=[c.name for c in cursor.description])
    connection.commit()
    return made


def built(world, **options):
    report = build_panel(world.settings, world.measurement_id, 2007, **options)
    pairs = frame(world.connection, "industry_pair")
    cells = frame(world.connection, "industry_cell")
    keys = ["agglomeration_code", "industry"]
    pair_keys = ["agglomeration_code", "from_industry", "to_industry"]
    return report, cells.set_index(keys).sort_index(), pairs.set_index(pair_keys).sort_index()


def expected_cells(world):
    """Own values of each (place, industry) by loops."""
    out = {}
    for place in PLACES:
        for industry in INDUSTRIES:
            own = world.firms[place, industry]
            inside = [v for cells, v in world.patents.values() if (place, industry) in cells]
            out[world.code_of[place], industry] = {
                "firms": len(own),
                "output": sum(o for o, _ in own),
                "employment": sum(e for _, e in own),
                "scale": len(inside),
                "quality": sum(inside),
            }
    return out


def test_own_values_and_location_quotients(world):
    report, cells, _ = built(world)
    assert (report.cells, report.pairs, report.skipped) == (8, 24, False)
    assert len(cells) == 8
    own = expected_cells(world)
    total = {
        name: {
            "c": lambda c, n=name: sum(v[n] for (cc, _), v in own.items() if cc == c),
            "j": lambda j, n=name: sum(v[n] for (_, jj), v in own.items() if jj == j),
            "all": sum(v[name] for v in own.values()),
        }
        for name in ("employment", "output")
    }
    for (code, industry), row in cells.iterrows():
        values = own[code, industry]
        assert row["firms"] == values["firms"]
        assert row["output_thousand_cny"] == values["output"]
        assert row["employment"] == values["employment"]
        assert row["innovation_scale"] == values["scale"]
        assert row["innovation_quality"] == values["quality"]
        for name, column in (
            ("employment", "location_quotient"), ("output", "location_quotient_output")
        ):  # fmt: skip
            t = total[name]
            quotient = (values[name] / t["c"](code)) / (t["j"](industry) / t["all"])
            assert row[column] == pytest.approx(quotient, rel=1e-12)


def uk_pairs(world):
    """uk_index and uk_phi of each pair of Chinese industries, by the concordance's weights."""
    weight = {(u, j): w for u, j, w in world.uk_links}
    found = {}
    for j in INDUSTRIES:
        for k in INDUSTRIES:
            terms = [
                (weight[u, j] * weight[v, k], value)
                for (u, v), value in world.uk_index.items()
                if j != k and (u, j) in weight and (v, k) in weight
            ]
            if terms:
                w, x = np.array(terms).T
                found[j, k] = (w @ x / w.sum(), w @ (x >= 0.95) / w.sum())
    return found


def test_pools_of_both_directions_and_every_variant(world):
    _, cells, _ = built(world)
    own, uk = expected_cells(world), uk_pairs(world)
    columns = {
        "kp_{}_scale": "scale",
        "kp_{}_quality": "quality",
        "output_{}": "output",
        "employment_{}": "employment",
    }
    seen = 0
    for code, index in world.index.items():
        for j in INDUSTRIES:
            others = [k for k in INDUSTRIES if k != j]
            for direction in ("outward", "inward"):
                way = 1 if direction == "outward" else -1
                go = {k: index[(j, k)[::way]] for k in others}
                back = {k: index[(k, j)[::way]] for k in others}
                phi = {
                    "": [k for k in others if go[k] >= 0.95],
                    "_90": [k for k in others if go[k] >= 0.90],
                    "_99": [k for k in others if go[k] >= 0.99],
                    "_oneway": [k for k in others if go[k] >= 0.95 > back[k]],
                }
                for pattern, name in columns.items():
                    column = pattern.format(direction)
                    for variant, near in phi.items():
                        value = sum(own[code, k][name] for k in near)
                        assert cells.loc[(code, j), column + variant] == pytest.approx(value)
                        seen += value > 0
                    known = [k for k in others if (j, k)[::way] in uk]
                    value = cells.loc[(code, j), column + "_uk"]
                    if known:
                        wanted = sum(own[code, k][name] * uk[(j, k)[::way]][1] for k in known)
                        assert value == pytest.approx(wanted, rel=1e-12)
                    else:
                        assert value is None or np.isnan(value)
    assert seen > 60


def test_pairs_carry_both_directions_and_the_uk_index(world):
    report, _, pairs = built(world)
    uk = uk_pairs(world)
    assert 0 < len(uk) < 12
    assert report.facts["industry_pairs_without_uk"] == 12 - len(uk)
    for (code, j, k), row in pairs.iterrows():
        index = world.index[code]
        assert (row["index"], row["index_back"]) == (index[j, k], index[k, j])
        for name, value in (("phi_", index[j, k]), ("phi_back_", index[k, j])):
            found = [row[f"{name}{level}"] for level in (90, 95, 99)]
            assert found == [value >= 0.90, value >= 0.95, value >= 0.99]
        assert row["same_division"] == (j[:2] == k[:2])
        for suffix, pair in (("", (j, k)), ("_back", (k, j))):
            found = (row[f"uk_index{suffix}"], row[f"uk_phi{suffix}"])
            if pair in uk:
                assert found == pytest.approx(uk[pair], rel=1e-12)
            else:
                assert pd.isna(found[0])
                assert pd.isna(found[1])


def test_direction_of_the_measurement_is_respected(reference_db, db_settings):
    world = World(reference_db, direction="from-redrawn")
    world.settings, world.connection = db_settings, reference_db
    _, _, pairs = built(world)
    for (code, j, k), row in pairs.iterrows():
        assert row["index"] == world.index[code][j, k]


def test_directional_proximity_of_the_reference(world):
    _, _, pairs = built(world)
    together = np.array([[3, 2, 2], [2, 3, 1], [2, 1, 2]])
    for code in world.index:
        for a, j in enumerate(INDUSTRIES[:3]):
            for b, k in enumerate(INDUSTRIES[:3]):
                if j != k:
                    row = pairs.loc[(code, j, k)]
                    assert row["tech"] == pytest.approx(together[a, b] / together[a, a])
                    assert row["tech_back"] == pytest.approx(together[a, b] / together[b, b])
            assert pairs.loc[(code, j, "171"), "tech"] == 0  # 171 never thrives
            assert pd.isna(pairs.loc[(code, j, "171"), "tech_back"])
            assert pd.isna(pairs.loc[(code, "171", j), "tech"])


def test_tech_by_output(world):
    _, _, pairs = built(world, chosen=PanelSettings(tech="output"))
    own = expected_cells(world)
    x = np.array([[own[code, j]["output"] for j in INDUSTRIES] for code in world.codes])
    advantage = x * x.sum() >= x.sum(1, keepdims=True) * x.sum(0)
    together = advantage.T.astype(float) @ advantage
    for (_, j, k), row in pairs.iterrows():
        a, b = INDUSTRIES.index(j), INDUSTRIES.index(k)
        assert row["tech"] == pytest.approx(together[a, b] / together[a, a])


def test_input_output_shares_by_hand(world):
    _, _, pairs = built(world)
    here = pairs.loc[world.codes[0]]
    assert here.loc[("131", "132"), "io"] == pytest.approx(0.05)  # A takes from B
    assert here.loc[("132", "131"), "io"] == pytest.approx(0.4)
    assert here.loc[("131", "132"), "io_back"] == pytest.approx(0.4)
    # half of what each half of 133 takes: (A<-A + B<-A) / 2 = 0.25, of B (A<-B + B<-B) / 2
    assert here.loc[("133", "131"), "io"] == pytest.approx(0.25)
    assert here.loc[("133", "132"), "io"] == pytest.approx(0.025)
    assert here.loc[("131", "133"), "io"] == pytest.approx((0.1 + 0.05) / 2)
    assert pd.isna(here.loc[("171", "131"), "io"])
    assert pd.isna(here.loc[("131", "171"), "io"])


def test_citations_by_hand(world):
    _, _, pairs = built(world)
    first, second = world.codes[:2]
    wanted = {
        (first, "131", "132"): 3,  # two from here to here, one to a cited firm elsewhere
        (first, "131", "133"): 1,  # of a patent of another year
        (second, "133", "131"): 1,
    }
    for key, row in pairs.iterrows():
        code, j, k = key
        assert row["citations"] == wanted.get(key, 0)
        assert row["citations_back"] == wanted.get((code, k, j), 0)
    _, _, near = built(world, chosen=PanelSettings(cited="same-agglomeration"))
    assert near["citations"].sum() == 3
    assert near.loc[(first, "131", "132"), "citations"] == 2


def test_a_patent_counts_once_in_each_cell_of_its_applicants(world):
    _, before, _ = built(world)
    connection = world.connection
    firm = {
        (place, industry): row
        for place, industry, row in connection.execute(
            "SELECT prefecture_code, industry, min(row_number) FROM clean.firm "
            "WHERE industry IS NOT NULL GROUP BY 1, 2"
        )
    }
    rows = [(2007, firm["5101", "131"])] * 2 + [(2007, firm["5101", "132"])]
    panel_world.put_patent(connection, "JOINT", 2007, rows, value=40)
    panel_world.put_patent(connection, "LATER", 2008, [(2007, firm["5101", "133"])], value=3)
    connection.commit()
    report, after, _ = built(world)
    gained = after["innovation_scale"] - before["innovation_scale"]
    here = world.codes[0]
    assert gained[gained > 0].to_dict() == {(here, "131"): 1, (here, "132"): 1}
    assert (after["innovation_quality"] - before["innovation_quality"]).sum() == 80
    # the patents of the other two places are placed, but the index has no cell there
    assert report.facts["patents_in_cells"] == 42
    assert report.facts["patents_outside_cells"] == 15
    _, wide, _ = built(world, chosen=PanelSettings(window_years=2))
    gained = wide["innovation_scale"] - after["innovation_scale"]
    assert gained[gained > 0].to_dict() == {(here, "133"): 1}


def test_a_match_to_a_row_of_another_classification_is_translated(world):
    connection = world.connection
    code, industry = connection.execute(
        "SELECT from_code, industry FROM reference.harmonised_industry "
        "WHERE from_classification = 'gbt4754_2011' AND to_classification = 'gbt4754_2002' "
        "AND length(from_code) = 4 AND industry = '132' ORDER BY left(from_code, 3) = '132', 1"
    ).fetchone()
    panel_world.put_rows(
        connection, "CN", 2010, [(1, code, code[:3], "gbt4754_2011", "5101", 1.0, 1)]
    )
    connection.commit()
    _, before, _ = built(world)
    panel_world.put_patent(connection, "NEW", 2007, [(2010, 1)])
    connection.commit()
    _, after, _ = built(world)
    gained = after["innovation_scale"] - before["innovation_scale"]
    assert gained[gained > 0].to_dict() == {(world.codes[0], industry): 1}


def test_unchanged_years_are_skipped_and_changed_ones_are_not(world):
    first, _, _ = built(world)
    again, _, _ = built(world)
    assert (first.skipped, again.skipped) == (False, True)
    assert again.facts == first.facts
    assert again.pairs == 24
    connection = world.connection
    for change in (
        "UPDATE clean.firm SET employment = employment + 1 WHERE row_number = 1",
        "UPDATE clean.patent SET patent_value = 9 WHERE patent_id = '51011310'",
        "DELETE FROM clean.patent_match WHERE patent_id = '51011311'",
        "UPDATE reference.io_flow SET direct_coefficient = 0.2 WHERE user_sector = 'B'",
        "UPDATE coagglomeration.unit SET input_sha256 = 'x' WHERE country = 'CN'",
        "UPDATE coagglomeration.unit SET input_sha256 = 'x' WHERE country = 'GB'",
    ):
        connection.execute(change)
        connection.commit()
        changed, _, _ = built(world)
        assert not changed.skipped, change
    assert built(world)[0].skipped
    assert not built(world, chosen=PanelSettings(tech="output"))[0].skipped


def test_a_failed_build_leaves_the_old_year_whole(world, monkeypatch):
    built(world)
    before = frame(world.connection, "industry_pair")
    monkeypatch.setattr(
        "coagg.analysis.panel.build.STEPS", ("10_firms.sql", "20_index.sql", "30_patents.sql",
                                 "40_dependence.sql", "50_pairs.sql", "70_missing.sql")
    )  # fmt: skip
    with pytest.raises(CoaggError, match=r"70_missing\.sql is missing"):
        built(world, force=True)
    assert frame(world.connection, "industry_pair").equals(before)


def test_the_country_of_the_instrument_is_a_setting(world):
    connection = world.connection
    _, _, before = built(world)
    connection.execute("DELETE FROM coagglomeration.unit WHERE country = 'GB'")
    number = panel_world.put_measurement(connection, "es", classification="uksic2007")
    panel_world.put_index(connection, number, "ES", 2021, "BCN", world.uk_index)
    connection.commit()
    _, _, without = built(world)
    assert without["uk_index"].isna().all()
    chosen = PanelSettings(instrument_country="ES", instrument_agglomeration="BCN")
    report, _, pairs = built(world, chosen=chosen)
    assert not report.skipped
    assert pairs["uk_index"].notna().any()
    pd.testing.assert_series_equal(pairs["uk_index"], before["uk_index"])
    settings = connection.execute("SELECT settings FROM panel.build").fetchone()[0]
    assert settings["instrument_country"] == "ES"
    assert settings["instrument_agglomeration"] == "BCN"
    assert settings["instrument_classification"] == "uksic2007"
    assert settings["uk_survey_year"] == 2021
    assert stale_builds(connection) == {}  # asked again with the settings it was built with
    assert built(world, chosen=chosen)[0].skipped


def test_without_uk_and_tables_the_columns_are_null(world):
    connection = world.connection
    connection.execute("DELETE FROM coagglomeration.unit WHERE country = 'GB'")
    connection.execute("DELETE FROM reference.io_table")
    connection.execute("DELETE FROM clean.patent")
    connection.execute("DELETE FROM clean.patent_match")
    connection.commit()
    _, cells, pairs = built(world)
    unknown = pairs[["uk_index", "uk_phi_back", "io", "io_back", "tech", "tech_back"]]
    assert unknown.isna().all(axis=None)
    assert cells[["kp_outward_scale_uk", "employment_inward_uk"]].isna().all(axis=None)
    assert (cells[["innovation_scale", "innovation_quality", "kp_outward_scale_90"]] == 0).all(
        axis=None
    )
    assert (pairs["citations"] == 0).all()


def test_firms_that_vanished_make_a_cell_of_zeros_and_a_check(world):
    problems = (
        "SELECT problems FROM ops.checks WHERE title = 'cells of the panel whose firms vanished'"
    )
    built(world)
    connection = world.connection
    assert connection.execute(problems).fetchone() == (0,)
    connection.execute("DELETE FROM clean.firm WHERE prefecture_code = '5101' AND industry = '171'")
    assert connection.execute(problems).fetchone() == (1,)
    connection.commit()
    report, cells, _ = built(world)
    gone = cells.loc[(world.codes[0], "171")]
    assert gone[["firms", "employment", "output_thousand_cny"]].tolist() == [0, 0, 0]
    assert pd.isna(gone["location_quotient"])
    assert report.facts["cells_without_firms"] == 1


def test_a_panel_older_than_its_index_is_a_check(world):
    built(world)
    assert stale_builds(world.connection) == {}
    # an index that was measured again from the same is the same: the clock decides nothing
    world.connection.execute("UPDATE coagglomeration.unit SET finished_at = clock_timestamp()")
    assert stale_builds(world.connection) == {}
    world.connection.execute(
        "UPDATE coagglomeration.unit SET input_sha256 = 'x' WHERE country = 'CN'"
    )
    name = f"panel {world.measurement_id} CN 2007"
    assert stale_builds(world.connection) == {name: "changed: index"}


def test_faults_are_one_line_and_name_the_command(world):
    settings, number = world.settings, world.measurement_id
    uk = {"uk_measurement_id": number}
    world.connection.execute(
        "DELETE FROM coagglomeration.pair_result WHERE agglomeration_code = %s "
        "AND fixed_industry = '131'",
        (world.codes[1],),
    )
    unfinished = rf"{world.codes[1]} is unfinished: coagg index --survey-year 2007"
    for call, words in (
        (lambda: build_panel(settings, number, 2013), "coagg index --survey-year 2013"),
        (lambda: build_panel(settings, 99, 2007), "measurement 99 has no index of CN; .*: 1 "),
        (lambda: build_panel(settings, number, 2007, **uk), "no index of agglomeration UK"),
        (lambda: built(world, chosen=PanelSettings(tech="x")), "patents, output"),
        (lambda: built(world, chosen=PanelSettings(cited="x")), "anywhere"),
        (lambda: built(world, chosen=PanelSettings(window_years=0)), "window 0"),
        (lambda: built(world, chosen=PanelSettings(io_table="x")), "t2007"),
        (lambda: build_panels(settings, [2007, 1998]), "no index of CN 1998, only of 2007"),
        (lambda: build_panels(settings, country="US"), "no index of US"),
    ):
        with pytest.raises(CoaggError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)
    world.connection.commit()
    with pytest.raises(CoaggError, match=unfinished):
        built(world)


def test_the_command_builds_then_skips(world, run_coagg):
    code, out, _ = run_coagg("panel")
    assert code == 0
    assert "built in" in out
    code, out, _ = run_coagg("panel", "--survey-year", "2007", "--measurement", "1")
    assert code == 0
    assert "unchanged, skipped" in out
    code, _, complaint = run_coagg("panel", "--survey-year", "1998")
    assert code == 2
    assert "coagg index --survey-year 1998" in complaint


def test_queries_about_the_panel_find_what_was_built(world):
    built(world)
    (row,) = database.query_file(world.connection, SQL / "queries" / "panel_descriptives.sql")
    pairs = [(i, index) for index in world.index.values() for i in index]
    near = [(i, index) for i, index in pairs if index[i] >= 0.95]
    assert row[2] == 24
    assert float(row[3]) == pytest.approx(len(near) / 24)
    assert float(row[4]) == pytest.approx(np.mean([i[0][:2] == i[1][:2] for i, _ in near]))
    assert float(row[5]) == pytest.approx(np.mean([index[i[::-1]] >= 0.95 for i, index in near]))
