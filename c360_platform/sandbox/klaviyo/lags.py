"""How long Klaviyo takes over what it has accepted: seconds by the sandbox's clock, all 0 unless set.

Belongs here: the lags, their names and their place in the store. Does not belong here: what waits
(`pending_work`, `event_work`, `segments`). The import delay is one of the `settings`.

With 0 the work is done before the answer is given. Recorded from live accounts, for those who want it real:
events some seconds, back-dated ones minutes; a subscription 15 seconds to minutes; a suppression 2 to 4
hours; a new segment's members about 9 minutes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from c360_platform.sandbox.store import Store

_SETTING: Final = "klaviyo.lags"


class Lags(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds from the acceptance of something until it can be seen.

    `back_dated_events` holds for events with `backfill` and those more than an hour old when they come.
    `merged_ids` is how long the id of a merged profile still leads to the profile that it became (assumed).
    """

    events: float = 0
    back_dated_events: float = 0
    subscriptions: float = 0
    suppressions: float = 0
    merges: float = 0
    deletions: float = 0
    segment_members: float = 0
    merged_ids: float = 3600


def lags_in(store: Store) -> Lags:
    """The lags that hold now."""
    saved = store.setting(_SETTING)
    return Lags() if saved is None else msgspec.json.decode(saved, type=Lags)


def set_lags(store: Store, lags: Lags) -> None:
    """Let these lags hold for what is accepted from now on."""
    store.set_setting(_SETTING, msgspec.json.encode(lags).decode())
