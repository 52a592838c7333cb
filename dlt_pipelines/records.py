"""Records: rows as an API sends them, decoded strictly, whose unknown fields are kept all the same.

Belongs here: the base class, adapting a type to fields that its API has and we do not know, and decoding one
record field by field when it does not fit. Does not belong here: pages (`pages`) and any particular record.

A type is decoded as written while everything fits. A field that it does not know makes msgspec refuse the
page; the type is then adapted – it gets that field as raw JSON – and goes on at full speed. So every unknown
field of every row is seen, and none costs a second pass over the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, Union, get_args, get_origin

import msgspec

Unknown = Mapping[type, frozenset[str]]
"""Names of fields that a record's type does not have and that are to be kept, by type as written."""

Notice = Callable[[type, str, str | None], None]
"""Called with a record's type as written, a field, and why its value does not fit (None: it is unknown)."""

_INT64: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_UNFIT: Final = "unfit_"


class Record(msgspec.Struct, gc=False):
    """Something an API sends whose unknown fields are kept.

    `ignored` names the fields that the API documents and no column holds.
    """

    ignored: ClassVar[frozenset[str]] = frozenset()


class Unfit(Exception):  # noqa: N818 - caught where rows are decoded
    """A record that cannot become a row; the text names field and types, never a value."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What an adapted type was made from, and its attributes that hold unknown fields: (attribute, name)."""

    written: type
    kept: tuple[tuple[str, str], ...]


_SHAPES: Final[dict[type, _Shape]] = {}


def adapted(kind: Any, unknown: Unknown) -> Any:
    """The type, with every `Record` in it closed to unknown fields but those named for it."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is int:
        return _INT64  # what no column can hold does not fit
    if origin in (Union, UnionType):
        return Union[tuple(adapted(argument, unknown) for argument in arguments)]  # noqa: UP007 - made here
    if origin is list:
        return list[adapted(arguments[0], unknown)]  # type: ignore[misc]
    struct = origin or kind
    if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        return kind
    is_record = issubclass(struct, Record)
    fields: list[Any] = []
    names: dict[str, str] = {}
    for field in msgspec.structs.fields(kind):
        fields.append((field.name, adapted(field.type, unknown), *_default(field)))
        names[field.name] = field.encode_name
    kept: list[tuple[str, str]] = []
    if issubclass(struct, Record):
        wanted = unknown.get(struct, frozenset())
        for number, name in enumerate(sorted(struct.ignored | wanted)):
            attribute = f"field_{number}_"
            fields.append((attribute, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET))
            names[attribute] = name
            if name in wanted:
                kept.append((attribute, name))
        # set by `salvage` alone: no JSON has a field of this name
        fields.append((_UNFIT, dict[str, msgspec.Raw] | None, None))
        names[_UNFIT] = "(unfit)"
    made = msgspec.defstruct(
        struct.__name__,
        fields,
        bases=(struct,),
        kw_only=True,
        gc=not is_record,
        rename=names,
        forbid_unknown_fields=is_record,
    )
    _SHAPES[made] = _Shape(struct, tuple(kept))
    return made


def written(kind: type) -> type:
    """The type as it was written, of one that was adapted."""
    return _SHAPES[kind].written if kind in _SHAPES else kind


def struct_in(kind: Any) -> type | None:
    """The struct that a field's type is, may be, or is a list of; None when there is none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for argument in get_args(kind) if (found := struct_in(argument))), None)


def extra_fields(rows: Sequence[Any]) -> list[str | None]:
    """The JSON text of each row's unknown fields and values that did not fit; None when there are none.

    A row is a record, or a tuple of records that are one row together.
    """
    extras: list[str | None] = [None] * len(rows)
    for place, row in enumerate(rows):
        found: dict[str, msgspec.Raw] = {}
        for record in row if isinstance(row, tuple) else (row,):
            shape = _SHAPES.get(type(record))
            if shape is None:
                continue
            if unfit := getattr(record, _UNFIT):
                found |= unfit
            for attribute, name in shape.kept:
                value = getattr(record, attribute)
                if value is not msgspec.UNSET:
                    found[name] = value
        if found:
            extras[place] = msgspec.json.encode(found).decode()
    return extras


