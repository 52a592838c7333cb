"""`c360 bench`: what the platform costs, as ratios to a floor measured in the same run.

Belongs here: which ratios there are and how they are printed. Does not belong here: tests of speed; a ratio
is shown, not asserted, because it depends on what else the machine does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from c360_platform.bench.processes import Ratio, machine
from c360_platform.bench.sync_goals import Figure

__all__ = ["Figure", "Ratio", "run_benchmarks"]

DEFAULT_ROUNDS = 3


def run_benchmarks(
    *,
    customers: int,
    rounds: int = DEFAULT_ROUNDS,
    long: bool = False,
    say: Callable[[str], None] | None = None,
) -> list[Ratio | Figure]:
    """Measure every ratio in a directory of its own and say one line for each.

    `customers` is the size of the synthetic shop; `rounds` is how often each side is run, alternating. With
    `long` syncs have two million profiles and more time under the limits, the models build a shop of a
    million customers, and an ingest of a million tickets says what memory it takes; that needs two hours and
    20 GB of disk.
    """
    from c360_platform.bench import component_speed
    from c360_platform.bench.build_ratio import build_ratio
    from c360_platform.bench.definitions_ratio import definitions_ratio
    from c360_platform.bench.identity_speed import identity_figures
    from c360_platform.bench.ingest_speed import ingest_memory, ingest_ratios
    from c360_platform.bench.models_speed import LONG as LONG_SHOP
    from c360_platform.bench.models_speed import Shop, models_figures
    from c360_platform.bench.sandbox_speed import sandbox_ratios
    from c360_platform.bench.sync_speed import LONG, Size, sync_figures

    say = say or _print
    say(machine())
    ratios: list[Ratio | Figure] = []
    size, shop = (LONG, LONG_SHOP) if long else (Size(), Shop())
    inputs = component_speed.LONG if long else component_speed.Size()
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as directory:
        place = Path(directory)
        for measure in (
            lambda: sandbox_ratios(place / "sandbox", rounds=rounds, say=say),
            lambda: ingest_ratios(place / "ingest", rounds=rounds, say=say),
            lambda: sync_figures(place / "sync", rounds=rounds, say=say, size=size),
            lambda: [definitions_ratio(place / "definitions", rounds=rounds, say=say)],
            lambda: [build_ratio(place / "build", customers=customers, rounds=rounds, say=say)],
            lambda: models_figures(place / "models", shop=shop, say=say),
            lambda: identity_figures(place / "identity", say=say),
            lambda: component_speed.component_figures(
                place / "component", rounds=rounds, say=say, size=inputs
            ),
        ):
            for ratio in measure():
                say(str(ratio))
                ratios.append(ratio)
        if long:
            ingest_memory(place / "memory", say=say)
    return ratios


def _print(line: str) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(line, markup=False)
