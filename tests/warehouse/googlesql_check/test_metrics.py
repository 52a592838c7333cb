"""What MetricFlow would send to BigQuery for the project's metrics holds before Google's analyser."""

from __future__ import annotations

import re
from pathlib import Path

from c360_platform.dbt_manifest import prepare_manifest
from c360_platform.googlesql.check import ANY_PROJECT
from c360_platform.settings import load_settings
from tests.warehouse.googlesql_check.conftest import Checked
from tests.warehouse.metric_sql import Metrics

# A dimension by which the metrics of each semantic model are cut.
CUTS = {
    "active_customers": "customer__lifecycle_stage",
    "average_order_value": "order__channel",
    "revenue": "customer__customer_segment",
    "lifetime_value": "customer__country",
    "retention_rate": "cohort_age__months_since_first_order",
    "acquisition_cost": "channel_month__channel",
}


def test_metrics_are_understood_by_bigquery(checked: Checked, tmp_path: Path) -> None:
    metrics = Metrics(prepare_manifest(load_settings({}, home=tmp_path)), "bigquery")
    queries = {name: metrics.sql([name], ["metric_time__month"]) for name in metrics.names}
    queries |= {f"{name} by {cut}": metrics.sql([name], [cut]) for name, cut in CUTS.items()}
    queries |= {name: metrics.saved_sql(name) for name in metrics.saved_queries}

    refused = {}
    for name, of_duckdb_tables in queries.items():
        # MetricFlow takes the tables' names from dbt's manifest, which is DuckDB's
        sql = re.sub(r'"warehouse"[.]"marts"[.]"(\w+)"', rf"`{ANY_PROJECT}.marts.\1`", of_duckdb_tables)
        analysis = checked.analyser.analyse(sql)
        if analysis.error is not None:
            refused[name] = f"{analysis.error}\n{sql}"

    assert len(queries) > 30
    assert refused == {}
