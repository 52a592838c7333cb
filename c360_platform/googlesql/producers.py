"""Everything in Python that sends SQL to the warehouse, made to send it.

Belongs here: one producer per feature, in the registry below; a producer runs the feature's own code on a
warehouse that only listens. Does not belong here: judging what is sent (listening.py, sent.py). Code that
sends SQL and is in no producer is found by a test, which names the line.

Most of the sync engine is driven by itself: every public method of the classes in `_driven` is called with
every combination of the samples for its parameters, so that a new method is judged without a word here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any, cast

from c360_platform.activation.errors import SyncError
from c360_platform.activation.ledger_tables import SCHEMA, TABLES, Batch, Rejection
from c360_platform.activation.spec import SyncSpec
from c360_platform.googlesql.listening import ListeningWarehouse, Refused

if TYPE_CHECKING:
    from c360_platform.activation.delivery import Overrides

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
_IMPORT = Batch("a-1", "import", 1, 9, 9, target="list")
_REMOVE = replace(_IMPORT, batch_id="a-2.1", lane="remove", first=10, last=12, rows=3)


class ProducerError(RuntimeError):
    """A method cannot be driven; the message names it and the parameter without a sample."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What producers run on: the project's syncs and raw tables, and the warehouse that listens."""

    warehouse: ListeningWarehouse
    specs: Sequence[SyncSpec]
    manifest: Mapping[str, Any]

    @property
    def one_of_each_kind(self) -> list[SyncSpec]:
        return list({spec.object: spec for spec in reversed(self.specs)}.values())


def syncs(scene: Scene) -> None:
    """The plan of every sync; all its forms, and the whole ledger, once per kind of sync."""
    from c360_platform.activation.account import AccountRecords
    from c360_platform.activation.ledger import Ledger
    from c360_platform.activation.lost_state import EventRecords
    from c360_platform.activation.membership import Membership
    from c360_platform.activation.merged import RetirementRecords
    from c360_platform.activation.plan import Planner
    from c360_platform.activation.readback import EventSampleRecords, SampleRecords
    from c360_platform.activation.runs import RunRecord

    _upgrade(scene)
    for spec in scene.specs:
        ledger = Ledger(scene.warehouse, spec.name)
        ledger.prepare()
        with suppress(SyncError, Refused):
            Planner(spec, scene.warehouse, ledger, NOW).make()
            ledger.drop_plan()
    for spec in scene.one_of_each_kind:
        ledger = Ledger(scene.warehouse, spec.name)
        for form, overrides in _forms(scene, spec):
            with suppress(SyncError, Refused):
                Planner(form, scene.warehouse, ledger, NOW, overrides).make()
        looking = Ledger(scene.warehouse, spec.name)
        looking.dialect.looks_first = True  # BigQuery's does not, but could
        with suppress(SyncError, Refused):
            Planner(spec, scene.warehouse, looking, NOW).make()
        for settled in (True, False):
            if not settled:
                ledger.read_open()  # one batch is open and one row rejected, as the warehouse answers
            drive(Planner(spec, scene.warehouse, ledger, NOW))
            samples = {"schema": [spec.ingest_schema, ""], **_planned(spec)}
            of_kind = (EventRecords, EventSampleRecords) if spec.object == "events" else (SampleRecords,)
            records = (Membership, RetirementRecords, AccountRecords, *of_kind)
            for part in (ledger, ledger.batches, ledger.rejections, *(of(ledger) for of in records)):
                drive(part, **samples)
            drive(RunRecord(scene.warehouse, spec.name, "run"))


def _forms(scene: Scene, spec: SyncSpec) -> Iterator[tuple[SyncSpec, Overrides]]:
    """A sync as a shop might have written it otherwise, where that makes another plan of it."""
    from c360_platform.activation.delivery import Overrides

    columns = scene.warehouse.columns(spec.schema, spec.table)
    consent = next((name for name, of in columns.items() if of == "BOOL"), spec.consent)
    yield replace(spec, create="never", ingest_schema="", profile_syncs=()), Overrides()
    more = {} if spec.object == "events" else {spec.key: "external_id"}
    form = replace(spec, create="consented", consent=consent, fields={**spec.fields, **more})
    yield replace(form, bad_phone="reject", unset=("Former",)), Overrides()
    form = replace(spec, create="always", fields=dict.fromkeys(more, "phone_number"), properties={})
    yield form, Overrides(allow_removals=True, retry_rejected=True)


