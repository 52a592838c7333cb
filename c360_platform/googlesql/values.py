"""Values of Python and the cells of Google's value messages.

Belongs here: both directions for every type of BigQuery that the project uses. Does not belong here: names of
types (types.py) and tables (evaluator.py).

int, float, Decimal, str, bool, bytes, date and time stand for themselves; a datetime has a zone for TIMESTAMP
and none for DATETIME; a list is an ARRAY, a dict a STRUCT, None a null; JSON is its text. Forms of cells:
https://github.com/google/zetasql/blob/master/zetasql/public/value.proto
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from c360_platform.googlesql.types import type_text

if TYPE_CHECKING:
    from zetasql.wasi._pb2.zetasql.public.type_pb2 import TypeProto
    from zetasql.wasi._pb2.zetasql.public.value_pb2 import ValueProto

_DAY_ZERO = date(1970, 1, 1)
_INSTANT_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=80)  # more than the 76 digits of a BIGNUMERIC
_DECIMALS = {"NUMERIC": 9, "BIGNUMERIC": 38}
_AS_THEY_ARE = {
    "INT64": "int64_value",
    "FLOAT64": "double_value",
    "BOOL": "bool_value",
    "STRING": "string_value",
    "BYTES": "bytes_value",
    "JSON": "json_value",
}


def put_value(value: Any, of: TypeProto, cell: ValueProto) -> None:
    """Set a new cell; one that is never set is null.

    Raises `TypeError` or `ValueError` (both without the value) when the type cannot hold the value.
    """
    if value is None:
        return
    if of.HasField("array_type"):
        cell.array_value.SetInParent()
        for element in value:
            put_value(element, of.array_type.element_type, cell.array_value.element.add())
    elif of.HasField("struct_type"):
        cell.struct_value.SetInParent()
        for field in of.struct_type.field:
            put_value(value.get(field.field_name), field.field_type, cell.struct_value.field.add())
    elif (name := type_text(of)) in _AS_THEY_ARE:
        setattr(cell, _AS_THEY_ARE[name], value)
    elif name in _WRITERS:
        _WRITERS[name](value, cell)
    else:
        raise TypeError(f"no value of type {name} can be given")


def get_value(cell: ValueProto, of: TypeProto) -> Any:
    """The value of a cell. Raises `TypeError` for a type that has no form in Python."""
    if cell.WhichOneof("value") is None:
        return None
    if of.HasField("array_type"):
        return [get_value(element, of.array_type.element_type) for element in cell.array_value.element]
    if of.HasField("struct_type"):
        fields = zip(of.struct_type.field, cell.struct_value.field, strict=True)
        return {field.field_name: get_value(value, field.field_type) for field, value in fields}
    name = type_text(of)
    if name in _AS_THEY_ARE:
        return getattr(cell, _AS_THEY_ARE[name])
    if name in _READERS:
        return _READERS[name](cell)
    raise TypeError(f"a value of type {name} has no form here: cast it in the query")


def _put_date(value: date, cell: ValueProto) -> None:
    cell.date_value = (value - _DAY_ZERO).days


def _put_timestamp(value: datetime, cell: ValueProto) -> None:
    seconds, microseconds = divmod((value - _INSTANT_ZERO) // timedelta(microseconds=1), 1_000_000)
    cell.timestamp_value.seconds, cell.timestamp_value.nanos = seconds, microseconds * 1000


def _put_datetime(value: datetime, cell: ValueProto) -> None:
    if value.tzinfo is not None:
        raise ValueError("a DATETIME has no zone")
    day = (value.year << 26) | (value.month << 22) | (value.day << 17)
    cell.datetime_value.bit_field_datetime_seconds = day | _time_bits(value)
    cell.datetime_value.nanos = value.microsecond * 1000


def _put_time(value: time, cell: ValueProto) -> None:
    cell.time_value = (_time_bits(value) << 30) | (value.microsecond * 1000)


def _put_numeric(value: Decimal | int, cell: ValueProto) -> None:
    cell.numeric_value = _scaled(value, "NUMERIC")


def _put_bignumeric(value: Decimal | int, cell: ValueProto) -> None:
    cell.bignumeric_value = _scaled(value, "BIGNUMERIC")


_WRITERS: dict[str, Callable[[Any, ValueProto], None]] = {
    "DATE": _put_date,
    "TIMESTAMP": _put_timestamp,
    "DATETIME": _put_datetime,
    "TIME": _put_time,
    "NUMERIC": _put_numeric,
    "BIGNUMERIC": _put_bignumeric,
}


def _get_timestamp(cell: ValueProto) -> datetime:
    stamp = cell.timestamp_value
    return _INSTANT_ZERO + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def _get_datetime(cell: ValueProto) -> datetime:
    bits = cell.datetime_value.bit_field_datetime_seconds
    day = date(bits >> 26, bits >> 22 & 15, bits >> 17 & 31)
    return datetime.combine(day, _time_of(bits, cell.datetime_value.nanos))


_READERS: dict[str, Callable[[ValueProto], Any]] = {
    "DATE": lambda cell: _DAY_ZERO + timedelta(days=cell.date_value),
    "TIMESTAMP": _get_timestamp,
    "DATETIME": _get_datetime,
    "TIME": lambda cell: _time_of(cell.time_value >> 30, cell.time_value & (1 << 30) - 1),
    "NUMERIC": lambda cell: _unscaled(cell.numeric_value, "NUMERIC"),
    "BIGNUMERIC": lambda cell: _unscaled(cell.bignumeric_value, "BIGNUMERIC"),
}


def _scaled(value: Decimal | int, name: str) -> bytes:
    """Little-endian two's complement of the value times ten to its decimals."""
    scaled = _EXACT.scaleb(Decimal(value), _DECIMALS[name])
    if not scaled.is_finite() or scaled != int(scaled):
        raise ValueError(f"more than the {_DECIMALS[name]} decimals of {name}")
    return int(scaled).to_bytes(int(scaled).bit_length() // 8 + 1, "little", signed=True)


def _unscaled(data: bytes, name: str) -> Decimal:
    return _EXACT.scaleb(Decimal(int.from_bytes(data, "little", signed=True)), -_DECIMALS[name])


def _time_bits(value: time | datetime) -> int:
    return (value.hour << 12) | (value.minute << 6) | value.second


def _time_of(bits: int, nanoseconds: int) -> time:
    return time(bits >> 12 & 31, bits >> 6 & 63, bits & 63, nanoseconds // 1000)
