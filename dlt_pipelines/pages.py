"""Pages: an answer's bytes to typed rows, strictly where it fits and row by row where it does not.

Belongs here: envelopes around rows, learning unknown fields, rejecting rows. Does not belong here: what a
record is (`records`), requests (`transport`).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from typing import Any, Final, Generic, TypeVar

import msgspec
import pyarrow as pa

from dlt_pipelines.journal import Journal, Rejected
from dlt_pipelines.records import Record, Unfit, adapted, fields_sent, salvage, struct_in, written

P = TypeVar("P", bound=msgspec.Struct)

_UNKNOWN_FIELD: Final = re.compile(r"Object contains unknown field `(.*)` - at `([^`]*)`", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(?:\d+|\.\.\.)\]")
_NAMEABLE: Final = re.compile(r"[^\"\\\x00-\x1f]+")
_MOST_UNKNOWN: Final = 100
_SAMPLE_EVERY: Final = 50
# A surrogate without its partner: no character, yet services cut texts in the middle of an emoji.
_LONE_SURROGATE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class PageDecoder(Generic[P]):
    """Decodes pages of one type, whose first field with structs holds the rows.

    The rows are of `table`, and so are the fields of all records in them but those that `nested` gives to
    another table. Raises `msgspec.DecodeError` for what is no JSON, `msgspec.ValidationError` when the
    envelope does not fit.
    """

    def __init__(
        self,
        page: type[P],
        table: str,
        journal: Journal,
        *,
        nested: Mapping[type[Record], str] | None = None,
    ) -> None:
        self._page = page
        self._table = table
        self._nested = nested or {}
        self._journal = journal
        self._count = 0
        self._known: dict[type, frozenset[str]] | None = None
        self._adapt()

    def decode(self, content: bytes) -> P:
        """One page. Rows that cannot be read are told to the journal and left out."""
        try:
            page = self._decode(content)
        except (msgspec.ValidationError, RecursionError):
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            content = readable(content)
            page = self._decode(content)
        if self._count % _SAMPLE_EVERY == 0:
            self._sample(content)
        self._count += 1
        return page

    def _decode(self, content: bytes) -> P:
        _require_utf8(content)  # raw JSON is passed on as it is, so its text must be one
        while True:
            if self._known != self._journal.unknown:
                self._adapt()
            try:
                return self._decoder.decode(content)
            except msgspec.ValidationError as error:
                if not self._learn(str(error)):
                    return self._salvaged(content)

    def _adapt(self) -> None:
        self._known = dict(self._journal.unknown)
        kind = adapted(self._page, self._known)
        fields = msgspec.structs.fields(kind)
        rows = next(field for field in fields if struct_in(field.type))
        row = struct_in(rows.type)
        assert row is not None  # noqa: S101 - `next` has found one
        self._kind, self._row = kind, row
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        self._row_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(row)
        self._rows_name = rows.name
        self._envelope: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct(
                "Envelope",
                [(rows.name, list[msgspec.Raw])],
                bases=(kind,),
                kw_only=True,
                rename={rows.name: rows.encode_name},
            )
        )

    def _learn(self, message: str) -> bool:
        """Adapt to the unknown field that a message is about; False when it is about something else."""
        match = _UNKNOWN_FIELD.fullmatch(message)
        if match is None or not _NAMEABLE.fullmatch(match[1]):
            return False
        kind: Any = self._kind
        for step in _STEP.finditer(match[2]):
            if step[1] is None:
                continue
            struct = struct_in(kind)
            fields = (
                {field.encode_name: field.type for field in msgspec.structs.fields(struct)} if struct else {}
            )
            kind = fields.get(step[1])
        record = written(struct_in(kind) or object)
        known = self._journal.unknown.get(record, frozenset())
        if match[1] in known or len(known) >= _MOST_UNKNOWN:
            return False
        self._journal.unknown_field(record, self._table_of(record), match[1])
        return True

    def _salvaged(self, content: bytes) -> P:
        page: Any = self._envelope.decode(content)
        rows = []
        for text in getattr(page, self._rows_name):
            try:
                rows.append(self._row_decoder.decode(text))
            except msgspec.ValidationError:
                try:
                    rows.append(salvage(text, self._row, self._notice))
                except Unfit as reason:
                    self._journal.reject(Rejected(self._table, _key(text), str(reason), bytes(text)))
        setattr(page, self._rows_name, rows)
        found: P = page
        return found

    def _notice(self, record: type, name: str, reason: str | None) -> None:
        table = self._table_of(record)
        if reason is not None:
            self._journal.misfit(table, name, reason)
        elif _NAMEABLE.fullmatch(name) and len(self._journal.unknown.get(record, ())) < _MOST_UNKNOWN:
            self._journal.unknown_field(record, table, name)
        else:
            self._journal.table(table).unknown.add(name)

    def _sample(self, content: bytes) -> None:
        """Which fields the first and the last row have."""
        texts = getattr(self._envelope.decode(content), self._rows_name)
        for text in texts[:1] + texts[1:][-1:]:
            for record, names in fields_sent(text, self._row):
                self._journal.sample(self._table_of(record), names)

    def _table_of(self, record: type) -> str:
        return self._nested.get(record, self._table)


def readable(content: bytes) -> bytes:
    """The content with every broken character replaced by U+FFFD: wrong UTF-8 and lone surrogates."""
    text = content.decode("utf-8-sig", "replace").encode()
    return _LONE_SURROGATE.sub(lambda match: match[1] + (match[2] or rb"\ufffd"), text)


def _require_utf8(content: bytes) -> None:
    """Raises UnicodeDecodeError. Arrow checks without making a string, which takes four times as long."""
    ends = array("q", (0, len(content)))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(content)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        content.decode()  # to raise the error that everybody knows
        raise


class _Keyed(msgspec.Struct):
    id: int | str | None = None


def _key(text: msgspec.Raw) -> str | None:
    try:
        key = msgspec.json.decode(text, type=_Keyed).id
    except msgspec.ValidationError:
        return None
    return None if key is None else str(key)
