"""The project's metrics as SQL, made by MetricFlow without a warehouse.

Belongs here: the SQL of a metric on either engine. Does not belong here: what must be true of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.big_query import BigQuerySqlPlanRenderer
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


@dataclass(frozen=True, slots=True)
class _Engine:
    """All that MetricFlow asks of a warehouse when nothing is run."""

    sql_engine_type: SqlEngine
    sql_plan_renderer: Any


ENGINES = {
    "duckdb": _Engine(SqlEngine.DUCKDB, DuckDbSqlPlanRenderer()),
    "bigquery": _Engine(SqlEngine.BIGQUERY, BigQuerySqlPlanRenderer()),
}


class Metrics:
    """The metrics of a parsed project; `manifest` is dbt's, and MetricFlow's lies beside it."""

    def __init__(self, manifest: Path, engine: str) -> None:
        text = manifest.with_name("semantic_manifest.json").read_text(encoding="utf-8")
        semantic = parse_manifest_from_dbt_generated_manifest(text)
        self.names = sorted(metric.name for metric in semantic.metrics)
        self.saved_queries = {query.name: query.query_params for query in semantic.saved_queries}
        client: Any = ENGINES[engine]
        self._engine = MetricFlowEngine(SemanticManifestLookup(semantic), client)

    def sql(self, metrics: Sequence[str], by: Sequence[str] = ()) -> str:
        """The query that gives metrics by dimensions, each named as MetricFlow does: order__channel."""
        return self._explained(metric_names=metrics, group_by_names=by)

    def saved_sql(self, name: str) -> str:
        """The query of a saved one."""
        return self._explained(saved_query_name=name)

    def _explained(self, **asked: Any) -> str:
        explained = self._engine.explain(MetricFlowQueryRequest.create(**asked))
        return str(explained.sql_statement.sql)
