"""The panel of cells as it would be if every planted link were measured and no row were dirty.

It stands beside the panel that the pipeline builds: what differs between the two is measurement.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from coagg.simulation.world import Planted, World

VALUES = {
    "kp_{}_scale": "scale",
    "kp_{}_quality": "quality",
    "output_{}": "output",
    "employment_{}": "employment",
}


def planted_panel(world: World, years: Iterable[Planted], uk_phi: np.ndarray) -> pd.DataFrame:
    """One row a cell, columns as in `panel.industry_cell`, pools by phi at 0.95 and by the UK.

    `uk_phi` (J, J) as from `simulated_uk.uk_phi`; a pool by the UK is NaN for an industry without
    a counterpart there, as in the panel.
    """
    code = [industry.gbt4754_2002[:3] for industry in world.industries]
    parts = []
    for now in years:
        cells = now.cells
        values = {**now.solved, "output": cells.output, "employment": cells.employment}
        columns = {
            "output_thousand_cny": cells.output,
            "employment": cells.employment,
            "location_quotient": cells.location_quotient,
            "innovation_scale": now.solved["scale"],
            "innovation_quality": now.solved["quality"],
        }
        for way, links, abroad in (
            ("outward", now.phi, uk_phi),
            ("inward", now.phi.transpose(0, 2, 1), uk_phi.T),
        ):
            known = np.where(np.isnan(abroad).all(axis=1), np.nan, 0.0)
            for name, what in VALUES.items():
                pool = name.format(way)
                columns[pool] = np.einsum("cjk,ck->cj", links.astype(float), values[what])
                columns[f"{pool}_uk"] = values[what] @ np.nan_to_num(abroad).T + known
        keys = {
            "survey_year": now.year,
            "agglomeration_code": np.repeat([t.code for t in world.territories], len(code)),
            "industry": np.tile(code, len(world.territories)),
        }
        parts.append(pd.DataFrame({**keys, **{n: v.ravel() for n, v in columns.items()}}))
    return pd.concat(parts, ignore_index=True)
