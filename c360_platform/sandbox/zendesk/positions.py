"""Where a reader stands in a Zendesk list: ordered tables, cursors, moments, and bodies as they are stored.

Belongs here: what exports (`exports`) and lists (`lists`) share. Does not belong here: envelopes of pages.

A cursor is a position `(time, id)` in an ordered table, never a count of rows: a row that changes gets a
later time and so appears again after every cursor handed out before.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sqlite3 import Row
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import Request

from c360_platform.sandbox.zendesk.protocol import PREFIX, invalid_page, invalid_value, origin

Body = dict[str, Any]
RowToBody = Callable[[Row], Body | msgspec.Raw]
Position = tuple[int, Any]

LARGEST: Final = 2**62  # what SQLite's integers hold, with room to reckon
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Table:
    """A store table ordered by `(time, id)`, or by `id` alone when there is no `time`.

    `time` is an SQL expression of whole seconds.
    """

    name: str
    time: str | None
    columns: str = "id, body"

    @property
    def order(self) -> str:
        """For `order by`."""
        return "id" if self.time is None else f"{self.time}, id"

    def query(self, where: str) -> str:
        """The rows that satisfy `where`, each with its `time`, in no order."""
        return f"select {self.columns}, {self.time or 0} as time from {self.name} where {where}"

    def after(
        self, request: Request, position: Position, where: str, parameters: Sequence[Any], limit: int
    ) -> list[Row]:
        """The first `limit` rows behind `position` that satisfy `where`."""
        behind = "? <= 0 and id > ?" if self.time is None else f"({self.time}, id) > (?, ?)"
        rows: list[Row] = request.app.state.store.rows(
            f"{self.query(behind)} and {where} order by {self.order} limit ?",
            (*position, *parameters, limit),
        )
        return rows

    def up_to(self, request: Request, position: Position, where: str, limit: int) -> list[Row]:
        """The last `limit` rows up to `position` that satisfy `where`, in order."""
        rows: list[Row] = request.app.state.store.rows(
            f"{self.query(f'({self.time}, id) <= (?, ?)')} and {where}"
            f" order by {self.time} desc, id desc limit ?",
            (*position, limit),
        )
        return rows[::-1]


def stored_body(row: Row) -> msgspec.Raw:
    """The row as it was stored, unread."""
    return msgspec.Raw(row["body"].encode())


def read_body(row: Row) -> Body:
    """The row as it was stored."""
    body: Body = orjson.loads(row["body"])
    return body


def body_members(row: Row) -> Body:
    """The members of the row as it was stored, each unread."""
    return dict(_MEMBERS.decode(row["body"]))


def body_with_url(request: Request, resource: str) -> Callable[[Row], Body]:
    """The row as it was stored, its `url` on the host that the client addressed."""
    base = f"{origin(request)}{PREFIX}/{resource}"

    def linked(row: Row) -> Body:
        return body_members(row) | {"url": f"{base}/{row['id']}.json"}

    return linked


def moment(request: Request, name: str) -> int | None:
    """A time parameter as whole seconds since 1970: an integer, a float or ISO 8601; None when absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return max(-LARGEST, min(int(float(text)), LARGEST))
    except (ValueError, OverflowError):
        pass
    try:
        return seconds_of(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise invalid_value(f"{name} is not a time: use seconds since 1970", status=400) from None


def seconds_of(text: str) -> int:
    """An ISO 8601 time as whole seconds since 1970; without an offset it is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def encode(position: tuple[Any, Any]) -> str:
    """The cursor of a position, in the form of Zendesk's own."""
    return base64.b64encode(f"{position[0]}.0||{position[1]}|".encode()).decode()


def decode(cursor: str) -> Position:
    """The position that a cursor stands for; 400 when it is none of ours."""
    try:
        time, _, rest = base64.b64decode(cursor, validate=True).decode().partition(".0||")
        identifier = rest.removesuffix("|")
        # Some ids are numbers and some text; text of digits that is no number keeps its leading zeros.
        is_number = identifier.lstrip("-").isdecimal() and str(int(identifier)) == identifier
        position = int(time), int(identifier) if is_number else identifier
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid_page("the cursor is not valid") from None
    if any(isinstance(number, int) and abs(number) > LARGEST for number in position):
        raise invalid_page("the cursor is not valid")
    return position
