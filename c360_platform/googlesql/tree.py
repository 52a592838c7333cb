"""Walking the trees in which Google's analyser answers.

Belongs here: how its protobuf messages hang together. Does not belong here: what a tree means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def node(message: Any) -> Any:
    """The concrete node inside Google's `Any…Proto` wrappers."""
    while message.DESCRIPTOR.oneofs_by_name.get("node") is not None:
        message = getattr(message, message.WhichOneof("node"))
    return message


def field(message: Any, name: str) -> Any:
    """A field of a node or of the kinds it is derived from (Google nests them as `parent`); else None."""
    while message is not None:
        if name in message.DESCRIPTOR.fields_by_name:
            return getattr(message, name)
        message = getattr(message, "parent", None)
    return None


def nodes(message: Any) -> Iterator[Any]:
    """The message and everything below it, from left to right. Trees may be deeper than Python's stack."""
    waiting = [message]
    while waiting:
        current = waiting.pop()
        yield current
        below: list[Any] = []
        for described, value in current.ListFields():
            if described.message_type is not None:
                below += value if described.is_repeated else (value,)
        waiting += reversed(below)


def location(message: Any) -> int:
    """Where a node's text begins in the statement, in bytes; 0 when the analyser does not say."""
    found = field(message, "parse_location_range")
    return int(found.start) if found is not None else 0
