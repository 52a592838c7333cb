"""Klaviyo's rate limits: the tiers of its endpoints, what they take at least, and what a Retry-After means.

Belongs here: numbers and their reading. Does not belong here: counting what was asked (`budget`), requests
(`connection`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WINDOW = 60.0
"""Seconds of Klaviyo's longest window: after so long every request is allowed again."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Requests per second and per minute."""

    burst: int
    steady: int

    @property
    def windows(self) -> tuple[tuple[int, float], ...]:
        """`((requests, seconds), …)`: at most so many within any such span."""
        return (self.burst, 1.0), (self.steady, LONGEST_WINDOW)

    def minimal_seconds(self, requests: int) -> int:
        """From the first of so many requests to the last, at the soonest that the windows allow."""
        before = max(requests - 1, 0)
        return before // self.steady * 60 + before % self.steady // self.burst


# docs/rate_limits_and_error_handling, revision 2026-10-15; L is 750 a minute in the specification and 700 on
# the page: the smaller one is safe.
XS = Tier(1, 15)
S = Tier(3, 60)
M = Tier(10, 150)
L = Tier(75, 700)
XL = Tier(350, 3500)


def retry_after_seconds(value: str | None, date: str | None = None) -> float | None:
    """The seconds of a Retry-After header: whole or broken seconds or an HTTP date; None when it is neither.

    `date` is the response's own Date header, which spares us the difference between two clocks.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = _http_date(text)
        if moment is None:
            return None
        seconds = (moment - (_http_date(date or "") or datetime.now(UTC))).total_seconds()
    if not math.isfinite(seconds):
        return None
    return max(seconds, 0.0)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
