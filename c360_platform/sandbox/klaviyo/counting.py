"""Klaviyo's bulk writes in benchmark mode: checked for form, number and bytes, then counted and forgotten.

Belongs here: the calls whose rows would make a measurement one of the sandbox's own store. Does not belong
here: every other call, which is carried out as ever. So is a body that does not fit: then the usual way names
what is wrong.

An import's job is complete when it is asked for, with the right counts and no profiles. Rows are not compared
with each other or with what is stored, so no row fails late and no unique_id is found repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec

from c360_platform.sandbox.klaviyo import imports
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint

MAX_EVENTS: Final = 1_000
MAX_MEMBERS: Final = 1_000


class _Form(msgspec.Struct, gc=False):
    pass


class _EventAttributes(_Form):
    properties: dict[str, msgspec.Raw]
    metric: dict[str, Any]


class _Event(_Form):
    type: Literal["event"]
    attributes: _EventAttributes


class _Events(_Form):
    data: list[_Event]


class _EntryAttributes(_Form):
    profile: dict[str, msgspec.Raw]
    events: _Events


class _Entry(_Form):
    type: Literal["event-bulk-create"]
    attributes: _EntryAttributes


class _Entries(_Form):
    data: list[_Entry]


class _EventJobAttributes(_Form):
    entries: _Entries = msgspec.field(name="events-bulk-create")


class _EventJob(_Form):
    type: Literal["event-bulk-create-job"]
    attributes: _EventJobAttributes


class _EventBody(_Form):
    data: _EventJob


class _Member(_Form, forbid_unknown_fields=True):
    type: Literal["profile"]
    id: str


class _MemberBody(_Form, forbid_unknown_fields=True):
    data: list[_Member]


_EVENT_BODY: Final = msgspec.json.Decoder(_EventBody)
_MEMBER_BODY: Final = msgspec.json.Decoder(_MemberBody)


def counted(endpoint: Endpoint) -> Endpoint:
    """The endpoint, which only counts in benchmark mode if it is one of the bulk writes."""
    count = _COUNTING.get((endpoint.method, endpoint.path))
    if count is None:
        return endpoint

    def function(call: Call) -> Answer:
        answer = count(call) if call.benchmark.enabled else None
        if answer is None:
            return endpoint.function(call)
        call.benchmark.count(bytes=len(call.raw_body))
        return answer

    return replace(endpoint, function=function)


def _count_import(call: Call) -> Answer | None:
    form = imports.fitting_form(call)
    if form is None:
        return None
    answer = imports.accept(call, len(form.rows), form.list_ids, rows=None)
    call.benchmark.count(imports=1, profiles=len(form.rows))
    return answer


def _count_events(call: Call) -> Answer | None:
    try:
        entries = _EVENT_BODY.decode(call.raw_body).data.attributes.entries.data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    number = sum(len(entry.attributes.events.data) for entry in entries)
    if not 1 <= number <= MAX_EVENTS:
        return None
    call.benchmark.count(events=number)
    return Answer(202)


def _count_members(call: Call, name: str) -> Answer | None:
    try:
        number = len(_MEMBER_BODY.decode(call.raw_body).data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    known = call.store.value("select 1 from kl_list where id = ?", (call.path_params["id"],))
    if known is None or not 1 <= number <= MAX_MEMBERS:
        return None
    call.benchmark.count(**{name: number})
    return Answer(204)


_MEMBERS: Final = "/api/lists/{id}/relationships/profiles"
_COUNTING: Final[Mapping[tuple[str, str], Callable[[Call], Answer | None]]] = MappingProxyType(
    {
        ("POST", "/api/profile-bulk-import-jobs"): _count_import,
        ("POST", "/api/event-bulk-create-jobs"): _count_events,
        ("POST", _MEMBERS): lambda call: _count_members(call, "members_added"),
        ("DELETE", _MEMBERS): lambda call: _count_members(call, "members_removed"),
    }
)
