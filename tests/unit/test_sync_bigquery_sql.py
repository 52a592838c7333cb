"""The engine's statements in BigQuery's words: a parser of its dialect must understand every one of them.

Only that: BigQuery itself is not asked. What a statement does is tested on DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
import sqlglot

from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.membership import Membership
from c360_platform.activation.plan import Planner
from c360_platform.activation.runs import RunRecord
from c360_platform.activation.spec import SyncSpec
from c360_platform.warehouse import Engine
from tests.platform.sync.shop import EVENTS, PROFILES, SEGMENT

STRINGS = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*\"""")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TYPES = {
    "email": "STRING",
    "first_name": "STRING",
    "phone": "STRING",
    "city": "STRING",
    "lifetime_revenue": "NUMERIC",
    "total_orders": "INTEGER",
    "is_vip": "BOOLEAN",
    "last_order_at": "TIMESTAMP",
    "birth_date": "DATE",
    "categories": "ARRAY<STRING>",
    "note": "STRING",
    "ratio": "FLOAT",
    "event_id": "STRING",
    "event_name": "STRING",
    "event_timestamp": "DATETIME",
    "carrier": "STRING",
}


class Listener:
    """Writes down what it is asked and answers with a single row of nothing."""

    engine: Engine = "bigquery"

    def __init__(self) -> None:
        self.statements: list[str] = []

    def check(self) -> None:
        pass

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def query(self, sql: str, params: Sequence[Any] = ()) -> Iterator[pa.RecordBatch]:
        raise NotImplementedError

    def table(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        self.statements.append(sql)
        return pa.table(
            {
                "n": [1], "operation": ["add"], "lane": ["import"], "target": ["a"], "key": ["k"],
                "year": [2026], "month": [12],
            }
        )  # fmt: skip

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        assert STRINGS.sub("", sql).count("?") == len(params)
        self.statements.append(sql)

    def transaction(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> None:
        for sql, params in statements:
            self.execute(sql, params)

    def append(self, table: str, rows: pa.Table) -> None:
        pass

    def exists(self, table: str) -> bool:
        return True

    def tables(self, schema: str) -> dict[str, str]:
        return {}

    def row_counts(self, tables: Sequence[str]) -> list[int]:
        return [0] * len(tables)

    def own_schema(self, name: str) -> str:
        return f"dev_{name}"

    def create_schema(self, schema: str) -> None:
        assert schema == "dev_c360_sync"

    def columns(self, schema: str, table: str) -> dict[str, str]:
        return TYPES if schema == "marts" else {}

    def last_changed_at(self, table: str) -> datetime | None:
        return None

    def relation(self, schema: str, table: str) -> str:
        return f"`project.{schema}.{table}`"


@pytest.mark.parametrize(
    "spec",
    [replace(PROFILES, properties={**PROFILES.properties, "ratio": 'A "ratio"'}), SEGMENT, EVENTS],
    ids=lambda spec: spec.name,
)
def test_every_statement_of_a_sync_is_bigquery_sql(spec: SyncSpec) -> None:
    warehouse = Listener()
    ledger = Ledger(warehouse, spec.name)
    ledger.prepare()
    batch = Batch("a-1", "import", 1, 9, 9, target="list")
    ledger.add_batches([batch, replace(batch, batch_id="a-2", lane="remove")], "run", NOW)
    planner = Planner(spec, warehouse, ledger, NOW)
    planner.make()
    planner.count()
    ledger.keep_plan_rejections("run", NOW)
    for lane in ledger.lanes():
        ledger.sizes(lane)
    ledger.rows(batch, ("key", "payload"))
    known = ledger.accepted(batch, "job", NOW)
    ledger.rejected_by_job(known)
    ledger.settled_by("run")
    ledger.confirm(ledger.open_batches, "run", NOW)
    ledger.failed([batch], NOW, "why")
    ledger.drop_plan()
    membership = Membership(ledger)
    membership.planned_additions()
    membership.adopt(pa.table({"key": ["k"]}), "list", to_state=True, run_id="run", at=NOW)
    membership.release()
    membership.forget()
    RunRecord(warehouse, spec.name, "run").finish("succeeded", NOW, "", {"planned": 1, "seconds": 0.5})

    assert len(warehouse.statements) > 25
    for statement in warehouse.statements:
        sqlglot.parse_one(statement, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)
