"""Options of an estimation: what changes a number beside specification and data.

Some change the specification itself (`respecified`): the table that is estimated, stored and shown
is then the changed one. The others choose rows, errors, or further tests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coagg.analysis.estimation.model import CONVENTIONS
from coagg.analysis.panel.variables import POOLS, TRANSPOSED, label, parts
from coagg.analysis.tables.specification import Column, Condition, Table
from coagg.errors import CoaggError
from coagg.settings import COUNTRY

THRESHOLDS = ("0.90", "0.99", "one-way")
DRAWS_LEAST = 99


@dataclass(frozen=True)
class Options:
    """Options of a run; the defaults are those of the paper's tables.

    `convention`: small-sample convention in place of the default (reghdfe; ppmlhdfe for Poisson).
    `min_firms`: only cells (pairs: both industries) of so many firms; pools stay as built.
    `transposed`: the other reading of direction. `leave_out`: agglomeration left out.
    `threshold`: 0.90, 0.99 or one-way in place of φ at 0.95. `poisson`: Poisson of the amounts in
    place of OLS of ln(1+y). Errors: `two_way` on agglomeration (pairs: on k) as well, `dyadic`,
    or `conley` with a cutoff in km. `wild_bootstrap`, `randomisation`: numbers of draws.
    """

    country: str = COUNTRY
    convention: str | None = None
    min_firms: int | None = None
    transposed: bool = False
    leave_out: str | None = None
    threshold: str | None = None
    poisson: bool = False
    two_way: bool = False
    dyadic: bool = False
    conley: float | None = None
    wild_bootstrap: int | None = None
    randomisation: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Only what was asked for; the country always."""
        given = dataclasses.asdict(self)
        return {
            k: v for k, v in given.items() if k == "country" or (v is not None and v is not False)
        }

    def check(self) -> None:
        """Raises CoaggError for what cannot be meant of any table."""
        if self.convention is not None and self.convention not in CONVENTIONS:
            raise CoaggError(
                f"unknown convention {self.convention}: one of {', '.join(CONVENTIONS)}"
            )
        if self.threshold is not None and self.threshold not in THRESHOLDS:
            raise CoaggError(
                f"no pools at threshold {self.threshold}: the panel has {', '.join(THRESHOLDS)}, "
                "and 0.95 without the option"
            )
        if self.min_firms is not None and self.min_firms < 1:
            raise CoaggError(f"--min-firms {self.min_firms}: at least 1 is meant")
        if self.conley is not None and not 0 < self.conley < 25_000:
            raise CoaggError(f"--conley {self.conley:g}: a distance in km above 0, such as 500")
        if sum((self.two_way, self.dyadic, self.conley is not None)) > 1:
            raise CoaggError(
                "errors are two-way, dyadic or Conley's: give one of --cluster-two-way, --dyadic, "
                "--conley"
            )
        for option, draws in (
            ("--wild-bootstrap", self.wild_bootstrap), ("--randomisation", self.randomisation),
        ):  # fmt: skip
            if draws is not None and draws < DRAWS_LEAST:
                raise CoaggError(f"{option} {draws}: at least {DRAWS_LEAST} draws for a p value")
        if self.wild_bootstrap and (self.two_way or self.dyadic or self.conley is not None):
            raise CoaggError(
                "--wild-bootstrap draws whole clusters of one cluster variable: call it without "
                "--cluster-two-way, --dyadic and --conley"
            )
        if self.poisson and (self.conley is not None or self.wild_bootstrap or self.randomisation):
            raise CoaggError(
                "--poisson goes with clustered errors (--cluster-two-way): --conley, "
                "--wild-bootstrap and --randomisation are for OLS columns, call them apart"
            )

    def conditions(self, level: str) -> tuple[Condition, ...]:
        """Comparisons that every row must meet."""
        found = []
        if self.min_firms is not None:
            names = ("firms_j", "firms_k") if level == "pair" else ("firms",)
            found += [Condition(name, ">=", float(self.min_firms)) for name in names]
        if self.leave_out is not None:
            found.append(Condition("agglomeration_code", "!=", self.leave_out))
        return tuple(found)


