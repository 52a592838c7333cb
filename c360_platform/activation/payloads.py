"""Rows into bodies: how many rows make a batch, and the bytes of a request.

Belongs here: Klaviyo's limits of a body and its envelopes. Does not belong here: the text of one row, which
the warehouse writes (`expressions`), and sending (`transport`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]

# A body may have 5 MB; the margin is for what other counting may add.
BODY_BYTES = 4_900_000
SEPARATOR = ","  # ends every payload, so that neighbours are a JSON list as they lie
_ENVELOPE_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Lane:
    """How rows of some operations travel: what a request, or a recorded step of single ones, may hold."""

    operations: tuple[str, ...]
    max_rows: int
    max_bytes: int = BODY_BYTES - _ENVELOPE_BYTES
    row_overhead: int = 0  # bytes that a row costs beside its own text


LANES = {
    "import": Lane(("create", "update", "add", "retire"), 10_000),  # profile-bulk-import-jobs
    "single": Lane(("clear",), 500),  # profile-import, one profile a call
    "remove": Lane(("remove",), 1_000),  # ids in one removal from a list
    # event-bulk-create-jobs; each event may need a wrapper with the longest address
    "event": Lane(("event",), 1_000, row_overhead=460),
}
LANE_OF = {operation: lane for lane, limits in LANES.items() for operation in limits.operations}
DEPARTURES = ("remove", "retire")  # of rows that the state has and the model has not


def in_lanes(*lanes: str) -> str:
    """A condition over planned rows: they travel in one of the lanes."""
    operations = ", ".join(f"'{operation}'" for lane in lanes for operation in LANES[lane].operations)
    return f"operation in ({operations})"


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive rows of one lane: their first and last position, their number and bytes."""

    lane: str
    first: int
    last: int
    rows: int
    bytes: int


def slices(lane: str, positions: Integers, sizes: Integers) -> Iterator[Slice]:
    """Cut the rows of a lane, by position with the bytes of each, into slices within its limits.

    A row that is larger than a whole body gets a slice of its own.
    """
    import numpy as np

    limits = LANES[lane]
    ends = np.cumsum(sizes + limits.row_overhead)
    start, before = 0, 0
    while start < len(positions):
        fitting = int(np.searchsorted(ends, before + limits.max_bytes, side="right"))
        end = max(min(fitting, start + limits.max_rows), start + 1)
        size = int(ends[end - 1]) - before
        yield Slice(lane, int(positions[start]), int(positions[end - 1]), end - start, size)
        start, before = end, int(ends[end - 1])


def import_body(rows: Sequence[bytes | memoryview], list_id: str = "") -> bytes:
    """The body of POST /api/profile-bulk-import-jobs; with `list_id` the profiles join that list.

    `rows` are payloads as they lie in the spool, each with its separator, in pieces of any size.
    """
    *others, last = rows
    relationships = b""
    if list_id:
        target = orjson.dumps({"lists": {"data": [{"type": "list", "id": list_id}]}})
        relationships = b',"relationships":' + target
    return b"".join(
        (
            b'{"data":{"type":"profile-bulk-import-job","attributes":{"profiles":{"data":[',
            *others,
            memoryview(last)[: -len(SEPARATOR)],
            b"]}}",
            relationships,
            b"}}",
        )
    )


def single_body(payload: str, cleared: str) -> bytes:
    """The body of POST /api/profile-import; `cleared` names fields, each as `|name|`, that become null.

    Only this endpoint clears Klaviyo's own fields: bulk import leaves them alone when they are null.
    """
    profile = orjson.loads(payload)
    attributes = profile["attributes"]
    for name in filter(None, cleared.split("|")):
        holder, _, part = name.rpartition(".")
        (attributes.setdefault(holder, {}) if holder else attributes)[part] = None
    return orjson.dumps({"data": profile})


def event_body(rows: Iterable[tuple[str, str, bool]]) -> bytes:
    """The body of POST /api/event-bulk-create-jobs: one entry per profile.

    Rows are (recipient, attributes as JSON text, backfill), sorted by recipient. A backfilled event is
    recorded without starting flows.
    """
    entries = []
    for recipient, events in groupby(rows, key=lambda row: row[0]):
        texts = ",".join(
            '{"type":"event","attributes":' + ('{"backfill":true,' + text[1:] if old else text) + "}"
            for _, text, old in events
        )
        entries.append(
            '{"type":"event-bulk-create","attributes":{"profile":{"data":{"type":"profile","attributes":{"email":'
            + orjson.dumps(recipient).decode()
            + '}}},"events":{"data":['
            + texts
            + "]}}}"
        )
    return (
        '{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
        + ",".join(entries)
        + "]}}}}"
    ).encode()
