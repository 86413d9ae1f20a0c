"""Maps of firms on the polygons."""

from __future__ import annotations

from pathlib import Path

import geopandas
import matplotlib
import numpy as np
import psycopg
import shapely
from matplotlib.figure import Figure

from coagg import writing
from coagg.errors import CoaggError

matplotlib.use("Agg")
COLOURS = ("#b2182b", "#2166ac", "#1b7837", "#e08214", "#762a83", "#01665e")
FIRMS = """
SELECT f.lon, f.lat, f.industry, coalesce(i.name_en, i.name, '')
FROM clean.firm AS f
JOIN reference.agglomeration_member AS m
    ON f.country = m.country AND f.prefecture_code = m.prefecture_code AND m.assigned
LEFT JOIN reference.industry AS i
    ON i.classification = f.classification AND i.industry_code = f.industry
WHERE f.country = %s AND f.survey_year = %s AND m.agglomeration_code = %s
ORDER BY f.row_number
"""
PREFECTURES = """
SELECT p.prefecture_code, p.name, ST_AsBinary(p.geom)
FROM reference.prefecture AS p
JOIN reference.agglomeration_member AS m USING (country, prefecture_code)
WHERE m.assigned AND m.country = %s AND m.agglomeration_code = %s
ORDER BY p.prefecture_code
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


def draw_map(
    connection: psycopg.Connection,
    out: Path,
    country: str,
    agglomeration_code: str,
    industries: tuple[str, ...],
    survey_year: int,
) -> int:
    """Write a PNG of the industries' firms on the prefectures; returns how many firms are drawn.

    The format is that of the name's ending. Only the file's owner may read it. Raises CoaggError
    for an unknown agglomeration, an industry without firms there, or a file that cannot be written.
    """
    places = connection.execute(PREFECTURES, (country, agglomeration_code)).fetchall()
    if not places:
        known = connection.execute(
            "SELECT string_agg(agglomeration_code, ', ' ORDER BY agglomeration_code) "
            "FROM reference.agglomeration WHERE country = %s",
            (country,),
        ).fetchone()
        raise CoaggError(
            f"agglomeration {agglomeration_code!r} is unknown; known: {known and known[0]}"
        )
    firms = connection.execute(FIRMS, (country, survey_year, agglomeration_code)).fetchall()
    names = {code: name for _, _, code, name in firms if code}
    missing = [code for code in industries if code not in names]
    if missing:
        raise CoaggError(
            f"industry {', '.join(missing)}: no firms in {agglomeration_code} {survey_year}"
        )
    polygons = geopandas.GeoSeries(
        [shapely.from_wkb(bytes(wkb)) for _, _, wkb in places], crs="EPSG:4326"
    )
    lon, lat = np.array([(f[0], f[1]) for f in firms]).T
    codes = np.array([f[2] or "" for f in firms])

    figure = Figure(figsize=(9, 8), dpi=150)
    axes = figure.add_subplot()
    polygons.plot(ax=axes, facecolor="#f7f7f4", edgecolor="#9a9a90", linewidth=0.6)
    axes.scatter(lon, lat, s=1.5, color="#c9c9c0", linewidths=0, label=f"all {len(firms):,} firms")
    drawn = 0
    for code, colour in zip(industries, COLOURS * len(industries), strict=False):
        chosen = codes == code
        drawn += int(chosen.sum())
        label = f"{code} {names[code]} ({int(chosen.sum()):,})"
        # of two industries in one place the smaller stays visible
        axes.scatter(
            lon[chosen], lat[chosen], s=14, color=colour, alpha=0.75, linewidths=0, label=label,
            zorder=3 - chosen.sum() / (1 + len(chosen)),
        )  # fmt: skip
    axes.set_aspect(1 / np.cos(np.radians(lat.mean())))
    axes.set_title(f"{agglomeration_code}, {survey_year}", loc="left")
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
