"""Column maps of patent and citation files: csv files of etl/data/patent_layouts, or the user's.

A layout has three columns: ours, the headers it may have (alternatives separated by |, the first
one found counts) and a note. Rows that begin with @ are settings.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coagg.errors import CoaggError
from coagg.etl.files import csv_tables
from coagg.etl.firms.headers import LIKE, nearest_header, normalised, told_not_found

LAYOUT_DIR = Path(__file__).resolve().parents[1] / "data" / "patent_layouts"
COLUMNS = (
    "patent_id", "publication_number", "title", "kind", "application_date", "publication_date",
    "publication_year", "priority_date", "grant_date", "granted", "ipc", "applicants",
    "applicant_sequence", "organisation_code", "place_code", "address", "patent_value", "citing",
    "cited", "citation_date",
)  # fmt: skip
NEEDED = {
    "patents": ("patent_id", "application_date", "applicants"),
    "citations": ("citing", "cited"),
}
# What another column can stand in for where a file has not the first.
STAND_IN = {"application_date": "priority_date"}
# Settings and what they are where a layout is silent.
SETTINGS = {
    "@about": "",
    "@known_by": "",
    "@encoding": "",
    "@numbers": "",
    "@country": "",
    "@kinds": "",
    "@no_applicant": "",
    "@join": "",
    "@publication_list": "",
    "@separators": ";；、",
    "@dates": "ymd",
    "@earliest": "1790-01-01",
    "@missing_dates": "",
    "@granted_publications": "",
    "@utility_publications": "",
    "@design_publications": "",
    "@citation_list": "",
    "@cited": "any",
}
_CHOICES = {
    "@numbers": ("", "cn"),
    "@dates": ("ymd", "dmy", "mdy"),
    "@cited": ("any", "publications"),
}


_JOIN = re.compile(
    r"(?P<file>\w+)(?: as (?P<name>\w+))? by (?P<key>\w+)(?:=(?P<own>\w+))?"
    r"(?: where (?P<column>\w+)=(?P<values>[^;]+))?"
)


@dataclass(frozen=True)
class Join:
    """A further file: rows whose `own` column equals the main file's `key`.

    Its columns are known as `name.column`. Where `column` is given, only rows that hold one of
    `values` there count.
    """

    file: str
    name: str
    key: str
    own: str
    column: str | None
    values: tuple[str, ...]


def _joins(path: Path, text: str) -> list[Join]:
    joins = []
    for part in filter(None, map(str.strip, text.split(";"))):
        found = _JOIN.fullmatch(part)
        if not found:
            raise CoaggError(
                f"{path}: @join has {part!r}; write 'file by column', 'file by column=its column', "
                "'file as name by column', or one of them and 'where column=value'"
            )
        values = tuple(word.strip() for word in (found["values"] or "").split(","))
        joins.append(
            Join(
                found["file"], found["name"] or found["file"], found["key"],
                found["own"] or found["key"], found["column"], values,
            )
        )  # fmt: skip
    return joins


@dataclass(frozen=True)
class PatentLayout:
    """A column map: `headers` by our column, `settings` by name, `sha256` of its file."""

    name: str
    path: Path
    sha256: str
    headers: dict[str, tuple[str, ...]]
    settings: dict[str, str]

    @property
    def earliest(self) -> datetime.date:
        """First day a patent of such a file can have."""
        return datetime.date.fromisoformat(self.settings["@earliest"])

    def columns(self, headers: Sequence[str]) -> dict[str, str | None]:
        """The file's header for each of COLUMNS, None where it has none."""
        by_form = {normalised(header): header for header in reversed(headers)}
        found: dict[str, str | None] = {}
        for column in COLUMNS:
            forms = map(normalised, self.headers.get(column, ()))
            found[column] = next((by_form[form] for form in forms if form in by_form), None)
        return found

    def missing(self, headers: Sequence[str], kind: str) -> list[str]:
        """Needed columns that the file lacks."""
        found = self.columns(headers)
        return [
            column
            for column in NEEDED[kind]
            if found[column] is None and found.get(STAND_IN.get(column, "")) is None
        ]

    def fits(self, headers: Sequence[str], kind: str) -> bool:
        """Whether a file has what is needed, by itself or joined with the layout's other files."""
        return not self.missing(headers, kind) or self.can_join(headers, kind)

    def known(self, headers: Sequence[str]) -> bool:
        """Whether a file has one of the headers that only this source has, if it has such."""
        own = {normalised(word) for word in self.settings["@known_by"].split("|") if word.strip()}
        return not own or bool(own.intersection(map(normalised, headers)))

    def can_join(self, headers: Sequence[str], kind: str) -> bool:
        """Whether all that is missed may stand in the other files, and their keys are there."""
        missing = self.missing(headers, kind)
        names = tuple(f"{join.name}." for join in self.joins)
        return bool(
            missing
            and names
            and all(join.key in headers for join in self.joins)
            and all(any(w.startswith(names) for w in self.headers.get(c, ())) for c in missing)
        )

    @property
    def kind_words(self) -> dict[str, str]:
        """Words for kinds of patents that mean another thing here than elsewhere."""
        pairs = (word.partition("=") for word in self.settings["@kinds"].split("|") if word)
        return {word.strip().casefold(): kind.strip() for word, _, kind in pairs}

    @property
    def joins(self) -> tuple[Join, ...]:
        """The further files of the source, and the columns they are joined by."""
        return tuple(_joins(self.path, self.settings["@join"]))

    def not_found(self, headers: Sequence[str], kind: str) -> list[str]:
        """A line on columns of its own that the file lacks; none when there are none."""
        found = self.columns(headers)
        unused = [header for header in headers if header not in found.values()]
        of_citations = ("citing", "cited", "citation_date")
        lost = {
            column: nearest_header([column, *wanted], unused, LIKE)
            for column, wanted in self.headers.items()
            if wanted
            and found[column] is None
            and (column in of_citations) == (kind == "citations")
        }
        return [told_not_found(self.name, lost)] if lost else []

    def map(self, headers: Sequence[str], kind: str, file: Path) -> dict[str, str | None]:
        """Like `columns`; CoaggError in one line when a needed one is not there."""
        missing = self.missing(headers, kind)
        if not missing:
            return self.columns(headers)
        hints = []
        for column in missing:
            wanted = self.headers.get(column, ())
            near = nearest_header(wanted, headers)
            hint = f"{column} (known as {', '.join(wanted) or 'nothing'}"
            hints.append(hint + (f"; nearest: {near!r})" if near else ")"))
        shown = ", ".join(" ".join(header[:40].split()) for header in headers[:40])
        raise CoaggError(
            f"{file}: layout {self.name} does not find {'; '.join(hints)} among its headers: "
            f"{shown}. Name another --layout ({', '.join(list_layouts())}, or a file of your own "
            f"made from {LAYOUT_DIR.name}/plain.csv)"
        )


