"""One sync from model to Klaviyo: settle what is open, plan, send, confirm, account.

Belongs here: the order of things and the report. Does not belong here: how each of them is done (`plan`,
`imports`, `lists`, `events`, `ledger`), schedules, and which syncs there are.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from c360_platform.activation.account import check_account
from c360_platform.activation.delivery import Overrides, Patience, Progress, Run
from c360_platform.activation.errors import KlaviyoRefused, SyncError, SyncFailed, SyncHeld, SyncRefused
from c360_platform.activation.events import Events
from c360_platform.activation.imports import Imports, Singles
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.lists import Removals, adopt_members, find_or_create_list
from c360_platform.activation.lost_state import is_history
from c360_platform.activation.membership import Membership
from c360_platform.activation.merged import RetirementRecords
from c360_platform.activation.payloads import slices
from c360_platform.activation.plan import PlanCounts, Planner
from c360_platform.activation.readback import ReadBack, Sample
from c360_platform.activation.report import SyncReport, drift
from c360_platform.activation.runs import RunRecord
from c360_platform.activation.spec import SyncSpec
from c360_platform.warehouse import WarehouseError

if TYPE_CHECKING:
    from c360_platform.activation.transport.client import Klaviyo
    from c360_platform.activation.transport.connection import Traffic
    from c360_platform.warehouse import Warehouse


def run_sync(
    spec: SyncSpec,
    warehouse: Warehouse,
    klaviyo: Klaviyo,
    *,
    run_id: str,
    now: datetime,
    progress: Progress | None = None,
    overrides: Overrides | None = None,
    patience: Patience | None = None,
) -> SyncReport:
    """Bring Klaviyo up to the model; nothing is called when nothing differs.

    `now` (aware) decides which events are old and stamps the ledger. `progress` gets lines for people.
    `overrides` are what a person allows this run.

    Raises `SyncHeld` before anything was sent, `SyncFailed` and its kinds when the run had to stop (what
    Klaviyo confirmed is recorded, the rest is due again), `WarehouseError` when the warehouse cannot be used.
    """
    chosen = overrides or Overrides()
    ledger = Ledger(warehouse, spec.name)
    record = RunRecord(warehouse, spec.name, run_id)
    with warehouse.session():
        ledger.prepare()
        record.begin(spec.object, now, overrides=chosen.names)
    planner = Planner(spec, warehouse, ledger, now, chosen)
    run = Run(
        *(spec, ledger, klaviyo, run_id, now, progress or (lambda _: None), patience or Patience(), chosen),
        planner.spool,
    )
    sync = _Sync(run, planner, record)
    before = replace(klaviyo.traffic)
    status, message = "failed", "stopped by an error of the program"
    try:
        sync.walk()
        status, message = "succeeded", ""
    except KlaviyoRefused as error:  # outside of any batch, as when a list is looked for
        message = f"sync {spec.name}: {error}"
        raise SyncRefused(message) from None
    except SyncHeld as error:
        status, message = "held", str(error)
        raise
    except (SyncError, WarehouseError) as error:
        message = str(error)
        raise
    finally:
        planner.spool.close()
        with suppress(WarehouseError), warehouse.session():  # it must not hide why the run stopped
            ledger.batches.take_notes()
            report = sync.report(before)
            ledger.drop_plan()
            texts = {"operations": report.operations, "kinds": dict(planner.kinds)}
            encoded = {name: json.dumps(value, sort_keys=True) for name, value in texts.items()}
            record.finish(status, run.moment(), message, {**report.counters(), **encoded})
    return report


class _Sync:
    """One run; `walk` does it, `report` says how far it came."""

    def __init__(self, run: Run, planner: Planner, record: RunRecord) -> None:
        self.run = run
        self.planner = planner
        self.record = record
        self.drift: tuple[str, ...] = ()
        self.counts: PlanCounts | None = None
        self.resumed: Counter[str] = Counter()  # rows by operation that an earlier run had planned
        self.postponed = 0
        self.settled = 0  # rows that differ no more because this run settled them first
        self.sample = Sample(run)
        self.read_back: ReadBack | None = None

    def walk(self) -> None:
        run, ledger = self.run, self.run.ledger
        with ledger.warehouse.session():
            ledger.batches.take_notes()
            ledger.read_open()
            ledger.close_orphans(run.now)
            is_asked = ledger.has_open_batches()
            counts = None if is_asked else self._plan()
        is_anew = is_asked and check_account(run)
        if ledger.has_open_batches():
            self._settle_open()
        if counts is None or (counts.planned and not is_asked and check_account(run)):
            is_anew = is_anew or counts is not None
            counts = self._plan()
        self._keep_what_is_not_sent(counts)
        list_id = ""
        if counts.planned:
            run.say(f"{counts.planned:,} of {counts.source_rows:,} rows to send")
            list_id = self._list_id() if run.spec.object == "list" else ""
            if counts.by_operation.get("retire"):
                self._let_go_who_vanished()
            is_backfill = run.spec.object == "events" and is_history(run, anew=is_anew)
            with ledger.warehouse.session():
                batches = self._record_batches(list_id, is_backfill=is_backfill)
                self.sample.take(batches)
            self._deliver(batches)
        self.read_back = self.sample.compare(list_id)
        if run.failures:
            raise SyncFailed(f"sync {run.spec.name}: {'; '.join(run.failures)}")

    def report(self, before: Traffic) -> SyncReport:
        """Asks the ledger what is pending: to be called before the plan is dropped."""
        run, counts, traffic = self.run, self.counts, self.run.klaviyo.traffic
        pending = Counter(run.ledger.pending_rows())
        planned = Counter(counts.by_operation if counts else {}) + self.resumed
        by_counter = {
            "planned": planned,
            "attempted": run.confirmed + run.rejected + pending,
            "confirmed": run.confirmed,
            "rejected": run.rejected,
            "pending": pending,
        }
        return SyncReport(
            sync=run.spec.name,
            planned=run.planned,
            sent=run.sent,
            confirmed=run.confirmed.total(),
            rejected=run.rejected.total() + (counts.rejected if counts else 0),
            unchanged=max(counts.unchanged - self.settled, 0) if counts else 0,
            pending=run.ledger.open_row_count() + self.postponed,
            withheld=counts.withheld if counts else 0,
            leaving=counts.leaving if counts else 0,
            operations={name: dict(rows) for name, rows in by_counter.items() if rows},
            requests=traffic.requests - before.requests,
            throttled=traffic.throttled - before.throttled,
            waited_seconds=round(traffic.waited_seconds - before.waited_seconds, 3),
            bytes_sent=traffic.bytes_sent - before.bytes_sent,
            seconds=run.seconds,
            reasons=run.ledger.rejections.reasons(),
            drift=self.drift,
            read_back=self.read_back,
        )

    def _settle_open(self) -> None:
        """What an earlier run left: jobs that it did not see finish, batches that it may have sent or not."""
        batches = self.run.ledger.open_batches
        self.run.planned += sum(batch.rows for batch in batches)
        self.resumed.update(self.run.ledger.pending_rows())
        self.run.say(f"settling {len(batches)} batches of an earlier run")
        self._deliver(batches, resumed=True)

    def _plan(self) -> PlanCounts:
        with self.run.ledger.warehouse.session():
            self.counts = self.planner.make()
            self.settled = self.run.ledger.settled_by(self.run.run_id) if self.run.confirmed else 0
            if self.counts.planned:
                self.drift = tuple(drift(self.run.spec, self.record.kinds_before(), self.planner.kinds))
        for line in self.drift:
            self.run.say(line)
        if self.counts.merged:
            self.run.say(f"rows whose people go on under another address: {self.counts.merged:,}")
        return self.counts

    def _keep_what_is_not_sent(self, counts: PlanCounts) -> None:
        """Rejections, tombstones and members who were never ours."""
        run, ledger = self.run, self.run.ledger
        is_list = run.spec.object == "list"
        if not (is_list or counts.has_rejects or ledger.has_rejections()):
            return
        with ledger.warehouse.session():
            if counts.has_rejects or ledger.has_rejections():
                ledger.keep_plan_rejections(run.run_id, run.moment())
            if counts.releases:
                Membership(ledger).release()
            if is_list:
                departures = counts.leaving + counts.by_operation.get("remove", 0)
                Membership(ledger).keep_tombstones(run.now, departures)

    def _let_go_who_vanished(self) -> None:
        """An import would make a profile anew that Klaviyo has no more, as after a merge there."""
        run, records = self.run, RetirementRecords(self.run.ledger)
        planned = records.planned()
        vanished = planned.keys() - run.klaviyo.profile_ids(sorted(planned)).keys()
        if vanished:
            records.forget(vanished)
            run.spool.lane("import").drop([planned[key] for key in vanished])
            run.say(f"{len(vanished):,} profiles that were to be retired are in Klaviyo no more")

    def _record_batches(self, target: str, *, is_backfill: bool) -> list[Batch]:
        """Cut the plan into batches and record them before the first call that writes rows."""
        run, ledger = self.run, self.run.ledger
        token = uuid4().hex[:12]
        batches: list[Batch] = []
        singles = 0
        pieces = (
            piece for lane in run.spool.lanes() for piece in slices(lane, *run.spool.lane(lane).sizes())
        )
        for number, piece in enumerate(pieces):
            if piece.lane == "single":
                singles += piece.rows
                if singles > Singles.MOST_ROWS:
                    self.postponed += piece.rows
                    continue
            batches.append(
                Batch(
                    batch_id=f"{token}-{number:05d}",
                    lane=piece.lane,
                    first=piece.first,
                    last=piece.last,
                    rows=piece.rows,
                    bytes=piece.bytes,
                    target=target,
                    is_backfill=is_backfill,
                )
            )
        ledger.add_batches(batches, run.run_id, run.moment())
        run.spool.take(batches)
        run.planned += sum(batch.rows for batch in batches) + self.postponed
        return batches

    def _list_id(self) -> str:
        run = self.run
        list_id, is_new = find_or_create_list(run)
        membership = Membership(run.ledger)
        if membership.lists() - {list_id}:
            run.say("the list is another one than before: everybody is added anew")
            membership.forget()
            self._plan()
        if not is_new:
            before = run.confirmed.total()
            adopt_members(run, list_id)
            if run.confirmed.total() > before:  # they left the plan
                left = run.ledger.positions("import")
                adopted = set(run.spool.lane("import").sizes()[0].tolist()) - set(left)
                run.spool.lane("import").drop(sorted(adopted))
        return list_id

    def _deliver(self, batches: list[Batch], *, resumed: bool = False) -> None:
        run = self.run
        lanes: dict[str, list[Batch]] = {"import": [], "single": [], "remove": [], "event": []}
        for batch in batches:
            lanes[batch.lane].append(batch)
        try:
            Removals(run).deliver(lanes["remove"])
            Singles(run).deliver(lanes["single"])
            Imports(run).deliver(lanes["import"])
            events = Events(run)
            (events.resume if resumed else events.deliver)(lanes["event"])
        except SyncRefused as refusal:
            # Sending them later would be refused alike, also removals that a killed run had sent: their rows
            # are planned anew.
            unsent = [
                batch
                for batch in run.ledger.open_batches
                if batch.status == "planned" or batch.lane == "remove"
            ]
            run.ledger.failed(unsent, run.moment(), str(refusal))
            raise
