"""Maps of firms on the polygons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import matplotlib
import numpy as np
import psycopg
import shapely
from matplotlib.figure import Figure

from coagg import writing
from coagg.analysis.cells import OWN
from coagg.analysis.cells.points import check_classification
from coagg.analysis.show.names import (
    industry_names,
    latest_measured,
    named_classification,
    unknown_industry,
)
from coagg.errors import CoaggError

matplotlib.use("Agg")
COLOURS = ("#b2182b", "#2166ac", "#1b7837", "#e08214", "#762a83", "#01665e")
FIRMS = """
SELECT lon, lat, coalesce(industry, '') FROM clean.cell_firm
WHERE country = %s AND survey_year = %s AND agglomeration_code = %s AND classification = %s
ORDER BY row_number
"""
# of an area of its own, the area
PLACES = """
SELECT p.prefecture_code, p.name, ST_AsBinary(p.geom)
FROM reference.prefecture AS p
JOIN reference.agglomeration_member AS m USING (country, prefecture_code)
WHERE m.assigned AND m.country = %(country)s AND m.agglomeration_code = %(code)s
UNION ALL
SELECT a.agglomeration_code, a.name, ST_AsBinary(a.geom)
FROM reference.agglomeration AS a JOIN reference.area_country AS c USING (country)
WHERE a.country = %(country)s AND a.agglomeration_code = %(code)s
ORDER BY 1
"""


def latest_year(connection: psycopg.Connection, country: str) -> int:
    """The latest survey year loaded; CoaggError when there is none."""
    row = connection.execute(
        "SELECT max(survey_year) FROM ops.load WHERE country = %s AND superseded_at IS NULL",
        (country,),
    ).fetchone()
    if row is None or row[0] is None:
        raise CoaggError(f"no firms of {country} are loaded yet (coagg load firms FILE ...)")
    return int(row[0])


@dataclass(frozen=True)
class Drawn:
    """A map that was written: the file, how many firms it shows, how the codes were read."""

    file: Path
    firms: int
    reading: str


def draw(
    connection: psycopg.Connection,
    out: Path | None,
    country: str,
    agglomeration: str,
    industries: tuple[str, ...],
    survey_year: int | None,
    classification: str | None,
    measurement: int | None,
) -> Drawn:
    """Draw the firms whose index a measurement has: its year, its reading of the codes.

    Without `measurement` it is the latest of the cell, without any the survey year's own codes;
    `classification` overrides. Raises CoaggError as `draw_map`, and for a measurement that the
    cell does not have.
    """
    measured = latest_measured(connection, country, agglomeration, survey_year, measurement)
    if measurement is not None and measured is None:
        raise CoaggError(
            f"measurement {measurement} has no index of {agglomeration}"
            + (f" {survey_year}" if survey_year else "")
            + " (coagg show measurements lists what there is)"
        )
    year = survey_year or (measured.survey_year if measured else latest_year(connection, country))
    reading = classification or (measured.classification if measured else OWN)
    file = out or Path(f"map_{agglomeration}_{'_'.join(industries)}_{year}.png")
    firms = draw_map(connection, file, country, agglomeration, industries, year, reading)
    named = named_classification(connection, country, year, reading) or "an unknown classification"
    as_measured = (
        f", as in measurement {measured.measurement_id}"
        if measured and classification is None
        else ""
    )
    return Drawn(file, firms, f"codes of {named}{as_measured}")


def draw_map(
    connection: psycopg.Connection,
    out: Path,
    country: str,
    agglomeration_code: str,
    industries: tuple[str, ...],
    survey_year: int,
    classification: str = OWN,
) -> int:
    """Write a PNG of the industries' firms on the prefectures; returns how many firms are drawn.

    An agglomeration that is an area of its own is drawn as that area.
    The format is that of the name's ending. Only the file's owner may read it.
    `classification` is the reading of the industries (own: as the year has them), as in
    `clean.cell_firm`: with that of a measurement, the firms are those whose index was measured.
    Raises CoaggError for an unknown agglomeration or classification, an industry without firms
    there, or a file that cannot be written.
    """
    if classification != OWN:
        check_classification(connection, classification)
    places = connection.execute(PLACES, {"country": country, "code": agglomeration_code}).fetchall()
    if not places:
        known = connection.execute(
            "SELECT string_agg(agglomeration_code, ', ' ORDER BY agglomeration_code) "
            "FROM reference.agglomeration WHERE country = %s",
            (country,),
        ).fetchone()
        raise CoaggError(
            f"agglomeration {agglomeration_code!r} is unknown; known: {known and known[0]}"
        )
    firms = connection.execute(
        FIRMS, (country, survey_year, agglomeration_code, classification)
    ).fetchall()
    named = named_classification(connection, country, survey_year, classification)
    there = {code for *_, code in firms}
    for code in industries:
        if code not in there or not code:
            where = f"{agglomeration_code} {survey_year}"
            raise unknown_industry(connection, named, code, where)
    names = industry_names(connection, named, industries)
    polygons = geopandas.GeoSeries(
        [shapely.from_wkb(bytes(wkb)) for _, _, wkb in places], crs="EPSG:4326"
    )
    lon, lat = np.array([(f[0], f[1]) for f in firms]).T
    codes = np.array([f[2] for f in firms])

    figure = Figure(figsize=(9, 8), dpi=150)
    axes = figure.add_subplot()
    polygons.plot(ax=axes, facecolor="#f7f7f4", edgecolor="#9a9a90", linewidth=0.6)
    axes.scatter(lon, lat, s=1.5, color="#c9c9c0", linewidths=0, label=f"all {len(firms):,} firms")
    drawn = 0
    for code, colour in zip(industries, COLOURS * len(industries), strict=False):
        chosen = codes == code
        drawn += int(chosen.sum())
        label = f"{code} {names.get(code, '')} ({int(chosen.sum()):,})"
        # of two industries in one place the smaller stays visible
        axes.scatter(
            lon[chosen], lat[chosen], s=14, color=colour, alpha=0.75, linewidths=0, label=label,
            zorder=3 - chosen.sum() / (1 + len(chosen)),
        )  # fmt: skip
    axes.set_aspect(1 / np.cos(np.radians(lat.mean())))
    codes_of = f", codes of {named}" if named else ""
    axes.set_title(f"{agglomeration_code}, {survey_year}{codes_of}", loc="left")
    axes.set_xlabel("longitude, degrees")
    axes.set_ylabel("latitude, degrees")
    axes.legend(loc="upper left", fontsize=8, frameon=True, markerscale=1.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    try:
        with writing.open_private(out, "wb") as file:  # each point is a firm
            figure.savefig(file, format=out.suffix[1:] or "png", bbox_inches="tight")
    except (OSError, ValueError) as fault:
        raise CoaggError(f"{out} cannot be written: {fault}") from None
    return drawn