def respecified(table: Table, options: Options) -> Table:
    """The table as the options change it; raises CoaggError where they cannot be had of it."""
    if not table.columns:
        asked = set(options.as_json()) - {"country", "min_firms", "leave_out", "transposed"}
        if asked:
            raise CoaggError(
                f"{table.name}: no estimates in it, so {', '.join(sorted(asked))} changes nothing; "
                "name another table"
            )
        return table
    if options.threshold is not None:
        table = _at_threshold(table, options.threshold)
    if options.poisson:
        table = _poisson(table)
    if options.dyadic and table.level != "pair":
        raise CoaggError(
            f"{table.name}: dyadic errors are of pairs of industries, this table is of cells; take "
            "--cluster-two-way or --conley"
        )
    if options.conley is not None and table.level == "pair":
        raise CoaggError(
            f"{table.name}: Conley errors are of cells, this table is of pairs; take "
            "--cluster-two-way or --dyadic"
        )
    if table.tests and (options.dyadic or options.conley is not None):
        note = f"{table.note} Equality of columns is tested with clustered errors only.".strip()
        table = dataclasses.replace(table, tests=(), note=note)
    if options.wild_bootstrap and all(c.estimator != "ols" for c in table.columns):
        raise CoaggError(
            f"{table.name}: the wild cluster bootstrap is of OLS columns and here is none; of 2SLS "
            "read the Anderson-Rubin set"
        )
    if options.randomisation and not any(permuted_names(c) for c in table.columns):
        raise CoaggError(
            f"{table.name}: randomisation permutes φ, and no OLS column has a regressor that "
            "rests on it; name another table"
        )
    return table


def permuted_names(column: Column) -> tuple[str, ...]:
    """Regressors of an OLS column that rest on the index, the UK index left aside."""
    if column.estimator != "ols":
        return ()
    return tuple(
        name for name in column.regressors
        if any(rests_on_index(part.removeprefix("ln_")) for part in parts(name))
    )  # fmt: skip


def rests_on_index(name: str) -> bool:
    """Whether a panel column is made of the index of its own country."""
    bare = name[:-2] if name[-2:] in ("_j", "_k") else name
    return bare in TRANSPOSED and "uk" not in bare.split("_")


def family(name: str) -> str:
    """A variable by its name at the main threshold, dependent variables without their logarithm."""
    return ":".join(_plain(part) for part in parts(name))


def _plain(part: str) -> str:
    bare = part.removeprefix("ln_")
    for mark in ("_90", "_99", "_oneway"):
        if bare.removesuffix(mark) in POOLS:
            bare = bare.removesuffix(mark)
    if bare.startswith("phi_"):
        bare = bare.replace("_90", "_95").replace("_99", "_95")
    return bare


def _renamed(table: Table, rename: Callable[[str], str]) -> Table:
    """The table with every regressor renamed, labels and tests with it."""

    def words(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(":".join(rename(part) for part in parts(name)) for name in names)

    columns = []
    for column in table.columns:
        named = {part: rename(part) for n in column.variables for part in parts(n)}
        labels = dict(column.labels)
        for old, new in named.items():
            if old != new and new not in labels:
                labels[new] = label(old, column.labels)
        columns.append(
            dataclasses.replace(
                column, regressors=words(column.regressors), endogenous=words(column.endogenous),
                controls=words(column.controls), labels=labels,
            )
        )  # fmt: skip
    tests = []
    for test in table.tests:
        first, second = words(test.regressors)
        tests.append(dataclasses.replace(test, regressors=(first, second)))
    return dataclasses.replace(table, columns=tuple(columns), tests=tuple(tests))


def _at_threshold(table: Table, threshold: str) -> Table:
    mark = {"0.90": "_90", "0.99": "_99", "one-way": "_oneway"}[threshold]

    def rename(part: str) -> str:
        bare = part.removeprefix("ln_")
        if bare in POOLS and f"{bare}{mark}" in POOLS:
            return part + mark
        if bare in ("phi_95", "phi_back_95"):
            if threshold == "one-way":
                raise CoaggError(
                    f"{table.name}: only pools come without bidirectional pairs, not φ of a pair; "
                    "take a table of cells, or threshold 0.90 or 0.99"
                )
            return part.replace("_95", mark)
        return part

    changed = _renamed(table, rename)
    if changed == table:
        raise CoaggError(
            f"{table.name}: nothing in it rests on φ at 0.95, so threshold {threshold} changes "
            "nothing; name another table"
        )
    return changed


def _poisson(table: Table) -> Table:
    """OLS columns of ln(1+y) as Poisson columns of y."""
    columns = []
    for column in table.columns:
        if column.endogenous:
            continue
        bare = column.dependent.removeprefix("ln_")
        columns.append(dataclasses.replace(column, dependent=bare, estimator="ppml"))
    if not columns:
        raise CoaggError(
            f"{table.name}: Poisson takes no instrument and all columns are 2SLS; name a table "
            "with OLS columns"
        )
    said = (
        "By Poisson pseudo-maximum likelihood; the dependent variable is the amount itself, not "
        "its logarithm."
    )
    if len(columns) < len(table.columns):
        said += " The 2SLS columns are left out: Poisson takes no instrument."
    if table.tests:
        said += " Equality of columns is tested of OLS only."
    note = f"{table.note} {said}".strip()
    return dataclasses.replace(table, columns=tuple(columns), tests=(), note=note)
