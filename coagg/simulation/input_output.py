"""An input-output table of the made economy, in the form of the national tables as csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from coagg.simulation.industries import Industry

INDUSTRIES_PER_SECTOR = 1.5
OTHER_SECTORS = ("农业", "运输业", "服务业")
SAME_GROUP = 2.0
# Shares of final use by column: they add up as the published totals do.
FINAL_USE = {
    "FU101": 0.2, "FU102": 0.4, "THC": 0.6, "FU103": 0.05, "TC": 0.65,
    "FU201": 0.25, "FU202": 0.02, "GCF": 0.27, "EX": 0.08, "TFU": 1.0,
}  # fmt: skip


def write_input_output(
    out: Path, industries: tuple[Industry, ...], group: np.ndarray, rng: np.random.Generator
) -> dict[str, Path]:
    """Write io_Z.csv (flows), io_sectors.csv and io_map.csv; returns them by manifest entry.

    Sectors hold one or two industries; `group` (J,) is the affinity group, within which direct
    requirements are `SAME_GROUP` times as high: they agree weakly with coagglomeration. Total
    inputs solve (I - A) x = f, so the table balances without an error term.
    """
    count = len(industries)
    sector = (np.arange(count) / INDUSTRIES_PER_SECTOR).astype(int)
    made = int(sector.max()) + 1
    names = [industries[int(np.argmax(sector == s))].trade + "业" for s in range(made)]
    names += list(OTHER_SECTORS)
    total = len(names)
    own_group = np.array([group[np.argmax(sector == s)] for s in range(made)])
    coefficient = rng.lognormal(0, 1.3, (total, total))
    coefficient[rng.random((total, total)) < 0.25] = 0
    coefficient[:made, :made] *= np.where(own_group[:, None] == own_group[None], SAME_GROUP, 1)
    coefficient *= rng.uniform(0.5, 0.75, total) / coefficient.sum(axis=0)
    final = rng.lognormal(np.log(5e6), 0.8, total)
    gross = np.linalg.solve(np.eye(total) - coefficient, final)
    flow = coefficient * gross

    codes = [f"{i:03d}" for i in range(1, total + 1)]
    files = {name: out / f"io_{name}.csv" for name in ("Z", "sectors", "map")}
    matrix = pd.DataFrame(flow, index=pd.Index(codes, name="input\\output"), columns=codes)
    matrix.to_csv(files["Z"], lineterminator="\n")
    use = flow.sum(axis=1)
    sectors = pd.DataFrame(
        {
            "io_code": codes,
            "name_zh": names,
            "gross_output": gross,
            "value_added": gross - flow.sum(axis=0),
            "TIU": use,
            **{column: share * (gross - use) for column, share in FINAL_USE.items()},
            "IM": 0.0,
            "ERR": 0.0,
            "GO": gross,
        }
    )
    sectors.to_csv(files["sectors"], index=False, lineterminator="\n")
    pd.DataFrame(
        {
            "gb2002_3": [i.gbt4754_2002[:3] for i in industries],
            "gb2002_name": [i.trade for i in industries],
            "io2007_code": [codes[s] for s in sector],
            "io2007_name": [names[s] for s in sector],
        }
    ).to_csv(files["map"], index=False, lineterminator="\n")
    return {"table_file": files["Z"], "sectors_file": files["sectors"], "sector_map": files["map"]}
