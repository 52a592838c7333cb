"""The form of a bulk import, checked at the speed of a parser.

Belongs here: a fast yes. Does not belong here: saying what is wrong; whatever does not fit is for the SDK's
model and for `imports` to name, or to find right after all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from c360_platform.sandbox.klaviyo.bodies import is_email


class _Form(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class _Location(_Form):
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: Any = None
    longitude: Any = None
    region: str | None = None
    zip: str | None = None
    timezone: str | None = None
    ip: str | None = None


class _Attributes(_Form):
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    kx: str | None = msgspec.field(default=None, name="_kx")
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    location: _Location | None = None
    properties: msgspec.Raw = msgspec.Raw(b"null")


class _PatchProperties(_Form):
    append: dict[str, Any] | None = None
    unappend: dict[str, Any] | None = None
    unset: Any = None


class _Meta(_Form):
    patch_properties: _PatchProperties | None = None


class _Row(_Form):
    type: Literal["profile"]
    attributes: _Attributes
    id: str | None = None
    meta: _Meta | None = None


class _Profiles(_Form):
    data: list[msgspec.Raw]


class _JobAttributes(_Form):
    profiles: _Profiles


class _List(_Form):
    type: Literal["list"]
    id: str


class _Lists(_Form):
    data: list[_List]


class _Relationships(_Form):
    lists: _Lists | None = None


class _Job(_Form):
    type: Literal["profile-bulk-import-job"]
    attributes: _JobAttributes
    relationships: _Relationships | None = None


class _Body(_Form):
    data: _Job


_BODY = msgspec.json.Decoder(_Body)
_ROW = msgspec.json.Decoder(_Row)


@dataclass(frozen=True, slots=True)
class ImportForm:
    """An import without a fault: its rows as they were sent, and the lists that they join."""

    rows: list[msgspec.Raw]
    list_ids: list[str]

    def rows_as_json(self) -> bytes:
        return b"[" + b",".join(self.rows) + b"]"


def fitting(body: bytes, *, max_rows: int, max_row_bytes: int) -> ImportForm | None:
    """The import when all of it is as it should be; None when somebody has to look closer."""
    try:
        job = _BODY.decode(body).data
        rows = job.attributes.profiles.data
        if not 1 <= len(rows) <= max_rows or not all(_fits(row, max_row_bytes) for row in rows):
            return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    lists = job.relationships.lists if job.relationships is not None else None
    return ImportForm(rows, [entry.id for entry in lists.data] if lists is not None else [])


def _fits(raw: msgspec.Raw, max_bytes: int) -> bool:
    row = _ROW.decode(raw)
    attributes = row.attributes
    email = attributes.email
    return (
        len(bytes(raw)) <= max_bytes
        and (email is None or is_email(email))
        and bool(email or attributes.external_id or attributes.phone_number or row.id)
        and bytes(attributes.properties).startswith((b"{", b"null"))
    )
