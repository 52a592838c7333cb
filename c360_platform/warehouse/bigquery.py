"""The warehouse as a BigQuery project: schemas are datasets.

Credentials are Google's application default ones; nothing here reads keys. Google's client is imported when a
warehouse is opened, because the import costs half a second that DuckDB users need not pay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

from c360_platform.warehouse.protocol import Engine, Statement, Value, WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_TYPE_NAMES: tuple[tuple[type, str], ...] = (  # bool before int, datetime before date: subclasses
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (Decimal, "NUMERIC"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
    (str, "STRING"),
)


class BigQueryWarehouse:
    """A `Warehouse` in the datasets of one project. Raises `WarehouseError` when Google refuses."""

    engine: Engine = "bigquery"

    def __init__(self, project: str, location: str | None = None) -> None:
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import bigquery

        self.project = project
        try:
            self._client = bigquery.Client(project=project, location=location)
        except DefaultCredentialsError:
            raise WarehouseError(
                "no Google credentials: run `gcloud auth application-default login` "
                "or set GOOGLE_APPLICATION_CREDENTIALS"
            ) from None
        self._bigquery = bigquery

    def __repr__(self) -> str:
        return f"BigQueryWarehouse({self.project!r})"

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()  # BigQuery has no connections

    def query(self, sql: str, params: Sequence[Value] = ()) -> Iterator[pa.RecordBatch]:
        with _google_errors():
            yield from self._run(sql, params).to_arrow_iterable()

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        with _google_errors():
            return self._run(sql, params).to_arrow(create_bqstorage_client=False)

    def execute(self, sql: str, params: Sequence[Value] = ()) -> None:
        with _google_errors():
            self._run(sql, params)

    def transaction(self, statements: Sequence[Statement]) -> None:
        """One session with an explicit transaction: parameters stay with their own statement."""
        with _google_errors():
            begin = self._client.query(
                "begin transaction", job_config=self._bigquery.QueryJobConfig(create_session=True)
            )
            begin.result()
            session = [self._bigquery.ConnectionProperty("session_id", begin.session_info.session_id)]
            try:
                for sql, params in statements:
                    self._run(sql, params, session)
                self._run("commit transaction", (), session)
            except Exception:
                self._run("rollback transaction", (), session)
                raise
            finally:
                self._run("call BQ.ABORT_SESSION()", (), session)

    def append(self, table: str, rows: pa.Table) -> None:
        """By load job: free of charge, atomic, and visible to the next query (unlike streamed rows)."""
        import pyarrow.parquet as pq

        buffer = BytesIO()
        pq.write_table(rows, buffer)
        buffer.seek(0)
        parquet = self._bigquery.ParquetOptions()
        parquet.enable_list_inference = True
        config = self._bigquery.LoadJobConfig(
            source_format=self._bigquery.SourceFormat.PARQUET,
            write_disposition=self._bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=self._bigquery.CreateDisposition.CREATE_IF_NEEDED,
            parquet_options=parquet,
        )
        with _google_errors():
            self._client.load_table_from_file(buffer, table.replace("`", ""), job_config=config).result()

    def exists(self, table: str) -> bool:
        return self._metadata(table) is not None

    def columns(self, schema: str, table: str) -> dict[str, str]:
        found = self._metadata(self.relation(schema, table))
        if found is None:
            return {}
        repeated = "ARRAY<{}>".format
        return {
            field.name: repeated(field.field_type) if field.mode == "REPEATED" else field.field_type
            for field in found.schema
        }

    def last_changed_at(self, table: str) -> datetime | None:
        """BigQuery's own time of the last change to data or schema; for a view, of its definition."""
        found = self._metadata(table)
        return found.modified if found is not None else None

    def relation(self, schema: str, table: str) -> str:
        if "`" in schema + table:
            raise WarehouseError(f"BigQuery names cannot hold a backtick: {schema}.{table}")
        return f"`{self.project}.{schema}.{table}`"

    def _metadata(self, table: str) -> Any:
        from google.api_core.exceptions import NotFound

        with _google_errors():
            try:
                return self._client.get_table(table.replace("`", ""))
            except NotFound:
                return None

    def _run(self, sql: str, params: Sequence[Value], session: Sequence[Any] = ()) -> Any:
        config = self._bigquery.QueryJobConfig(
            query_parameters=[
                self._bigquery.ScalarQueryParameter(None, _type_name(value), value) for value in params
            ],
            connection_properties=list(session),
        )
        return self._client.query(sql, job_config=config).result()


def _type_name(value: Value) -> str:
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "STRING")


@contextmanager
def _google_errors() -> Iterator[None]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except GoogleAuthError as error:
        raise WarehouseError(
            f"Google refused the credentials ({type(error).__name__}): sign in again"
        ) from None
    except GoogleAPIError as error:
        message = _LITERAL.sub("'…'", str(getattr(error, "message", error)).split("\n", 1)[0])
        raise WarehouseError(f"BigQuery: {message}") from None
