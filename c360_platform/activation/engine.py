"""One sync from model to Klaviyo: settle what is open, plan, send, confirm, account.

Belongs here: the order of things and the report. Does not belong here: how each of them is done (`plan`,
`imports`, `lists`, `events`, `ledger`), schedules, and which syncs there are.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from c360_platform.activation.delivery import Overrides, Patience, Progress, Run
from c360_platform.activation.errors import SyncError, SyncFailed, SyncHeld, SyncRefused
from c360_platform.activation.events import Events
from c360_platform.activation.imports import Imports, Singles
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.lists import Removals, adopt_members, find_or_create_list
from c360_platform.activation.membership import Membership
from c360_platform.activation.payloads import slices
from c360_platform.activation.plan import PlanCounts, Planner
from c360_platform.activation.runs import RunRecord
from c360_platform.activation.spec import SyncSpec
from c360_platform.warehouse import WarehouseError

if TYPE_CHECKING:
    from c360_platform.activation.transport import Klaviyo
    from c360_platform.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a run did, in rows.

    planned      rows to be sent: those that differ, and those that an earlier run left open
    sent         of them, rows that Klaviyo took in this run
    confirmed    rows that Klaviyo has applied; `by_operation` splits them
    rejected     rows of the model that are kept out, now or since an earlier run; see c360_sync.rejections
    unchanged    rows that cost nothing
    pending      rows that Klaviyo took but has not applied yet, or that wait for their turn
    """

    sync: str
    planned: int = 0
    sent: int = 0
    confirmed: int = 0
    rejected: int = 0
    unchanged: int = 0
    pending: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0

    def counters(self) -> dict[str, int | float]:
        """The numbers that the ledger keeps of a run."""
        names = ("planned", "sent", "confirmed", "rejected", "unchanged", "pending", "requests", "seconds")
        return {name: getattr(self, name) for name in names}


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
        ledger.read_open()
        ledger.close_orphans(now)
    planner = Planner(spec, warehouse, ledger, now, chosen)
    run = Run(
        *(spec, ledger, klaviyo, run_id, now, progress or (lambda _: None), patience or Patience(), chosen),
        planner.spool,
    )
    sync = _Sync(run, planner)
    requests_before = klaviyo.traffic.requests
    status, message = "failed", "stopped by an error of the program"
    try:
        sync.walk()
        status, message = "succeeded", ""
    except SyncHeld as error:
        status, message = "held", str(error)
        raise
    except (SyncError, WarehouseError) as error:
        message = str(error)
        raise
    finally:
        report = replace(sync.report(), requests=klaviyo.traffic.requests - requests_before)
        with suppress(WarehouseError), warehouse.session():  # it must not hide why the run stopped
            planner.spool.close()
            ledger.drop_plan()
            record.finish(status, run.moment(), message, report.counters())
    return report


class _Sync:
    """One run; `walk` does it, `report` says how far it came."""

    def __init__(self, run: Run, planner: Planner) -> None:
        self.run = run
        self.planner = planner
        self.counts: PlanCounts | None = None
        self.postponed = 0
        self.settled = 0  # rows that differ no more because this run settled them first

    def walk(self) -> None:
        run, ledger = self.run, self.run.ledger
        if ledger.has_open_batches():
            self._settle_open()
        with ledger.warehouse.session():
            counts = self._plan()
            self.settled = ledger.settled_by(run.run_id) if run.confirmed else 0
            if counts.has_rejects or ledger.has_rejections():
                ledger.keep_plan_rejections(run.run_id, run.moment())
            if counts.releases:
                Membership(ledger).release()
        if counts.planned:
            run.say(f"{counts.planned:,} of {counts.source_rows:,} rows to send")
            self._deliver(self._batches())
        if run.failures:
            raise SyncFailed(f"sync {run.spec.name}: {'; '.join(run.failures)}")

    def report(self) -> SyncReport:
        run, counts = self.run, self.counts
        confirmed = sum(run.confirmed.values())
        return SyncReport(
            sync=run.spec.name,
            planned=run.planned,
            sent=run.sent,
            confirmed=confirmed,
            rejected=run.rejected + (counts.rejected if counts else 0),
            unchanged=max(counts.unchanged - self.settled, 0) if counts else 0,
            pending=run.ledger.open_row_count() + self.postponed,
            by_operation=dict(run.confirmed),
            seconds=run.seconds,
        )

    def _settle_open(self) -> None:
        """What an earlier run left: jobs that it did not see finish, batches that it may have sent or not."""
        batches = self.run.ledger.open_batches
        self.run.planned += sum(batch.rows for batch in batches)
        self.run.say(f"settling {len(batches)} batches of an earlier run")
        self._deliver(batches, resumed=True)

    def _plan(self) -> PlanCounts:
        self.counts = self.planner.make()
        return self.counts

    def _batches(self) -> list[Batch]:
        """Cut the plan into batches and record them before the first call that writes rows."""
        ledger = self.run.ledger
        target = self._list_id() if self.run.spec.object == "list" else ""
        with ledger.warehouse.session():
            return self._record_batches(target)

    def _record_batches(self, target: str) -> list[Batch]:
        run, ledger = self.run, self.run.ledger
        is_first_load = run.spec.object == "events" and ledger.state_row_count() == 0
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
                    is_backfill=is_first_load,
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
            # Sending them later would be refused alike: their rows are planned anew.
            unsent = [batch for batch in run.ledger.open_batches if batch.status == "planned"]
            run.ledger.failed(unsent, run.moment(), str(refusal))
            raise
