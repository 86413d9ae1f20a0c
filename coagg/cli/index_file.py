"""`coagg index FILE`: the index of a file of firms; no data base is touched."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coagg.console import Answer, progress
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
    as_json: bool,
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
    kept = f"nothing was written to {out}; call again"
    with (
        progress(f"index {file.name}", kept) as bar,
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always", UserWarning)
        pairs = coagglomeration(
            firms,
            industry,
            by=list(by) or None,
            key=key,
            progress=lambda done, total: bar.show(done, total),
            **settings,
        )
    write_pairs(pairs, out)
    with Answer(as_json) as answer:
        for one in said:
            if issubclass(one.category, UserWarning):
                answer.note(str(one.message))
        answer.table(
            "cells",
            f"{len(pairs):,} ordered pairs in {out}",
            (
                ("cell", "{cell}"), ("firms", "{firms:,}"), ("industries", "{industries:,}"),
                ("without industry", "{firms_without_industry:,}"),
            ),
            [
                {"cell": file.name if name == ALONE else name, **one}
                for name, one in pairs.attrs["cells"].items()
            ],
        )  # fmt: skip
        near = float((pairs["index"] >= NEAR).mean())
        answer.say(
            f"{near:.1%} of pairs have an index of {NEAR} or more",
            file=out, pairs=len(pairs), share_near=near,
        )  # fmt: skip
