"""What the catalogue knows of a table after DDL and updates: columns, partitions, clusters.

Belongs here: `create table`, `alter table` and `tables.patch`. Does not belong here: rows.
"""

from __future__ import annotations

import json
import re

import bqemulator.api.app as api
import bqemulator.catalog.ddl_sync as ddl
from bqemulator import server
from bqemulator.api.routes.tables import _field_to_rest
from bqemulator.catalog.models import Clustering, TimePartitioning
from bqemulator.jobs import executor
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.storage.type_map import bq_schema_to_duckdb_columns
from fastapi import Request
from fastapi.responses import JSONResponse
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

_ALTER = re.compile(r"(?is)\s*alter\s+table\b")
_ACTIONS = (exp.ColumnDef, exp.Drop, exp.RenameColumn, exp.AlterColumn)
_TABLE_PATH = re.compile(r"/bigquery/v2/projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)")
_CLUSTERS_AT_MOST = 4


def install() -> None:
    _several_alterations()
    _keep_layout()
    _updated_schema_adds_columns()


def described(context, relation: str, parameters: list | None = None) -> dict[str, str]:
    """Column to DuckDB's type, of a table or a query in parentheses."""
    return {row[0]: row[1] for row in context.engine.execute(f"DESCRIBE {relation}", parameters).fetchall()}


def refresh(project: str, dataset: str, table: str, context) -> None:
    """Bring the catalogue's schema up to the stored table's."""
    known = context.catalog.get_table(project, dataset, table)
    if known:
        stored = ddl._introspect_schema(project, dataset, table, context)
        context.catalog.update_table(known.model_copy(update={"schema_": stored}))


def _several_alterations() -> None:
    """`alter table t add column a …, add column b …` is refused, and the catalogue not told of any."""
    run = executor._run_single_sql

    async def run_single_sql(project_id, bq_sql, params, context, *, caller):
        altered = _alteration(bq_sql)
        if altered is None:
            return await run(project_id, bq_sql, params, context, caller=caller)
        result = None
        for action in altered.args["actions"]:
            single = altered.copy()
            single.set("actions", [action.copy()])
            result = await run(project_id, single.sql("bigquery"), params, context, caller=caller)
        refresh(*ddl._split_target(altered.find(exp.Table), project_id), context)
        return result

    executor._run_single_sql = run_single_sql


def _alteration(sql: str) -> exp.Alter | None:
    if not _ALTER.match(sql):
        return None
    try:
        tree = parse_one(sql, read="bigquery")
    except SqlglotError:
        return None
    actions = tree.args.get("actions") if isinstance(tree, exp.Alter) else None
    return tree if actions and all(isinstance(action, _ACTIONS) for action in actions) else None


def _keep_layout() -> None:
    """`cluster by` of a table made from a query, and `partition by` of an expression, are forgotten."""
    register = ddl.sync_created_table

    def sync_created_table(bq_sql, project_id, context):
        register(bq_sql, project_id, context)
        target = ddl._detect_plain_create_table(bq_sql)
        properties = target is not None and parse_one(bq_sql, read="bigquery").args.get("properties")
        known = properties and context.catalog.get_table(*ddl._split_target(target, project_id))
        if not known:
            return
        layout = {}
        for item in properties.expressions:
            names = list(dict.fromkeys(name.name for name in item.find_all(exp.Identifier)))
            if isinstance(item, (exp.Cluster, exp.ClusteredByProperty)) or "Cluster" in type(item).__name__:
                layout["clustering"] = Clustering(fields=tuple(names[:_CLUSTERS_AT_MOST]))
            elif isinstance(item, exp.PartitionedByProperty) and names and known.time_partitioning is None:
                layout["time_partitioning"] = TimePartitioning(type=_unit(item), field=names[0])
        if layout:
            context.catalog.update_table(known.model_copy(update=layout))

    ddl.sync_created_table = executor.sync_created_table = sync_created_table


def _unit(partition: exp.Expression) -> str:
    text = partition.sql("bigquery").upper()
    return next((unit for unit in ("HOUR", "MONTH", "YEAR") if re.search(rf"\b{unit}\b", text)), "DAY")


def _updated_schema_adds_columns() -> None:
    """`tables.patch` with a wider schema, as dbt adds columns, changes the catalogue but not the table.

    And `tables.get` tells the rows of the last load, whatever statements did since.
    """
    make = api.create_app

    def create_app(context):
        app = make(context)

        @app.middleware("http")
        async def add_columns(request: Request, call_next):
            response = await call_next(request)
            path = _TABLE_PATH.fullmatch(request.url.path)
            if not path or response.status_code != 200:
                return response
            if request.method in ("PATCH", "PUT"):
                _widen(context, *path.groups())
            if request.method == "GET":
                body = json.loads(b"".join([chunk async for chunk in response.body_iterator]))
                # Results of queries are tables of the catalogue alone, in a dataset of their own.
                if body.get("type") == "TABLE" and not path[2].startswith("_"):
                    relation = quoted_table_ref(*path.groups())
                    [(rows,)] = context.engine.execute(f"SELECT count(*) FROM {relation}").fetchall()
                    body["numRows"] = str(rows)
                return JSONResponse(body)
            return response

        return app

    api.create_app = server.create_app = create_app


def _widen(context, project: str, dataset: str, table: str) -> None:
    known = context.catalog.get_table(project, dataset, table)
    if known.table_type != "TABLE":
        return
    relation = quoted_table_ref(project, dataset, table)
    stored = {name.lower() for name in described(context, relation)}
    fields = [_field_to_rest(field) for field in known.schema_.fields]
    for name, kind in bq_schema_to_duckdb_columns(fields):
        if name.lower() not in stored:
            context.engine.execute(f'ALTER TABLE {relation} ADD COLUMN "{name}" {kind}')
