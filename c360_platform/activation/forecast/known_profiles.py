"""What Klaviyo holds of people, as far as our own ingest has brought it into the warehouse.

Belongs here: the one query that lays planned rows beside their raw profiles. Does not belong here: asking
Klaviyo (`transport`), and comparing (`changes`).

A raw profile is no witness for a person whom a sync has written since the ingest was last loaded: what was
there before that write is not there any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from c360_platform.activation.dialects import dialect_of

if TYPE_CHECKING:
    from datetime import datetime

    from c360_platform.activation.ledger import Ledger
    from c360_platform.activation.spec import SyncSpec

_TABLE = "profiles"
_NEEDED = {"id", "email", "updated", "is_deleted"}
_LOADS = "_dlt_loads"  # one row per package that dlt has loaded


class KnownProfiles:
    """The raw profiles of a sync's project. `loaded_at` is when they were; None when they never were."""

    def __init__(self, spec: SyncSpec, ledger: Ledger) -> None:
        self.spec = spec
        self.ledger = ledger
        self.warehouse = ledger.warehouse
        self.dialect = dialect_of(self.warehouse.engine)
        columns = self.warehouse.columns(spec.ingest_schema, _TABLE) if spec.ingest_schema else {}
        self.compared = [name for name in _raw_columns(spec) if name in columns]
        self.loaded_at = self._loaded_at() if columns.keys() >= _NEEDED else None

    def of(self, keys: str) -> dict[str, dict[str, Any]]:
        """The raw profiles, column to value, of the addresses that a query gives as `key`.

        People whom the sync has written since the ingest are left out.
        """
        if self.loaded_at is None:
            return {}
        listed = "".join(f", known.{self.dialect.name(name)} as {name}" for name in self.compared)
        rows = self.warehouse.table(
            f"select planned.key as planned_key, state.confirmed_at{listed} "
            f"from ({keys}) as planned "
            f"join {self._relation(_TABLE)} as known "
            f"on lower({self.dialect.trim('known.email')}) = planned.key "
            f"left join (select key, confirmed_at from {self.ledger.state} "
            f"where sync = {self.ledger.sync_literal}) as state on state.key = planned.key "
            "where not coalesce(known.is_deleted, false) order by planned_key, known.updated"
        )
        return {  # of two profiles the one that changed last
            row["planned_key"]: {name: row[name] for name in self.compared}
            for batch in rows.to_batches()
            for row in batch.to_pylist()
            if row["confirmed_at"] is None or row["confirmed_at"] <= self.loaded_at
        }

    def _loaded_at(self) -> datetime | None:
        """Without dlt's own record of its loads, it is the time at which the newest profile changed."""
        source = (
            f"max(inserted_at) as loaded_at from {self._relation(_LOADS)} where status = 0"
            if self.warehouse.columns(self.spec.ingest_schema, _LOADS)
            else f"max(updated) as loaded_at from {self._relation(_TABLE)}"
        )
        moment: datetime | None = self.warehouse.table(f"select {source}")["loaded_at"][0].as_py()
        return moment

    def _relation(self, table: str) -> str:
        return self.warehouse.relation(self.spec.ingest_schema, table)


def _raw_columns(spec: SyncSpec) -> list[str]:
    """The columns of a raw profile that hold what the sync writes."""
    names = [name.partition(".")[0] for name in spec.fields.values()]
    if spec.properties or spec.unset:
        names.append("properties")
    return list(dict.fromkeys(names))
