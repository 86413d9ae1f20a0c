"""Rebuilds of the tiny demo, and what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from coagg.demo import run as demo
from coagg.rebuild.manifest import read_manifest
from coagg.rebuild.report import RebuildReport
from coagg.rebuild.steps import Chain
from coagg.settings import Settings

DRAWS = 100


def chain(settings: Settings, inputs: Path, **index: Any) -> Chain:
    """The chain of a list of inputs; `index` changes settings of the index."""
    manifest = read_manifest(inputs)
    chosen = replace(manifest.index, **{"draws": DRAWS, "seed": demo.SEED, **index})
    return Chain(settings, replace(manifest, index=chosen), workers=1)


def states(report: RebuildReport) -> dict[str, str]:
    """What became of each step."""
    return {outcome.step: outcome.state for outcome in report.outcomes}


def whys(report: RebuildReport) -> dict[str, str]:
    """Why what was done or would be done."""
    return {o.step: o.why for o in report.outcomes if o.state in ("done", "would be done")}
