"""From the rows of a level to the estimated columns, tests and extras of a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from coagg.analysis.estimation import inference as extras
from coagg.analysis.estimation.equality import Equality as Stacked
from coagg.analysis.estimation.equality import equality
from coagg.analysis.estimation.fit import fit
from coagg.analysis.estimation.model import Estimate, Model
from coagg.analysis.estimation.pairs import fit_pairs
from coagg.analysis.tables.level import Level, Pairs
from coagg.analysis.tables.options import Options, permuted_names
from coagg.analysis.tables.permutation import Network
from coagg.analysis.tables.specification import Column, Condition, Table
from coagg.analysis.tables.store import Equality, Fitted
from coagg.errors import CoaggError

Positions = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Around:
    """What extras need beside the rows, asked for only when it is needed."""

    positions: Callable[[], Positions]
    """Agglomeration -> longitude and latitude of its centre, degrees."""
    network: Callable[[], Network]
    """φ of every agglomeration and year, to be permuted."""


@dataclass
class _Rows:
    """Rows of a column, and how many were left out for want of which variable."""

    keep: np.ndarray
    missing: dict[str, int] = field(default_factory=dict)


def estimate_columns(level: Level, table: Table, options: Options, around: Around) -> list[Fitted]:
    """Every column of a table, in order; CoaggError names table and column."""
    rows = [
        _rows(level, column, options, f"{table.name}, column {number}")
        for number, column in enumerate(table.columns, 1)
    ]
    found: dict[int, Fitted] = {}
    groups: dict[object, list[int]] = {}
    for at, known in enumerate(rows):
        # pairs: columns with the same rows are estimated in one pass; cells: one by one
        together = isinstance(level, Pairs) and table.columns[at].estimator != "ppml"
        key = hashlib.sha256(np.packbits(known.keep).tobytes()).digest() if together else at
        groups.setdefault(key, []).append(at)
    for members in groups.values():
        models = [_model(table.columns[at], level.name, options) for at in members]
        keep = rows[members[0]].keep
        where = f"{table.name}, column {', '.join(str(at + 1) for at in members)}"
        try:
            frame: Any = level.rows(
                [name for at in members for name in table.columns[at].variables],
                [key for model in models for key in (*model.effects, *model.cluster)],
                keep,
            )
            if not isinstance(level, Pairs) or models[0].estimator == "ppml":
                frame = pd.DataFrame({name: np.asarray(frame[name]) for name in frame})
            estimates = _estimates(level, frame, models, options, around)
            for at, model, one in zip(members, models, estimates, strict=True):
                tests = _extras(level, table.columns[at], frame, model, keep, options, around)
                found[at] = Fitted(one, _standardised(one), rows[at].missing, tests)
        except CoaggError as fault:
            raise CoaggError(f"{where}: {fault}") from None
        except np.linalg.LinAlgError:
            raise CoaggError(
                f"{where}: its equations have no one solution, as when an instrument says nothing "
                "of the endogenous regressor; change the instrument or the regressors"
            ) from None
    return [found[at] for at in range(len(rows))]


def _model(column: Column, level: str, options: Options) -> Model:
    second = "to_industry" if level == "pair" else "agglomeration_code"
    cluster = column.cluster
    if (options.two_way or options.dyadic) and second not in cluster:
        cluster = (*cluster[:1], second)
    default = "ppmlhdfe" if column.estimator == "ppml" else "reghdfe"
    return Model(
        column.dependent, column.regressors, column.endogenous, column.instruments,
        column.effects, cluster, options.convention or default, column.estimator,
    )  # fmt: skip


def _rows(level: Level, column: Column, options: Options, where: str) -> _Rows:
    conditions = (*column.sample, *options.conditions(level.name))
    _known_codes(level, conditions, where)
    keep = level.mask(conditions)
    if not keep.any():
        words = " and ".join(map(str, conditions))
        raise CoaggError(f"{where}: no {level.name} of the panel has {words}; widen the sample")
    found = _Rows(keep.copy())
    for variable in column.variables:
        lacks = level.missing(variable)
        if lacks is not None and (lacks & keep).any():
            found.missing[variable] = int((lacks & keep).sum())
            found.keep &= ~lacks
    if not found.keep.any():
        worst = max(found.missing, key=lambda v: found.missing[v])
        remedy = (
            "measure the UK index and build the panel again (coagg panel)"
            if "uk" in worst.split("_")
            else "load what it rests on and build the panel again (coagg panel)"
        )
        raise CoaggError(f"{where}: {worst} is missing in {found.missing[worst]:,} rows; {remedy}")
    return found


def _known_codes(level: Level, conditions: Sequence[Condition], where: str) -> None:
    """Raises CoaggError for a year, agglomeration or industry that the panel does not have."""
    for condition in conditions:
        if condition.column not in level.keys or condition.operator not in ("==", "!="):
            continue
        levels = [str(one) for one in level.codes(condition.column)[1]]
        wanted = condition.value
        text = f"{wanted:g}" if isinstance(wanted, float) else str(wanted)
        if text not in levels:
            raise CoaggError(
                f"{where}: the panel has no {condition.column} {text}, only {', '.join(levels)}; "
                "measure it (coagg index) and build the panel again (coagg panel), or change the "
                "sample"
            )


def _estimates(
    level: Level, frame: Any, models: list[Model], options: Options, around: Around
) -> list[Estimate]:
    if isinstance(level, Pairs) and models[0].estimator != "ppml":
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values are named afterwards
            return fit_pairs(frame, models, dyadic=options.dyadic)
    if options.conley is None:
        return [fit(frame, model) for model in models]
    known = around.positions()
    places = level.codes("agglomeration_code")[1].tolist()
    positions: dict[object, tuple[float, float]] = {
        code: known[place] for code, place in enumerate(places) if place in known
    }
    if len(positions) < len(places):
        lacking = ", ".join(place for place in places if place not in known)
        raise CoaggError(
            f"no place in reference.agglomeration for {lacking}: load the reference data again "
            "(coagg db upgrade) before asking for --conley"
        )
    return [extras.conley(frame, model, positions, options.conley) for model in models]


def _standardised(found: Estimate) -> dict[str, float]:
    """b sd(x)/sd(y) by regressor."""
    of_y = found.deviations[found.model.dependent]
    return {
        name: float(value) * found.deviations[name] / of_y if of_y else float("nan")
        for name, value in zip(found.names, found.coefficients, strict=True)
    }


def _extras(
    level: Level, column: Column, frame: Any, model: Model, keep: np.ndarray, options: Options,
    around: Around,
) -> dict[str, dict[str, dict[str, float]]]:  # fmt: skip
    """Wild bootstrap and randomisation of an OLS column: kind -> regressor -> t, p, draws."""
    made: dict[str, dict[str, dict[str, float]]] = {}
    if column.estimator != "ols":
        return made
    if options.wild_bootstrap:
        wild = (
            extras.wild_bootstrap_pairs if isinstance(level, Pairs) else extras.wild_bootstrap
        )  # both take the rows of their level
        made["wild"] = {}
        for name in column.own:
            one = wild(frame, model, name, draws=options.wild_bootstrap)
            made["wild"][name] = {"t": one.t, "p": one.p, "draws": one.draws}
    names = permuted_names(column)
    if options.randomisation and names:
        network = around.network()
        if isinstance(level, Pairs):
            found = extras.randomise(
                lambda rng: _pair_t(level, network, column, model, keep, names, options, rng),
                options.randomisation,
            )
        else:
            found = extras.randomisation_inference(
                frame, model, names,
                lambda rng: network.redrawn(level, names, rng, keep), options.randomisation,
            )  # fmt: skip
        made["randomisation"] = {
            name: {"t": float(found.observed[i]), "p": float(found.p[i]), "draws": found.draws}
            for i, name in enumerate(names)
        }
    return made


def _pair_t(
    level: Pairs, network: Network, column: Column, model: Model, keep: np.ndarray,
    names: tuple[str, ...], options: Options, rng: np.random.Generator | None,
) -> np.ndarray:  # fmt: skip
    drawn = level if rng is None else network.permuted(level, rng)
    frame = drawn.rows(column.variables, (*model.effects, *model.cluster), keep)
    (found,) = fit_pairs(frame, [model], dyadic=options.dyadic)
    return extras.t_values(found, names)


def estimate_tests(level: Level, table: Table, options: Options) -> Iterator[Equality]:
    """Every test of a table; each column keeps its own rows."""
    done: dict[tuple[int, int], Stacked] = {}
    for number, test in enumerate(table.tests, 1):
        where = f"{table.name}, test {number}"
        if test.columns not in done:
            sides = []
            for at in test.columns:
                column = table.columns[at - 1]
                model = _model(column, level.name, options)
                keep = _rows(level, column, options, where).keep
                frame = level.rows(column.variables, (*model.effects, *model.cluster), keep)
                sides.append((pd.DataFrame({n: np.asarray(frame[n]) for n in frame}), model))
            try:
                done[test.columns] = equality(sides[0], sides[1])
            except CoaggError as fault:
                raise CoaggError(f"{where}: {fault}") from None
        yield _difference(done[test.columns], test.regressors, where)


def _difference(found: Stacked, names: tuple[str, str], where: str) -> Equality:
    for one in found.differences:
        if (one.name, one.name_second) == names:
            return Equality(
                (one.difference, one.standard_error, one.p),
                (
                    one.standardised_difference, one.standardised_standard_error,
                    one.standardised_p,
                ),
            )  # fmt: skip
    reasons = "; ".join(f"{name} was left out: {reason}" for name, reason in found.dropped)
    raise CoaggError(
        f"{where}: {' and '.join(names)} cannot be compared: "
        + (reasons or "name them at the same place among the regressors of both columns")
    )
