"""Which months of an event model hold something to send.

Belongs here: the look at keys and times that comes before the plan of an event sync, so that the plan reads
whole rows of these months only. Does not belong here: what is due among them (`plan`).

An event is sent once, so nearly all rows of a model are settled. Asking for keys that are not reads two
columns of the model and one of the state; the columns of the payload, most of the bytes, are then read for
few partitions.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from c360_platform.activation.dialects import Dialect, Kind

if TYPE_CHECKING:
    from c360_platform.activation.ledger import Ledger

Months = list[tuple[date, date]]  # first day, and the first day after


def months_to_read(ledger: Ledger, model: str, *, key: str, occurred_at: str) -> Months | None:
    """Spans of months with rows that are not in the state or whose key stands twice, in order, none touching
    another; None when there are times that no calendar has. `key` and `occurred_at` are the model's columns,
    written as in SQL.
    """
    rows = ledger.warehouse.table(
        f"""
select distinct extract(year from events.occurred_at) as year, extract(month from events.occurred_at) as month
from (
    select {key} as key, {occurred_at} as occurred_at, count(*) over (partition by {key}) as copies
    from {model}
) as events
left join (select key from {ledger.state} where sync = {ledger.sync_literal}) as known
    on known.key = events.key
where events.occurred_at is not null and (known.key is null or events.copies > 1)
order by 1, 2"""
    )
    spans: Months = []
    for year, month in zip(rows["year"].to_pylist(), rows["month"].to_pylist(), strict=True):
        if year is None or not 1 <= year < 9999:  # DuckDB knows infinity
            return None
        first, after = date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
        if spans and spans[-1][1] == first:
            first = spans.pop()[0]
        spans.append((first, after))
    return spans


def within_months(months: Months, occurred_at: str, kind: Kind, dialect: Dialect) -> str:
    """A condition for the rows of these months and for those without a time, which no month has."""
    spans = [
        f"({occurred_at} >= {dialect.day_literal(first, kind)} "
        f"and {occurred_at} < {dialect.day_literal(after, kind)})"
        for first, after in months
    ]
    return " or ".join([*spans, f"{occurred_at} is null"])
