"""Collections: sorting, pages by cursor, sparse fields.

Belongs here: what all collections share. Does not belong here: what a row looks like.

A cursor is a position, the sort value and id of the last row given, never an offset: rows that change while
a reader pages move to where they now belong, so they may be read twice but are never skipped.
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from c360_platform.sandbox.klaviyo.endpoint import Call
from c360_platform.sandbox.klaviyo.errors import invalid_parameter
from c360_platform.sandbox.klaviyo.filters import Conditions


@dataclass(frozen=True, slots=True)
class Collection:
    """How a collection is read: columns of a source, its id, sortable expressions, and page sizes.

    `sorts` maps a name to a non-null SQL expression; `default_sort` may begin with "-". `max_size` None
    means that page[size] is not accepted.
    """

    columns: str
    source: str
    id_sql: str
    sorts: Mapping[str, str]
    default_sort: str
    default_size: int = 20
    max_size: int | None = 100

    @property
    def select(self) -> str:
        return f"select {self.columns} from {self.source}"


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[sqlite3.Row]
    links: dict[str, str | None]


def read_page(call: Call, collection: Collection, conditions: Conditions, *, sort: str | None = None) -> Page:
    """The page that the query string asks for. `sort` is the default for this request.

    Rows get the columns `_sort` and `_id` besides those selected. Raises 400s naming the parameter.
    """
    size = _size(call, collection)
    name = call.params.get("sort") or sort or collection.default_sort
    descending, name = name.startswith("-"), name.lstrip("-")
    if name not in collection.sorts:
        allowed = ", ".join(sorted(collection.sorts))
        raise invalid_parameter(f"Invalid sort '{name}'. Allowed: {allowed}.", "sort")
    by, id_sql = collection.sorts[name], collection.id_sql
    where, parameters = list(conditions.sql), list(conditions.parameters)
    cursor = call.params.get("page[cursor]")
    if cursor is not None:
        # First, so that SQLite enters the index at the cursor and not at a filter's bound far behind it.
        where.insert(0, f"({by}, {id_sql}) {'<' if descending else '>'} (?, ?)")
        parameters[:0] = _decode(cursor, name, descending)
    clause = f" where {' and '.join(where)}" if where else ""
    direction = "desc" if descending else "asc"
    order = id_sql if by == id_sql else f"{by} {direction}, {id_sql}"
    rows = call.store.rows(
        f"select {collection.columns}, {by} as _sort, {id_sql} as _id "
        f"from {collection.source}{clause} order by {order} {direction} limit ?",
        [*parameters, size + 1],
    )
    following = None
    if len(rows) > size:
        rows.pop()
        following = call.self_link(cursor=_encode(rows[-1]["_sort"], rows[-1]["_id"], name, descending))
    return Page(rows, {"self": call.self_link(), "next": following, "prev": None})


class Fields:
    """The sparse fieldset of one resource type: which attributes a client asked for.

    Dotted names such as `location.city` ask for a part. Without the parameter everything is wanted.
    """

    def __init__(self, params: QueryParams, resource: str, allowed: Iterable[str]) -> None:
        text = params.get(f"fields[{resource}]")
        self._wanted: dict[str, set[str]] | None = None
        if text is None:
            return
        names = [name.strip() for name in text.split(",") if name.strip()]
        known = set(allowed)
        self._wanted = {}
        for name in names:
            top, _, rest = name.partition(".")
            if top not in known:
                raise invalid_parameter(
                    f"'{name}' is not a valid field for the resource '{resource}'.", f"fields[{resource}]"
                )
            parts = self._wanted.setdefault(top, set())
            parts.add(rest)

    def wants(self, name: str) -> bool:
        return self._wanted is None or name in self._wanted

    def parts(self, name: str) -> set[str]:
        """The parts asked for of an attribute; empty when it is wanted whole."""
        if self._wanted is None:
            return set()
        parts = self._wanted.get(name, set())
        return set() if "" in parts else parts


def additional_fields(params: QueryParams, resource: str, allowed: Iterable[str]) -> set[str]:
    """The names in `additional-fields[resource]`. Raises a 400 for an unknown one."""
    parameter = f"additional-fields[{resource}]"
    names = {name.strip() for name in params.get(parameter, "").split(",") if name.strip()}
    unknown = names - set(allowed)
    if unknown:
        raise invalid_parameter(f"'{min(unknown)}' is not a valid additional field.", parameter)
    return names


def includes(params: QueryParams, allowed: Iterable[str]) -> set[str]:
    """The names in `include`. Raises a 400 for an unknown one."""
    names = {name.strip() for name in params.get("include", "").split(",") if name.strip()}
    unknown = names - set(allowed)
    if unknown:
        raise invalid_parameter(f"'{min(unknown)}' is not a valid relationship to include.", "include")
    return names


def _size(call: Call, collection: Collection) -> int:
    text = call.params.get("page[size]")
    if text is None:
        return collection.default_size
    if collection.max_size is None:
        raise invalid_parameter("'page[size]' is not supported by this endpoint.", "page[size]")
    if not text.isdigit() or not 1 <= int(text) <= collection.max_size:
        raise invalid_parameter(
            f"Page size must be an integer between 1 and {collection.max_size}.", "page[size]"
        )
    return int(text)


def _encode(value: Any, row_id: Any, sort: str, descending: bool) -> str:
    """Base64 of JSON, in the form of recorded cursors: [1788529134, "7qWkY8hhfKA", true]."""
    text = json.dumps([value, row_id, not descending, sort])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str, descending: bool) -> tuple[Any, Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        value, row_id, ascending, cursor_sort = json.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError):
        raise invalid_parameter("Invalid cursor provided.", "page[cursor]") from None
    if cursor_sort != sort or ascending is descending or isinstance(value, (list, dict)):
        raise invalid_parameter("Invalid cursor provided: it belongs to another sort order.", "page[cursor]")
    return value, row_id
