"""The panel as arrays: the same numbers as in SQL, a cache that knows when it is stale."""

import os
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.panel_world import World

from coagg.analysis.panel.build import PanelSettings, build_panel
from coagg.analysis.panel.read import cell_frame, pair_parquet, pair_table
from coagg.analysis.panel.variables import PAIR_COLUMNS, PAIR_KEYS
from coagg.analysis.tables.level import Cells, Pairs
from coagg.errors import CoaggError


@pytest.fixture
def world(reference_db, db_settings):
    made = World(reference_db)
    made.settings = db_settings
    made.connection = reference_db
    return made


def test_pairs_are_those_of_the_table_in_every_column(world):
    """Also those that are not read but had from others: ways back, and phi."""
    build_panel(world.settings, world.measurement_id, 2007)
    read = pair_table(world.settings, world.measurement_id, "CN").to_pandas()
    cursor = world.connection.execute(
        f"SELECT {', '.join((*PAIR_KEYS, *PAIR_COLUMNS))} FROM panel.industry_pair "
        "ORDER BY survey_year, agglomeration_code, from_industry, to_industry"
    )
    written = pd.DataFrame(cursor.fetchall(), columns=[*PAIR_KEYS, *PAIR_COLUMNS])
    pd.testing.assert_frame_equal(read, written, check_dtype=False, check_categorical=False)
    assert written["uk_index"].isna().any()
    world.connection.execute(
        "DELETE FROM panel.industry_pair WHERE from_industry = '131' AND to_industry = '132'"
    )
    world.connection.execute("UPDATE panel.build SET input_sha256 = 'x'")
    world.connection.commit()
    with pytest.raises(CoaggError, match=r"one way only; build it again \(coagg panel --force\)"):
        pair_table(world.settings, world.measurement_id, "CN")


def test_cells_and_pairs_and_a_cache_that_is_read_again_when_stale(world):
    number = world.measurement_id
    for call in (
        lambda: cell_frame(world.connection, number, "CN"),
        lambda: pair_table(world.settings, number, "CN"),
    ):
        with pytest.raises(CoaggError, match="coagg panel --measurement"):
            call()
    world.connection.commit()
    build_panel(world.settings, number, 2007)
    frame = cell_frame(world.connection, number, "CN")
    world.connection.commit()
    assert frame["kp_outward_scale_uk"].dtype == np.float64
    assert len(frame) == 8
    table = pair_table(world.settings, number, "CN")
    assert table.num_rows == 24
    assert pa.types.is_dictionary(table.schema.field("from_industry").type)
    level = Pairs(pair_parquet(world.settings, number, "CN"), Cells(frame))
    own = frame.set_index(["agglomeration_code", "industry"])
    sides = {
        name: level.variable(name)
        for name in ("innovation_scale_k", "innovation_quality_j", "location_quotient_j", "index")
    }
    for at, row in enumerate(table.to_pylist()):
        code, j, k = row["agglomeration_code"], row["from_industry"], row["to_industry"]
        assert row["index"] == sides["index"][at] == world.index[code][j, k]
        assert sides["innovation_scale_k"][at] == own.loc[(code, k), "innovation_scale"]
        assert sides["innovation_quality_j"][at] == own.loc[(code, j), "innovation_quality"]
        assert sides["location_quotient_j"][at] == own.loc[(code, j), "location_quotient"]
    place = pair_parquet(world.settings, number, "CN")
    written = place.stat().st_mtime_ns
    assert pair_parquet(world.settings, number, "CN").stat().st_mtime_ns == written
    assert pair_table(world.settings, number, "CN", ["tech"]).column_names == ["tech"]
    build_panel(world.settings, number, 2007, chosen=PanelSettings(tech="output"))
    again = pair_table(world.settings, number, "CN")
    assert not again.equals(table)
    assert not place.exists()
    left = list(place.parent.glob(f"pairs-{world.settings.database_name}-*"))
    assert left == [pair_parquet(world.settings, number, "CN")]


def test_caches_of_what_is_gone_are_removed_at_the_next_use(world, databases):
    number = world.measurement_id
    world.connection.commit()
    build_panel(world.settings, number, 2007)
    folder = world.settings.cache_dir
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    name, other = world.settings.database_name, databases.empty().database_name
    key = "0123456789abcdef"
    gone = [
        folder / f"pairs-{name}-CN-{number + 99}-{key}.parquet",  # a measurement that is no more
        folder / f"pairs-{other}-CN-1-{key}.parquet",  # a data base that is no more
        folder / "tmpabcdef.part",  # of a run that was killed
    ]
    kept = [
        folder / f"pairs-postgres-CN-1-{key}.parquet",  # a data base that is there
        folder / f"pairs-{other}-CN-2-{key}.parquet",  # used within a day
    ]
    for file in [*gone, *kept]:
        file.write_text("x")
        if file != kept[1]:
            os.utime(file, (time.time() - 2 * 86_400,) * 2)
    place = pair_parquet(world.settings, number, "CN")
    assert [file.name for file in gone if file.exists()] == []
    assert [file.name for file in kept if not file.exists()] == []
    assert (folder.stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o700, 0o600)
    for file in kept:
        file.unlink()
