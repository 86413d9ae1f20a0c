"""Accuracy of the calibrated index against exact runs; part of bench/index."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from sample_cells import rms, table

from coagg.analysis.coagglomeration import Cell, IndexSettings, index_block, prepare_cell
from coagg.analysis.coagglomeration.calibrated import straddles
from coagg.analysis.coagglomeration.cell import THRESHOLDS, find_sites
from coagg.analysis.coagglomeration.costs import costs_to_draws, observed_costs
from coagg.analysis.coagglomeration.draws import draw_firms
from coagg.analysis.coagglomeration.exact import at_least, monte_carlo_error

REFINEMENTS = (0.0, 10.0, 50.0, 1000.0)  # exact solves a pair; with 1,000 nothing is left out
LOT = 2500  # draws of a long exact run that are in memory at once


def accuracy(cells: dict[str, Cell], codes: list[str], arguments: argparse.Namespace) -> None:
    """Calibrated against exact runs, and its standard errors against long exact runs.

    Pairs of one run share their draws, so figures of a single run scatter: every figure is over all
    pairings of several runs.
    """
    seeds = range(arguments.seeds)

    def rows() -> Iterator[str]:
        for code in codes:
            cell = cells[code]
            fixed = list(range(0, len(cell.industries), arguments.step))
            exact = _runs(cell, fixed, [IndexSettings(method="exact", seed=1 + s) for s in seeds])
            ours = _runs(cell, fixed, [IndexSettings(seed=1001 + s) for s in seeds])
            mixed = [(c, e) for c in ours for e in exact]
            pure = list(combinations(exact, 2))
            error, between = (rms(np.array([a - b for a, b in p])) for p in (mixed, pure))
            alike, exact_alike = (
                100 * np.mean([(a >= 0.95) == (b >= 0.95) for a, b in p]) for p in (mixed, pure)
            )
            means = [runs.mean(axis=1) for runs in (ours, exact)]
            bias = means[0].mean() - means[1].mean()
            scatter = np.sqrt(sum(m.var(ddof=1) / len(m) for m in means))
            yield (
                f"{code} | {len(cell.points_km):,} | {ours.shape[1]:,} | {error:.4f} | "
                f"{between:.4f} | {error / between:.3f} | {bias:+.4f} ± {scatter:.4f} | "
                f"{alike:.2f} | {exact_alike:.2f}"
            )

    if arguments.seeds:
        table(
            "cell | firms | pairs | RMSE calibrated-exact | RMSE exact-exact | ratio | "
            "bias ± standard error | phi agreement % | exact-exact %",
            rows(),
        )
    if not arguments.truth_pairs:
        return

    def coverage() -> Iterator[str]:
        for code in codes:
            for method, (error, deviation) in _against_truth(cells[code], arguments).items():
                z = deviation / error
                yield (
                    f"{code} | {method} | {len(z)} | {100 * (np.abs(z) < 1.96).mean():.1f} | "
                    f"{rms(deviation):.4f} | {np.mean(deviation):+.4f} | {z.std():.2f}"
                )

    table(
        "cell | method | pairs | covered by 95% interval % | "
        f"RMSE to exact, {arguments.truth_draws:,} draws | bias | sd of error / standard error",
        coverage(),
    )


def _runs(cell: Cell, fixed: list[int], settings: list[IndexSettings]) -> np.ndarray:
    """Index of some fixed industries under each of the settings: (settings, pairs)."""
    return np.array([index_block(cell, prepare_cell(cell, s), s, fixed).index for s in settings])


def _against_truth(
    cell: Cell, arguments: argparse.Namespace
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Standard errors and errors of random pairs against long exact runs of other seeds."""
    rng = np.random.default_rng(7)
    sites = find_sites(cell)
    ours = IndexSettings(method="calibrated", seed=11)
    prepared = prepare_cell(cell, ours)
    found: dict[str, list[tuple[float, float]]] = {"calibrated": [], "exact": []}
    while len(found["exact"]) < arguments.truth_pairs:
        j, k = (int(i) for i in rng.choice(len(cell.industries), 2, replace=False))
        if cell.firms[k] == 1:
            # Exact by enumeration: it has no error to cover.
            continue
        observed = observed_costs(cell, sites, ours, [j])[0, k]

        def costlier(seed: int, number: int, j: int = j, k: int = k, w: float = observed) -> int:
            draws = draw_firms(cell, IndexSettings(seed=seed), int(cell.firms[k]), number)
            return at_least(costs_to_draws(sites, j, draws, ours.cost), w)

        lots = range(arguments.truth_draws // LOT)
        truth = sum(costlier(1000 + seed, LOT) for seed in lots) / arguments.truth_draws
        own = (truth + 1e-4) * (1 - truth + 1e-4) / arguments.truth_draws
        result = index_block(cell, prepared, ours, [j])
        at = int(np.flatnonzero(result.redrawn == k)[0])
        count = costlier(ours.seed, ours.draws)
        plain = monte_carlo_error(np.array([count]), np.array([ours.draws]))[0]
        for method, index, error in (
            ("calibrated", result.index[at], result.standard_error[at]),
            ("exact", count / ours.draws, plain),
        ):
            found[method].append((float(np.hypot(error, np.sqrt(own))), float(index - truth)))
    return {method: tuple(np.array(pairs).T) for method, pairs in found.items()}


def refine(cells: dict[str, Cell], codes: list[str], arguments: argparse.Namespace) -> None:
    """What exact draws on doubtful pairs gain, by budget, against a long exact run.

    Besides all pairs, the figures are given for those that a run without refinement was in doubt
    about: they are the same pairs for every budget of a seed. CPU is that of the nulls alone.
    """

    def rows() -> Iterator[str]:
        for code in codes:
            cell = cells[code]
            fixed = list(range(0, len(cell.industries), arguments.step))
            observed = np.zeros((len(cell.industries),) * 2)
            observed[fixed] = observed_costs(cell, find_sites(cell), IndexSettings(), fixed)
            truth = _long_exact(cell, fixed, observed, arguments.truth_draws)
            doubtful: dict[int, np.ndarray] = {}
            kinds = [("calibrated", budget) for budget in REFINEMENTS] + [("exact", 0.0)]
            for method, budget in kinds:
                runs, spent = [], 0.0
                for seed in range(arguments.seeds):
                    chosen = IndexSettings(method=method, refine=budget, seed=1001 + seed)
                    prepared = prepare_cell(cell, chosen)
                    start = time.process_time()
                    runs.append(index_block(cell, prepared, chosen, fixed, observed))
                    spent += time.process_time() - start
                    if method == "calibrated" and budget == 0.0:
                        doubt = straddles(runs[-1].index, runs[-1].standard_error)
                        doubtful[seed] = doubt & (runs[-1].draws == 0)
                near = np.array([doubtful[seed] for seed in range(arguments.seeds)])
                index = np.array([run.index for run in runs])
                alike = [100 * np.mean((index >= t) == (truth >= t)) for t in THRESHOLDS]
                z = (index - truth) / np.hypot(
                    [run.standard_error for run in runs],
                    np.sqrt((truth + 1e-4) * (1 - truth + 1e-4) / arguments.truth_draws),
                )
                yield (
                    f"{code} | {method} | {budget:g} | {index.shape[1]:,} | "
                    f"{100 * np.mean([run.refined.mean() for run in runs]):.1f} | "
                    f"{rms(index - truth):.4f} | {rms((index - truth)[near]):.4f} | "
                    f"{' / '.join(f'{share:.2f}' for share in alike)} | "
                    f"{100 * np.mean(np.abs(z[near]) < 1.96):.1f} | "
                    f"{1e3 * spent / index.size:.2f}"
                )

    table(
        "cell | method | refine | pairs | refined % | RMSE | RMSE of doubtful pairs | "
        f"phi agrees at {' / '.join(f'{t:.2f}' for t in THRESHOLDS)}, % | "
        "doubtful pairs covered % | nulls ms/pair",
        rows(),
    )


def _long_exact(cell: Cell, fixed: list[int], observed: np.ndarray, number: int) -> np.ndarray:
    """Index of fixed industries x all others from `number` exact draws, in the order of a block."""
    sites = find_sites(cell)
    pairs = [(j, k) for j in fixed for k in range(len(cell.industries)) if k != j]
    count = dict.fromkeys(pairs, 0)
    for size in np.unique(cell.firms):
        for lot in range(number // LOT):
            draws = draw_firms(cell, IndexSettings(seed=5000 + lot), int(size), LOT)
            for j in fixed:
                null = costs_to_draws(sites, j, draws, "sqeuclidean")
                for k in np.flatnonzero(cell.firms == size):
                    if k != j:
                        count[j, int(k)] += at_least(null, observed[j, k])
    return np.array([count[pair] for pair in pairs]) / (number // LOT * LOT)
