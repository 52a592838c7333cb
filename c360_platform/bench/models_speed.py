"""What a build of a large shop costs, in units of its own SQL, and the memory that it takes.

Belongs here: which sizes are built, and what is said about them. Does not belong here: how a shop looks
(shop_data.py) and how dbt's statements are found (build_ratio.py).

Run as a module it measures the models alone: python -m c360_platform.bench.models_speed [--long]
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from c360_platform.bench import shop_data
from c360_platform.bench.build_ratio import bare, dbt_build, dbt_parse, plain_statements
from c360_platform.bench.processes import Command, Cost, Say, measure
from c360_platform.bench.sync_goals import Figure
from c360_platform.bench.workplace import AS_OF, Workplace, make_workplace

MOST_RATIO: Final = 1.5
MOST_MEGABYTES: Final = 2_000
SLOWEST: Final = 8


@dataclass(frozen=True, slots=True)
class Shop:
    """How large the shop is, and whether its data tests are part of the build.

    A data test costs dbt some 25 ms whatever it reads, so only in a large shop do they say something of SQL.
    """

    customers: int = 40_000
    with_tests: bool = False

    def __str__(self) -> str:
        orders, events = self.customers * shop_data.ORDERS_EACH, self.customers * shop_data.EVENTS_EACH
        return f"{self.customers:,} customers, {orders:,} orders, {events:,} events"


LONG: Final = Shop(customers=1_000_000, with_tests=True)


def models_figures(directory: Path, *, shop: Shop, say: Say) -> Iterator[Figure]:
    """CPU of a first build of everything ÷ the same statements run bare, and the most memory of the build."""
    workplace = make_workplace(directory)
    raw = directory / "raw.duckdb"
    say(f"  making a shop of {shop} …")
    measure(_fill(workplace, raw, shop))
    measure(dbt_parse(workplace))
    ours = dbt_build(workplace, raw, with_tests=shop.with_tests)
    ours.prepare()
    built = measure(ours)
    say(f"  dbt build: {_words(built)}")
    say(f"  {slowest(workplace)}")
    statements = directory / "statements.json"
    plain = list(plain_statements(workplace))
    statements.write_text(json.dumps(plain))
    floor = bare(workplace, raw, statements)
    floor.prepare()
    alone = measure(floor)
    say(f"  bare SQL:  {_words(alone)}")
    shutil.rmtree(directory)
    detail = f"{_words(built)} ÷ {_words(alone)}; one run each; {shop}, {len(plain):,} statements"
    goals = shop == LONG
    yield Figure(
        "first build ÷ the same SQL bare",
        built.cpu / alone.cpu,
        detail,
        most=MOST_RATIO if goals else None,
    )
    yield Figure(
        "memory of a first build",
        built.peak / 1e6,
        f"bare {alone.peak / 1e6:,.0f} MB; {shop}",
        most=MOST_MEGABYTES,
        unit="MB",
    )


def _fill(workplace: Workplace, raw: Path, shop: Shop) -> Command:
    arguments = [str(raw), str(shop.customers), AS_OF.isoformat()]
    return Command(
        [sys.executable, "-m", shop_data.__name__, *arguments], workplace.environment, workplace.settings.home
    )


def _words(cost: Cost) -> str:
    return f"CPU {cost.cpu:.1f} s, wall {cost.wall:.1f} s, at most {cost.peak / 1e6:,.0f} MB"


def slowest(workplace: Workplace) -> str:
    """The models of the workplace's last build that took longest, in words."""
    results = json.loads((workplace.settings.home / "target" / "run_results.json").read_text())["results"]
    models = {
        result["unique_id"].rpartition(".")[2]: result["execution_time"]
        for result in results
        if result["unique_id"].startswith("model.")
    }
    longest = sorted(models, key=lambda model: -models[model])[:SLOWEST]
    return "longest models, wall: " + ", ".join(f"{model} {models[model]:.1f} s" for model in longest)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    chosen = LONG if "--long" in sys.argv else Shop()
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as temporary:
        for figure in models_figures(Path(temporary) / "models", shop=chosen, say=_write):
            _write(str(figure))
