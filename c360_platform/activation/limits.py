"""Klaviyo's rate limits, kept on our side so that they are not met on theirs.

Belongs here: windows, waiting, and what a Retry-After means. Does not belong here: requests (`transport`).
Klaviyo counts per account and endpoint in fixed windows of a second and a minute. We do not know when its
windows begin, so ours slide: what holds in every sliding window holds in every fixed one.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Requests may travel at different speeds: what left a second apart can arrive closer together.
_MARGIN_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Tier:
    """Requests per second and per minute."""

    burst: int
    steady: int

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


class Limiter:
    """Grants requests so that no window of a second or a minute ever holds more than its tier allows.

    Each caller is given its moment at once and sleeps until then, so callers are served in order.
    """

    def __init__(
        self,
        tier: Tier,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tier = tier
        self._clock = clock
        self._sleep = sleep
        self._granted: deque[float] = deque(maxlen=tier.steady)
        self._not_before = float("-inf")
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Sleep until a request may leave; the seconds slept."""
        with self._lock:
            now = self._clock()
            moment = max(now, self._not_before, *self._earliest())
            self._granted.append(moment)
        if moment > now:
            self._sleep(moment - now)
        return moment - now

    def pause(self, seconds: float) -> None:
        """Nobody before this many seconds from now: Klaviyo said so."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def _earliest(self) -> list[float]:
        granted, tier = self._granted, self._tier
        moments = [granted[-1]] if granted else []
        if len(granted) >= tier.burst:
            moments.append(granted[-tier.burst] + 1 + _MARGIN_SECONDS)
        if len(granted) >= tier.steady:
            moments.append(granted[-tier.steady] + 60 + _MARGIN_SECONDS)
        return moments


class AccountLimits:
    """The limiters of one account, one for each endpoint."""

    def __init__(self) -> None:
        self._limiters: dict[str, Limiter] = {}
        self._lock = threading.Lock()

    def of(self, endpoint: str, tier: Tier) -> Limiter:
        with self._lock:
            return self._limiters.setdefault(endpoint, Limiter(tier))


_accounts: dict[str, AccountLimits] = {}
_accounts_lock = threading.Lock()


def account_limits(base_url: str, api_key: str) -> AccountLimits:
    """The limits that every client of this process with this key shares; the key itself is not kept."""
    name = hashlib.sha256(f"{base_url}\n{api_key}".encode()).hexdigest()
    with _accounts_lock:
        return _accounts.setdefault(name, AccountLimits())


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
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
