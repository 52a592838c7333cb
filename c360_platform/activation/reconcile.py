"""What a sync's ledger says, compared with what is in Klaviyo: members of a list, profiles that exist.

Belongs here: reading, comparing inside the warehouse, making due again what was lost. Does not belong here:
writing to Klaviyo, which only a run of the sync does, and the values of profiles (`readback`).

Everybody in the model, in the ledger or on the list is of one kind:

    in_step      as the ledger says
    missing      on the list as the ledger has it, and not in Klaviyo: somebody took the person off
    deleted      missing, and Klaviyo has no such profile any more: erased, merged, another address
    orphaned     on the list because of the sync, no longer in the model, and past the grace period
    foreign      on the list, not because of the sync, and not in the model: stays there
    leaving      no longer in the model: within the grace period, or off the list already
    waiting      in the model and not confirmed yet: a run sends it, or keeps it out with a reason
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from c360_platform.activation.arrow_columns import texts
from c360_platform.activation.errors import SyncFailed
from c360_platform.activation.forecast.masking import masked_address
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import ledger_table
from c360_platform.activation.lists import find_list
from c360_platform.activation.runs import RunRecord
from c360_platform.warehouse import WarehouseError

if TYPE_CHECKING:
    from c360_platform.activation.spec import SyncSpec
    from c360_platform.activation.transport.client import Klaviyo
    from c360_platform.warehouse import Warehouse

KINDS = ("in_step", "missing", "deleted", "orphaned", "foreign", "leaving", "waiting")
_SHOWN = ("missing", "deleted", "orphaned", "foreign")  # kinds that examples are given of
_ROWS_AN_APPEND = 50_000


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How one sync's ledger and Klaviyo differ, in people; the kinds are the module's.

    `list_name` is empty for profiles. `examples` has masked addresses by kind. `repaired` are people whose
    rows were made due again.
    """

    sync: str
    list_name: str = ""
    in_step: int = 0
    missing: int = 0
    deleted: int = 0
    orphaned: int = 0
    foreign: int = 0
    leaving: int = 0
    waiting: int = 0
    repaired: int = 0
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether Klaviyo has what the ledger says. Foreign members are somebody else's, and no fault."""
        return self.missing + self.deleted + self.orphaned == 0

    def counters(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in (*KINDS, "repaired")}


def reconcile(
    spec: SyncSpec,
    warehouse: Warehouse,
    klaviyo: Klaviyo,
    *,
    now: datetime,
    examples: int = 5,
    progress: Callable[[str], None] = lambda _: None,
) -> Reconciliation:
    """Compare one sync with Klaviyo, which is only read: a hundred members or addresses a request.

    Rows that are confirmed after `now` (aware) are not judged: a run is at work on them. Raises `SyncFailed`
    for events, which leave nothing to compare, and for two lists of one name.
    """
    with _Comparison(spec, warehouse, now).made(klaviyo, progress) as comparison:
        return comparison.result(examples)


def repair(
    spec: SyncSpec,
    warehouse: Warehouse,
    klaviyo: Klaviyo,
    *,
    run_id: str,
    now: datetime,
    revive: bool = False,
    examples: int = 5,
    progress: Callable[[str], None] = lambda _: None,
) -> Reconciliation:
    """As `reconcile`; then take who is missing out of the ledger, so that the next run sends them anew.

    With `revive` also those whose profile was deleted: they become new profiles, as far as the sync's create
    policy goes. Without, a person who was erased stays erased. Orphaned members need no repair: they are due
    for removal, and only the fuse can have held it. The ledger keeps the repair as a run; raises `SyncHeld`
    while another one of the sync is at work.
    """
    comparison = _Comparison(spec, warehouse, now)
    record = RunRecord(warehouse, spec.name, run_id)
    record.begin("reconcile", now)
    status, repaired = "failed", 0
    try:
        with comparison.made(klaviyo, progress):
            found = comparison.result(examples)
            repaired = comparison.forget(("missing", "deleted") if revive else ("missing",))
        status = "succeeded"
        return replace(found, repaired=repaired)
    finally:
        with suppress(WarehouseError):  # it must not hide why the repair stopped
            record.finish(status, now, f"{repaired} rows made due again", {"planned": repaired})


