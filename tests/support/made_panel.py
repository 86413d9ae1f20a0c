"""A small made panel written straight into panel.*, for tests of estimation and tables."""

from __future__ import annotations

import numpy as np
import psycopg

from coagg.analysis.panel.variables import CELL_COLUMNS, PAIR_COLUMNS

YEARS, AGGLOMERATIONS, INDUSTRIES = (1998, 2003), ("CY", "PD", "YD"), tuple(range(261, 281))
BETA = 0.3


def put_panel(connection: psycopg.Connection, seed: int = 7, uk: bool = True) -> int:
    """Insert a measurement, 120 cells and their ordered pairs; returns the measurement."""
    rng = np.random.default_rng(seed)
    measurement = connection.execute(
        "INSERT INTO coagglomeration.measurement (settings_sha256, method, cost, draws, seed, "
        "min_firms, pile_ups, direction, settings) VALUES (%s, 'exact', 'sqeuclidean', 10, 1, 1, "
        "'keep', 'from-fixed', '{}') RETURNING measurement_id",
        (f"made {seed}",),
    ).fetchone()[0]
    shock = rng.normal(size=len(INDUSTRIES))
    cell_rows, pair_rows = [], []
    for year in YEARS:
        for code in AGGLOMERATIONS:
            n = len(INDUSTRIES)
            cells = {name: rng.lognormal(1.5, 1.0, n) for name in CELL_COLUMNS}
            cells["firms"] = rng.integers(5, 60, n)
            for name in [c for c in CELL_COLUMNS if c.endswith("_uk")]:
                noise = rng.lognormal(0, 0.5, n)
                cells[name] = cells[name.removesuffix("_uk")] * noise if uk else [None] * n
            y = BETA * np.log1p(cells["kp_outward_scale"]) + 0.3 * shock + rng.normal(0, 0.3, n)
            cells["innovation_scale"] = np.expm1(np.maximum(y + 1.5, 0))
            cells["innovation_quality"] = cells["innovation_scale"] * rng.lognormal(0, 0.2, n)
            for at, industry in enumerate(INDUSTRIES):
                values = [cells[name][at] for name in CELL_COLUMNS]
                values = [int(v) if i == 0 else v for i, v in enumerate(values)]
                cell_rows.append((measurement, "CN", year, code, str(industry), *values))
            index = rng.uniform(size=(n, n))
            index[rng.uniform(size=(n, n)) < 0.2] = 0.97
            made = {name: rng.uniform(size=(n, n)) for name in PAIR_COLUMNS}
            made["index"], made["index_back"] = index, index.T
            for mark in ("90", "95", "99"):
                made[f"phi_{mark}"] = index >= int(mark) / 100
                made[f"phi_back_{mark}"] = made[f"phi_{mark}"].T
            made["uk_index"] = 0.5 * index + 0.5 * rng.uniform(size=(n, n))
            made["citations"] = rng.poisson(1 + 3 * index).astype(float)
            made["citations_back"] = made["citations"].T
            made["same_division"] = np.add.outer(np.arange(n), np.arange(n)) % 5 == 0
            if not uk:
                for name in ("uk_index", "uk_index_back", "uk_phi", "uk_phi_back"):
                    made[name] = np.full((n, n), None)
            for j in range(n):
                for k in range(n):
                    if j != k:
                        values = [made[name][j, k] for name in PAIR_COLUMNS]
                        values = [v.item() if hasattr(v, "item") else v for v in values]
                        key = (measurement, "CN", year, code, str(INDUSTRIES[j]))
                        pair_rows.append((*key, str(INDUSTRIES[k]), *values))
    builds = {
        year: connection.execute(
            "INSERT INTO panel.build_version (measurement_id, country, survey_year, input_sha256, "
            "settings, cells, pairs, facts, code_version) "
            "VALUES (%s, 'CN', %s, 'made', '{}', 60, 1140, '{}', 'made') RETURNING build_id",
            (measurement, year),
        ).fetchone()[0]
        for year in YEARS
    }
    keys = "measurement_id, country, survey_year, agglomeration_code"
    for table, more, columns, rows in (
        ("cell_version", "industry", CELL_COLUMNS, cell_rows),
        ("pair_version", "from_industry, to_industry", PAIR_COLUMNS, pair_rows),
    ):
        names = f"{keys}, {more}, {', '.join(columns)}, build_id"
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY panel.{table} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row((*row, builds[row[2]]))
    connection.commit()
    return measurement
