"""Every statement that Python sends to BigQuery is heard, and judged."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from c360_platform.activation.bigquery_dialect import BigQueryDialect
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.plan import Planner
from c360_platform.activation.spec import SyncSpec
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.check import ANY_PROJECT
from c360_platform.googlesql.listening import PACKAGE, ListeningWarehouse
from c360_platform.googlesql.memory import Memory
from c360_platform.googlesql.producers import ProducerError, drive
from c360_platform.googlesql.sent import check_sent
from tests.platform.sync.shop import EVENTS, PROFILES, SEGMENT
from tests.warehouse.googlesql_check.conftest import Checked

# Methods that send SQL: those of the warehouse, and the ledger's that passes it on.
SENDING = {"query", "table", "execute", "transaction", "append", "number"}
# Types that a model may give to a sync, among them those that none of the project's has.
COLUMNS = {
    "email": "STRING",
    "first_name": "STRING",
    "phone": "STRING",
    "city": "STRING",
    "lifetime_revenue": "NUMERIC",
    "total_orders": "INT64",
    "is_vip": "BOOL",
    "last_order_at": "TIMESTAMP",
    "birth_date": "DATE",
    "categories": "ARRAY<STRING>",
    "note": "STRING",
    "ratio": "FLOAT64",
    "event_id": "STRING",
    "event_name": "STRING",
    "event_timestamp": "DATETIME",
    "carrier": "STRING",
}
# Code that speaks to a DuckDB file and never to BigQuery, or of the synthetic shop.
ELSEWHERE = (
    "c360_platform/warehouse/",
    "c360_platform/googlesql/",
    "c360_platform/costs/",
    "c360_platform/bench/",
    "c360_platform/raw_files/",
    "c360_platform/sandbox/",
)


def sending_calls() -> Iterator[tuple[str, ast.Call]]:
    """Calls of a sending method on something that is called a warehouse, or opened, or a ledger."""
    for path in sorted(PACKAGE.rglob("*.py")):
        file = str(path.relative_to(PACKAGE.parent))
        if file.startswith(ELSEWHERE):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                receiver = ast.unparse(call.func.value)
                speaks = receiver.endswith(("warehouse", "opened", "ledger")) or (
                    receiver == "self" and call.func.attr == "number"
                )
                if call.func.attr in SENDING and speaks:
                    yield file, call


def test_nothing_that_python_sends_is_refused(checked: Checked) -> None:
    assert [str(problem) for problem in checked.sent.problems] == []
    assert checked.sent.unchecked == []


def test_every_line_that_sends_is_heard(checked: Checked) -> None:
    heard = {place for statement in checked.heard for place in statement.places}
    calls = list(sending_calls())
    unheard = [
        f"{file}:{call.lineno}"
        for file, call in calls
        if not any((file, line) in heard for line in range(call.lineno, (call.end_lineno or 0) + 1))
    ]

    assert len(calls) > 30
    assert unheard == [], "sends SQL that no producer of googlesql/producers.py makes it send"


def test_every_sync_of_the_project_plans(checked: Checked) -> None:
    plans = [heard.sql for heard in checked.heard if heard.sql.startswith("\nwith ")]
    tagged = [
        node for node in checked.project.nodes.values() if "klaviyo_sync" in node.config.get("tags", ())
    ]
    models = [f"from `{'.'.join(node.path)}`" for node in tagged]

    assert len(models) > 5
    assert [model for model in models if not any(model in plan for plan in plans)] == []


@pytest.mark.parametrize(
    "spec",
    [replace(PROFILES, properties={**PROFILES.properties, "ratio": 'A "ratio"'}), SEGMENT, EVENTS],
    ids=lambda spec: spec.name,
)
def test_a_plan_takes_columns_of_every_type(spec: SyncSpec) -> None:
    warehouse = ListeningWarehouse(Analyser(Memory()), ANY_PROJECT)
    path = warehouse.relation(spec.schema, spec.table).strip("`").split(".")
    warehouse.analyser.add_table(path, {column: COLUMNS[column] for column in spec.columns})
    ledger = Ledger(warehouse, spec.name)
    ledger.prepare()
    planner = Planner(spec, warehouse, ledger, datetime(2026, 6, 1, tzinfo=UTC))

    planner.make()
    ledger.read_open()
    planner.make()

    assert [str(statement.error) for statement in warehouse.heard if statement.error] == []
    assert any("from " + warehouse.relation(spec.schema, spec.table) in each.sql for each in warehouse.heard)


def test_a_mistake_in_a_statement_is_named_with_its_line(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BigQueryDialect, "digest", lambda self, text: f"md5_hex({text})")

    found, _ = check_sent(checked.project, checked.analyser, google_project=ANY_PROJECT)

    assert {problem.file for problem in found.problems} == {"c360_platform/activation/plan.py"}
    lines = (PACKAGE / "activation" / "plan.py").read_text(encoding="utf-8").splitlines()
    for problem in found.problems:
        assert "Function not found: md5_hex" in problem.reason
        assert "self.warehouse." in lines[problem.line - 1]
        assert "md5_hex(" in problem.shown


def test_a_method_that_cannot_be_driven_says_what_is_missing() -> None:
    class Part:
        def send(self, moon_phase: str) -> None: ...

    with pytest.raises(ProducerError, match=r"Part\.send: give a sample for moon_phase"):
        drive(Part())


def test_a_load_must_fit_its_table(checked: Checked) -> None:
    import pyarrow as pa

    warehouse = ListeningWarehouse(checked.analyser, ANY_PROJECT)
    warehouse.execute("create table `offline-check.scratch.keys` (key string, at_day date)")
    warehouse.append("`offline-check.scratch.keys`", pa.table({"key": ["a"], "at_day": pa.nulls(1)}))
    warehouse.append("`offline-check.scratch.keys`", pa.table({"key": [1], "page": ["x"]}))

    assert warehouse.heard[-2].error is None
    assert "key is INT64 but STRING in the table, page is STRING but no column" in str(
        warehouse.heard[-1].error
    )


def test_a_transaction_makes_no_tables(checked: Checked) -> None:
    warehouse = ListeningWarehouse(checked.analyser, ANY_PROJECT)
    with pytest.raises(Exception, match="cannot create or drop"):
        warehouse.transaction([("select 1", ()), ("create table `offline-check.scratch.x` (a int64)", ())])


def test_a_prefix_is_in_what_is_sent(checked: Checked) -> None:
    warehouse = ListeningWarehouse(checked.analyser, ANY_PROJECT, "dev_anna_")
    Ledger(warehouse, "any").prepare()

    assert warehouse.heard
    assert all("dev_anna_c360_sync." in statement.sql for statement in warehouse.heard)
