"""`coagg.estimate`: models of a frame of one's own, from a specification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from coagg.analysis.estimation.fit import fit
from coagg.analysis.estimation.model import CONVENTIONS, Estimate, Model
from coagg.analysis.panel.variables import near_match, parts
from coagg.analysis.tables.level import COMPARE
from coagg.analysis.tables.specification import (
    Column,
    Condition,
    Table,
    Words,
    read_toml,
    table_of,
)
from coagg.errors import CoaggError
from coagg.frames import checks

CONFIDENCE = 0.95
LOG = "ln_"


def estimate(
    frame: pd.DataFrame,
    specification: str | Path | Mapping[str, Any],
    *,
    convention: str | None = None,
) -> pd.DataFrame:
    """Estimate models with fixed effects and clustered errors from a frame.

    Parameters
    ----------
    frame : DataFrame
        N rows with the columns that the specification names.
    specification : path to a TOML file, or dict
        The language of the paper's tables (docs/tables.md): a list ``column`` of models, each with
        ``dependent``, ``regressors``, ``effects``, ``cluster`` (one or two), and, where wanted,
        ``endogenous`` and ``instruments``, ``controls``, ``estimator`` (ols, 2sls, ppml),
        ``sample`` ("firms >= 10"), ``heading``. What is said beside the list holds for every
        column. A dict of one model needs no list. A variable is a column, ``ln_x`` for ln(1+x) of
        a column x, or a product ``a:b``.
    convention : {"reghdfe", "ivreghdfe", "fixest", "ppmlhdfe"}, optional
        Small-sample factor of the errors; default reghdfe, of Poisson ppmlhdfe.

    Returns
    -------
    DataFrame
        A row for each coefficient: ``column`` (number of the model), ``heading``, ``dependent``,
        ``estimator``, ``term``, ``coefficient``, ``standard_error``, ``t``, ``p``, ``low`` and
        ``high`` of the 95% interval, ``observations``, ``r2``, ``r2_within``, ``clusters`` (of two
        kinds the fewer), ``left_out`` (rows without a variable of the model). A regressor that is
        collinear or constant has a row of NaN. ``.attrs["columns"]`` says why, and has the first
        stage, its diagnostics, and what was left out for want of which variable.

    Raises
    ------
    CoaggError
        For a name that is not a column, and for a model that cannot be estimated.

    Examples
    --------
    >>> import coagg, numpy, pandas
    >>> rng = numpy.random.default_rng(1)
    >>> firms = pandas.DataFrame({"place": rng.integers(0, 20, 500), "x": rng.normal(size=500)})
    >>> firms["y"] = 2 * firms["x"] + firms["place"] + rng.normal(size=500)
    >>> model = {"dependent": "y", "regressors": ["x"], "effects": ["place"], "cluster": ["place"]}
    >>> coagg.estimate(firms, model).round(2)[["term", "coefficient", "low", "high", "clusters"]]
      term  coefficient   low  high  clusters
    0    x         2.07  1.99  2.14        20
    """
    if not isinstance(frame, pd.DataFrame):
        raise CoaggError(f"frame: a DataFrame is needed, not {type(frame).__name__}")
    if not all(isinstance(name, str) for name in frame.columns):
        raise CoaggError("frame: a column has a name that is no text; rename it")
    if convention is not None:
        checks.one_of("convention", convention, CONVENTIONS)
    rows = _Rows(frame)
    table = _table(specification, rows)
    records: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for number, column in enumerate(table.columns, 1):
        where = f"{table.name}, column {number}"
        model = _model(column, convention)
        keep, in_sample, missing = _kept(rows, column, where)
        try:
            data = {name: rows.variable(name, keep) for name in column.variables}
            for name in (*model.effects, *model.cluster):
                data.setdefault(name, frame[name].to_numpy()[keep])
            found = fit(pd.DataFrame(data), model)
        except CoaggError as fault:
            raise CoaggError(f"{where}: {fault}") from None
        except np.linalg.LinAlgError:
            raise CoaggError(
                f"{where}: its equations have no one solution; change instrument or regressors"
            ) from None
        records += _records(number, column, found, in_sample - int(keep.sum()))
        said.append(_said(column, found, missing))
    made = pd.DataFrame(records)
    made.attrs = {"title": table.title, "confidence": CONFIDENCE, "columns": said}
    return made


class _Rows:
    """A frame as rows of models: every column may be a variable, an effect or a cluster."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.numbers = tuple(str(c) for c in frame if pd.api.types.is_numeric_dtype(frame[c]))
        self.texts = tuple(str(c) for c in frame if c not in self.numbers)

    def words(self) -> Words:
        """The names that a specification may use."""
        return Words(self.unknown, tuple(self.frame.columns), self.texts)

    def factors(self, name: str) -> list[tuple[str, bool]]:
        """Columns of a product, and whether ln(1+x) is taken; a column of that very name wins."""
        return [
            (part, False)
            if part in self.frame.columns or not part.startswith(LOG)
            else (part.removeprefix(LOG), True)
            for part in parts(name)
        ]

    def unknown(self, name: str) -> str | None:
        """See `Words`."""
        for column, _ in self.factors(name):
            if column in self.texts:
                return f"column {column} holds no numbers; take it as effect, or give numbers"
            if column not in self.numbers:
                return f"the frame has no column {column}; {near_match(column, self.numbers)}"
        return None

    def raw(self, column: str) -> np.ndarray:
        """A column of numbers, (N,) float64, missing is NaN."""
        return self.frame[column].to_numpy(dtype=np.float64, na_value=np.nan)

    def variable(self, name: str, keep: np.ndarray) -> np.ndarray:
        """A variable in the rows to keep."""
        product = np.ones(int(keep.sum()))
        for column, logarithm in self.factors(name):
            values = self.raw(column)[keep]
            if logarithm and (values < 0).any():
                raise CoaggError(
                    f"{LOG}{column}: {int((values < 0).sum()):,} values of {column} are below 0, "
                    "whose ln(1+x) is not meant; restrict the sample or leave it out"
                )
            product = product * (np.log1p(values) if logarithm else values)
        return product

    def mask(self, conditions: Iterable[Condition]) -> np.ndarray:
        """Rows that meet all conditions, (N,) bool; a missing value meets none."""
        keep = np.ones(len(self.frame), dtype=bool)
        for one in conditions:
            known = self.frame[one.column].notna().to_numpy()
            values = (
                self.frame[one.column].astype(str).to_numpy(dtype=object)
                if one.column in self.texts
                else self.raw(one.column)
            )
            keep &= known & COMPARE[one.operator](values, one.value)
        return keep


