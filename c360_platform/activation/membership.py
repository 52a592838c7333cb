"""Who is on a list because of us: the part of the ledger that only lists have.

Belongs here: statements on the state and the plan about membership. Does not belong here: calls (`lists`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch, ledger_table, within
from c360_platform.activation.merged import ADDRESS, GOES_ON_AS, gone_on

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.activation.dialects import Dialect
    from c360_platform.activation.spec import SyncSpec
    from c360_platform.warehouse import Statement

INGESTED_PROFILES = "profiles"  # in the schema of our own Klaviyo ingest


def departures(
    spec: SyncSpec,
    dialect: Dialect,
    model: str,
    columns: Sequence[str],
    *,
    leave_after: datetime | None,
    not_open: str,
    aliases: str = "",
) -> str:
    """A SELECT of these columns, for the plan: rows of the state that are no longer rows of the model.

    Ours are removed once they have been gone before the moment `leave_after` (None: at once), until then they
    are `leaving`; who was on the list before us is released. It reads the plan's CTE `known`; `not_open` is
    a condition that leaves out rows of open batches. With `aliases`, a relation, who goes on under another
    address is removed at once: the grace period is for accidents before us, and until it ended the person
    would be greeted twice.
    """
    is_over = "1 = 1"
    if leave_after is not None:
        moment = leave_after.isoformat(sep=" ", timespec="seconds")
        is_over = f"known.gone_at <= cast('{moment}' as {dialect.timestamp})"
    elsewhere, goes_on_as = "", f"cast(null as {dialect.string})"
    if aliases:
        goes_on_as = f"elsewhere.{GOES_ON_AS}"
        is_over = f"({goes_on_as} is not null or {is_over})"
        elsewhere = f"""left join (
    {gone_on(aliases, dialect, "known")}
    ) as elsewhere on elsewhere.{ADDRESS} = known.key"""
    values = {
        "operation": f"case when not known.is_ours then 'release' when {is_over} then 'remove' "
        "else 'leaving' end",
        "key": "known.key",
        "digest": "known.digest",
        "is_ours": "known.is_ours",
        "is_new": "false",
        "is_portable": "true",
        "filled": "''",
        "cleared": "''",
        "occurred_s": f"cast(null as {dialect.integer})",
        GOES_ON_AS: goes_on_as,
    }
    listed = ", ".join(values.get(name, f"cast(null as {dialect.string})") for name in columns)
    key = f"lower({dialect.trim(dialect.name(spec.key))})"
    return f"""select {listed}
    from known left join (select distinct {key} as present_key from {model}) as present
        on present.present_key = known.key
    {elsewhere}
    where present.present_key is null {not_open}"""


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
            columns = "sync, key, digest, filled, is_ours, target, run_id, confirmed_at"
            statements += [
                (
                    f"insert into {ledger.state} ({columns}) "
                    f"select {ledger.sync_literal}, key, digest, filled, false, "
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

    def ingested_ids(self, schema: str, batches: Sequence[Batch]) -> dict[str, str]:
        """Address to Klaviyo's id for rows of these batches, as far as our own ingest in `schema` has them.

        Of several profiles with one address the one that changed last counts; deleted ones never do.
        """
        columns = self.warehouse.columns(schema, INGESTED_PROFILES) if schema else {}
        if not {"id", "email"} <= columns.keys():
            return {}
        order = ", ".join(f"raw.{name} desc" for name in ("updated", "id") if name in columns)
        present = "and not coalesce(raw.is_deleted, false)" if "is_deleted" in columns else ""
        rows = self.warehouse.table(
            f"select key, id from (select planned.key, raw.id, "
            f"row_number() over (partition by planned.key order by {order}) as place "
            f"from (select key from {self.ledger.plan} where {within(batches)}) as planned "
            f"join {self.warehouse.relation(schema, INGESTED_PROFILES)} as raw "
            f"on lower({self.ledger.dialect.trim('raw.email')}) = planned.key {present}) as found "
            "where place = 1"
        )
        return dict(zip(rows["key"].to_pylist(), rows["id"].to_pylist(), strict=True))

    def keep_tombstones(self, at: datetime, departures: int) -> None:
        """Members who left the model are marked with `at`; the mark goes when they are back.

        `departures` are the plan's rows that leave or are removed: without one there may be no plan. Nothing
        is written when nobody left and nobody came back.
        """
        ledger = self.ledger
        gone, back = "", "gone_at is not null"
        if departures or ledger.has_open_batches():
            out = f"select key from {ledger.plan} where operation in ('leaving', 'remove')"
            gone = f"gone_at is null and key in ({out} and operation = 'leaving')"
            back += f" and key not in ({out})"
        for condition, mark in ((gone, [at]), (back, [])):
            chosen = f"sync = {ledger.sync_literal} and {condition}"
            if condition and ledger.number(f"select count(*) as n from {ledger.state} where {chosen}"):
                value = "?" if mark else "null"
                self.warehouse.execute(f"update {ledger.state} set gone_at = {value} where {chosen}", mark)

    def release(self) -> None:
        """Forget members that left the segment but were on the list before us: they stay on it."""
        self.warehouse.execute(
            f"delete from {self.ledger.state} where sync = {self.ledger.sync_literal} "
            f"and key in (select key from {self.ledger.plan} where operation = 'release')"
        )

    def forget(self) -> None:
        """The list is another one than before: nobody on it is known."""
        self.warehouse.execute(f"delete from {self.ledger.state} where sync = {self.ledger.sync_literal}")
