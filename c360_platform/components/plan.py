"""What a run of the Customer 360 component is asked for, without Dagster.

Belongs here: the choices and their defaults, once. Does not belong here: how YAML says them (component.py)
and how they are carried out (profiles.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from c360_platform.components.contract import (
    CONTRACTS,
    AmountUnit,
    FallBack,
    Key,
    SourceContract,
    SourceKind,
    Strategy,
)

DEFAULT_ACTIVE_DAYS: Final = 90
DEFAULT_SHARED_KEY_LIMIT: Final = 10
DEFAULT_PAID_STATUSES: Final = ("succeeded", "paid", "complete")
# Nobody's name: `*` stands for any text. Marketplaces hand out an address for each order.
DEFAULT_IGNORED_VALUES: Final = (
    "unknown", "none", "null", "nan", "n/a", "na", "-", "undefined", "anonymous", "guest", "0",
    "none@*", "noemail@*", "unknown@*", "noreply@*", "no-reply@*", "*@marketplace.amazon.*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One input. `columns` maps names of the contract to references into the upstream table."""

    name: str
    kind: SourceKind
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    optional: bool = False
    optional_columns: frozenset[str] = frozenset()
    amounts_in: AmountUnit = "minor"
    paid_statuses: tuple[str, ...] = DEFAULT_PAID_STATUSES

    @property
    def contract(self) -> SourceContract:
        return CONTRACTS[self.kind]

    def references(self, name: str) -> tuple[str, ...]:
        """Where to look for a column of the contract, in order: only where it is mapped to, if it is."""
        if name in self.columns:
            return (self.columns[name],)
        column = self.contract.column(name)
        return (name, *column.aliases) if column is not None else (name,)


@dataclass(frozen=True, slots=True)
class Plan:
    """How records become customers. `as_of` is the last day that counts, in UTC, to its last microsecond."""

    as_of: date
    join_key: Key = "email"
    secondary_join_keys: tuple[Key, ...] = ()
    strategy: Strategy = "most_recent"
    active_customer_days: int = DEFAULT_ACTIVE_DAYS
    fall_back: FallBack = "unmatched"
    currency: str | None = None
    phone_country_code: str | None = None
    ignored_key_values: tuple[str, ...] = DEFAULT_IGNORED_VALUES
    shared_key_limit: int = DEFAULT_SHARED_KEY_LIMIT

    @property
    def keys(self) -> tuple[Key, ...]:
        """All join keys, the strongest first."""
        return (self.join_key, *self.secondary_join_keys)
