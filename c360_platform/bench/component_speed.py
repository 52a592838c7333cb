"""What the Customer 360 component costs beside the same work in pandas, and the memory that it takes.

Belongs here: a synthetic input, and the comparison of costs and results. Does not belong here: the component
(`components`) and the peer (component_peer.py).

Both sides read the same Parquet files, in a process of their own, and end with the result in memory as a
DataFrame. Imports are done before the clock starts, those of the component too.

Run as a module it measures alone: python -m c360_platform.bench.component_speed [--long]
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

from c360_platform.bench.component_peer import ACTIVE_DAYS, AS_OF, peer
from c360_platform.bench.ingest_side import peak_bytes
from c360_platform.bench.processes import BenchError, Say
from c360_platform.bench.sync_goals import Figure

if TYPE_CHECKING:
    import pandas as pd

LEAST_RATIO: Final = 10.0
MOST_MEGABYTES: Final = 1_500
# The same table from both sides, where NaN and null, and the order of rows, are one.
_COMPARED: Final = """
select customer_id, email, first_name, last_name, epoch_us(created_at::timestamptz) as created_at,
    round(total_revenue::double, 2) as total_revenue, total_orders::bigint as total_orders,
    total_sessions::bigint as total_sessions, total_page_views::bigint as total_page_views,
    acquisition_source, last_interaction_date::date as last_interaction_date,
    customer_lifetime_days::bigint as customer_lifetime_days, is_active
