"""The list of input files and settings of a rebuild: a small TOML file.

```toml
[[firms]]
file = "survey_2013.csv"        # relative to this file
survey_year = 2013
country = "CN"                  # default: COAGG_COUNTRY
layout = "survey"               # this, datum, encoding and sheet as in `coagg load firms`
map = { lon = "Longitude" }      # as --map of coagg load firms
accept = "half of the firms: the survey's new threshold"  # only where the gate asks for it

[[patents]]
file = "patents_2013.csv"

[[citations]]
file = "citations.csv"

[input_output]
name = "cn2007"
year = 2007
table_file = "io_Z.csv"
sectors_file = "io_sectors.csv"
sector_map = "io_map.csv"

[index]
country = "CN"                  # whose index, panel and tables; default: COAGG_COUNTRY
years = [2010, 2013]            # of these; default: all that are loaded of the country
classification = "gbt4754_2002" # the one the panel speaks; default: the country's
draws = 1000
seed = 1998
method = "calibrated"
min_firms = 1

[instrument]
country = "GB"                  # whose index is the instrument, and of which agglomeration
agglomeration = "UK"
```
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, replace
from pathlib import Path
from typing import Any

from coagg.errors import CoaggError
from coagg.etl.patents.load import dataset_name
from coagg.etl.reference import countries
from coagg.settings import COUNTRY, INSTRUMENT_AGGLOMERATION, INSTRUMENT_COUNTRY


@dataclass(frozen=True)
class FirmFile:
    """A survey file."""

    file: Path
    survey_year: int
    country: str = COUNTRY
    layout: str | None = None
    datum: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    map: dict[str, str] | None = None
    accept: str | None = None


@dataclass(frozen=True)
class InputFile:
    """A file of patents or citations."""

    file: Path
    layout: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    accept: str | None = None


@dataclass(frozen=True)
class InputOutput:
    """An input-output table: flows, sectors, and which industry belongs to which sector."""

    name: str
    year: int
    table_file: Path
    sectors_file: Path | None = None
    sector_map: Path | None = None
    classification: str = ""  # empty: as that of the index
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndexChoice:
    """Settings of the index that the panel rests on."""

    years: tuple[int, ...] = ()
    country: str = COUNTRY
    classification: str = ""  # empty: the one that the country's results speak
    draws: int = 1000
    seed: int = 1998
    method: str = "calibrated"
    min_firms: int = 1
    pile_ups: str = "keep"
    agglomerations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instrument:
    """The country and agglomeration whose index is the instrument in the panel."""

    country: str = INSTRUMENT_COUNTRY
    agglomeration: str = INSTRUMENT_AGGLOMERATION


@dataclass(frozen=True)
class Manifest:
    """Everything a rebuild starts from."""

    firms: tuple[FirmFile, ...] = ()
    patents: tuple[InputFile, ...] = ()
    citations: tuple[InputFile, ...] = ()
    input_output: InputOutput | None = None
    index: IndexChoice = field(default_factory=IndexChoice)
    instrument: Instrument = field(default_factory=Instrument)

    def unlisted(self, loaded: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """What of `loaded`, as (kind, name), the list does not name; firms are `CN 2013`.

        A list that names no firms is one of settings, and says nothing about files.

        Examples
        --------
        >>> wish = Manifest(firms=(FirmFile(Path("a.csv"), 2013),))
        >>> wish.unlisted([("firms", "CN 2010"), ("firms", "CN 2013"), ("patents", "p")])
        [('firms', 'CN 2010'), ('patents', 'p')]
        >>> Manifest().unlisted([("firms", "CN 2010")])
        []
        """
        if not self.firms:
            return []
        named = {("firms", f"{file.country} {file.survey_year}") for file in self.firms}
        named |= {("patents", dataset_name(file.file)) for file in self.patents}
        named |= {("citations", dataset_name(file.file)) for file in self.citations}
        if self.input_output is not None:
            named.add(("input-output", self.input_output.name))
        return [one for one in loaded if one not in named]


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises CoaggError that names the entry and the remedy."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CoaggError(f"{path}: no such file; list your input files there") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise CoaggError(f"{path}: is no TOML: {' '.join(str(fault).split())}") from None
    known = ("firms", "patents", "citations", "input_output", "index", "instrument")
    _require_known(path, "", entries, known)
    made = {
        "firms": _list(path, "firms", entries, FirmFile),
        "patents": _list(path, "patents", entries, InputFile),
        "citations": _list(path, "citations", entries, InputFile),
    }
    table = entries.get("input_output")
    index = entries.get("index", {})
    chosen = _one(path, "index", index, IndexChoice)
    manifest = Manifest(
        **made,
        input_output=None if table is None else _one(path, "input_output", table, InputOutput),
        index=chosen,
        instrument=_one(path, "instrument", entries.get("instrument", {}), Instrument),
    )
    asked = [manifest.index.country, manifest.instrument.country]
    for code in sorted({*asked, *(firms.country for firms in manifest.firms)}):
        try:
            countries.of(code)
        except CoaggError as fault:
            raise CoaggError(f"{path}: {fault}") from None
    spoken = countries.default_classification(chosen.country) or ""
    if not chosen.classification:
        manifest = replace(manifest, index=replace(chosen, classification=spoken))
    flows = manifest.input_output
    if flows is not None and not flows.classification:
        manifest = replace(manifest, input_output=replace(flows, classification=spoken))
    years = [(firms.country, firms.survey_year) for firms in manifest.firms]
    for country, year in years:
        if years.count((country, year)) > 1:
            raise CoaggError(f"{path}: two files of {country} {year}; put all firms in one file")
    return manifest


def _require_known(path: Path, where: str, entries: Any, known: tuple[str, ...]) -> None:
    if not isinstance(entries, dict):
        raise CoaggError(f"{path}: {where} must be a table of names and values")
    for name in entries:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"do you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise CoaggError(f"{path}: unknown entry {where}{'.' if where else ''}{name}; {hint}")


def _list(path: Path, name: str, entries: dict[str, Any], kind: type) -> tuple[Any, ...]:
    rows = entries.get(name, [])
    if not isinstance(rows, list):
        raise CoaggError(f"{path}: write [[{name}]], once for each file")
    return tuple(_one(path, name, row, kind) for row in rows)


def _one(path: Path, where: str, entry: Any, kind: type) -> Any:
    fields = {spec.name: spec for spec in dataclasses.fields(kind)}
    _require_known(path, where, entry, tuple(fields))
    values: dict[str, Any] = {}
    for name, value in entry.items():
        stated = str(fields[name].type)
        right = (
            isinstance(value, list)
            if "tuple" in stated
            else isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
            if "dict" in stated
            else isinstance(value, int) and not isinstance(value, bool)
            if stated == "int"
            else isinstance(value, str)
        )
        if not right:
            raise CoaggError(f"{path}: {where}.{name} is {value!r}; {stated} is wanted")
        if "Path" in stated:
            value = path.parent / value  # a file that is missing fails its own step, no other
        values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**values)
    except TypeError:
        required = [n for n, f in fields.items() if n not in values and _required(f)]
        raise CoaggError(f"{path}: {where} lacks {', '.join(required)}") from None


def _required(spec: Any) -> bool:
    return spec.default is MISSING and spec.default_factory is MISSING
