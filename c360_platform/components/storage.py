"""Tables of the shop's warehouse as inputs, results as tables of the warehouse and as DataFrames.

Belongs here: reading by batches, replacing a table so that readers see the old rows or the new ones. Does not
belong here: which warehouse it is (component.py) and how engines differ (the package `warehouse`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from c360_platform.components.columns import base_column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from c360_platform.warehouse import Warehouse

_ROWS_AN_APPEND: Final = 245_760


def read_table(warehouse: Warehouse, table: str, references: Iterable[str] | None = None) -> Any | None:
    """The table `schema.table` as a `pyarrow.RecordBatchReader`; None when it is not there.

    With `references` only the columns that they read are asked for. Raises `WarehouseError`.
    """
    import pyarrow as pa

    schema, _, name = table.rpartition(".")
    there = warehouse.columns(schema, name)
    if not there:
        return None
    wanted = list(there)
    if references is not None:
        read = {base_column(reference, there) for reference in references}
        wanted = [column for column in there if column in read] or wanted[:1]
    quote = "`" if warehouse.engine == "bigquery" else '"'
    columns = ", ".join(quote + column.replace(quote, quote * 2) + quote for column in wanted)
    batches = warehouse.query(f"select {columns} from {warehouse.relation(schema, name)}")
    first = next(batches)
    return pa.RecordBatchReader.from_batches(first.schema, chain([first], batches))


def replace_table(warehouse: Warehouse, table: str, rows: pa.RecordBatchReader) -> None:
    """Make `schema.table` hold these rows, in one step for whoever reads it.

    What a killed run left beside it is dropped first. Raises `WarehouseError`; the old rows stay then.
    """
    schema, _, name = table.rpartition(".")
    target, fresh = (warehouse.relation(schema, each) for each in (name, f"{name}_new"))
    warehouse.create_schema(schema)
    warehouse.execute(f"drop table if exists {fresh}")
    for part in _parts(rows):
        warehouse.append(fresh, part)
    warehouse.execute(f"create or replace table {target} as select * from {fresh}")
    warehouse.execute(f"drop table {fresh}")


def data_frame(rows: pa.RecordBatchReader) -> pd.DataFrame:
    """Rows as pandas holds them without loss: whole numbers stay whole beside nulls, money stays decimal."""
    import pandas as pd
    import pyarrow as pa

    def dtype(kind: pa.DataType) -> Any:
        if pa.types.is_integer(kind):
            return pd.Int64Dtype()
        if pa.types.is_boolean(kind):
            return pd.BooleanDtype()
        if pa.types.is_string(kind) or pa.types.is_decimal(kind) or pa.types.is_date(kind):
            return pd.ArrowDtype(kind)
        return None

    return rows.read_all().to_pandas(types_mapper=dtype, split_blocks=True, self_destruct=True)


def _parts(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Large enough for a warehouse that loads by jobs, and at least one, so that the table is made."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    held, given = 0, False
    for batch in rows:
        waiting.append(batch)
        held += batch.num_rows
        if held >= _ROWS_AN_APPEND:
            yield pa.Table.from_batches(waiting, rows.schema)
            waiting, held, given = [], 0, True
    if waiting or not given:
        yield pa.Table.from_batches(waiting, rows.schema)
