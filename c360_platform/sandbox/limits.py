"""Rate limits of the sandbox: fixed windows per account and endpoint, driven by the sandbox's clock.

Belongs here: the tiers, counting, when a caller may come again. Does not belong here: the body of a 429,
which each API writes in its own form.

Tiers: Klaviyo, "Rate limits, status codes, and errors" (burst per second, steady per minute; the L tier's
steady limit is the 750 of the specification and of live headers). Zendesk's depend on the plan and are in
`zendesk.settings`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from c360_platform.sandbox.clock import Clock

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """Requests allowed per window: `windows` is ((limit, seconds), …), shortest window first."""

    name: str
    windows: tuple[tuple[int, int], ...]


XS: Final = Tier("XS", ((1, 1), (15, 60)))
S: Final = Tier("S", ((3, 1), (60, 60)))
M: Final = Tier("M", ((10, 1), (150, 60)))
L: Final = Tier("L", ((75, 1), (750, 60)))
XL: Final = Tier("XL", ((350, 1), (3500, 60)))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left: of the shortest window (`limit`, `remaining`), and when windows begin anew.

    `retry_after` is whole seconds until every exhausted window has passed; 0 when the request is granted.
    """

    granted: bool
    limit: int
    remaining: int
    reset: int
    retry_after: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refuse whatever is taken, save in the bucket `spares`, with `retry_after` seconds to go."""

    retry_after: int
    spares: str | None = None


_REFUSAL: ContextVar[Refusal | None] = ContextVar("refusal", default=None)


@contextmanager
def refusing(refusal: Refusal) -> Iterator[None]:
    """Every limit is exhausted for the request that is carried out inside, also when limits are off."""
    token = _REFUSAL.set(refusal)
    try:
        yield
    finally:
        _REFUSAL.reset(token)


class Limits:
    """Counters of requests per (account, bucket) in windows that are aligned to the clock."""

    def __init__(self, clock: Clock, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._clock = clock
        self._lock = threading.Lock()
        # (account, bucket, window seconds) -> (number of the window, requests granted in it)
        self._counts: dict[tuple[str, str, int], tuple[int, int]] = {}

    def take(self, account: str, bucket: str, tier: Tier) -> Allowance:
        """Count one request of `account` on `bucket` (an endpoint's name), unless a window is exhausted.

        A refused request counts in no window. Always granted when limits are switched off.
        """
        limit, seconds = tier.windows[0]
        refusal = _REFUSAL.get()
        if refusal is not None and bucket != refusal.spares:
            return Allowance(False, limit, 0, refusal.retry_after, refusal.retry_after)
        if not self.enabled:
            return Allowance(granted=True, limit=limit, remaining=limit, reset=0, retry_after=0)
        now_us = self._clock.now_us()
        with self._lock:
            used: list[tuple[tuple[str, str, int], int, int]] = []
            retry_after = 0
            for window_limit, window_seconds in tier.windows:
                key = (account, bucket, window_seconds)
                number = now_us // (window_seconds * _MICROSECONDS)
                counted_number, count = self._counts.get(key, (number, 0))
                count = count if counted_number == number else 0
                used.append((key, number, count))
                if count >= window_limit:
                    retry_after = max(retry_after, _seconds_left(now_us, window_seconds))
            granted = retry_after == 0
            if granted:
                for key, number, count in used:
                    self._counts[key] = (number, count + 1)
        remaining = max(0, limit - used[0][2] - (1 if granted else 0))
        return Allowance(granted, limit, remaining, _seconds_left(now_us, seconds), retry_after)

    def reset(self) -> None:
        """Forget every count."""
        with self._lock:
            self._counts.clear()


def _seconds_left(now_us: int, window_seconds: int) -> int:
    """Whole seconds until the window that `now_us` is in has passed, at least 1."""
    window_us = window_seconds * _MICROSECONDS
    return max(1, -((now_us % window_us - window_us) // _MICROSECONDS))
