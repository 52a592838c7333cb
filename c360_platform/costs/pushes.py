"""The sync engine's statements: what one push sends to BigQuery.

Belongs here: walking the engine's own classes over a warehouse that only listens. Does not belong here: what
the statements read. The push is an ordinary one: some rows differ, one batch is sent and confirmed, nothing
was left open, nothing is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from c360_platform.activation.delivery import ROW_COLUMNS
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.plan import Planner
from c360_platform.activation.runs import RunRecord
from c360_platform.costs.statements import Statement
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.listening import ListeningWarehouse
from c360_platform.warehouse import Value

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.activation.spec import SyncSpec


class QuietWarehouse(ListeningWarehouse):
    """Answers as an ordinary day does: no run is at work, no batch is open, this month's events are due."""

    def __init__(self, analyser: Analyser, project: str, now: datetime) -> None:
        super().__init__(analyser, project)
        self._now = now

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        import pyarrow as pa

        self.execute(sql, params)
        month = {"year": [self._now.year], "month": [self._now.month]}
        answer = pa.table({"n": [0], "operation": ["update"], "lane": ["import"], **month})
        return answer.slice(0, 0) if "status" in sql else answer


def push_statements(spec: SyncSpec, analyser: Analyser, project: str, *, as_of: date) -> list[Statement]:
    """The statements of one push, in order. The analyser knows the model, and the ledger afterwards."""
    now = datetime.combine(as_of, time(6), UTC)
    warehouse = QuietWarehouse(analyser, project, now)
    ledger = Ledger(warehouse, spec.name)
    ledger.prepare()
    record = RunRecord(warehouse, spec.name, "run")
    record.begin(spec.object, now)
    ledger.read_open()
    Planner(spec, warehouse, ledger, now).make()
    batch = Batch("batch-1", "event" if spec.object == "events" else "import", 1, 1_000, 1_000)
    ledger.add_batches([batch], "run", now)
    ledger.lanes()
    ledger.sizes(batch.lane)
    ledger.rows(batch, ROW_COLUMNS)
    batch = ledger.accepted(batch, "job", now)
    ledger.confirm([batch], "run", now)
    ledger.drop_plan()
    record.finish("succeeded", now, "", {"planned": 1, "seconds": 1.0})
    return [
        Statement(
            f"{spec.name}: {_words(heard.sql)}",
            "pushes",
            heard.sql,
            heard.parameters,
            node=spec.unique_id,
            sync=spec.name,
        )
        for heard in warehouse.heard
        if not heard.sql.startswith("load into")  # by load job, which is free
    ]


def _words(sql: str) -> str:
    """The statement's verb and its first table."""
    words = sql.split()
    tables = (word.strip("`(),").rpartition(".")[2] for word in words if word.count(".") == 2 and "`" in word)
    return f"{words[0]} {next(tables, '')}".strip()
