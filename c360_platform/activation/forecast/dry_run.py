"""The dry run of a sync: its plan is made as for a run, read, and dropped; nothing is sent.

Belongs here: what is read of a previewed plan. Does not belong here: making it (`plan`), how often Klaviyo
would be called (`expected_calls`), and what people get to see of it (`figures`). Klaviyo is not asked: what
it holds of a person comes from our own ingest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from c360_platform.activation.arrow_columns import is_one_of
from c360_platform.activation.errors import SyncFailed, SyncHeld
from c360_platform.activation.forecast.changes import Change, changes
from c360_platform.activation.forecast.expected_calls import expected_calls
from c360_platform.activation.forecast.figures import (
    NOT_INGESTED,
    WRITTEN_SINCE,
    Changed,
    Forecast,
    Merged,
    Sample,
)
from c360_platform.activation.forecast.known_profiles import KnownProfiles
from c360_platform.activation.forecast.masking import masked_address, masked_value
from c360_platform.activation.imports import Singles
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.merged import GOES_ON_AS
from c360_platform.activation.payloads import LANES, Slice, in_lanes, slices
from c360_platform.activation.plan import PlanCounts, Planner
from c360_platform.activation.runs import RunRecord
from c360_platform.activation.spec import SyncSpec

if TYPE_CHECKING:
    from c360_platform.warehouse import Warehouse

_SENT = in_lanes(*LANES)
MOST_COMPARED = 5_000  # rows of an operation whose values are compared


def forecast(
    spec: SyncSpec, warehouse: Warehouse, *, now: datetime, people: int = 10, unmask: bool = False
) -> Forecast:
    """What a run of the sync at `now` (aware) would do, with up to `people` of its rows to look at.

    The plan is written into a table of its own and dropped; the ledger stays as it is. A model that cannot be
    pushed is a result (`failed`). Raises `WarehouseError` when the warehouse cannot be used.
    """
    ledger = Ledger(warehouse, spec.name)
    with warehouse.session():
        ledger.prepare()
        ledger.read_open()
        try:
            planner = Planner(spec, warehouse, ledger, now)
            with planner.preview() as (table, counts):
                return _Reader(planner, table, unmask=unmask).read(counts, people)
        except SyncFailed as error:
            return Forecast(spec.name, spec.object, spec.list_name, failed=str(error))


class _Reader:
    """Reads one previewed plan; every method is a query or two."""

    def __init__(self, planner: Planner, table: str, *, unmask: bool) -> None:
        spec, ledger, now = planner.spec, planner.ledger, planner.now
        self.planner = planner
        self.spec = spec
        self.ledger = ledger
        self.warehouse = ledger.warehouse
        self.table = table
        self.now = now
        self.unmask = unmask
        self.known = KnownProfiles(spec, ledger)

    def read(self, counts: PlanCounts, people: int) -> Forecast:
        spec = self.spec
        groups = self._groups()
        by_operation: Counter[str] = Counter()
        for group in groups:
            by_operation[group["operation"]] += group["n"]
        pieces = self._slices()
        singles = sum(piece.rows for piece in pieces if piece.lane == "single")
        metrics = self._metrics() if spec.object == "events" else []
        cleared, new_profiles = self._cleared(), self._new_profiles()
        held = counts.held or self._run_at_work()
        changed, samples = self._look_at(people)
        return Forecast(
            sync=spec.name,
            object=spec.object,
            target=spec.list_name,
            source_rows=counts.source_rows,
            unchanged=counts.unchanged,
            operations=counts.by_operation,
            rejected=_by_reason(groups, "reject"),
            refused=_by_reason(groups, "refused"),
            withheld=_by_reason(groups, "withheld"),
            leaving=counts.leaving,
            released=counts.releases,
            merged=self._merged() if counts.merged else Merged(),
            open=self.ledger.open_row_count(),
            postponed=max(singles - Singles.MOST_ROWS, 0),
            backfill=sum(metric["backfill"] for metric in metrics),
            live=sum(metric["n"] - metric["backfill"] for metric in metrics),
            cleared=cleared,
            changed=changed,
            new_profiles=new_profiles,
            bytes=sum(piece.bytes for piece in pieces),
            calls=expected_calls(
                pieces,
                is_list=spec.object == "list",
                adds=by_operation["add"],
                retired=by_operation["retire"],
                has_ids=self.known.loaded_at is not None,
                metrics=[metric["n"] for metric in metrics],
            ),
            ingested_at=self.known.loaded_at,
            samples=samples,
            held=held,
        )

    def _rows(self, columns: str, rest: str = "", where: str = "1 = 1") -> list[dict[str, Any]]:
        return self.warehouse.table(f"select {columns} from {self.table} where {where} {rest}").to_pylist()

    def _groups(self) -> list[dict[str, Any]]:
        """How many rows have which operation for which reason: the plan's, or Klaviyo's words of before."""
        rejections = self.ledger.rejections
        rows = self.warehouse.table(
            "select planned.operation, coalesce(planned.problem, said.reason) as reason, count(*) as n "
            f"from {self.table} as planned left join (select key, digest, max(reason) as reason "
            f"from {rejections.table} where {rejections.unresolved} and stage = 'klaviyo' "
            "group by key, digest) as said on planned.operation = 'refused' "
            "and said.key = planned.key and said.digest = planned.digest group by 1, 2"
        )
        return rows.to_pylist()

    def _merged(self) -> Merged:
        rows = self._rows("operation, count(*) as n", "group by operation", f"{GOES_ON_AS} is not null")
        counted = Counter({row["operation"]: row["n"] for row in rows})
        people = self.ledger.number(f"select count(distinct {GOES_ON_AS}) as n from {self.table}")
        return Merged(
            people=people,
            leave=counted["remove"],
            stay=counted["release"],
            retire=counted["retire"],
            wait=counted["leaving"],
        )

    def _slices(self) -> list[Slice]:
        import numpy as np

        rows = self.warehouse.table(
            f"select operation, position, size from {self.table} where {_SENT} order by position"
        )
        found: list[Slice] = []
        for lane, limits in LANES.items():
            own = rows.filter(is_one_of(rows["operation"], limits.operations))
            # By DLPack: Arrow's own conversions import pandas first.
            positions, sizes = (
                np.from_dlpack(own[name].combine_chunks()).astype(np.int64, copy=False)
                for name in ("position", "size")
            )
            found += slices(lane, positions, sizes)
        return found

    def _metrics(self) -> list[dict[str, Any]]:
        """Every metric's planned events; a first load is history as a whole."""
        first_news = int(self.now.timestamp()) - 3600 * self.spec.backfill_after_hours
        is_old = "1 = 1" if self.ledger.state_row_count() == 0 else f"occurred_s < {first_news}"
        rows = self._rows(
            f"metric, count(*) as n, sum(case when {is_old} then 1 else 0 end) as backfill",
            "group by metric",
            in_lanes("event"),
        )
        return [{**row, "backfill": int(row["backfill"])} for row in rows]  # DuckDB sums to wider integers

    def _cleared(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for row in self._rows("cleared, count(*) as n", "group by cleared", in_lanes("single")):
            for name in filter(None, (row["cleared"] or "").split("|")):
                counted[name] += row["n"]
        return _most_first(counted)

    def _new_profiles(self) -> int:
        """People, not rows: somebody new may get several events."""
        return self.ledger.number(
            f"select count(distinct coalesce(recipient, key)) as n from {self.table} where is_new and {_SENT}"
        )

    def _look_at(self, people: int) -> tuple[Changed, list[Sample]]:
        """What changes in people whom Klaviyo has, and a few rows of every operation.

        Rows are taken by their hashes: the first ones are a fair sample, and the same every time. Who goes
        on under another address comes first, because that is where a wrong merge shows.
        """
        is_known = f"{in_lanes('import', 'single')} and operation <> 'retire' and not is_new"
        compares = bool(self.spec.fields or self.spec.properties or self.spec.unset)
        most = MOST_COMPARED if compares and self.known.loaded_at is not None else 0
        order = f"case when {GOES_ON_AS} is null then 1 else 0 end, digest, key"
        ranked = (  # narrow, because a window keeps all that it reads
            f"select position, ({is_known}) as is_known, row_number() over "
            f"(partition by operation order by {order}) as place "
            f"from {self.table} where operation <> 'release'"
        )
        chosen = (
            f"select * from ({ranked}) as ranked where place <= {people} or (is_known and place <= {most})"
        )
        columns = f"operation, {GOES_ON_AS}, cleared, recipient, metric, occurred_s, problem, is_new"
        source = (
            f"from {self.table} as planned join ({chosen}) as chosen on chosen.position = planned.position"
        )
        rows = self.warehouse.table(
            f"select key, {columns}, planned.position, is_known, place {source}"
        ).to_pylist()
        profiles = self.known.of(f"select key {source}") if most else {}
        wanted = f"{_SENT} and position in (select position from ({chosen}) as picked)"
        payloads = self.planner.preview_payloads(self.table, wanted)
        for row in rows:
            row["payload"] = payloads.get(row["position"], "")
        counted = self._rows("count(*) as n", where=is_known)[0]["n"] if compares else 0
        for row in rows:
            if row["is_known"] and compares:
                profile = profiles.get(row["key"])
                row["changes"] = None if profile is None or not row["payload"] else _changes(row, profile)
        found = [row["changes"] for row in rows if row.get("changes") is not None]
        changed = Changed(
            rows=counted,
            compared=len(found),
            unknown=sum("changes" in row for row in rows) - len(found) if most else counted,
            by_name=_most_first(Counter(change.name for one in found for change in one)),
        )
        return changed, [self._sample(row) for row in _in_turn(rows, people)]

    def _sample(self, row: Mapping[str, Any]) -> Sample:
        is_event, second = self.spec.object == "events", row["occurred_s"]
        found: Sequence[Change] | None = row.get("changes", ())
        if row["is_new"] and row["payload"] and not is_event:
            found = _changes(row, {})
        reason = row["problem"] or ""
        if found is None:
            reason = NOT_INGESTED if self.known.loaded_at is None else WRITTEN_SINCE
        return Sample(
            operation=row["operation"],
            person=self._address(row["recipient"] if is_event else row["key"]),
            changes=found if found is None else [self._shown(change) for change in found],
            event=self._value(row["key"]) if is_event else "",
            metric=row["metric"] or "",
            occurred_at=None if second is None else datetime.fromtimestamp(second, UTC),
            reason=reason,
            goes_on_as=self._address(row[GOES_ON_AS]) if row[GOES_ON_AS] else "",
        )

    def _shown(self, change: Change) -> Change:
        return (
            change if self.unmask else Change(change.name, masked_value(change.old), masked_value(change.new))
        )

    def _address(self, address: str | None) -> str:
        return (address or "") if self.unmask else masked_address(address or "")

    def _value(self, text: str) -> str:
        return text if self.unmask else masked_value(text)

    def _run_at_work(self) -> str:
        try:
            RunRecord(self.warehouse, self.spec.name, "").turn_away_second(self.now)
        except SyncHeld as held:
            return str(held)
        return ""


def _by_reason(groups: Iterable[Mapping[str, Any]], operation: str) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for group in groups:
        if group["operation"] == operation:
            counted[group["reason"] or "no reason is on record"] += group["n"]
    return _most_first(counted)


def _most_first(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def _changes(row: Mapping[str, Any], profile: Mapping[str, Any]) -> list[Change]:
    return list(changes(row["payload"], row["cleared"] or "", profile))


def _in_turn(rows: Sequence[dict[str, Any]], people: int) -> list[dict[str, Any]]:
    """Up to so many rows, of every operation about as many; rows of one operation together."""
    taken = sorted(rows, key=lambda row: (row["place"], row["operation"]))[:people]
    return sorted(taken, key=lambda row: (row["operation"], row["place"]))
