"""The steps of a rebuild: files, links, index, panel, tables; what each depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from coagg import database, withdraw
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.index import IndexRequest, measure, measurement_of
from coagg.analysis.measurement.stale import NO_MEASUREMENT, why_measure
from coagg.analysis.panel import build as panel
from coagg.analysis.tables.estimate import estimate_tables, why_estimate
from coagg.analysis.tables.options import Options
from coagg.analysis.tables.specification import load_specifications
from coagg.errors import CoaggError
from coagg.etl.firms import load as firms
from coagg.etl.firms.inputs import why_load as why_firms
from coagg.etl.input_output import load as input_output
from coagg.etl.input_output.long import picks
from coagg.etl.matching import firms as firm_panel
from coagg.etl.matching import patents as patent_match
from coagg.etl.patents import citations
from coagg.etl.patents import load as patents
from coagg.etl.reference import countries
from coagg.rebuild import room
from coagg.rebuild.engine import OLD_SCHEMA, Step
from coagg.rebuild.manifest import FirmFile, IndexChoice, InputFile, InputOutput, Manifest
from coagg.settings import Settings

YEARS = "SELECT survey_year FROM ops.load WHERE superseded_at IS NULL AND country = %s ORDER BY 1"
PATENTS = "SELECT 1 FROM ops.input_load WHERE superseded_at IS NULL AND kind = 'patents' LIMIT 1"
LOADED = """
SELECT 'firms' AS kind, country || ' ' || survey_year AS name FROM ops.load
WHERE superseded_at IS NULL
UNION ALL
SELECT kind, dataset FROM ops.input_load WHERE superseded_at IS NULL AND kind <> 'sector-map'
ORDER BY kind, name
"""


@dataclass(frozen=True)
class Chain:
    """Everything that the steps of one rebuild share."""

    settings: Settings
    manifest: Manifest
    workers: int
    progress: Callable[[str, int, int], None] = lambda step, done, total: None
    absent: bool = False  # the data base is not made yet: nothing is loaded
    prune: bool = False  # withdraw what is loaded and the manifest does not name

    def steps(self, years: tuple[int, ...] = ()) -> list[Step]:
        """The steps in order; `years` keeps only survey files and index years of these.

        Without patents the chain ends with the index. Raises CoaggError when there is nothing to
        start from.
        """
        files = [f for f in self.manifest.firms if not years or f.survey_year in years]
        made = [self._withdrawal(*one) for one in self.unlisted(years)] if self.prune else []
        made += [self._firms(f) for f in files]
        made += [self._input("patents", f) for f in self.manifest.patents]
        listed = tuple(step.name for step in made if " patents " in f" {step.name}")
        made += [self._input("citations", f, listed) for f in self.manifest.citations]
        if self.manifest.input_output is not None:
            made.append(self._input_output(self.manifest.input_output))
        loads = tuple(step.name for step in made)
        # what a step does not read, it does not wait for
        home, abroad = self.manifest.index.country, self.manifest.instrument.country
        own = tuple(n for n in loads if n.removeprefix("withdraw ").startswith(f"firms {home} "))
        applications = tuple(n for n in loads if n.removeprefix("withdraw ").startswith("patents "))
        has_firms, has_patents = bool(self._ask(YEARS, home)), bool(self._ask(PATENTS))
        if not made and not has_firms:
            raise CoaggError(
                "nothing to rebuild from: list your files in a TOML file and name it with "
                "--inputs, or load firms first (coagg load firms)"
            )
        firms_at_hand = has_firms or any(f.country == home for f in files)
        patents_at_hand = has_patents or bool(self.manifest.patents)
        if firms_at_hand:
            made.append(self._match_firms(own))
        if firms_at_hand and patents_at_hand:
            made.append(self._match_patents((*own, *applications, "match firms")))
        index_years = self._index_years(years)
        made += [self._index(home, year, loads) for year in index_years]
        if not patents_at_hand:  # a panel without them would show innovation as nought
            return made
        instrument = self._instrument_year()
        if instrument is not None:
            made.append(self._index(abroad, instrument, loads))
        before = tuple(step.name for step in made)
        made += [self._panel(year, instrument, before) for year in index_years]
        if index_years:
            made.append(self._estimates(tuple(f"panel {year}" for year in index_years)))
        return made

    # --- files

    def unlisted(self, years: tuple[int, ...] = ()) -> list[tuple[str, str]]:
        """Years and files that are loaded and that the manifest does not name: kind and name.

        With `years` survey files of these alone.
        """
        loaded = self._ask_rows(LOADED)
        wanted = [str(year) for year in years]
        return [
            (kind, name)
            for kind, name in self.manifest.unlisted(loaded)
            if not years or (kind == "firms" and name.split()[1] in wanted)
        ]

    def _withdrawal(self, kind: str, name: str) -> Step:
        def why(connection: psycopg.Connection) -> str | None:
            return "loaded, and not in the list of inputs"

        def run() -> str:
            why = "the list of inputs does not name it"
            if kind == "firms":
                country, year = name.split()
                report = withdraw.withdraw_firms(self.settings, int(year), country, reason=why)
            else:
                report = withdraw.withdraw_input(self.settings, kind, name, reason=why)
            return f"{sum(report.rows.values()):,} rows went"

        return Step(f"withdraw {kind} {name}", why, run)

    def _firms(self, file: FirmFile) -> Step:
        said: dict[str, Any] = {
            "layout": file.layout,
            "datum": file.datum,
            "country": file.country,
            "encoding": file.encoding,
            "sheet": file.sheet,
            "columns": file.map,
        }

        def run() -> str:
            report = firms.load_firms(
                self.settings, file.file, file.survey_year, accept=file.accept, **said
            )
            return _rows(report.rows_read, report.rows_clean, report.rows_refused)

        return Step(
            f"firms {file.country} {file.survey_year}",
            lambda connection: why_firms(connection, file.file, file.survey_year, **said),
            run,
            room=lambda c: room.of_year(c, file.file, file.country, file.survey_year),
        )

    def _input(self, kind: str, listed: InputFile, needs: tuple[str, ...] = ()) -> Step:
        of_patents = kind == "patents"
        why = patents.why_load if of_patents else citations.why_load
        file, said = (
            listed.file,
            dict[str, Any](layout=listed.layout, encoding=listed.encoding, sheet=listed.sheet),
        )

        def run() -> str:
            load = patents.load_patents if of_patents else citations.load_citations
            report = load(self.settings, file, accept=listed.accept, **said)
            return _rows(report.rows_read, report.rows_clean, report.rows_refused)

        return Step(
            f"{kind} {patents.dataset_name(file)}",
            lambda connection: why(connection, file, **said),
            run,
            needs,
            lambda connection: room.of_file(file),
        )

    def _input_output(self, table: InputOutput) -> Step:
        said: dict[str, Any] = {
            "table": table.name,
            "year": table.year,
            "sectors": table.sectors_file,
            "sector_maps": (table.sector_map,) if table.sector_map else (),
            "classification": (table.classification or self.classification)
            if table.sector_map
            else None,
            "where": picks(table.where),
        }

        def run() -> str:
            report = input_output.load_input_output(self.settings, table.table_file, **said)
            return f"{report.sectors} sectors of {report.year}"

        return Step(
            f"input-output {table.name}",
            lambda connection: input_output.why_load(connection, table.table_file, **said),
            run,
        )

    # --- links

    def _match_firms(self, needs: tuple[str, ...]) -> Step:
        home = self.manifest.index.country
        return Step(
            "match firms",
            lambda connection: firm_panel.why_match(connection, home),
            lambda: firm_panel.match_firms(self.settings, home).line(),
            needs,
        )

    def _match_patents(self, needs: tuple[str, ...]) -> Step:
        home = self.manifest.index.country
        return Step(
            "match patents",
            lambda connection: patent_match.why_match(connection, home),
            lambda: patent_match.match_patents(self.settings, country=home).line(),
            needs,
        )

    # --- index and panel

    def _index(self, country: str, year: int, needs: tuple[str, ...]) -> Step:
        request = self._request(country, year)
        name = f"index {country} {year}"

        def run() -> str:
            report = measure(
                self.settings, request, lambda done, total: self.progress(name, done, total)
            )
            out = f"; without firms by now, taken out: {', '.join(report.gone)}"
            return (
                f"{report.pairs_done:,} ordered pairs measured, {report.pairs_skipped:,} unchanged"
                f"{out if report.gone else ''}"
            )

        own = tuple(n for n in needs if n == f"firms {country} {year}")
        return Step(name, lambda connection: why_measure(connection, request), run, own)

    def _panel(self, year: int, instrument: int | None, needs: tuple[str, ...]) -> Step:
        home, away = self.manifest.index.country, self.manifest.instrument.country
        said: dict[str, Any] = {
            "country": home,
            "chosen": panel.PanelSettings(
                instrument_country=away,
                instrument_agglomeration=self.manifest.instrument.agglomeration,
            ),
        }

        def measured(connection: psycopg.Connection) -> tuple[int | None, int | None]:
            abroad = None if instrument is None else self.measurement(connection, away, instrument)
            return self.measurement(connection, home, year), abroad

        def why(connection: psycopg.Connection) -> str | None:
            number, abroad = measured(connection)
            if number is None:
                return NO_MEASUREMENT
            return panel.why_build(connection, number, year, uk_measurement_id=abroad, **said)

        def run() -> str:
            with database.connect(self.settings) as connection:
                number, abroad = measured(connection)
            if number is None:
                raise CoaggError(f"the index of {year} is not measured with these settings")
            report = panel.build_panel(
                self.settings, number, year, uk_measurement_id=abroad, **said
            )
            return f"{report.cells:,} cells, {report.pairs:,} ordered pairs"

        wanted = tuple(
            n for n in needs
            if not n.startswith(("index", f"firms {away}" if away != home else "index"))
            or n in (f"index {home} {year}", f"index {away} {instrument}")
        )  # fmt: skip
        return Step(f"panel {year}", why, run, wanted, room.of_panel)

    def _estimates(self, needs: tuple[str, ...]) -> Step:
        tables, years = load_specifications(), self.manifest.index.years
        home = self.manifest.index.country
        options = Options(country=home)

        def why(connection: psycopg.Connection) -> str | None:
            number = self.measurement(connection, home, 0)
            if number is None:
                return NO_MEASUREMENT
            return why_estimate(
                self.settings, connection, tables, number, options, survey_years=years
            )

        def run() -> str:
            with database.connect(self.settings) as connection:
                number = self.measurement(connection, home, 0)
            report = estimate_tables(
                self.settings, tables, measurement_id=number, options=options, survey_years=years
            )
            failed = [f"{t.name} not possible: {t.reason}" for t in report.tables if t.reason]
            return "; ".join([f"{len(report.tables) - len(failed)} tables estimated", *failed])

        return Step("estimates", why, run, needs)

    # --- what the steps ask

    def _request(self, country: str, year: int) -> IndexRequest:
        chosen: IndexChoice = self.manifest.index
        return IndexRequest(
            survey_year=year,
            index=IndexSettings(draws=chosen.draws, seed=chosen.seed, method=chosen.method),
            country=country,
            agglomerations=chosen.agglomerations if country == chosen.country else (),
            min_firms=chosen.min_firms,
            pile_ups=chosen.pile_ups,
            classification=self.classification if country == chosen.country else None,
            workers=self.workers,
        )

    @property
    def classification(self) -> str | None:
        """The classification that index and panel speak: the chosen one, else the country's."""
        chosen = self.manifest.index
        return chosen.classification or countries.default_classification(chosen.country)

    def measurement(self, connection: psycopg.Connection, country: str, year: int) -> int | None:
        """Number of the measurement that has the manifest's settings; None: not measured yet."""
        return measurement_of(connection, self._request(country, year))

    def whole(self, years: tuple[int, ...] = ()) -> list[tuple[int, str, int]]:
        """Measurement, country and year of each index that the steps bring up to date."""
        instrument = self._instrument_year()
        asked = [(self.manifest.index.country, year) for year in self._index_years(years)]
        asked += [] if instrument is None else [(self.manifest.instrument.country, instrument)]
        with database.connect(self.settings) as connection:
            numbers = [self.measurement(connection, *one) for one in asked]
        return [
            (number, *one) for number, one in zip(numbers, asked, strict=True) if number is not None
        ]

    def _ask(self, query: LiteralString, *values: object) -> list[Any]:
        """First column of a query of what is loaded; nothing where there is no schema yet."""
        return [row[0] for row in self._ask_rows(query, *values)]

    def _ask_rows(self, query: LiteralString, *values: object) -> list[Any]:
        if self.absent:
            return []
        with database.connect(self.settings) as connection:
            try:
                return connection.execute(query, values).fetchall()
            except OLD_SCHEMA:
                return []

    def _index_years(self, years: tuple[int, ...]) -> tuple[int, ...]:
        chosen, home = self.manifest.index.years, self.manifest.index.country
        if not chosen:
            loaded = set(self._ask(YEARS, home)) - self._pruned(home, years)
            listed = {f.survey_year for f in self.manifest.firms if f.country == home}
            chosen = tuple(sorted(loaded | listed))
        return tuple(year for year in chosen if not years or year in years)

    def _instrument_year(self) -> int | None:
        """The latest year of the instrument's country that there is or will be."""
        abroad = self.manifest.instrument.country
        loaded = set(self._ask(YEARS, abroad)) - self._pruned(abroad, ())
        listed = {f.survey_year for f in self.manifest.firms if f.country == abroad}
        return max(loaded | listed, default=None)

    def _pruned(self, country: str, years: tuple[int, ...]) -> set[int]:
        """Survey years that this rebuild withdraws."""
        gone = self.unlisted(years) if self.prune else []
        names = [name.split() for kind, name in gone if kind == "firms"]
        return {int(year) for where, year in names if where == country}


def _rows(read: int, clean: int, refused: int) -> str:
    return f"{read:,} rows read = {clean:,} clean + {refused:,} refused"
