"""Columns of Arrow from the values of one field, a whole column at a time.

Belongs here: what values become and the quick way there. Does not belong here: which field has which type
(`tables`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

Builder = Callable[[Sequence[Any]], pa.Array]

_NOTHING: Final = pa.array([b"", b"null"], pa.binary())


def plain(kind: pa.DataType) -> Builder:
    """Builds columns of an Arrow type from texts, numbers, truth values or times; None is null."""
    return lambda values: pa.array(values, kind)


def identifiers(values: Sequence[int | str | None]) -> pa.Array:
    """Ids as text, whether they came as numbers or as text."""
    try:
        return pa.array(values, pa.int64()).cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # texts, or beyond 64 bits
        return pa.array([value if value is None else str(value) for value in values], pa.string())


def json_texts(values: Sequence[msgspec.Raw]) -> pa.Array:
    """JSON as it was sent, as text; what was not sent and JSON's null are null.

    Raises `pa.ArrowInvalid` when it is not UTF-8.
    """
    # A Raw is a view of its page: joining them copies each byte once and makes no object per value.
    ends = array("i", accumulate(map(len, values), initial=0))
    buffers = [pa.py_buffer(ends), pa.py_buffer(b"".join(values))]  # type: ignore[arg-type]
    sent = pa.Array.from_buffers(pa.binary(), len(values), [None, *buffers])
    is_something = pc.invert(pc.is_in(sent, value_set=_NOTHING))
    texts = pa.Array.from_buffers(pa.string(), len(values), [is_something.buffers()[1], *buffers])
    texts.validate(full=True)
    return texts
