"""A run of a component's asset: which day it is about, its upstream values, how it fails.

Belongs here: asking Dagster. Does not belong here: attributes (component.py) and what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from c360_platform.components.errors import ComponentError

if TYPE_CHECKING:
    from c360_platform.warehouse import Warehouse


def as_of_day(context: dg.AssetExecutionContext, fixed: date | None) -> date:
    """The last day that counts: from the run's config, the partition, the YAML, or the day the run started.

    Everybody in the run gets the same one; no statement asks the clock. Raises `ComponentError` when the
    config is no day.
    """
    configured = (context.op_execution_context.op_config or {}).get("as_of")
    if configured:
        try:
            return date.fromisoformat(configured)
        except ValueError:
            raise ComponentError("as_of in the run's config is no day: write yyyy-mm-dd") from None
    if context.has_partition_key:
        return (context.partition_time_window.end - timedelta(microseconds=1)).date()
    if fixed is not None:
        return fixed
    record = context.instance.get_run_record_by_id(context.run.run_id)
    if record is None:
        raise ComponentError("the run is not recorded, so it has no day: set `as_of`")
    started = record.start_time
    return (datetime.fromtimestamp(started, UTC) if started else record.create_timestamp).date()


def load_upstream(
    context: dg.AssetExecutionContext,
    asset: str | None,
    table: str | None,
    warehouse: Warehouse | None,
    references: Sequence[str] | None,
) -> Callable[[], object | None]:
    """How to get at a source when its turn comes; the result is None when there is nothing.

    A table is read by batches. Values are loaded one at a time, each by the IO manager of its asset, so that
    two of them are never in memory together.
    """

    def load() -> object | None:
        if table is not None and warehouse is not None:
            from c360_platform.components.storage import read_table

            return read_table(warehouse, table, references)
        key = dg.AssetKey.from_user_string(str(asset))
        try:
            return context.load_asset_value(key)
        except Exception as error:
            if isinstance(error, FileNotFoundError) or _was_never_made(context, key):
                return None
            raise

    return load


def _was_never_made(context: dg.AssetExecutionContext, key: dg.AssetKey) -> bool:
    return context.instance.get_latest_materialization_event(key) is None


@contextmanager
def one_line_failures(asset: str) -> Iterator[None]:
    """Known errors as a `dagster.Failure` with one line that names the asset; a bug keeps its traceback."""
    from c360_platform.warehouse import WarehouseError, WarehouseUnavailable

    try:
        yield
    except (ComponentError, WarehouseError) as error:
        raise dg.Failure(
            description=f"asset {asset}: {error}", allow_retries=isinstance(error, WarehouseUnavailable)
        ) from None