def _table(specification: object, rows: _Rows) -> Table:
    if isinstance(specification, str | Path):
        file = Path(specification)
        if not file.is_file():
            raise CoaggError(f"specification {file}: no such file; give a TOML file or a dict")
        raw, name, where = read_toml(file), file.stem, str(file)
    elif isinstance(specification, Mapping):
        raw, name, where = dict(specification), "specification", "specification"
    else:
        raise CoaggError(
            f"specification: give a TOML file or a dict, not {type(specification).__name__}"
        )
    for key in ("level", "describe", "test"):
        if key in raw:
            raise CoaggError(f"{where}: {key} is of the panel, not of a frame; leave it out")
    if "column" not in raw:  # a model by itself
        about: dict[str, Any] = {key: raw.pop(key) for key in ("title", "note") if key in raw}
        raw = {**about, "column": [raw]}
    return table_of(raw, name, where, "row", rows.words())


def _model(column: Column, convention: str | None) -> Model:
    usual = "ppmlhdfe" if column.estimator == "ppml" else "reghdfe"
    return Model(
        column.dependent, column.regressors, column.endogenous, column.instruments,
        column.effects, column.cluster, convention or usual, column.estimator,
    )  # fmt: skip


def _kept(rows: _Rows, column: Column, where: str) -> tuple[np.ndarray, int, dict[str, int]]:
    """Rows to estimate from, how many the sample has, and what is missing in how many of those."""
    keep = rows.mask(column.sample)
    if not keep.any():
        words = " and ".join(map(str, column.sample)) or "anything"
        raise CoaggError(f"{where}: no row of the frame has {words}; widen the sample")
    in_sample = keep.copy()
    used = [name for variable in column.variables for name, _ in rows.factors(variable)]
    missing = {}
    for name in dict.fromkeys([*used, *column.effects, *column.cluster]):
        lacks = rows.frame[name].isna().to_numpy() & in_sample
        if lacks.any():
            missing[name] = int(lacks.sum())
            keep &= ~lacks
    if not keep.any():
        worst = max(missing, key=lambda name: missing[name])
        raise CoaggError(
            f"{where}: no row is left; {worst} is missing in {missing[worst]:,}: fill or leave it"
        )
    return keep, int(in_sample.sum()), missing


def _terms(found: Estimate) -> list[dict[str, Any]]:
    reach = student.ppf(0.5 + CONFIDENCE / 2, found.degrees_of_freedom)
    return [
        {
            "term": name, "coefficient": float(b), "standard_error": float(se), "t": float(t),
            "p": float(p), "low": float(b - reach * se), "high": float(b + reach * se),
        }
        for name, b, se, t, p in zip(
            found.names, found.coefficients, found.standard_errors, found.t, found.p, strict=True
        )
    ]  # fmt: skip


def _records(number: int, column: Column, found: Estimate, left_out: int) -> list[dict[str, Any]]:
    head = {
        "column": number, "heading": column.heading, "dependent": column.dependent,
        "estimator": column.estimator,
    }  # fmt: skip
    tail = {
        "observations": found.observations, "r2": found.r2, "r2_within": found.r2_within,
        "clusters": min(found.clusters.values()), "left_out": left_out,
    }  # fmt: skip
    terms = {term["term"]: term for term in _terms(found)}
    empty = dict.fromkeys(("coefficient", "standard_error", "t", "p", "low", "high"), np.nan)
    return [
        head | terms.get(name, {"term": name, **empty}) | tail
        for name in (*column.endogenous, *column.regressors)
    ]


def _said(column: Column, found: Estimate, missing: dict[str, int]) -> dict[str, Any]:
    first = found.first_stage
    return {
        "effects": list(column.effects),
        "clusters": dict(found.clusters),
        "convention": found.model.convention,
        "sample": [str(one) for one in column.sample],
        "missing": missing,
        "dropped": dict(found.dropped),
        "diagnostics": {name: float(value) for name, value in found.diagnostics.items()},
        "first_stage": [] if first is None else _terms(first),
    }
