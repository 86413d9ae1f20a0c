"""A layout to edit, of what a file seems to be."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from coagg.etl.firms import layouts

ANY_YEAR = "1900-2100"


def layout_text(
    about: str,
    heading: str,
    columns: Mapping[str, str],
    settings: Mapping[str, str | None],
    notes: Mapping[str, str],
) -> str:
    """The text of a layout file for one heading of survey years.

    Columns of ours that nothing was found for stand there too, empty, to be filled.

    Examples
    --------
    >>> text = layout_text("a guess", "2013", {"lon": "x"}, {"@country": "CN"}, {"lon": "100%"})
    >>> print(*[line for line in text.splitlines() if "@country" in line or "lon" in line])
    @country,,CN lon,100%,x
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["column", "note", heading])
    writer.writerow(["@about", about, ""])
    for name in layouts.SETTINGS:
        if name != "@about":
            writer.writerow([name, notes.get(name, ""), settings.get(name) or ""])
    for column in layouts.COLUMNS:
        writer.writerow([column, notes.get(column, ""), columns.get(column, "")])
    return out.getvalue()
