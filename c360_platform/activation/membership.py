"""Who is on a list because of us: the part of the ledger that only lists have.

Belongs here: statements on the state and the plan about membership. Does not belong here: calls (`lists`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import ledger_table

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Statement


class Membership:
    """The members of one sync's list in its ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.warehouse = ledger.warehouse

    def lists(self) -> set[str]:
        """The ids of the lists that the members were put on: one, unless nobody is known."""
        rows = self.warehouse.table(
            f"select distinct target from {self.ledger.state} where sync = {self.ledger.sync_literal}"
        )
        return set(rows["target"].to_pylist())

    def planned_additions(self) -> list[str]:
        """The addresses that the plan would add, in order."""
        rows = self.warehouse.table(
            f"select key from {self.ledger.plan} "
            f"where operation = 'add' and not ({self.ledger.open_rows()}) order by key"
        )
        return rows["key"].to_pylist()

    def adopt(self, keys: pa.Table, list_id: str, *, to_state: bool, run_id: str, at: datetime) -> int:
        """Planned members (`keys` has one column, key) that are on the list already are not ours to remove.

        With `to_state` there is nothing to send for them: they leave the plan and enter the state. Returns
        how many they are.
        """
        ledger, dialect = self.ledger, self.ledger.dialect
        present = ledger_table(self.warehouse, f"plan_{ledger.sync}_present")
        chosen = f"operation = 'add' and key in (select key from {present}) and not ({ledger.open_rows()})"
        statements: list[Statement] = [(f"update {ledger.plan} set is_ours = false where {chosen}", [])]
        if to_state:
            columns = "sync, key, payload_hash, filled, is_ours, target, run_id, confirmed_at"
            statements += [
                (
                    f"insert into {ledger.state} ({columns}) "
                    f"select {ledger.sync_literal}, key, payload_hash, filled, false, "
                    f"{dialect.literal(list_id)}, ?, cast(? as {dialect.timestamp}) "
                    f"from {ledger.plan} where {chosen}",
                    [run_id, at],
                ),
                (f"delete from {ledger.plan} where {chosen}", []),
            ]
        with self.warehouse.session():
            self.warehouse.execute(
                f"create or replace table {present} as select key from {ledger.plan} limit 0"
            )
            self.warehouse.append(present, keys)
            adopted = ledger.number(f"select count(*) as n from {ledger.plan} where {chosen}", [])
            self.warehouse.transaction(statements)
            self.warehouse.execute(f"drop table {present}")
        return adopted

    def release(self) -> None:
        """Forget members that left the segment but were on the list before us: they stay on it."""
        self.warehouse.execute(
            f"delete from {self.ledger.state} where sync = {self.ledger.sync_literal} "
            f"and key in (select key from {self.ledger.plan} where operation = 'release')"
        )

    def forget(self) -> None:
        """The list is another one than before: nobody on it is known."""
        self.warehouse.execute(f"delete from {self.ledger.state} where sync = {self.ledger.sync_literal}")
