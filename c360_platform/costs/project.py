"""The estimate of this project: its compiled SQL, its syncs, and a measured shop, put together.

Belongs here: finding all tables and statements of a project. Does not belong here: what they cost
(`estimate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from c360_platform.activation.ledger_tables import LAYOUT, SCHEMA, TABLES
from c360_platform.activation.plan import COLUMNS
from c360_platform.activation.spec import SyncSpec, load_specs
from c360_platform.costs import CostsError
from c360_platform.costs.estimate import Estimate, Job
from c360_platform.costs.measure import Measured
from c360_platform.costs.pushes import push_statements
from c360_platform.costs.reads import Path, ReadsOf, Resolved
from c360_platform.costs.statements import (
    LOADED_DAYS,
    Statement,
    dbt_statements,
    ingest_statements,
    loaded_path,
    temporary_path,
    window_days,
)
from c360_platform.costs.tables import Layout, Shape, Table
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.compiled import CompiledProject, Node
from c360_platform.googlesql.dbt_statements import cluster_columns
from c360_platform.googlesql.engine import EngineStopped, StatementRefused
from c360_platform.googlesql.project import seed_columns, source_columns
from c360_platform.googlesql.promises import snapshot_columns
from c360_platform.googlesql.types import type_text

# Of a table that does not grow a load brings this part again, and a push finds this part changed.
CHANGED_PART = 0.02
_DAYS_PER_MONTH = 30.4375
# Bytes of the ledger's columns: ids of runs and batches, a hash, short words, moments.
_LEDGER_WIDTHS = {
    "key": 34.0,
    "digest": 18.0,
    "run_id": 38.0,
    "batch_id": 20.0,
    "filled": 40.0,
    "is_ours": 1.0,
}


def estimate_project(project: CompiledProject, measured: Measured, *, as_of: date) -> Estimate:
    """The estimate; `project` must be compiled for the day `as_of`, without a dataset prefix.

    Raises `CostsError` for SQL that BigQuery would refuse.
    """
    return _Project(project, measured, as_of).estimate()


class _Project:
    def __init__(self, project: CompiledProject, measured: Measured, as_of: date) -> None:
        self.project = project
        self.measured = measured
        self.as_of = as_of
        self.analyser = Analyser()
        self.columns: dict[str, dict[str, str]] = {}  # by node id
        self.views: dict[Path, Resolved] = {}
        self.tables: dict[Path, Table] = {}
        self.trees: dict[str, Resolved] = {}

    def estimate(self) -> Estimate:
        for node in self.project.nodes.values():
            self._learn(node)
        specs = load_specs(self.project.manifest)
        self._learn_ledger(specs)
        shared = [*self._ingest(), *self._pushes(specs)]
        named = {unique_id: list(columns) for unique_id, columns in self.columns.items()}
        forms = {}
        for form in ("full", "incremental"):
            of_dbt = dbt_statements(self.project, named, incremental=form == "incremental", as_of=self.as_of)
            forms[form] = [*of_dbt, *shared]
        known = {path: self.analyser.columns(path) or {} for path in self.tables}
        reads = ReadsOf(self.views, known)
        jobs = {form: [self._job(statement, reads) for statement in some] for form, some in forms.items()}
        return Estimate(self.tables, jobs["full"], jobs["incremental"])

    def _job(self, statement: Statement, reads: ReadsOf) -> Job:
        return Job(statement, tuple(reads.of(self._resolved(statement.sql, statement.parameters))))

    def _resolved(self, sql: str, parameters: Sequence[str] = ()) -> Resolved:
        if sql not in self.trees:
            try:
                self.trees[sql] = Resolved(sql, self.analyser.resolve(sql, parameters))
            except (StatementRefused, EngineStopped) as error:
                raise CostsError(
                    f"BigQuery would refuse a statement ({error}): run `c360 check-sql`"
                ) from None
        return self.trees[sql]

    def _learn(self, node: Node) -> None:
        """Make a node's columns, and its size or its query, known."""
        if node.kind == "test":
            return
        if node.kind == "source":
            columns = source_columns(node)
        elif node.kind == "seed":
            columns = seed_columns(self.project.directory, node)
        else:
            tree = self._resolved(node.sql or "").tree
            columns = {output.name: type_text(output.column.type) for output in tree.output_column_list}
            columns |= snapshot_columns(node) if node.kind == "snapshot" else {}
        self.columns[node.unique_id] = columns
        self.analyser.add_table(node.path, columns)
        if node.config.get("materialized") == "view":
            self.views[_key(node.path)] = self._resolved(node.sql or "")
            return
        table = Table(self._shape(node), _layout(node))
        self.tables[_key(node.path)] = table
        if node.config.get("materialized") == "incremental":
            self._learn_part(temporary_path(node), columns, table.shape, window_days(node))

    def _shape(self, node: Node) -> Shape:
        names = [node.path[2], node.name, *(node.config.get("meta") or {}).get("aliases", ())]
        found = next(
            (
                self.measured.tables[node.path[1], name]
                for name in names
                if (node.path[1], name) in self.measured.tables
            ),
            None,
        )
        return found if found is not None else Shape(0.0)

    def _learn_part(
        self, path: Sequence[str], columns: Mapping[str, str], whole: Shape, days: float | None
    ) -> None:
        """A table that holds some last days of another one, or a part of it when it does not grow."""
        self.analyser.add_table(path, columns)
        part = whole
        if days is not None:
            part = replace(whole, rows_per_month=0.0, rows=whole.rows_per_month * days / _DAYS_PER_MONTH)
            if not whole.rows_per_month:
                part = replace(whole, rows=whole.rows * CHANGED_PART)
        self.tables[_key(path)] = Table(part)

    def _ingest(self) -> Iterable[Statement]:
        merge_keys = _merge_keys()
        for node in self.project.nodes.values():
            key = merge_keys.get((node.path[1], node.path[2])) if node.kind == "source" else None
            if key:
                columns = self.columns[node.unique_id]
                self._learn_part(loaded_path(node), columns, self.tables[_key(node.path)].shape, LOADED_DAYS)
                yield from ingest_statements(node, list(columns), key)

    def _pushes(self, specs: Sequence[SyncSpec]) -> Iterable[Statement]:
        for spec in specs:
            project = self.project.nodes[spec.unique_id].path[0]
            yield from push_statements(spec, self.analyser, project, as_of=self.as_of)
            self._learn_plan(spec, _key((project, SCHEMA, f"plan_{spec.name}")))

    def _learn_plan(self, spec: SyncSpec, path: Path) -> None:
        model = self._model(spec)
        widths = {name: _LEDGER_WIDTHS.get(name, 8.0) for name in COLUMNS}
        self.tables[path] = Table(Shape(self._changed(model), widths))

    def _changed(self, model: Shape) -> float:
        """Rows per customer that a push sends: a day's events, or some of the people."""
        return model.rows_per_month / _DAYS_PER_MONTH if model.rows_per_month else model.rows * CHANGED_PART

    def _learn_ledger(self, specs: Sequence[SyncSpec]) -> None:
        project = next(iter(self.project.nodes.values())).path[0]
        parts = {spec.name: self._model(spec) for spec in specs}
        for table, columns in TABLES.items():
            widths = {
                name: _LEDGER_WIDTHS.get(name, 14.0 if kind == "s" else 8.0) for name, kind in columns.items()
            }
            partition, clusters = LAYOUT[table]
            layout = Layout(partition, "month", clusters[0])
            shape = Shape(0.0, widths)  # the history is closed, and nobody reads that; open rows are few
            of_sync = (
                {name: replace(part, widths=widths) for name, part in parts.items()}
                if table == "state"
                else {}
            )
            self.tables[_key((project, SCHEMA, table))] = Table(shape, layout, open_rows=100.0, parts=of_sync)

    def _model(self, spec: SyncSpec) -> Shape:
        return self._shape(self.project.nodes[spec.unique_id])


def _layout(node: Node) -> Layout:
    """Of a model its configuration; of a source what its YAML says of the table that a loader makes."""
    given: Any = node.config.get("partition_by") or (node.config.get("meta") or {}).get("partition_by")
    if not given:
        return Layout(cluster=next(iter(cluster_columns(node.config)), ""))
    if isinstance(given, str):
        given = {"field": given}
    return Layout(str(given["field"]).lower(), str(given.get("granularity") or "day").lower())


def _merge_keys() -> dict[tuple[str, str], tuple[str, ...]]:
    """Tables that dlt merges (the others it replaces), with their keys."""
    from dlt_pipelines.klaviyo import tables as klaviyo
    from dlt_pipelines.quarantine import REJECTED_ROWS
    from dlt_pipelines.zendesk import tables as zendesk

    merged = {
        "klaviyo": (*klaviyo.MERGED, REJECTED_ROWS),
        "zendesk": (*zendesk.MERGED, REJECTED_ROWS),
    }
    return {(source, table.name): table.primary_key for source, tables in merged.items() for table in tables}


def _key(path: Sequence[str]) -> Path:
    return tuple(part.lower() for part in path)