def _upgrade(scene: Scene) -> None:
    """The ledger of an older version, which lacks each table's last column."""
    from c360_platform.activation.ledger import Ledger

    warehouse, analyser = scene.warehouse, scene.warehouse.analyser
    ledger = Ledger(warehouse, "upgrade")
    ledger.prepare()
    paths = [(warehouse.project, warehouse.own_schema(SCHEMA), table) for table in TABLES]
    for path in paths:
        columns = analyser.columns(path)
        if columns is not None:
            columns.popitem()
            analyser.add_table(path, columns)
    with suppress(Refused):
        ledger.prepare()
    for path in paths:
        analyser.remove_table(path)
    with suppress(Refused):
        ledger.prepare()


def sync_comparison(scene: Scene) -> None:
    """Reading the models back, to compare them with Klaviyo."""
    from c360_platform.activation.verify import expected_rows, withheld_keys

    for spec in scene.specs:
        with suppress(Refused):
            expected_rows(spec, scene.warehouse)
        with suppress(Refused):
            withheld_keys(spec, scene.warehouse)


def dry_runs(scene: Scene) -> None:
    """What a dry run reads of its plan, and of the profiles that were ingested."""
    from c360_platform.activation.forecast.dry_run import forecast

    for spec in scene.one_of_each_kind:
        with suppress(SyncError, Refused):
            forecast(spec, scene.warehouse, now=NOW)


def reconciliations(scene: Scene) -> None:
    """Comparing the ledger with Klaviyo, and making due again what is missing there."""
    from c360_platform.activation.reconcile import repair

    klaviyo = cast("Any", _Klaviyo())
    at_once = [replace(spec, removal_grace_hours=0) for spec in scene.one_of_each_kind]
    for spec in (*scene.specs, *at_once):
        with suppress(SyncError, Refused):
            repair(spec, scene.warehouse, klaviyo, run_id="run", now=NOW)


def raw_checks(scene: Scene) -> None:
    """The look at raw tables."""
    from c360_platform.assets.raw import raw_tables
    from c360_platform.checks import look_at

    with suppress(Refused, KeyError):  # the one row that comes back is that of no table
        look_at(raw_tables(scene.manifest), scene.warehouse)


def ingest_counts(scene: Scene) -> None:
    """Rows of the raw tables after a load."""
    from c360_platform.assets.ingest import row_counts
    from c360_platform.assets.raw import LOADED_BY_US, raw_tables

    loaded = [table for table in raw_tables(scene.manifest) if table.loader == LOADED_BY_US]
    for source in sorted({table.source for table in loaded}):
        with suppress(Refused):
            tables = [table for table in loaded if table.source == source]
            row_counts(source, tables, cast("Any", _Access(scene.warehouse)))


def attribution(scene: Scene) -> None:
    """Counted paths, and credits written back."""
    from c360_platform.attribution import ChannelEffect, SetCredit
    from c360_platform.attribution.store import AttributionTables

    drive(
        AttributionTables(scene.warehouse),
        set_credits=[[], [SetCredit("a + b", "a", 0.5, 0.5)]],
        effects=[[], [ChannelEffect("a", 0.5, 0.5, 1.0, 1.0)]],
    )


def identity_review(scene: Scene) -> None:
    """Records and decisions read, proposals written and read back."""
    import pyarrow as pa

    from c360_platform.identity_review.search import schema
    from c360_platform.identity_review.store import ReviewTables

    stored = ReviewTables(scene.warehouse)
    with suppress(Refused):
        stored.write(schema().empty_table())  # before it is read
    drive(
        stored,
        proposals=[pa.table({of.name: pa.array([None], of.type) for of in schema()})],
        most=[20, None],
        min_probability=[0.5],
    )


def component_tables(scene: Scene) -> None:
    """The customers of the Customer 360 component, written and read back."""
    import pyarrow as pa

    from c360_platform.components.storage import read_table, replace_table

    customers = pa.table({"customer_id": ["c"], "is_active": [True]})
    with suppress(Refused):
        replace_table(scene.warehouse, "components.customer_360", customers.to_reader())
        read_table(scene.warehouse, "components.customer_360")


