"""Days that a person names, as a window of events to read again.

Belongs here: understanding the days. Does not belong here: reading the window (`reading`) and cutting it into
packages (`event_windows`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from dlt_pipelines.errors import IngestionError


def window_of_days(first: str | None, last: str | None) -> tuple[datetime, datetime] | None:
    """From the first moment of day `first` to the end of day `last` (2026-06-30), both in UTC; None without.

    Raises an `IngestionError` when one is missing, is no day, or when they are in the wrong order.
    """
    if not first and not last:
        return None
    if not first or not last:
        raise IngestionError("a window of events needs both its first and its last day")
    start, end = _day(first), _day(last)
    if end < start:
        raise IngestionError(f"the window of events is empty: {first} is after {last}")
    return _midnight(start), _midnight(end + timedelta(days=1))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise IngestionError(f"{text!r} is not a day: write it as 2026-06-30") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
