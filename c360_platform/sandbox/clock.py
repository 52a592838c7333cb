"""The sandbox's clock: real time plus an offset that tests can move, or time that stands still.

Belongs here: what time it is. Does not belong here: how an API writes a time, or what happens at one.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from c360_platform.sandbox.store import Store

_SETTING: Final = "clock"
_MICROSECONDS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Time as the sandbox sees it; with a store the offset survives a restart."""

    def __init__(self, store: Store | None = None) -> None:
        self._store: Store | None = None
        self._offset_us = 0
        self._frozen_us: int | None = None
        if store is not None:
            self._store = store
            saved = json.loads(store.setting(_SETTING) or "{}")
            self._offset_us = int(saved.get("offset_us", 0))
            self._frozen_us = saved.get("frozen_us")

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        if self._frozen_us is not None:
            return self._frozen_us
        return time.time_ns() // 1_000 + self._offset_us

    def now_s(self) -> int:
        """Whole seconds since 1970 UTC."""
        return self.now_us() // _MICROSECONDS

    def now(self) -> datetime:
        """An aware datetime in UTC."""
        return _EPOCH + timedelta(microseconds=self.now_us())

    def advance(self, by: timedelta | float) -> None:
        """Move the clock by a timedelta or by seconds (negative moves it back)."""
        delta = by if isinstance(by, timedelta) else timedelta(seconds=by)
        microseconds = delta // timedelta(microseconds=1)
        if self._frozen_us is not None:
            self._frozen_us += microseconds
        else:
            self._offset_us += microseconds
        self._save()

    def set(self, moment: datetime) -> None:
        """Make it `moment` (naive means UTC) now; a running clock runs on from there."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self.advance(aware - self.now())

    def freeze(self) -> None:
        """Stand still until `resume`; `advance` and `set` still move it."""
        self._frozen_us = self.now_us()
        self._save()

    def resume(self) -> None:
        """Run on from the moment at which the clock stands."""
        if self._frozen_us is not None:
            self._offset_us = self._frozen_us - time.time_ns() // 1_000
            self._frozen_us = None
            self._save()

    def reset(self) -> None:
        """Back to real time."""
        self._offset_us, self._frozen_us = 0, None
        self._save()

    def _save(self) -> None:
        if self._store is not None:
            state = {"offset_us": self._offset_us, "frozen_us": self._frozen_us}
            self._store.set_setting(_SETTING, json.dumps(state))
