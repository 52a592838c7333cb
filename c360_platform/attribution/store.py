"""Counted paths out of the warehouse, credits back into it.

Belongs here: the few statements about paths and credits. Does not belong here: arithmetic (credits.py) and
when it happens (assets/attribution.py). Names are those of the dbt models and of the source `attribution`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from c360_platform.attribution.credits import ChannelEffect, SetCredit

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Warehouse

PATHS_SCHEMA, PATHS, TRANSITIONS = "intermediate", "int_conversion__paths", "int_conversion__transitions"
SCHEMA = "attribution"
CREDITS, EFFECTS = "channel_set_credits", "channel_effects"


class AttributionTables:
    """The tables that data-driven attribution reads and writes; each call is one short visit."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def transitions(self) -> dict[tuple[str, str], int]:
        """How often one state follows another."""
        rows = self.warehouse.table(
            f"select from_state, to_state, transitions from {self._model(TRANSITIONS)}"
        )
        return {(row["from_state"], row["to_state"]): row["transitions"] for row in rows.to_pylist()}

    def orders(self) -> dict[str, int]:
        """Set of channels to the orders whose paths touch exactly these."""
        rows = self.warehouse.table(
            f"select channels, cast(sum(conversions) as bigint) as orders from {self._model(PATHS)} "
            "where is_converting group by channels"
        )
        return {row["channels"]: row["orders"] for row in rows.to_pylist()}

    def write_credits(self, set_credits: Sequence[SetCredit]) -> None:
        """Replace the credits of all sets."""
        self._replace(CREDITS, SetCredit, set_credits)

    def write_effects(self, effects: Sequence[ChannelEffect]) -> None:
        """Replace the effects of all channels."""
        self._replace(EFFECTS, ChannelEffect, effects)

    def _model(self, name: str) -> str:
        return self.warehouse.relation(self.warehouse.own_schema(PATHS_SCHEMA), name)

    def _replace(self, name: str, kind: type[SetCredit | ChannelEffect], rows: Sequence[object]) -> None:
        """Readers see the old rows or the new ones; what a killed run left beside them is dropped first."""
        schema = self.warehouse.own_schema(SCHEMA)
        table, fresh = (self.warehouse.relation(schema, each) for each in (name, f"{name}_new"))
        self.warehouse.create_schema(schema)
        self.warehouse.execute(f"drop table if exists {fresh}")
        self.warehouse.append(fresh, _arrow(kind, rows))
        self.warehouse.execute(f"create or replace table {table} as select * from {fresh}")
        self.warehouse.execute(f"drop table {fresh}")


def _arrow(kind: type[SetCredit | ChannelEffect], rows: Sequence[object]) -> pa.Table:
    """Rows as Arrow, column by column: from_pylist would import pandas."""
    import pyarrow as pa

    names = [field.name for field in fields(kind)]
    columns = list(zip(*(astuple(row) for row in rows), strict=True)) or [()] * len(names)  # type: ignore[call-overload]
    types = [pa.string() if name in ("channels", "channel") else pa.float64() for name in names]
    return pa.table(
        {name: pa.array(column, of) for name, column, of in zip(names, columns, types, strict=True)}
    )