from read_parquet('{file}')
"""
_IMPORTED_FIRST: Final = (
    "duckdb",
    "numpy",
    "pandas",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "c360_platform.components.profiles",
    "c360_platform.components.storage",
    "c360_platform.components.workspace",
)


@dataclass(frozen=True, slots=True)
class Size:
    """Rows of all four sources together."""

    rows: int = 1_000_000

    def __str__(self) -> str:
        return f"{self.rows:,} rows in"


LONG: Final = Size(rows=5_000_000)


class Spent(msgspec.Struct, frozen=True):
    """CPU and wall seconds, and bytes of memory at the peak, imports included."""

    cpu: float
    wall: float
    peak: int


def component_figures(directory: Path, *, rounds: int, say: Say, size: Size) -> Iterator[Figure]:
    """CPU of pandas ÷ ours on the same input with equal results, and our memory."""
    directory.mkdir(parents=True, exist_ok=True)
    say(f"  component: making {size} …")
    make_input(directory, size.rows)
    spent: dict[str, list[Spent]] = {"ours": [], "pandas": []}
    for number in range(1, rounds + 1):
        for side, costs in spent.items():
            costs.append(_run(side, directory))
            say(f"  component, round {number} of {rounds}: {side} {costs[-1].cpu:.2f} s CPU")
    customers = _same_results(directory)
    ours, peer = (median(one.cpu for one in spent[side]) for side in ("ours", "pandas"))
    yield Figure(
        "component, pandas ÷ ours",
        peer / ours,
        f"CPU {peer:.2f} s ÷ {ours:.2f} s; {size}, {customers:,} customers, equal results; "
        f"medians of {rounds} alternating runs",
        least=LEAST_RATIO,
    )
    peak = {side: max(one.peak for one in costs) / 1e6 for side, costs in spent.items()}
    yield Figure(
        "component, memory",
        peak["ours"],
        f"pandas {peak['pandas']:,.0f} MB; {size}, the whole process with its imports and the DataFrame",
        most=MOST_MEGABYTES,
        unit="MB",
    )


def make_input(directory: Path, rows: int) -> None:
    """Four Parquet files: a tenth contacts, a tenth marketing profiles, a fifth payments, the rest visits."""
    import duckdb

    people = rows // 8
    statements = {
        "crm": f"""
            select if(n % 7 = 0, ' Person' || who || '@Mail.test', 'person' || who || '@mail.test') as email,
                'u' || who as user_id, 'First' || who % 900 || if(n >= {people}, '*', '') as first_name,
                'Last' || who % 5000 as last_name,
                ['google', 'instagram', 'podcast'][1 + who % 3] as acquisition_source,
                timestamptz '2024-01-01 00:00:00+00' + to_seconds(who * 7 % 40000000) as created_at,
                timestamptz '2025-06-01 00:00:00+00' + to_seconds(n * 13 % 30000000) as updated_at
            from (select n, n % {people} as who from range({rows // 10}) as numbers (n))
        """,
        "marketing": f"""
            select 'person' || who || '@mail.test' as email,
                timestamptz '2024-06-01 00:00:00+00' + to_seconds(who * 11 % 40000000) as created_at,
                timestamptz '2025-07-01 00:00:00+00' + to_seconds(n * 17 % 25000000) as updated_at
            from (select n, n + {people // 5} as who from range({rows // 10}) as numbers (n))
        """,
        "stripe": f"""
            select 'ch_' || n as id, if(who % 10 = 0, 'other', 'person') || who || '@mail.test' as email,
                if(who % 10 = 0, 'u' || who, null) as user_id, 500 + hash(n) % 20000 as amount,
                if(n % 20 = 3, 'failed', 'succeeded') as status, 'eur' as currency,
                1740000000 + (hash(n * 3) % 40000000)::bigint as created
            from (select n, (hash(n * 5) % {people})::bigint as who from range({rows // 5}) as numbers (n))
        """,
        "ga4": f"""
            select if(n // 5 % 5 = 0, null, 'u' || who) as user_id, 'd' || who as user_pseudo_id,
                n // 5 as session_id, if(n % 5 < 3, 'page_view', 'scroll') as event_name,
                1750000000000000 + (n // 5 % 30000000) * 1000000 + n % 5 as event_timestamp
            from (
                select n, (hash(n // 5) % {people})::bigint as who
                from range({rows - rows // 10 * 2 - rows // 5}) as numbers (n)
            )
        """,
    }
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set memory_limit = '1GB'")
        for name, select in statements.items():
            connection.execute(f"copy ({select}) to '{directory / name}.parquet' (format parquet)")


def ours(directory: Path) -> pd.DataFrame:
    """The component's own steps, on streams of Arrow."""
    import pyarrow.dataset as ds

    from c360_platform.components.contract import CONTRACTS
    from c360_platform.components.plan import Plan, Source
    from c360_platform.components.profiles import build_profiles
    from c360_platform.components.storage import data_frame
    from c360_platform.components.workspace import workspace

    def stream(name: str) -> Callable[[], object]:
        return lambda: ds.dataset(directory / f"{name}.parquet").scanner(batch_readahead=2).to_reader()

    sources = [(Source(name, name), stream(name)) for name in CONTRACTS]
    plan = Plan(as_of=AS_OF, secondary_join_keys=("user_id",), active_customer_days=ACTIVE_DAYS)
    with workspace() as space:
        build_profiles(space, plan, sources)
        return data_frame(space.batches("select * from profiles"))


def _run(side: str, directory: Path) -> Spent:
    process = subprocess.run(  # noqa: S603  (our own executable and arguments)
        [sys.executable, "-m", __spec__.name if __spec__ else __name__, side, str(directory)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if process.returncode != 0:
        raise BenchError(f"{side} ended with {process.returncode}: {process.stderr.decode()[-2000:]}")
    return msgspec.json.decode(process.stdout.splitlines()[-1], type=Spent)


def _side(side: str, directory: Path) -> None:
    """One side in this process: measured, then its result beside the input."""
    for name in _IMPORTED_FIRST:
        importlib.import_module(name)
    started, used = time.monotonic(), time.process_time()
    frame = {"ours": ours, "pandas": peer}[side](directory)
    spent = Spent(time.process_time() - used, time.monotonic() - started, peak_bytes())
    frame.to_parquet(directory / f"{side}.result.parquet", index=False)
    _write(msgspec.json.encode(spent).decode())


def _same_results(directory: Path) -> int:
    """The number of customers. Raises `BenchError` when the sides differ in one of them."""
    import duckdb

    ours, peer = (_COMPARED.format(file=directory / f"{side}.result.parquet") for side in ("ours", "pandas"))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        customers, different = connection.execute(
            f"select (select count(*) from ({ours})), "
            f"(select count(*) from (({ours}) except all ({peer}))) "
            f"+ (select count(*) from (({peer}) except all ({ours})))"
        ).fetchone() or (0, 0)
    if different:
        raise BenchError(f"the component and pandas differ in {different:,} rows of {customers:,} customers")
    return int(customers)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["pandas"]):
        _side(sys.argv[1], Path(sys.argv[2]))
    else:
        chosen = LONG if "--long" in sys.argv else Size()
        with tempfile.TemporaryDirectory(prefix="c360-bench-") as temporary:
            for measured in component_figures(Path(temporary), rounds=3, say=_write, size=chosen):
                _write(str(measured))
