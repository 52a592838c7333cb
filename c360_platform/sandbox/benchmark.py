"""Benchmark mode: bulk writes are checked and counted, but nothing of them is kept.

Belongs here: whether it is on, and the counts. Does not belong here: which requests are counted and how they
are checked (`klaviyo.counting`). Limits stay on unless they are switched off too.
"""

from __future__ import annotations

import threading
from collections import Counter


class Benchmark:
    """The mode and what was counted in it since the start or the last reset."""

    def __init__(self, *, enabled: bool = False) -> None:
        self.enabled = enabled
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, **amounts: int) -> None:
        with self._lock:
            self._counts.update(amounts)

    def counts(self) -> dict[str, int]:
        """`imports`, `profiles`, `events`, `members_added`, `members_removed` and `bytes` of their bodies."""
        with self._lock:
            return dict(sorted(self._counts.items()))

    def reset(self) -> None:
        with self._lock:
            self._counts.clear()
