"""Arrow columns from Python lists and numpy arrays, without pandas.

Belongs here: the few types that the ledger's tables have. Does not belong here: which columns a table has.
Arrow's own conversions import pandas first, half a second that a push would pay for nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


def texts(values: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    offsets = array("q", [0, *accumulate(map(len, encoded))])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(encoded), buffers)


def integers(values: Sequence[int] | npt.NDArray[np.int64]) -> pa.Array:
    """Whole numbers of 64 bits; an array of numpy is not copied."""
    import pyarrow as pa

    buffer = pa.py_buffer(array("q", values) if isinstance(values, list) else values)
    return pa.Array.from_buffers(pa.int64(), len(values), [None, buffer])


def booleans(values: Sequence[bool]) -> pa.Array:
    import pyarrow as pa

    return integers([int(value) for value in values]).cast(pa.bool_())


def moments(values: Sequence[datetime]) -> pa.Array:
    """Aware times as UTC, to the microsecond."""
    import pyarrow as pa

    stamps = [round(value.timestamp() * 1_000_000) for value in values]
    return integers(stamps).cast(pa.timestamp("us", tz="UTC"))


def numbers(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """A column of whole numbers without nulls as numpy has it."""
    import numpy as np
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole).astype(np.int64, copy=False)


def is_one_of(column: pa.Array, words: Sequence[str]) -> pa.Array:
    """A mask of the texts that are among the words; nulls are not."""
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=texts(words).cast(column.type))
