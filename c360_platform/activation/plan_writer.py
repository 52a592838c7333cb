"""The rows of a plan as they come from the query: payloads into the spool, the rest into the plan's table.

Belongs here: taking rows. Does not belong here: which rows there are (`plan_statement`), what they add up to
(`plan`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from c360_platform.activation.arrow_columns import integers, is_one_of, numbers, texts
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.merged import GOES_ON_AS
from c360_platform.activation.payloads import LANE_OF, LANES, SEPARATOR
from c360_platform.activation.spool import Spool

if TYPE_CHECKING:
    import pyarrow as pa

# Rows of the plan that wait in memory before they are appended to its table: a row group of DuckDB, which
# writes smaller ones twice.
_KEPT_ROWS = 122_880


class PlanWriter:
    """Takes the rows of a plan as they come: payloads into the spool, the rest into the plan's table."""

    def __init__(self, ledger: Ledger, spool: Spool, columns: Mapping[str, str], *, is_kept: bool) -> None:
        self.ledger = ledger
        self.spool = spool
        self.columns = columns
        self.by_operation: Counter[str] = Counter()
        self.new_profiles = 0
        self.merged = 0
        self._is_kept = is_kept
        self._position = ledger.last_open_position()
        self._waiting: list[pa.Table] = []
        self._made = False

    def add(self, rows: pa.RecordBatch) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        if not rows.num_rows:
            return
        first = self._position + 1
        positions = integers(np.arange(first, first + rows.num_rows, dtype=np.int64))
        self._position += rows.num_rows
        found = {entry["values"]: entry["counts"] for entry in pc.value_counts(rows["operation"]).to_pylist()}
        self.by_operation.update(found)
        is_sent = is_one_of(rows["operation"], list(LANE_OF))
        self.new_profiles += pc.sum(pc.and_(rows["is_new"], is_sent)).as_py() or 0
        if GOES_ON_AS in rows.schema.names:
            self.merged += rows.num_rows - rows[GOES_ON_AS].null_count
        for lane in {LANE_OF[operation] for operation in found if operation in LANE_OF}:
            bodies, its_positions = rows["payload"], positions
            if len(found) > 1:
                mask = is_one_of(rows["operation"], LANES[lane].operations)
                bodies, its_positions = bodies.filter(mask), positions.filter(mask)
            if lane == "remove":  # it has no body of its own
                bodies = texts([SEPARATOR] * len(bodies))
            self.spool.add(lane, numbers(its_positions), bodies)
        kept = pa.Table.from_batches([rows]).drop_columns(["payload"])
        self._waiting.append(kept.append_column("position", positions))
        if sum(table.num_rows for table in self._waiting) >= _KEPT_ROWS:
            self._append()

    def finish(self) -> None:
        """Write what waits. A plan without rows has no table, unless one is kept for open batches."""
        if self._waiting or self._is_kept:
            self._append()
        elif not self._made:
            self.ledger.drop_plan()  # an earlier run's, whose batches are settled by now

    def _append(self) -> None:
        import pyarrow as pa

        if not self._made:
            self.ledger.make_plan(self.columns, is_kept=self._is_kept)
            self._made = True
        if self._waiting:
            self.ledger.add_to_plan(pa.concat_tables(self._waiting).select(list(self.columns)))
            self._waiting = []
