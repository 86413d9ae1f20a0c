"""`coagg.connect`: the data base as frames. It reads and never writes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import geopandas
import pandas as pd
import psycopg
import shapely
import sqlalchemy as sa
from geoalchemy2 import Geometry

from coagg import database
from coagg.analysis.cells.points import check_classification
from coagg.database.tables import SCHEMA
from coagg.errors import CoaggError
from coagg.frames.index import cost_columns, pair_columns
from coagg.settings import COUNTRY, Settings, named_results, read_settings

CELL = ("country", "survey_year", "agglomeration_code")
"""What tells cells apart: `by=` of the functions on frames, for the numbers of the data base."""


def connect(
    url: str | None = None, *, demo: bool = False, results: int | str | None = None
) -> Database:
    """Open the data base for reading.

    Parameters
    ----------
    url : str, optional
        PostgreSQL address; default ``COAGG_DATABASE_URL``, else the private server, which is
        started when it is not running.
    demo : bool
        The data base of ``coagg demo`` instead.
    results : int or str, optional
        The set of results to read: a number of ``coagg results list``, or ``"latest"``; default
        the active one.

    Returns
    -------
    Database
        Use it in a ``with`` statement, or close it.

    Raises
    ------
    CoaggError
        When there is no server, no data base, no schema of this version in it, or no such set.

    Examples
    --------
    >>> import coagg
    >>> with coagg.connect() as db:  # doctest: +SKIP
    ...     pairs = db.pairs(2013, agglomeration="CY")
    """
    settings = read_settings()
    if url is not None:
        settings = replace(settings, database_url=url)
    if results is not None:
        settings = replace(settings, results=named_results(str(results)))
    return Database(database.demo_settings(settings) if demo else settings)


class Database:
    """The data base as frames; made by `connect`.

    `schema` has its tables and views as SQLAlchemy tables, by layer: ``db.schema.clean.firm`` (it
    is not called tables, since `tables` gives those of the paper). Every call opens a connection of
    its own and closes it, so nothing is held between calls.

    Examples
    --------
    >>> import coagg, sqlalchemy
    >>> firm = coagg.Database.schema.clean.firm
    >>> query = sqlalchemy.select(firm.c.industry, firm.c.geom).where(firm.c.survey_year == 2013)
    >>> with coagg.connect() as db:  # doctest: +SKIP
    ...     firms = db.sql(query)
    """

    schema: SimpleNamespace = SCHEMA

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = False
        self.engine = database.engine(settings).execution_options(postgresql_readonly=True)
        with database.connect(settings) as connection:
            try:
                connection.execute("SELECT FROM clean.firm_located LIMIT 0")
                connection.execute("SELECT ops.results()")
            except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
                raise CoaggError(
                    f"data base {database.database_name(settings)} has no tables of coagg: "
                    "coagg db upgrade makes them"
                ) from None

    def firms(
        self,
        survey_year: int | None = None,
        *,
        agglomeration: str | None = None,
        country: str = COUNTRY,
        classification: str | None = None,
    ) -> geopandas.GeoDataFrame:
        """Located firms, in the order of their rows: `clean.firm_located`.

        Parameters
        ----------
        survey_year : int, optional
            Default all years.
        agglomeration : str, optional
            Code of an urban agglomeration, CY say; default everywhere.
        country : str
        classification : str, optional
            ``industry`` translated to this classification (`clean.cell_firm`); default the
            year's own.

        Returns
        -------
        GeoDataFrame
            EPSG:4326, with ``pile_up`` beside the view's columns. The index of it by
            ``by=["country", "survey_year", "agglomeration_code"]`` is that of ``coagg index``.

        Raises
        ------
        CoaggError
            When there are none, or the classification is not loaded.
        """
        firm, translated = SCHEMA.clean.firm_located, SCHEMA.clean.cell_firm
        pile_up = firm.c.flags.contains(["pile_up"]).label("pile_up")
        columns = [c for c in firm.c if c.name != "geom"]
        source: Any = firm
        if classification is not None:
            with database.connect(self.settings) as connection:
                check_classification(connection, classification)
            same = (
                (firm.c.country == translated.c.country)
                & (firm.c.survey_year == translated.c.survey_year)
                & (firm.c.row_number == translated.c.row_number)
                & (translated.c.classification == classification)
            )
            source = firm.join(translated, same)
            # names are of the year's own classification: another's would be wrong beside the code
            left = {"industry_name", "industry_name_en"}
            new = {"industry": translated.c.industry, "classification": translated.c.classification}
            columns = [new.get(c.name, c) for c in columns if c.name not in left]
        query = sa.select(*columns, pile_up, firm.c.geom).select_from(source)
        query = query.where(firm.c.country == country)
        if survey_year is not None:
            query = query.where(firm.c.survey_year == survey_year)
        if agglomeration is not None:
            query = query.where(firm.c.agglomeration_code == agglomeration)
        query = query.order_by(firm.c.survey_year, firm.c.row_number)
        with self._connection() as connection_:
            found = geopandas.read_postgis(query, connection_, geom_col="geom", crs=4326)
        if found.empty:
            raise CoaggError(
                f"no firms of {_words(country, agglomeration, survey_year)}: "
                "load them (coagg load firms)"
            )
        return found

    def pairs(
        self,
        survey_year: int | None = None,
        *,
        agglomeration: str | None = None,
        country: str = COUNTRY,
        measurement: int | None = None,
    ) -> pd.DataFrame:
        """Measured pairs, as `coagg.coagglomeration` gives them.

        Parameters
        ----------
        survey_year, agglomeration, country
            As of `firms`.
        measurement : int, optional
            Number of the measurement; default that with the newest numbers of what is asked for.

        Returns
        -------
        DataFrame
            ``country``, ``survey_year``, ``agglomeration_code``, then the columns of
            `coagg.coagglomeration`; ``.attrs`` has the measurement and its settings.

        Raises
        ------
        CoaggError
            When nothing of it is measured.
        """
        pair, unit = SCHEMA.coagglomeration.pair_index, SCHEMA.coagglomeration.unit
        asked = {"survey_year": survey_year, "agglomeration_code": agglomeration}
        asked |= {"country": country, "measurement_id": measurement}
        wanted = [unit.c[name] == value for name, value in asked.items() if value is not None]
        newest = sa.select(unit.c.measurement_id).where(*wanted)
        newest = newest.order_by(unit.c.unit_id.desc()).limit(1)
        chosen = SCHEMA.coagglomeration.measurement
        with self._connection() as connection:
            number = connection.execute(newest).scalar()
            if number is None:
                of = "" if measurement is None else f" in measurement {measurement}"
                raise CoaggError(
                    f"no index of {_words(country, agglomeration, survey_year)}{of}: "
                    "coagg index --survey-year YEAR measures it"
                )
            settings = dict(
                connection.execute(
                    sa.select(chosen).where(chosen.c.measurement_id == number)
                ).mappings().one()
            )  # fmt: skip
            observed, mean, sd = cost_columns(settings["cost"])
            held = settings["direction"] == "from-fixed"
            fixed, redrawn = pair.c.fixed_firms, pair.c.redrawn_firms
            query = sa.select(
                *(pair.c[name] for name in (*CELL, "from_industry", "to_industry", "index")),
                pair.c.standard_error,
                pair.c.observed_cost.label(observed),
                pair.c.null_mean.label(mean),
                pair.c.null_sd.label(sd),
                (fixed if held else redrawn).label("from_firms"),
                (redrawn if held else fixed).label("to_firms"),
                pair.c.draws,
            ).where(pair.c.measurement_id == number, pair.c.country == country)
            for name in ("survey_year", "agglomeration_code"):
                if asked[name] is not None:
                    query = query.where(pair.c[name] == asked[name])
            found = pd.read_sql(query, connection)
        keys = [*CELL, "from_industry", "to_industry"]
        found = found[[*CELL, *pair_columns(settings["cost"])]]
        found = found.sort_values(keys, ignore_index=True)
        found.attrs = {
            "measurement_id": int(number), "by": list(CELL), "seed": settings["seed"],
            **{name: settings[name] for name in
               ("method", "cost", "draws", "min_firms", "pile_ups", "direction", "settings")},
        }  # fmt: skip
        return found

    def panel(
        self, level: str = "cell", *, measurement: int | None = None, country: str = COUNTRY
    ) -> pd.DataFrame:
        """The panel that the tables are estimated from.

        Parameters
        ----------
        level : {"cell", "pair"}
            Industries in an agglomeration and year, or ordered pairs of them (large).
        measurement : int, optional
            Default the panel built last.
        country : str

        Returns
        -------
        DataFrame
            Columns of `panel.industry_cell` or `panel.industry_pair`; missing numbers are NaN.

        Raises
        ------
        CoaggError
            When no panel is built.
        """
        from coagg.analysis.panel import read  # ADBC is needed only here

        if level not in ("cell", "pair"):
            raise CoaggError(f"level={level!r}: give cell or pair")
        build = SCHEMA.panel.build
        if measurement is None:
            last = sa.select(build.c.measurement_id).where(build.c.country == country)
            with self._connection() as connection:
                measurement = connection.execute(
                    last.order_by(build.c.build_id.desc()).limit(1)
                ).scalar()
        if measurement is None:
            raise CoaggError(f"no panel of {country} is built: coagg panel --country {country}")
        if level == "pair":
            self._open()
            return read.pair_table(self.settings, measurement, country).to_pandas()
        with database.connect(self.settings) as own:
            return read.cell_frame(own, measurement, country)

    def sql(
        self, query: str | sa.sql.Executable, parameters: Mapping[str, Any] | None = None
    ) -> pd.DataFrame | geopandas.GeoDataFrame:
        """The answer to a question of one's own.

        Parameters
        ----------
        query : str or SQLAlchemy statement
            Text names its parameters with a colon, ``:year``.
        parameters : dict, optional

        Returns
        -------
        DataFrame, or GeoDataFrame when there is a geometry among the columns
            The first geometry is the active one.

        Raises
        ------
        CoaggError
            For what the data base refuses, writing included.
        """
        statement = sa.text(query) if isinstance(query, str) else query
        with self._connection() as connection:
            result = connection.execute(statement, dict(parameters or {}))
            if not result.returns_rows:
                raise CoaggError("SQL: the statement gives no rows; ask by SELECT")
            assert result.cursor is not None
            types = [column[1] for column in result.cursor.description]
            rows = [tuple(row) for row in result.fetchall()]
            columns = list(result.keys())
            shape = connection.execute(sa.text("SELECT 'geometry'::regtype::oid::int")).scalar()
        found = pd.DataFrame.from_records(rows, columns=columns, coerce_float=True)
        # a typed column of geometry is asked for as bytes, text's is told by its type
        typed = [isinstance(c.type, Geometry) for c in getattr(query, "selected_columns", ())]
        typed = typed if len(typed) == len(columns) else [False] * len(columns)
        shapes = [
            name
            for name, type_, known in zip(columns, types, typed, strict=True)
            if known or type_ == shape
        ]
        for name in shapes:
            # as hexadecimal text, or an element of GeoAlchemy2 that holds it
            wkb = [getattr(value, "desc", value) for value in found[name]]
            points = shapely.from_wkb(wkb)
            srid = {int(one) for one in shapely.get_srid(points[~shapely.is_missing(points)])}
            crs = srid.pop() if len(srid) == 1 and srid != {0} else None
            found[name] = geopandas.GeoSeries(points, crs=crs)
        return geopandas.GeoDataFrame(found, geometry=shapes[0]) if shapes else found

    def tables(
        self, name: str | None = None, *, measurement: int | None = None, country: str = COUNTRY
    ) -> pd.DataFrame:
        """The paper's tables as estimated: every number of one, or a list of those there are.

        Parameters
        ----------
        name : str, optional
            table1, say; default a list.
        measurement : int, optional
            Default that estimated last.
        country : str

        Returns
        -------
        DataFrame
            A row for each number, as ``coagg tables --format csv`` writes them: ``table``,
            ``column``, ``part`` (main, first, statistic), ``name``, ``estimate``,
            ``standard_error``, ``t``, ``p``, ``standardised``, ``run_id`` and headings.

        Raises
        ------
        CoaggError
            When the table is not estimated.
        """
        if name is None:
            latest = SCHEMA.estimates.latest
            query = sa.select(
                latest.c.table_name, latest.c.measurement_id, latest.c.options, latest.c.run_id,
                latest.c.estimated_at,
            ).where(latest.c.country == country)  # fmt: skip
            with self._connection() as connection:
                return pd.read_sql(query.order_by(latest.c.table_name, latest.c.run_id), connection)
        from coagg.analysis.tables.pages.render_csv import table_csv
        from coagg.analysis.tables.store import read_latest

        self._open()
        with database.connect(self.settings) as own:
            (stored,) = read_latest(own, name, measurement, country)
        words = dict.fromkeys(("column", "name", "heading", "dependent", "estimator", "part"), str)
        return pd.read_csv(io.StringIO(table_csv(stored)), dtype=words)

    def close(self) -> None:
        """Close it; a call after that is an error."""
        self.engine.dispose()
        self.closed = True

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<coagg data base {database.database_name(self.settings)}, {state}>"

    def _open(self) -> None:
        if self.closed:
            raise CoaggError("the data base was closed: call coagg.connect() again")

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        self._open()
        try:
            with self.engine.connect() as connection:
                yield connection
        except sa.exc.DBAPIError as fault:
            raise CoaggError(f"SQL: {' '.join(str(fault.orig).split())}") from None
        except sa.exc.SQLAlchemyError as fault:
            raise CoaggError(f"SQL: {' '.join(str(fault).split())}") from None


def _words(country: str, agglomeration: str | None, survey_year: int | None) -> str:
    return " ".join(str(word) for word in (country, agglomeration, survey_year) if word is not None)
