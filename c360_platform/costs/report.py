"""The estimate as text for people.

Belongs here: tables and words. Does not belong here: numbers that `estimate` or `schedules` could give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from c360_platform.costs.estimate import TIB, Cost, Estimate, by_group, price
from c360_platform.costs.measure import Measured
from c360_platform.costs.schedules import Scheduled
from c360_platform.costs.tables import Size

_GB = 1e9
_GROUPS = ("ingest", "models", "tests", "pushes")


def lines(
    estimate: Estimate, measured: Measured, size: Size, scheduled: Sequence[Scheduled], per_tib: float
) -> Iterator[str]:
    """The whole report, line by line."""
    costs = estimate.costs(size)
    yield (
        f"Bytes that BigQuery would scan for {size.customers:,} customers and {size.months} months of "
        "history. An estimate: nothing ran on BigQuery."
    )
    yield ""
    yield from _groups(costs, per_tib)
    yield ""
    yield from _top(costs)
    yield ""
    yield from _months(scheduled, per_tib)
    yield ""
    yield from _growth(estimate, size)
    yield ""
    yield from _assumptions(estimate, measured, per_tib)


def _groups(costs: Sequence[Cost], per_tib: float) -> Iterator[str]:
    yield f"{'one run of everything':<24}{'statements':>12}{'scanned GB':>12}{'billed GB':>12}{'USD':>10}"
    groups = by_group(costs)
    for name in _GROUPS:
        count, scanned, billed = groups.get(name, (0, 0.0, 0.0))
        yield (
            f"{name:<24}{count:>12,}{scanned / _GB:>12.2f}{billed / _GB:>12.2f}"
            f"{price(billed, per_tib):>10.3f}"
        )
    total = [sum(group[position] for group in groups.values()) for position in range(3)]
    yield (
        f"{'total':<24}{int(total[0]):>12,}{total[1] / _GB:>12.2f}{total[2] / _GB:>12.2f}"
        f"{price(total[2], per_tib):>10.3f}"
    )


def _top(costs: Sequence[Cost]) -> Iterator[str]:
    yield "ten statements that are billed most"
    for cost in sorted(costs, key=lambda cost: -cost.billed)[:10]:
        yield f"{cost.billed / _GB:>12.3f} GB  {cost.statement.group:<8}{cost.statement.name}"


def _months(scheduled: Sequence[Scheduled], per_tib: float) -> Iterator[str]:
    yield f"{'default schedules':<24}{'runs a month':>14}{'GB a run':>10}{'GB a month':>12}{'USD':>10}"
    for each in scheduled:
        month = each.billed * each.runs_per_month
        yield (
            f"{each.name:<24}{each.runs_per_month:>14.0f}{each.billed / _GB:>10.2f}{month / _GB:>12.0f}"
            f"{price(month, per_tib):>10.2f}"
        )
    total = sum(each.billed * each.runs_per_month for each in scheduled)
    yield f"{'total':<24}{'':>24}{total / _GB:>12.0f}{price(total, per_tib):>10.2f}"


def _growth(estimate: Estimate, size: Size) -> Iterator[str]:
    steps = [size.months * quarter // 4 for quarter in (1, 2, 3, 4)]
    heads = "".join(f"{months:>10}" for months in steps)
    yield f"{'GB a run after months':<24}{heads}{'MB a month more':>18}"
    for form in ("incremental", "full"):
        billed = estimate.growth(steps, size, form)
        slope = (billed[-1] - billed[1]) / (steps[-1] - steps[1])
        name = "full refresh" if form == "full" else form
        yield f"{name:<24}{''.join(f'{each / _GB:>10.2f}' for each in billed)}{slope / 1e6:>18.1f}"
    yield "statements that grow most with the history, in MB a month"
    for name, slope in list(estimate.slopes(size).items())[:5]:
        yield f"{slope / 1e6:>12.1f}     {name}"


def _assumptions(estimate: Estimate, measured: Measured, per_tib: float) -> Iterator[str]:
    yield "What this rests on"
    yield (
        f"- Rows and widths are those of a shop of {measured.customers:,} customers in DuckDB, scaled "
        "linearly: orders, parcels, mails and visits with customers and months, people and products with "
        "customers."
    )
    yield (
        "- Columns and partitions are those that Google's analyser finds in the compiled SQL; raw tables lie "
        "as `partition_by` in the source files says. Clusters count only where a sync is named."
    )
    yield (
        "- A column counts once in a statement, a table with 10 MB at least; partitions that are changed "
        "count whole. Load jobs are free."
    )
    yield "- A push finds 2 % of the people changed, or a day's events, and sends one batch."
    yield f"- {per_tib:.2f} USD per TiB ({TIB / _GB:,.0f} GB) is an assumption: see your region's price."
    for path in sorted(estimate.unmeasured()):
        yield f"- not measured, so counted with the minimum: {'.'.join(path[1:])}"
