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
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any, cast

from c360_platform.activation.errors import SyncError
from c360_platform.activation.ledger_tables import SCHEMA, TABLES, Batch, Rejection
from c360_platform.activation.spec import SyncSpec
from c360_platform.googlesql.listening import ListeningWarehouse, Refused

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


def syncs(scene: Scene) -> None:
    """The plan of every sync; the whole ledger once per kind of sync."""
    from c360_platform.activation.ledger import Ledger
    from c360_platform.activation.membership import Membership
    from c360_platform.activation.plan import Planner
    from c360_platform.activation.runs import RunRecord

    _upgrade(scene)
    driven: set[str] = set()
    for spec in scene.specs:
        ledger = Ledger(scene.warehouse, spec.name)
        ledger.prepare()
        planner = Planner(spec, scene.warehouse, ledger, NOW)
        if spec.object in driven:
            with suppress(SyncError, Refused):
                planner.make()
            continue
        driven.add(spec.object)
        for settled in (True, False):
            if not settled:
                ledger.read_open()  # one batch is open and one row rejected, as the warehouse answers
            parts = (ledger, ledger.batches, ledger.rejections, Membership(ledger))
            for part in (planner, *parts, RunRecord(scene.warehouse, spec.name, "run")):
                drive(part)


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
    from c360_platform.activation.verify import expected_rows

    for spec in scene.specs:
        with suppress(Refused):
            expected_rows(spec, scene.warehouse)


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


class _Access:
    """What an asset gets instead of a warehouse: something that opens it."""

    def __init__(self, warehouse: ListeningWarehouse) -> None:
        self._warehouse = warehouse

    def open(self, **labels: str) -> ListeningWarehouse:
        del labels
        return self._warehouse


# Whoever adds code that sends SQL adds its producer here.
PRODUCERS: Sequence[Callable[[Scene], None]] = (syncs, sync_comparison, raw_checks, ingest_counts)


def drive(part: Any) -> None:
    """Call every public method of an object with every combination of samples.

    Errors that are made for people are part of the ways through the code; what was refused is on record.
    """
    for name, method in inspect.getmembers(part, inspect.ismethod):
        parameters = list(inspect.signature(method).parameters.values())
        if name.startswith("_") or any(parameter.name == "sql" for parameter in parameters):
            continue  # what passes on SQL is driven through those who write it
        for values in _combinations(type(part).__name__, name, parameters):
            with suppress(SyncError, Refused):
                method(**values)


def _combinations(
    owner: str, method: str, parameters: Sequence[inspect.Parameter]
) -> Iterator[dict[str, Any]]:
    samples = _samples()
    missing = [each.name for each in parameters if each.name not in samples]
    if missing:
        raise ProducerError(f"{owner}.{method}: give a sample for {', '.join(missing)} in producers.py")
    for values in product(*(samples[each.name] for each in parameters)):
        yield {each.name: value for each, value in zip(parameters, values, strict=True)}


def _samples() -> dict[str, Sequence[Any]]:
    """Values for parameters by name; where the SQL depends on a value, one per form."""
    import pyarrow as pa

    from c360_platform.activation.delivery import ROW_COLUMNS
    from c360_platform.activation.engine import SyncReport

    rejection = Rejection("k", "hash", "create", "invalid", "it is refused")
    return {
        "allow_removals": [False, True],
        "at": [NOW],
        "batch": [_IMPORT],
        "batches": [[_IMPORT], [_IMPORT, _REMOVE]],
        "columns": [ROW_COLUMNS],
        "counters": [SyncReport("sync").counters()],
        "job_id": ["job"],
        "keys": [pa.table({"key": ["k"]})],
        "kind": ["list"],
        "lane": ["import"],
        "list_id": ["list"],
        "message": ["why"],
        "parts": [[_IMPORT.part(1, 1, 4, 4), _IMPORT.part(2, 5, 9, 5)]],
        "rejections": [[rejection]],
        "run_id": ["run"],
        "status": ["failed"],
        "to_state": [False, True],
    }
