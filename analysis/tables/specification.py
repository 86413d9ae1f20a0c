"""Specifications: what each table is, read from TOML files an economist can read and write.

A file is a table; its name is the table's. Keys of the file: `title`, `level` (cell or pair),
`controls` (regressors of every column, after the column's own), `effects`, `cluster`, `sample`
(list of comparisons such as `firms >= 10`), `labels` (variable = words), `note`, and a list of
`[[column]]` with `heading`, `dependent`, `regressors`, `endogenous`, `instruments`, `panel` (words
over a block of columns), `estimator` (ols, 2sls, ppml), and where they differ from the table's
`controls`, `effects`, `cluster`, `sample`, `labels`. `[[test]]` with `label`, `columns` and
`regressors` (two each) asks whether two coefficients are equal. `[[describe]]` with `level` and
`variables`, `shares` or `correlations` asks for descriptive statistics. docs/tables.md explains.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from coagg.analysis.panel.variables import COLUMNS, KEYS, label, near_match, unknown_part
from coagg.errors import CoaggError

HERE = Path(__file__).parent / "specifications"
EFFECTS = {
    "cell": ("industry", "survey_year", "agglomeration_code"),
    "pair": ("from_industry", "survey_year", "agglomeration_code"),
}
SAMPLE = re.compile(r"^(\w+)\s*(>=|<=|==|!=|>|<)\s*(\S.*)$")
TABLE_KEYS = {
    "title", "level", "controls", "effects", "cluster", "sample", "labels", "note", "column",
    "test", "describe",
}  # fmt: skip
COLUMN_KEYS = {
    "heading", "dependent", "regressors", "endogenous", "instruments", "controls", "effects",
    "cluster", "sample", "labels", "estimator", "panel",
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """Which names may stand in a specification.

    `unknown` gives the end of a sentence for a variable that is none, else None; `keys` are the
    fixed effects and clusters there are, `codes` the columns that a sample compares by == or !=
    only; `effects` and `cluster` hold where the specification says nothing.
    """

    unknown: Callable[[str], str | None]
    keys: tuple[str, ...]
    codes: tuple[str, ...]
    effects: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()


def panel_words(level: str) -> Words:
    """The names of a level of the panel."""
    codes = tuple(key for key in KEYS[level] if key != "survey_year")
    return Words(
        lambda name: unknown_part(name, level), KEYS[level], codes, EFFECTS[level],
        EFFECTS[level][:1],
    )  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """A comparison of a panel column, or of a key, with a value: `firms >= 10`."""

    column: str
    operator: str
    value: float | str

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {self.value}"


@dataclass(frozen=True)
class Column:
    """A column of a table: a model and its heading. Regressors end with the controls.

    `panel`: the block of the printed table that the column belongs to.
    """

    heading: str
    dependent: str
    regressors: tuple[str, ...]
    endogenous: tuple[str, ...]
    instruments: tuple[str, ...]
    effects: tuple[str, ...]
    cluster: tuple[str, ...]
    sample: tuple[Condition, ...]
    estimator: str
    labels: dict[str, str]
    controls: tuple[str, ...] = ()
    panel: str = ""

    @property
    def own(self) -> tuple[str, ...]:
        """Regressors that are no controls, the endogenous one first."""
        return tuple(n for n in (*self.endogenous, *self.regressors) if n not in self.controls)

    @property
    def variables(self) -> tuple[str, ...]:
        """Everything numeric that the column needs, dependent first."""
        return (self.dependent, *self.endogenous, *self.regressors, *self.instruments)


@dataclass(frozen=True)
class Test:
    """Whether the coefficients of two columns (numbers from 1) are equal."""

    label: str
    columns: tuple[int, int]
    regressors: tuple[str, str]


@dataclass(frozen=True)
class Describe:
    """Descriptive statistics wanted at a level; `shares` and `correlations` by name."""

    level: str
    variables: tuple[str, ...] = ()
    shares: dict[str, tuple[str, ...]] = field(default_factory=dict)
    correlations: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table: columns of one level, tests between them, or descriptive statistics."""

    name: str
    title: str
    level: str
    note: str
    columns: tuple[Column, ...]
    tests: tuple[Test, ...]
    describes: tuple[Describe, ...]
    labels: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The specification as stored."""
        return json.loads(json.dumps(asdict(self), ensure_ascii=False))

    def sha256(self) -> str:
        """Hash of the specification."""
        text = json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def stored_table(stored: Mapping[str, Any]) -> Table:
    """The table of a stored specification (`Table.as_json`)."""

    def tuples(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: tuples(one) for name, one in value.items()}
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    plain = tuples(stored)
    columns = tuple(
        Column(**{**one, "sample": tuple(Condition(**c) for c in one["sample"])})
        for one in plain["columns"]
    )
    tests = tuple(Test(**one) for one in plain["tests"])
    describes = tuple(Describe(**one) for one in plain["describes"])
    return Table(**{**plain, "columns": columns, "tests": tests, "describes": describes})


def load_specifications(*folders: Path) -> dict[str, Table]:
    """All tables of the house and of the folders given; a later folder's file wins.

    Raises CoaggError, one line, for a folder without specifications and for a faulty file.
    """
    tables: dict[str, Table] = {}
    for folder in (HERE, *folders):
        files = sorted(folder.glob("*.toml"))
        if not files:
            raise CoaggError(f"{folder}: no specification (*.toml) in this folder")
        tables.update((file.stem, read_specification(file)) for file in files)
    return dict(sorted(tables.items(), key=lambda item: _order(item[0])))


def chosen(tables: Mapping[str, Table], names: tuple[str, ...] | list[str]) -> list[Table]:
    """The tables named, or all; CoaggError with the near match for one that is unknown."""
    for name in names:
        if name not in tables:
            raise CoaggError(f"unknown table {name}; {near_match(name, tables)}")
    return [tables[name] for name in dict.fromkeys(names or tables)]


def _order(name: str) -> tuple[int, str]:
    first = ("descriptives", "table1", "table2", "robustness", "heterogeneity")
    return (first.index(name) if name in first else len(first), name)


def read_specification(file: Path) -> Table:
    """A table from its file. Raises CoaggError that names file, column and the near match."""
    raw = read_toml(file)
    level = raw.get("level", "cell")
    if level not in COLUMNS:
        raise CoaggError(f"{file}: level {level!r}; it is cell or pair")
    return table_of(raw, file.stem, str(file), level, panel_words(level))


def read_toml(file: Path) -> dict[str, Any]:
    """A specification as written. Raises CoaggError for a file that is no TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise CoaggError(f"{file}: not TOML: {fault}") from None