def fields_sent(text: bytes | msgspec.Raw, kind: type) -> Iterator[tuple[type, set[str]]]:
    """For each record in a struct of an adapted type, as written: which of its own fields the JSON has."""
    try:
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return
    fields = [field for field in msgspec.structs.fields(kind) if field.encode_name in members]
    if issubclass(kind, Record):
        own = {field.encode_name for field in msgspec.structs.fields(written(kind))}
        yield written(kind), own & members.keys()
    for field in fields:
        struct = struct_in(field.type)
        if struct is not None and get_origin(field.type) is not list:
            yield from fields_sent(members[field.encode_name], struct)


def salvage(text: bytes | msgspec.Raw, kind: Any, notice: Notice) -> Any:
    """Decode one struct of an adapted type field by field.

    What does not fit but can be understood is converted ("5" to 5, 5 to "5"); other values of optional fields
    go to the unfit fields of the nearest record. Raises `Unfit` when it is no object or a required field is
    missing or cannot be understood.
    """
    unfit: dict[str, msgspec.Raw] = {}
    made = _salvage(text, kind, notice, unfit)
    if unfit:  # of structs outside any record
        record = _first_record(made)
        if record is None:
            raise Unfit(f"{', '.join(sorted(unfit))}: not as documented")
        setattr(record, _UNFIT, {**(getattr(record, _UNFIT) or {}), **unfit})
    return made


def _salvage(text: bytes | msgspec.Raw, kind: type, notice: Notice, unfit: dict[str, msgspec.Raw]) -> Any:
    try:
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise Unfit("not an object") from None
    is_record = issubclass(kind, Record)
    own: dict[str, msgspec.Raw] = {} if is_record else unfit
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in members:
            if field.required:
                raise Unfit(f"{field.encode_name} is missing")
            continue
        sent = members.pop(field.encode_name)
        try:
            values[field.name] = _value(sent, field.type, notice, own)
        except Unfit as reason:
            if field.required:
                raise Unfit(f"{field.encode_name}: {reason}") from None
            notice(written(kind), field.encode_name, str(reason))
            own[field.encode_name] = sent
    if is_record:
        for name, sent in members.items():
            notice(written(kind), name, None)
            own[name] = sent
        values[_UNFIT] = own or None
    return kind(**values)


def _value(sent: msgspec.Raw, kind: Any, notice: Notice, unfit: dict[str, msgspec.Raw]) -> Any:
    try:
        return msgspec.json.decode(sent, type=kind)
    except msgspec.ValidationError as error:
        reason = str(error).partition(" - at ")[0]
    struct = struct_in(kind)
    if struct is not None:
        if get_origin(kind) is list:
            return [_salvage(item, struct, notice, unfit) for item in _items(sent)]
        return _salvage(sent, struct, notice, unfit)
    try:
        return msgspec.json.decode(sent, type=kind, strict=False)
    except msgspec.ValidationError:
        scalar = msgspec.json.decode(sent)
        if str in _members(kind) and isinstance(scalar, int | float) and not isinstance(scalar, bool):
            return bytes(sent).decode()
        raise Unfit(reason) from None


def _items(sent: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(sent, type=list[msgspec.Raw])
    except msgspec.ValidationError:
        raise Unfit("not a list") from None


def _first_record(made: Any) -> Any:
    if isinstance(made, Record):
        return made
    if not isinstance(made, msgspec.Struct):
        return None
    parts = (getattr(made, name) for name in made.__struct_fields__)
    return next((found for part in parts if (found := _first_record(part)) is not None), None)


def _members(kind: Any) -> frozenset[Any]:
    return frozenset(get_args(kind) or (kind,)) - {NoneType}


def _default(field: msgspec.structs.FieldInfo) -> tuple[Any, ...]:
    if field.default is not msgspec.NODEFAULT:
        return (field.default,)
    if field.default_factory is not msgspec.NODEFAULT:
        return (msgspec.field(default_factory=field.default_factory),)
    return ()
