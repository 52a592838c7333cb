"""Times as Klaviyo writes and reads them.

Belongs here: ISO 8601 in and out. Does not belong here: what time it is (`clock`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# A raw "+" in a query string arrives as a space.
_LOST_PLUS: Final = re.compile(r"(T.+) (\d\d:?\d\d)\Z")


def iso(microseconds: int | None) -> str | None:
    """`2026-09-04T13:39:33+00:00`: the form of times that are read back, cut to the second."""
    if microseconds is None:
        return None
    return iso_seconds(microseconds // 1_000_000)


def iso_seconds(seconds: int) -> str:
    """As `iso`, from whole seconds."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()


def iso_exact(microseconds: int | None) -> str | None:
    """`2026-09-04T13:39:33.131026+00:00`: the form in answers to writes and in subscriptions."""
    if microseconds is None:
        return None
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds")


def parse(text: str) -> int:
    """Microseconds since 1970 of an ISO time; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text.strip()))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND
