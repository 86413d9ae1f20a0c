"""`coagg index FILE`: the index of a file of firms; no data base is touched."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coagg.console import complain, console, progress, table
from coagg.errors import CoaggError

NEAR = 0.95


def index_file(
    file: Path,
    out: Path | None,
    industry: str | None,
    lon: str | None,
    lat: str | None,
    crs: str | None,
    by: Sequence[str],
    key: str | None,
    **settings: Any,
) -> None:
    """Measure the firms of a file and write the pairs to another; `settings` as of the function."""
    from coagg.frames.cells import ALONE
    from coagg.frames.files import check_place, read_firms, write_pairs
    from coagg.frames.index import coagglomeration

    if industry is None or out is None:
        raise CoaggError(
            f"index {file}: name the column of codes and the file to write, "
            "--industry COLUMN --out pairs.parquet"
        )
    check_place(out)
    firms = read_firms(file, lon, lat, crs)
    with progress() as bar, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        task = bar.add_task(f"index {file.name}", total=None, rate="")
        pairs = coagglomeration(
            firms,
            industry,
            by=list(by) or None,
            key=key,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            **settings,
        )
    for one in said:
        if issubclass(one.category, UserWarning):
            complain(str(one.message))
    write_pairs(pairs, out)
    cells = pairs.attrs["cells"]
    console.print(
        table(
            f"{len(pairs):,} ordered pairs in {out}",
            ("cell", "firms", "industries", "without industry"),
            [
                (
                    file.name if name == ALONE else name, f"{one['firms']:,}",
                    f"{one['industries']:,}", f"{one['firms_without_industry']:,}",
                )
                for name, one in cells.items()
            ],
            right=(1, 2, 3),
        )
    )  # fmt: skip
    near = float((pairs["index"] >= NEAR).mean())
    console.print(f"{near:.1%} of pairs have an index of {NEAR} or more", soft_wrap=True)