class _Access:
    """What an asset gets instead of a warehouse: something that opens it."""

    def __init__(self, warehouse: ListeningWarehouse) -> None:
        self._warehouse = warehouse

    def open(self, **labels: str) -> ListeningWarehouse:
        del labels
        return self._warehouse


class _Klaviyo:
    """An account with every list; nobody but its one member is known."""

    def lists_named(self, name: str) -> list[str]:
        return [name]

    def list_members(self, list_id: str) -> Iterator[tuple[str, str]]:
        yield list_id, "member@shop.example"

    def profile_ids(self, emails: Sequence[str]) -> dict[str, str]:
        del emails
        return {}


# Whoever adds code that sends SQL adds its producer here.
PRODUCERS: Sequence[Callable[[Scene], None]] = (
    *(syncs, sync_comparison, dry_runs, reconciliations),
    *(raw_checks, ingest_counts, attribution, identity_review, component_tables),
)


def drive(part: Any, **samples: Sequence[Any]) -> None:
    """Call every public method of an object with every combination of samples; those given here go first.

    Errors that are made for people are part of the ways through the code; what was refused is on record.
    """
    known = {**_samples(), **samples}
    for name, method in inspect.getmembers(part, inspect.ismethod):
        parameters = list(inspect.signature(method).parameters.values())
        if name.startswith("_") or any(parameter.name == "sql" for parameter in parameters):
            continue  # what passes on SQL is driven through those who write it
        for values in _combinations(type(part).__name__, name, parameters, known):
            with suppress(SyncError, Refused):
                _exhaust(method(**values))


def _exhaust(result: Any) -> None:
    """What is done while somebody reads on, or until a block ends, is done."""
    if isinstance(result, AbstractContextManager):
        with result:
            pass
    elif isinstance(result, Iterator):
        for _ in result:
            pass


def _combinations(
    owner: str, method: str, parameters: Sequence[inspect.Parameter], samples: Mapping[str, Sequence[Any]]
) -> Iterator[dict[str, Any]]:
    missing = [each.name for each in parameters if each.name not in samples]
    if missing:
        raise ProducerError(f"{owner}.{method}: give a sample for {', '.join(missing)} in producers.py")
    for values in product(*(samples[each.name] for each in parameters)):
        yield {each.name: value for each, value in zip(parameters, values, strict=True)}


def _planned(spec: SyncSpec) -> dict[str, Sequence[Any]]:
    """The columns of a plan's table, and one row of it."""
    import pyarrow as pa

    from c360_platform.activation.plan import table_columns

    columns = table_columns(spec)
    of_kind = {"s": "a", "i": 1, "b": True}
    return {
        "columns": [columns],
        "rows": [pa.table({name: [of_kind[kind]] for name, kind in columns.items()})],
    }


def _samples() -> dict[str, Sequence[Any]]:
    """Values for parameters by name; where the SQL depends on a value, one per form."""
    import pyarrow as pa

    from c360_platform.activation.report import SyncReport

    rejection = Rejection("k", 1, "create", "invalid", "it is refused")
    return {
        "account": ["account"],
        "addresses": [["a", "b"]],
        "at": [NOW],
        "batch": [_IMPORT],
        "batches": [[_IMPORT], [_IMPORT, _REMOVE]],
        "chosen": [[("import", 3), ("import", 5)]],
        "condition": ["is_ours"],
        "counters": [SyncReport("sync").counters()],
        "departures": [0, 2],
        "events": [pa.table({"key": ["k"], "metric": ["m"]})],
        "found": [pa.table({"position": [3, 4]})],
        "has_plan": [False, True],
        "is_kept": [False, True],
        "job_id": ["job"],
        "keys": [pa.table({"key": ["k"]})],
        "kind": ["list"],
        "lane": ["import"],
        "list_id": ["list"],
        "message": ["why"],
        "missing": [["k", "l"]],
        "names": [["k"], ["k", "l"]],
        "overrides": [["allow_removals"]],
        "parts": [[_IMPORT.part(1, 1, 4, 4), _IMPORT.part(2, 5, 9, 5)]],
        "position": [3],
        "rejections": [[rejection]],
        "run_id": ["run"],
        "status": ["failed"],
        "to_state": [False, True],
    }
