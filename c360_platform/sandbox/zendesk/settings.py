"""What can be set about the sandbox's Zendesk: the plan, and how its exports misbehave.

Belongs here: settings that survive a restart, in the store. Does not belong here: clock, faults of the wire.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from c360_platform.sandbox.limits import Tier
from c360_platform.sandbox.store import Store

Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]

_SETTING: Final = "zendesk.settings"
# Requests a minute by plan; the High Volume API add-on is worth as much as Enterprise Plus.
_REQUESTS: Final = {
    "team": 200,
    "growth": 400,
    "professional": 400,
    "enterprise": 700,
    "enterprise_plus": 2500,
}


class ZendeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account's plan, and what its exports do beyond the ordinary.

    `high_volume` is the add-on: 2,500 requests and 30 exports a minute. `repeated_rows` rows of the page
    before come again on every further page of an export. `too_recent_as_text` answers a too recent
    `start_time` in plain text. Pages of more than `slow_page_rows` rows or `slow_page_bytes` bytes end in the
    gateway's 504. Cursors that point further back than `cursor_age_seconds` have expired (assumed: Zendesk
    documents no lifetime).
    """

    plan: Literal["team", "growth", "professional", "enterprise", "enterprise_plus"] = "enterprise"
    high_volume: bool = False
    repeated_rows: Natural = 0
    too_recent_as_text: bool = False
    slow_page_rows: Positive | None = None
    slow_page_bytes: Positive | None = None
    cursor_age_seconds: Positive | None = None

    @property
    def account_tier(self) -> Tier:
        limit = 2500 if self.high_volume else _REQUESTS[self.plan]
        return Tier(f"zendesk {self.plan}", ((limit, 60),))

    @property
    def export_tier(self) -> Tier:
        return Tier("zendesk incremental export", ((30 if self.high_volume else 10, 60),))


def read_settings(store: Store) -> ZendeskSettings:
    """The settings in the store, or the defaults."""
    text = store.setting(_SETTING)
    return ZendeskSettings() if text is None else msgspec.json.decode(text, type=ZendeskSettings)


def write_settings(store: Store, settings: ZendeskSettings) -> None:
    """Keep `settings` in the store."""
    store.set_setting(_SETTING, msgspec.json.encode(settings).decode())