class _Comparison:
    """The table `c360_sync.drift_<sync>`, key and kind of every person, for as long as it is needed."""

    def __init__(self, spec: SyncSpec, warehouse: Warehouse, now: datetime) -> None:
        if spec.object == "events":
            raise SyncFailed(f"sync {spec.name}: events are sent once and leave nothing to reconcile")
        self.spec = spec
        self.warehouse = warehouse
        self.now = now
        self.ledger = Ledger(warehouse, spec.name)
        self.ledger.prepare()
        self.drift = ledger_table(warehouse, f"drift_{spec.name}")
        self.found = ledger_table(warehouse, f"drift_{spec.name}_found")

    @contextmanager
    def made(self, klaviyo: Klaviyo, progress: Callable[[str], None]) -> Iterator[_Comparison]:
        """Read Klaviyo and compare; the tables hold addresses and go when the block ends."""
        try:
            is_list = self.spec.object == "list"
            self._keep(self._members(klaviyo) if is_list else self._profiles(klaviyo), progress)
            self.warehouse.execute(f"create or replace table {self.drift} as {self._kinds()}")
            if is_list:
                self._tell_deleted(klaviyo)
            yield self
        finally:
            with suppress(WarehouseError), self.warehouse.session():
                for table in (self.drift, self.found):
                    self.warehouse.execute(f"drop table if exists {table}")

    def result(self, examples: int) -> Reconciliation:
        rows = self.warehouse.table(f"select kind, count(*) as n from {self.drift} group by kind")
        counts = dict(zip(rows["kind"].to_pylist(), rows["n"].to_pylist(), strict=True))
        shown: dict[str, tuple[str, ...]] = {}
        if examples and not counts.keys().isdisjoint(_SHOWN):
            for row in self._examples(examples):
                shown[row["kind"]] = (*shown.get(row["kind"], ()), masked_address(row["key"]))
        numbers = {kind: counts.get(kind, 0) for kind in KINDS}
        return Reconciliation(self.spec.name, self.spec.list_name, **numbers, examples=shown)

    def forget(self, kinds: Iterable[str]) -> int:
        """Take people of these kinds out of the ledger; how many they are."""
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        chosen = f"(select key from {self.drift} where kind in ({listed}))"
        count = self.ledger.number(f"select count(*) as n from {chosen} as chosen")
        if count:
            self.warehouse.execute(
                f"delete from {self.ledger.state} where sync = {self.ledger.sync_literal} and key in {chosen}"
            )
        return count

    # Reading ------------------------------------------------------------------------------------------------

    def _members(self, klaviyo: Klaviyo) -> Iterator[str]:
        """Who is on the list, by address; by the profile's id who has none."""
        list_id = find_list(self.spec, klaviyo)
        if list_id is not None:
            for profile_id, email in klaviyo.list_members(list_id):
                yield email or profile_id

    def _profiles(self, klaviyo: Klaviyo) -> Iterator[str]:
        """Whose profile exists, of those that the model and the ledger know."""
        rows = self.warehouse.table(
            f"select key from {self.ledger.state} where sync = {self.ledger.sync_literal} "
            f"and key in (select {self._address()} from {self._model()})"
        )
        for batch in rows.to_batches(max_chunksize=1_000):
            yield from klaviyo.profile_ids(batch["key"].to_pylist())

    def _keep(self, keys: Iterator[str], progress: Callable[[str], None]) -> None:
        """Write what was read into the warehouse, in pieces: a list may have a million members."""
        import pyarrow as pa

        self.warehouse.execute(f"create or replace table {self.found} (key {self.ledger.dialect.string})")
        count = 0
        while piece := list(islice(keys, _ROWS_AN_APPEND)):
            self.warehouse.append(self.found, pa.table({"key": texts(piece)}))
            count += len(piece)
            progress(f"{self.spec.name}: {count:,} people read")

    def _tell_deleted(self, klaviyo: Klaviyo) -> None:
        """Of who is missing on the list, those whose profile is gone are a kind of their own."""
        import pyarrow as pa

        rows = self.warehouse.table(f"select key from {self.drift} where kind = 'missing' order by key")
        missing = rows["key"].to_pylist()
        existing = klaviyo.profile_ids(missing) if missing else {}
        deleted = [key for key in missing if key not in existing]
        if deleted:
            self.warehouse.append(
                self.drift, pa.table({"key": texts(deleted), "kind": texts(["deleted"] * len(deleted))})
            )
            self.warehouse.execute(
                f"delete from {self.drift} where kind = 'missing' "
                f"and key in (select key from {self.drift} where kind = 'deleted')"
            )

    # Statements ---------------------------------------------------------------------------------------------

    def _kinds(self) -> str:
        is_list = self.spec.object == "list"
        grace = self.now - timedelta(hours=self.spec.removal_grace_hours)
        is_over = "true" if self.spec.removal_grace_hours == 0 else f"gone_at <= {self._moment(grace)}"
        flags = ("in_model", "in_state", "is_ours", "is_over", "is_fresh", "is_due", "is_found")
        none = ", ".join(f"0 as {flag}" for flag in flags)
        return f"""
with people as (
    select {self._address()} as key, {none.replace("0 as in_model", "1 as in_model")} from {self._model()}
    union all
    select key, 0, 1, case when is_ours then 1 else 0 end, case when {is_over} then 1 else 0 end,
        case when confirmed_at > {self._moment(self.now)} then 1 else 0 end,
        case when digest is null then 1 else 0 end, 0
    from {self.ledger.state} where sync = {self.ledger.sync_literal}
    union all
    select key, 0, 0, 0, 0, 0, 0, 1 from {self.found}
),
merged as (
    select key, {", ".join(f"max({flag}) as {flag}" for flag in flags)}
    from people where key <> '' group by key
)
select key, case
    when in_model = 1 and (in_state = 0 or is_due = 1) then 'waiting'
    when in_model = 1 and (is_found = 1 or is_fresh = 1) then 'in_step'
    when in_model = 1 then '{"missing" if is_list else "deleted"}'
    when is_found = 1 and is_ours = 0 then 'foreign'
    when is_found = 1 and is_over = 1 {"" if is_list else "and 1 = 0"} then 'orphaned'
    else 'leaving' end as kind
from merged"""

    def _examples(self, number: int) -> list[dict[str, str]]:
        listed = ", ".join(f"'{kind}'" for kind in _SHOWN)
        numbered = (
            "select kind, key, row_number() over (partition by kind order by key) as place "
            f"from {self.drift} where kind in ({listed})"
        )
        return self.warehouse.table(
            f"select kind, key from ({numbered}) as numbered where place <= {number} order by kind, key"
        ).to_pylist()

    def _address(self) -> str:
        return f"lower({self.ledger.dialect.trim(self.ledger.dialect.name(self.spec.key))})"

    def _model(self) -> str:
        return self.warehouse.relation(self.spec.schema, self.spec.table)

    def _moment(self, moment: datetime) -> str:
        return f"cast('{moment.isoformat(sep=' ', timespec='seconds')}' as {self.ledger.dialect.timestamp})"