def list_layouts() -> list[str]:
    """Names of the shipped layouts."""
    return sorted(path.stem for path in LAYOUT_DIR.glob("*.csv"))


def load_layout(name_or_path: str | Path) -> PatentLayout:
    """A shipped layout by name, or any by its path. Raises CoaggError naming file and cell."""
    name = str(name_or_path)
    path = LAYOUT_DIR / f"{name}.csv" if name in list_layouts() else Path(name_or_path)
    if not path.is_file():
        raise CoaggError(
            f"no patent layout {name!r}: there are {', '.join(list_layouts())}, or give the path "
            "of a layout file"
        )
    return _read_shipped(path) if path.parent == LAYOUT_DIR else _read(path)


@cache  # every file asks for all of them
def _read_shipped(path: Path) -> PatentLayout:
    return _read(path)


def _read(path: Path) -> PatentLayout:
    rows = csv_tables.read_table(path, ("column",), {"headers": ""})
    headers: dict[str, tuple[str, ...]] = {}
    settings = dict(SETTINGS)
    seen = set()
    for line, row in rows.iterrows():
        column, text = row["column"], row["headers"]
        if column in seen:
            raise CoaggError(f"{path} line {line}: {column} stands there twice; put all into one")
        seen.add(column)
        if column in COLUMNS:
            headers[column] = tuple(word.strip() for word in text.split("|") if word.strip())
        elif column in SETTINGS:
            _check_setting(path, column, text)
            settings[column] = text or SETTINGS[column]
        else:
            known = ", ".join((*COLUMNS, *SETTINGS))
            raise CoaggError(f"{path} line {line}: {column!r} is no row of ours; there are {known}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return PatentLayout(path.stem, path, sha256, headers, settings)


def choose(name: str | None, headers: Sequence[str], kind: str, file: Path) -> PatentLayout:
    """The named layout, or the one shipped layout whose needed columns are all in the file.

    Raises CoaggError when none is, or more than one. Of several that fit, the one is taken that
    finds all columns that the others find, and more.
    """
    if name:
        return load_layout(name)
    layouts = [load_layout(known) for known in list_layouts()]
    fitting = [layout for layout in layouts if layout.fits(headers, kind) and layout.known(headers)]
    if len(fitting) > 1:
        found = [
            {header for header in layout.columns(headers).values() if header} for layout in fitting
        ]
        best = max(range(len(found)), key=lambda i: len(found[i]))
        if all(i == best or found[i] < found[best] for i in range(len(found))):
            return fitting[best]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(layout.name for layout in fitting)
        raise CoaggError(f"{file}: layouts {names} all fit: choose one with --layout")
    nearest = min(layouts, key=lambda layout: len(layout.missing(headers, kind)))
    nearest.map(headers, kind, file)
    raise AssertionError("a layout that misses columns must not map")


def _check_setting(path: Path, name: str, text: str) -> None:
    try:
        if name.endswith("_publications"):
            re.compile(text)
        elif name == "@earliest" and text:
            datetime.date.fromisoformat(text)
        elif name == "@join":
            _joins(path, text)
        elif name in ("@separators", "@publication_list", "@citation_list") and text:
            re.compile(f"[{text}]")
    except (re.error, ValueError) as fault:
        raise CoaggError(f"{path}: {name} is {text!r}, which cannot be read: {fault}") from None
    if text and text not in _CHOICES.get(name, (text,)):
        raise CoaggError(f"{path}: {name} is {text!r}; use one of {', '.join(_CHOICES[name])}")