def table_of(raw: dict[str, Any], name: str, where: str, level: str, words: Words) -> Table:
    """A table from a specification as written; `where` begins every error."""
    _keys(raw, TABLE_KEYS, where)
    labels = _labels(raw, where)
    columns = tuple(
        _column(given, raw, words, labels, f"{where}, column {number}")
        for number, given in enumerate(_list(raw, "column", where), 1)
    )
    describes = tuple(_describe(given, where) for given in _list(raw, "describe", where))
    if not columns and not describes:
        raise CoaggError(f"{where}: no [[column]] and no [[describe]]; write at least one")
    tests = tuple(
        _test(given, columns, f"{where}, test {number}")
        for number, given in enumerate(_list(raw, "test", where), 1)
    )
    return Table(
        name, _text(raw, "title", where, name), level, _text(raw, "note", where, ""),
        columns, tests, describes, labels,
    )  # fmt: skip


def _column(
    given: dict[str, Any], table: dict[str, Any], words: Words, labels: dict[str, str], where: str
) -> Column:
    _keys(given, COLUMN_KEYS, where)
    merged = {**table, **given}
    own = _labels(given, where)
    if "dependent" not in given:
        raise CoaggError(f'{where}: no dependent variable; add dependent = "ln_..."')
    dependent = _text(given, "dependent", where, "")
    endogenous, instruments = (
        _words(given, "endogenous", where),
        _words(given, "instruments", where),
    )
    controls = _words(merged, "controls", where)
    regressors = (*_words(given, "regressors", where), *controls)
    for name in (dependent, *endogenous, *regressors, *instruments):
        if fault := words.unknown(name):
            raise CoaggError(f"{where}: {fault}")
    used = (dependent, *endogenous, *regressors, *instruments)
    for name in used:
        if used.count(name) > 1:
            raise CoaggError(f"{where}: {name} named twice; name it once")
    if bool(endogenous) != bool(instruments) or len(endogenous) > 1:
        raise CoaggError(
            f"{where}: {len(endogenous)} endogenous and {len(instruments)} instruments; "
            "2SLS takes one endogenous regressor and at least one instrument"
        )
    if not endogenous and not regressors:
        raise CoaggError(f"{where}: no regressor; name at least one")
    estimator = _text(given, "estimator", where, "2sls" if endogenous else "ols")
    allowed = ("2sls",) if endogenous else ("ols", "ppml")
    if estimator not in allowed:
        raise CoaggError(f"{where}: estimator {estimator!r}; here it is {' or '.join(allowed)}")
    effects = _words(merged, "effects", where, words.effects)
    cluster = _words(merged, "cluster", where, words.cluster)
    for name in (*effects, *cluster):
        if name not in words.keys:
            raise CoaggError(
                f"{where}: no fixed effect or cluster {name}; {near_match(name, words.keys)}"
            )
    if not 1 <= len(cluster) <= 2:
        raise CoaggError(f"{where}: {len(cluster)} cluster variables; name one or two")
    sample = tuple(_condition(text, words, where) for text in _words(merged, "sample", where))
    heading = _text(given, "heading", where, label(dependent, {**labels, **own}))
    return Column(
        heading, dependent, regressors, endogenous, instruments, effects, cluster, sample,
        estimator, {**labels, **own}, controls, _text(given, "panel", where, ""),
    )  # fmt: skip


