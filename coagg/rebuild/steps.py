"""The steps of a rebuild: files, links, index, panel, tables; what each depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from coagg import database
from coagg.analysis.coagglomeration import IndexSettings
from coagg.analysis.measurement.code_version import CODE_VERSION
from coagg.analysis.measurement.index import IndexRequest, measure
from coagg.analysis.panel import build as panel
from coagg.analysis.tables.estimate import code_version as estimate_code
from coagg.analysis.tables.estimate import estimate_tables
from coagg.analysis.tables.specification import load_specifications
from coagg.errors import CoaggError
from coagg.etl.firms import load as firms
from coagg.etl.input_output import load as input_output
from coagg.etl.matching import firms as firm_panel
from coagg.etl.matching import patents as patent_match
from coagg.etl.patents import citations
from coagg.etl.patents import load as patents
from coagg.etl.reference import load as reference
from coagg.rebuild import room
from coagg.rebuild.engine import Parts, Step, digest
from coagg.rebuild.manifest import FirmFile, IndexChoice, InputOutput, Manifest
from coagg.settings import SQL, Settings
from coagg.version import VERSION

LOADED = """
SELECT country, survey_year, file_sha256, settings_sha256 FROM ops.load
WHERE superseded_at IS NULL AND country = %s ORDER BY survey_year
"""
INPUTS = """
SELECT kind, dataset, file_sha256, settings_sha256 FROM ops.input_load
WHERE superseded_at IS NULL AND kind = ANY(%s) ORDER BY kind, dataset
"""
UNITS = """
SELECT agglomeration_code, block, input_sha256 FROM coagglomeration.unit
WHERE measurement_id = %s AND country = %s AND survey_year = %s ORDER BY 1, 2
"""
BUILDS = """
SELECT survey_year, input_sha256 FROM panel.build WHERE measurement_id = %s ORDER BY survey_year
"""


@dataclass(frozen=True)
class Chain:
    """Everything that the steps of one rebuild share."""

    settings: Settings
    manifest: Manifest
    workers: int
    progress: Callable[[str, int, int], None] = lambda step, done, total: None
    hashes: dict[Path, str] = field(default_factory=dict, repr=False, compare=False)

    def steps(self, years: tuple[int, ...] = ()) -> list[Step]:
        """The steps in order; `years` keeps only survey files and index years of these.

        Without patents the chain ends with the index. Raises CoaggError when there is nothing to
        start from.
        """
        files = [f for f in self.manifest.firms if not years or f.survey_year in years]
        made = [self._firms(f) for f in files]
        made += [self._input("patents", f.file, f.layout) for f in self.manifest.patents]
        listed = tuple(step.name for step in made if step.name.startswith("patents "))
        made += [
            self._input("citations", f.file, f.layout, listed) for f in self.manifest.citations
        ]
        if self.manifest.input_output is not None:
            made.append(self._input_output(self.manifest.input_output))
        loads = tuple(step.name for step in made)
        # what a step does not read, it does not wait for
        chinese = tuple(n for n in loads if n.startswith("firms CN "))
        applications = tuple(n for n in loads if n.startswith("patents "))
        with database.connect(self.settings) as connection:
            has_firms = bool(connection.execute(LOADED, ("CN",)).fetchall())
            has_patents = bool(connection.execute(INPUTS, (["patents"],)).fetchall())
        if not made and not has_firms:
            raise CoaggError(
                "nothing to rebuild from: list your files in a TOML file and name it with "
                "--inputs, or load firms first (coagg load firms)"
            )
        firms_at_hand = has_firms or any(f.country == "CN" for f in files)
        patents_at_hand = has_patents or bool(self.manifest.patents)
        if firms_at_hand:
            made.append(self._match_firms(chinese))
        if firms_at_hand and patents_at_hand:
            made.append(self._match_patents((*chinese, *applications, "match firms")))
        index_years = self._index_years(years)
        made += [self._index("CN", year, loads) for year in index_years]
        if not patents_at_hand:  # a panel without them would show innovation as nought
            return made
        british = self._british_year()
        if british is not None:
            made.append(self._index("GB", british, loads))
        before = tuple(step.name for step in made)
        made += [self._panel(year, british, before) for year in index_years]
        if index_years:
            made.append(self._estimates(tuple(f"panel {year}" for year in index_years)))
        return made

    # --- files

    def _firms(self, file: FirmFile) -> Step:
        def parts(connection: psycopg.Connection) -> Parts:
            current = connection.execute(
                "SELECT file_sha256, settings_sha256 FROM ops.load WHERE country = %s "
                "AND survey_year = %s AND superseded_at IS NULL",
                (file.country, file.survey_year),
            ).fetchone()
            return {
                "file": self._sha256(file.file),
                "layout and datum": digest([file.layout, file.datum]),
                "what is loaded": digest(current),
                "places and industries": reference.content_key(connection),
                "cleaning": _sql_digest("firms"),
            }

        def run() -> str:
            report = firms.load_firms(
                self.settings, file.file, file.survey_year, layout=file.layout,
                datum=file.datum, country=file.country,
            )  # fmt: skip
            return (
                f"{report.rows_read:,} rows read = {report.rows_clean:,} clean + "
                f"{report.rows_refused:,} refused"
            )

        def needed(connection: psycopg.Connection) -> int:
            return room.of_year(connection, file.file, file.country, file.survey_year)

        return Step(f"firms {file.country} {file.survey_year}", parts, run, room=needed)

    def _input(
        self, kind: str, file: Path, layout: str | None, needs: tuple[str, ...] = ()
    ) -> Step:
        def parts(connection: psycopg.Connection) -> Parts:
            made = {
                "file": self._sha256(file),
                "layout": digest([layout, VERSION]),
                "cleaning": _sql_digest(kind),
                "what is loaded": _loaded_inputs(connection, file.stem, kind),
            }
            if kind == "citations":  # a citation is refused or kept by what patents there are
                made["patents"] = _loaded_inputs(connection, None, "patents")
            return made

        def run() -> str:
            load = patents.load_patents if kind == "patents" else citations.load_citations
            report = load(self.settings, file, layout=layout)
            return (
                f"{report.rows_read:,} rows read = {report.rows_clean:,} clean + "
                f"{report.rows_refused:,} refused"
            )

        return Step(f"{kind} {file.stem}", parts, run, needs, lambda c: room.of_file(file))

    def _input_output(self, table: InputOutput) -> Step:
        files = [f for f in (table.table_file, table.sectors_file, table.sector_map) if f]

        def parts(connection: psycopg.Connection) -> Parts:
            return {
                "files": digest([self._sha256(file) for file in files]),
                "settings": digest([table.name, table.year, table.classification, VERSION]),
                "what is loaded": _loaded_inputs(connection, None, "input-output", "sector-map"),
            }

        def run() -> str:
            report = input_output.load_input_output(
                self.settings, table.table_file, table=table.name, year=table.year,
                sectors=table.sectors_file,
                sector_maps=(table.sector_map,) if table.sector_map else (),
                classification=table.classification if table.sector_map else None,
            )  # fmt: skip
            return f"{report.sectors} sectors of {report.year}"

        return Step(f"input-output {table.name}", parts, run)

    # --- links

    def _match_firms(self, needs: tuple[str, ...]) -> Step:
        def parts(connection: psycopg.Connection) -> Parts:
            return {"firms": _firm_loads(connection, "CN"), "code": _match_code(firm_panel.FILES)}

        def run() -> str:
            return firm_panel.match_firms(self.settings, "CN").line()

        return Step("match firms", parts, run, needs)

    def _match_patents(self, needs: tuple[str, ...]) -> Step:
        def parts(connection: psycopg.Connection) -> Parts:
            decisions = connection.execute(
                "SELECT applicant_name, panel_id FROM clean.match_decision ORDER BY 1"
            ).fetchall()
            return {
                "firms": _firm_loads(connection, "CN"),
                "patents": _loaded_inputs(connection, None, "patents"),
                "decisions": digest(decisions),
                "places": reference.content_key(connection),
                "code": _match_code(patent_match.FILES),
            }

        def run() -> str:
            return patent_match.match_patents(self.settings).line()

        return Step("match patents", parts, run, needs)

    # --- index and panel

    def _index(self, country: str, year: int, needs: tuple[str, ...]) -> Step:
        request = self._request(country, year)
        name = f"index {country} {year}"

        def parts(connection: psycopg.Connection) -> Parts:
            loaded = [row for row in connection.execute(LOADED, (country,)) if row[1] == year]
            return {
                "firms": digest(loaded),
                "agglomerations": reference.content_key(connection),
                "settings": digest(request.result_settings()),
                "code": CODE_VERSION,
            }

        def run() -> str:
            report = measure(
                self.settings, request, lambda done, total: self.progress(name, done, total)
            )
            return (
                f"{report.pairs_done:,} ordered pairs measured, {report.pairs_skipped:,} unchanged"
            )

        own = tuple(n for n in needs if n == f"firms {country} {year}")
        return Step(name, parts, run, own)

    def _panel(self, year: int, british: int | None, needs: tuple[str, ...]) -> Step:
        def parts(connection: psycopg.Connection) -> Parts:
            measured = self.measurement(connection, "CN", year)
            abroad = None if british is None else self.measurement(connection, "GB", british)
            return {
                "index": digest(connection.execute(UNITS, (measured, "CN", year)).fetchall()),
                "UK index": digest(connection.execute(UNITS, (abroad, "GB", british)).fetchall()),
                "firms": _firm_loads(connection, "CN"),
                "patents, citations, input-output": _loaded_inputs(
                    connection, None, "patents", "citations", "input-output", "sector-map"
                ),
                "matches": _last(connection, "match patents"),
                "code": panel.code_version(),
            }

        def run() -> str:
            with database.connect(self.settings) as connection:
                measured = self.measurement(connection, "CN", year)
                abroad = None if british is None else self.measurement(connection, "GB", british)
            if measured is None:
                raise CoaggError(f"the index of {year} is not measured with these settings")
            report = panel.build_panel(self.settings, measured, year, uk_measurement_id=abroad)
            return f"{report.cells:,} cells, {report.pairs:,} ordered pairs"

        wanted = tuple(
            n for n in needs
            if not n.startswith(("index", "firms GB"))
            or n in (f"index CN {year}", f"index GB {british}")
        )  # fmt: skip
        return Step(f"panel {year}", parts, run, wanted, room.of_panel)

    def _estimates(self, needs: tuple[str, ...]) -> Step:
        def measured(connection: psycopg.Connection) -> int | None:
            return self.measurement(connection, "CN", 0)

        def parts(connection: psycopg.Connection) -> Parts:
            rows = connection.execute(BUILDS, (measured(connection),)).fetchall()
            return {"panel": digest(rows), "code": estimate_code()}

        def run() -> str:
            with database.connect(self.settings) as connection:
                chosen = measured(connection)
            report = estimate_tables(self.settings, load_specifications(), measurement_id=chosen)
            failed = [f"{t.name} not possible: {t.reason}" for t in report.tables if t.reason]
            return "; ".join([f"{len(report.tables) - len(failed)} tables estimated", *failed])

        return Step("estimates", parts, run, needs)

    # --- what the steps ask

    def _sha256(self, path: Path) -> str:
        """Hash of an input file, read once: a step asks before and after it is done."""
        if path not in self.hashes:
            if not path.is_file():
                raise CoaggError(
                    f"{path}: no such file: bring it back, or take it out of the list of inputs"
                )
            with path.open("rb") as file:
                self.hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return self.hashes[path]

    def _request(self, country: str, year: int) -> IndexRequest:
        chosen: IndexChoice = self.manifest.index
        return IndexRequest(
            survey_year=year,
            index=IndexSettings(draws=chosen.draws, seed=chosen.seed, method=chosen.method),
            country=country,
            agglomerations=chosen.agglomerations if country == "CN" else (),
            min_firms=chosen.min_firms,
            pile_ups=chosen.pile_ups,
            classification=chosen.classification if country == "CN" else None,
            workers=self.workers,
        )

    def measurement(self, connection: psycopg.Connection, country: str, year: int) -> int | None:
        """Number of the measurement that has the manifest's settings; None: not measured yet."""
        found = connection.execute(
            "SELECT measurement_id FROM coagglomeration.measurement WHERE settings_sha256 = %s",
            (self._request(country, year).settings_sha256(),),
        ).fetchone()
        return None if found is None else int(found[0])

    def _index_years(self, years: tuple[int, ...]) -> tuple[int, ...]:
        chosen = self.manifest.index.years
        if not chosen:
            with database.connect(self.settings) as connection:
                loaded = {row[1] for row in connection.execute(LOADED, ("CN",))}
            listed = {f.survey_year for f in self.manifest.firms if f.country == "CN"}
            chosen = tuple(sorted(loaded | listed))
        return tuple(year for year in chosen if not years or year in years)

    def _british_year(self) -> int | None:
        """The latest year of UK firms there is or will be: the instrument rests on it."""
        with database.connect(self.settings) as connection:
            loaded = {row[1] for row in connection.execute(LOADED, ("GB",))}
        listed = {f.survey_year for f in self.manifest.firms if f.country == "GB"}
        return max(loaded | listed, default=None)


def _sql_digest(room: str) -> str:
    files = sorted((SQL / "transforms" / room).glob("*.sql"))
    return digest([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])


def _match_code(files: tuple[str, ...]) -> str:
    sources = [Path(firm_panel.__file__).with_name(f"{name}.py").read_bytes() for name in files]
    return digest([_sql_digest("match"), *(hashlib.sha256(s).hexdigest() for s in sources)])


def _firm_loads(connection: psycopg.Connection, country: str) -> str:
    return digest(connection.execute(LOADED, (country,)).fetchall())


def _loaded_inputs(connection: psycopg.Connection, dataset: str | None, *kinds: str) -> str:
    rows = connection.execute(INPUTS, (list(kinds),)).fetchall()
    return digest([row for row in rows if dataset is None or row[1] == dataset])


def _last(connection: psycopg.Connection, step: str) -> str:
    return digest(
        connection.execute("SELECT parts FROM ops.rebuild_step WHERE step = %s", (step,)).fetchone()
    )
