"""`coagg areas`: makes files of areas that can be loaded as agglomerations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coagg.cli.options import Country, Json, can_be_written
from coagg.console import Answer, prepared
from coagg.settings import COUNTRY

if TYPE_CHECKING:
    import geopandas as gpd

app = typer.Typer(
    help="Make areas of your own, in place of urban agglomerations made of prefectures: write a "
    "file to look at and to load (coagg load reference --agglomerations FILE).",
    no_args_is_help=True,
)
Out = Annotated[
    Path,
    typer.Option(
        callback=can_be_written,
        dir_okay=False,
        help="File to write: .gpkg, .geojson, .fgb or .parquet.",
    ),
]


@app.command("grid")
def grid(
    out: Out,
    km: Annotated[float, typer.Option(min=0.1, max=5000, help="Side of a square, in km.")],
    country: Country = COUNTRY,
    json: Json = False,
) -> None:
    """Write squares of one size that hold land of a country.

    Codes count squares from the south-west corner, east and north: E012N034.
    """
    from coagg import database
    from coagg.etl.reference import area_shapes

    with database.connect(prepared()) as connection:
        frame = area_shapes.grid(connection, country, km)
    _written(frame, out, json, f"squares of {km:g} km")


@app.command("buffer")
def buffer(
    points: Annotated[
        Path, typer.Argument(dir_okay=False, help="csv of code, name, lon and lat in degrees.")
    ],
    out: Out,
    km: Annotated[float, typer.Option(min=0.1, max=2000, help="Radius, in km.")],
    country: Country = COUNTRY,
    json: Json = False,
) -> None:
    """Write circles round points of your own. Where two overlap, land goes to the nearer point."""
    from coagg.etl.reference import area_shapes

    frame, cut = area_shapes.circles(points, country, km)
    what = f"circles of {km:g} km" + (f", {cut} of them cut where they overlap" if cut else "")
    _written(frame, out, json, what)


def _written(frame: gpd.GeoDataFrame, out: Path, json: bool, what: str) -> None:
    from coagg.etl.reference import area_shapes

    area_shapes.write(frame, out)
    with Answer(json) as answer:
        answer.say(
            f"{out}: {len(frame):,} {what}; load it with "
            f"coagg load reference --agglomerations {out}",
            file=out, areas=len(frame), codes=frame["agglomeration_code"].tolist(),
        )  # fmt: skip