def _condition(text: str, words: Words, where: str) -> Condition:
    found = SAMPLE.match(text.strip())
    if not found:
        raise CoaggError(f'{where}: sample {text!r} is no comparison; write it as "firms >= 10"')
    column, operator, value = found.groups()
    value = value.strip().strip("'\"")
    if column in words.codes:
        if operator not in ("==", "!="):
            raise CoaggError(f"{where}: sample {text!r}: {column} is a code; compare by == or !=")
        return Condition(column, operator, value)
    if column not in words.keys and (fault := words.unknown(column)):
        raise CoaggError(f"{where}: sample {text!r}: {fault}")
    try:
        return Condition(column, operator, float(value))
    except ValueError:
        raise CoaggError(f"{where}: sample {text!r}: {value} is no number") from None


def _test(given: dict[str, Any], columns: tuple[Column, ...], where: str) -> Test:
    _keys(given, {"label", "columns", "regressors"}, where)
    numbers = given.get("columns")
    known = range(1, len(columns) + 1)
    if not isinstance(numbers, list) or len(numbers) != 2 or any(n not in known for n in numbers):
        raise CoaggError(f"{where}: columns = {numbers}; two column numbers of 1 to {len(columns)}")
    names = _words(given, "regressors", where)
    if len(names) != 2:
        raise CoaggError(f"{where}: {len(names)} regressors; name two, one a column")
    for number, name in zip(numbers, names, strict=True):
        own = (*columns[number - 1].endogenous, *columns[number - 1].regressors)
        if name not in own:
            raise CoaggError(f"{where}: column {number} has no {name}; {near_match(name, own)}")
    lengths = [len(columns[n - 1].endogenous) + len(columns[n - 1].regressors) for n in numbers]
    if lengths[0] != lengths[1]:
        raise CoaggError(
            f"{where}: column {numbers[0]} has {lengths[0]} regressors and column {numbers[1]} has "
            f"{lengths[1]}; a test compares columns with equally many, place by place"
        )
    return Test(
        _text(given, "label", where, f"({numbers[0]}) = ({numbers[1]})"),
        (numbers[0], numbers[1]), (names[0], names[1]),
    )  # fmt: skip


def _describe(given: dict[str, Any], where: str) -> Describe:
    where = f"{where}, describe"
    _keys(given, {"level", "variables", "shares", "correlations"}, where)
    level = given.get("level", "cell")
    if level not in COLUMNS:
        raise CoaggError(f"{where}: level {level!r}; it is cell or pair")
    variables = _words(given, "variables", where)
    groups: list[dict[str, tuple[str, ...]]] = []
    for kind in ("shares", "correlations"):
        asked = given.get(kind, {})
        if not isinstance(asked, dict):
            raise CoaggError(f'{where}: {kind} are written as "name" = [variables]')
        groups.append({name: _words(asked, name, where) for name in asked})
    if any(len(names) != 2 for names in groups[1].values()):
        raise CoaggError(f"{where}: a correlation is of two variables")
    for name in (*variables, *(n for group in groups for names in group.values() for n in names)):
        if fault := unknown_part(name, level):
            raise CoaggError(f"{where}: {fault}")
    return Describe(level, variables, *groups)


def _keys(given: dict[str, Any], known: set[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise CoaggError(f"{where}: unknown key {key}; {near_match(key, sorted(known))}")


def _list(raw: dict[str, Any], key: str, where: str) -> Iterator[dict[str, Any]]:
    given = raw.get(key, [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise CoaggError(f"{where}: {key} is written as [[{key}]]")
    yield from given


def _words(
    given: dict[str, Any], key: str, where: str, default: tuple[str, ...] = ()
) -> tuple[str, ...]:
    value = given.get(key, default)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise CoaggError(f'{where}: {key} is a list of names, {key} = ["..."]')
    return tuple(value)


def _text(given: dict[str, Any], key: str, where: str, default: str) -> str:
    value = given.get(key, default)
    if not isinstance(value, str):
        raise CoaggError(f'{where}: {key} is text, {key} = "..."')
    return " ".join(value.split())


def _labels(given: dict[str, Any], where: str) -> dict[str, str]:
    value = given.get("labels", {})
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise CoaggError(f'{where}: labels are written as variable = "words"')
    return dict(value)
