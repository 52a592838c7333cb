"""What can be set about the sandbox's Klaviyo: keys and their scopes, how imports behave.

Belongs here: settings that survive a restart, in the store. Does not belong here: the clock, limits, faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from c360_platform.sandbox.store import Store

KEY_PREFIX: Final = "pk_demo"
READ_ONLY_PREFIX: Final = "pk_demo_readonly"
DEFAULT_ACCOUNT: Final = "SANDBX"
DEFAULT_IMPORT_DELAY_SECONDS: Final = 0.2

_KEYS: Final = "klaviyo.keys"
_DELAY: Final = "klaviyo.import_delay_seconds"
_FAIL_LATE: Final = "klaviyo.fail_late"


@dataclass(frozen=True, slots=True)
class Key:
    """What a private key may do. `scopes` None means every scope; else e.g. `{"lists:read"}`."""

    account: str
    scopes: frozenset[str] | None
    read_only: bool

    def allows(self, scope: str) -> bool:
        if self.read_only and not scope.endswith(":read"):
            return False
        return self.scopes is None or scope in self.scopes


class KlaviyoSettings:
    """Reads and writes the settings in a store; holds nothing itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def key(self, text: str) -> Key | None:
        """The key, or None when there is no such key. Every text that begins with `pk_demo` is a key.

        `pk_demo_readonly…` has only the :read scopes; `set_key` gives a key other scopes or an account.
        """
        if not text.startswith(KEY_PREFIX):
            return None
        known = self._object(_KEYS).get(text, {})
        scopes = known.get("scopes")
        return Key(
            account=known.get("account") or DEFAULT_ACCOUNT,
            scopes=None if scopes is None else frozenset(scopes),
            read_only=scopes is None and text.startswith(READ_ONLY_PREFIX),
        )

    def set_key(self, text: str, *, scopes: list[str] | None = None, account: str | None = None) -> None:
        """Give a key these scopes only (None: its default) and an account's id (None: the default's)."""
        with self._store.transaction():
            keys = self._object(_KEYS)
            keys[text] = {"scopes": scopes, "account": account}
            self._store.set_setting(_KEYS, orjson.dumps(keys).decode())

    @property
    def import_delay_seconds(self) -> float:
        """Seconds from the acceptance of a bulk import to its completion, by the sandbox's clock."""
        return float(self._store.setting(_DELAY) or DEFAULT_IMPORT_DELAY_SECONDS)

    @import_delay_seconds.setter
    def import_delay_seconds(self, seconds: float) -> None:
        self._store.set_setting(_DELAY, str(seconds))

    @property
    def fail_late(self) -> dict[str, str]:
        """Lower-case e-mail -> detail: rows of an import that pass its validation and fail afterwards."""
        return self._object(_FAIL_LATE)

    @fail_late.setter
    def fail_late(self, details: dict[str, str]) -> None:
        lowered = {email.lower(): detail for email, detail in details.items()}
        self._store.set_setting(_FAIL_LATE, orjson.dumps(lowered).decode())

    def _object(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self._store.setting(key) or "{}")
        return found
