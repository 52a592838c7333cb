"""The warehouse as a BigQuery project: schemas are datasets.

Belongs here: statements and tables in terms of the protocol. Does not belong here: running jobs
(`bigquery_jobs`), what Google's errors mean (`bigquery_errors`), the client and its credentials
(`bigquery_client`). Google's packages are imported by the first statement and not before: the import costs
half a second that DuckDB users need not pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from c360_platform.warehouse.bigquery_client import make_client as make_default_client
from c360_platform.warehouse.bigquery_errors import dataset_not_found, explained
from c360_platform.warehouse.bigquery_jobs import REQUEST_SECONDS, JobOptions, Jobs
from c360_platform.warehouse.protocol import Engine, Statement, Value, WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_TYPE_NAMES: tuple[tuple[type, str], ...] = (  # bool before int, datetime before date: subclasses
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
    (str, "STRING"),
)
# The API answers with the names of legacy SQL.
_STANDARD_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
_VIEWS = {"VIEW", "MATERIALIZED_VIEW"}
# NUMERIC has 29 digits before and 9 after the point, BIGNUMERIC 38 and 38.
_NUMERIC_DIGITS, _NUMERIC_SCALE = 29, 9


class BigQueryWarehouse:
    """A `Warehouse` in the datasets of one project. Raises `WarehouseError` when Google refuses."""

    engine: Engine = "bigquery"

    def __init__(
        self,
        options: JobOptions,
        *,
        dataset_prefix: str = "",
        make_client: Callable[[], Any] | None = None,
    ) -> None:
        """`make_client` gives a `google.cloud.bigquery.Client`; without it, ADC make one."""
        self.options = options
        self.project = options.project
        self.dataset_prefix = dataset_prefix
        self._make_client = make_client or (lambda: make_default_client(options.project, options.location))

    def __repr__(self) -> str:
        return f"BigQueryWarehouse({self.project!r}, {self.options.location!r}, {self.dataset_prefix!r})"

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self._make_client(), self.options)

    def check(self) -> None:
        self.execute("select 1")  # proves credentials, project and the right to run jobs; bills nothing

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()  # BigQuery has no connections

    def query(self, sql: str, params: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        with self._plain_errors():
            rows = self._run(sql, params)
            if rows.total_rows:
                yield from rows.to_arrow_iterable()
            else:
                yield _empty_batch(rows)

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        with self._plain_errors():
            return self._run(sql, params).to_arrow(create_bqstorage_client=False)

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        with self._plain_errors():
            self._run(sql, params)

    def transaction(self, statements: Sequence[Statement]) -> None:
        """One script, which is one job: BigQuery rolls back when it ends before its commit.

        https://cloud.google.com/bigquery/docs/transactions#transaction_lifecycle
        """
        if not statements:
            return
        script = ";\n".join(sql for sql, _ in statements)
        params = [value for _, values in statements for value in values]
        if len(statements) > 1:  # one statement is all or nothing by itself
            script = f"begin transaction;\n{script};\ncommit transaction;"
        self.execute(script, params)

    def append(self, table: str, rows: pa.Table) -> None:
        """By load job: free of charge, atomic, and visible to the next query (unlike streamed rows)."""
        import pyarrow.parquet as pq

        content = BytesIO()
        pq.write_table(rows, content)
        with self._plain_errors():
            self._jobs.load(content, table.replace("`", ""), _parquet_config())

    def exists(self, table: str) -> bool:
        return self._metadata(table) is not None

    def tables(self, schema: str) -> dict[str, str]:
        from google.api_core.exceptions import NotFound

        with self._plain_errors():
            try:
                listed = self._jobs.client.list_tables(
                    self._dataset(schema), retry=self._jobs.retry, timeout=REQUEST_SECONDS
                )
                kinds = {one.table_id: one.table_type for one in listed}
            except NotFound as error:
                if not dataset_not_found(error):
                    raise
                return {}
        return {name: "view" if kind in _VIEWS else "table" for name, kind in sorted(kinds.items())}

    def columns(self, schema: str, table: str) -> dict[str, str]:
        found = self._metadata(self.relation(schema, table))
        return {} if found is None else {field.name: _type_of(field) for field in found.schema}

    def row_counts(self, tables: Sequence[str]) -> list[int]:
        """From the tables' metadata: no job, no charge, and no partition filter asked for."""
        return [self._present(table).num_rows or 0 for table in tables]

    def last_changed_at(self, table: str) -> datetime | None:
        """BigQuery's own time of the last change to data or schema; for a view, of its definition."""
        found = self._metadata(table)
        return found.modified if found is not None else None

    def own_schema(self, name: str) -> str:
        return self.dataset_prefix + name

    def notes_path(self, name: str) -> Path | None:
        del name
        return None

    def create_schema(self, schema: str) -> None:
        """Asks first: an account that may not create datasets can work in those that are there."""
        from google.api_core.exceptions import NotFound
        from google.cloud.bigquery import Dataset

        with self._plain_errors():
            try:
                self._location_of(schema)
            except NotFound as error:
                if not dataset_not_found(error):
                    raise
                dataset = Dataset(self._dataset(schema))
                dataset.location = self.options.location
                self._jobs.client.create_dataset(
                    dataset, exists_ok=True, retry=self._jobs.retry, timeout=REQUEST_SECONDS
                )

    def relation(self, schema: str, table: str) -> str:
        if "`" in schema + table:
            raise WarehouseError(f"BigQuery names cannot hold a backtick: {schema}.{table}")
        return f"`{self._dataset(schema)}.{table}`"

    def _dataset(self, schema: str) -> str:
        return schema if "." in schema else f"{self.project}.{schema}"

    def _present(self, table: str) -> Any:
        found = self._metadata(table)
        if found is None:
            raise WarehouseError(f"BigQuery: there is no table {table}: was it built or loaded?")
        return found

    def _metadata(self, table: str) -> Any:
        from google.api_core.exceptions import NotFound

        with self._plain_errors():
            try:
                return self._jobs.client.get_table(
                    table.replace("`", ""), retry=self._jobs.retry, timeout=REQUEST_SECONDS
                )
            except NotFound as error:
                if "not found: project" in str(error).lower():
                    raise  # a wrong project must not look like a missing table
                return None

    def _location_of(self, schema: str) -> str:
        dataset = self._jobs.client.get_dataset(
            self._dataset(schema), retry=self._jobs.retry, timeout=REQUEST_SECONDS
        )
        return str(dataset.location)

    def _run(self, sql: str, params: Sequence[Value]) -> Any:
        from google.cloud.bigquery import ScalarQueryParameter

        return self._jobs.query(
            sql, [ScalarQueryParameter(None, parameter_type(value), value) for value in params]
        )

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Google's exceptions as `WarehouseError`; a dataset that is elsewhere is told from a missing one."""
        try:
            yield
        except WarehouseError:
            raise
        except Exception as error:
            known = explained(error, location_of=self._location_of)
            if known is None:
                raise
            raise known from None


