"""Staying below an account's rate limits, so that a service need not refuse anything.

Belongs here: windows of calls, shared by everything in this process that talks to one account. Does not
belong here: what to do about a refusal all the same (`transport`). Who shares an account between processes
brings a `Pace` of their own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

# Calls are counted where they are sent, limits where they arrive: two calls may come closer together.
_MARGIN_SECONDS: Final = 0.05
_MARGIN_SHARE: Final = 0.01

Windows = tuple[tuple[int, float], ...]
"""`((calls, seconds), …)`: at most so many calls within any such span."""


class Pace(Protocol):
    """When the calls of one limit may leave."""

    def reserve(self) -> float:
        """0 and the call may leave at once, or the seconds after which to ask again."""
        ...

    def pause(self, seconds: float) -> None:
        """Nobody before so many seconds: the service said so."""
        ...


Paces = Callable[[str, Windows], Pace]
"""Makes the pace of a limit from its name, such as `GET /api/lists/{id}/profiles`, and its windows."""


class Pacer:
    """Lets calls pass as its windows allow; the first ones never wait. Safe to share between threads."""

    def __init__(
        self, windows: Windows, *, now: Callable[[], float] = time.monotonic, margin: float = _MARGIN_SECONDS
    ) -> None:
        self._windows = [
            (calls, seconds * (1 + _MARGIN_SHARE) + margin, deque[float](maxlen=calls))
            for calls, seconds in windows
        ]
        self._now = now
        self._not_before = -math.inf
        self._lock = threading.Lock()

    def reserve(self) -> float:
        with self._lock:
            now = self._now()
            full = (sent[0] + span for calls, span, sent in self._windows if len(sent) == calls)
            at = max([now, self._not_before, *full])
            if at > now:
                return at - now
            for _, _, sent in self._windows:
                sent.append(now)
        return 0.0

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._not_before = max(self._not_before, self._now() + seconds)


_shared: dict[tuple[str, ...], Pacer] = {}
_lock = threading.Lock()


def shared_pacer(account: tuple[str, ...], windows: Windows) -> Pacer:
    """The pacer of an account's limit: one for the whole process while the windows stay the same."""
    key = (*account, repr(windows))
    with _lock:
        return _shared.setdefault(key, Pacer(windows))


def scaled(windows: Windows, share: float) -> Windows:
    """The windows with this share of their calls, at least one each."""
    return tuple((max(1, int(calls * share)), seconds) for calls, seconds in windows)