def _parquet_config() -> Any:
    from google.cloud.bigquery import (
        CreateDisposition,
        LoadJobConfig,
        ParquetOptions,
        SourceFormat,
        WriteDisposition,
    )
    from google.cloud.bigquery.enums import DecimalTargetType

    parquet = ParquetOptions()
    parquet.enable_list_inference = True
    return LoadJobConfig(
        source_format=SourceFormat.PARQUET,
        write_disposition=WriteDisposition.WRITE_APPEND,
        create_disposition=CreateDisposition.CREATE_IF_NEEDED,
        decimal_target_types=[DecimalTargetType.NUMERIC, DecimalTargetType.BIGNUMERIC],
        parquet_options=parquet,
    )


def parameter_type(value: Value) -> str:
    """BigQuery's type of a query parameter."""
    if isinstance(value, Decimal):
        _sign, digits, exponent = value.as_tuple()
        scale = -exponent if isinstance(exponent, int) else 0
        fits = scale <= _NUMERIC_SCALE and len(digits) - scale <= _NUMERIC_DIGITS
        return "NUMERIC" if fits else "BIGNUMERIC"
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "STRING")


def _type_of(field: Any) -> str:
    name = _STANDARD_NAMES.get(field.field_type, field.field_type)
    return f"ARRAY<{name}>" if field.mode == "REPEATED" else name


def _empty_batch(rows: Any) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=rows.to_arrow(create_bqstorage_client=False).schema)
