"""How what is sent about a profile changes what is held.

Belongs here: location, custom properties and their patches. Does not belong here: identifiers
(`profile_batch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_location(location: dict[str, Any], sent: Mapping[str, Any] | None, *, clear: bool) -> None:
    """Part by part; with `clear` a null empties its part, or the whole location."""
    if sent is None:
        if clear:
            location.clear()
        return
    for name, value in sent.items():
        if value is not None or clear:
            location[name] = value


def merge_properties(properties: dict[str, Any], sent: Mapping[str, Any] | None, *, clear: bool) -> None:
    """Key by key; `properties: null` clears nothing, a null under a key is kept with `clear`."""
    for name, value in (sent or {}).items():
        if value is not None:
            properties[name] = value
        elif clear:
            properties[name] = None


def patch_properties(properties: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """`append` and `unappend` items of lists, `unset` keys (a name or a list of names)."""
    for name, value in (patch.get("append") or {}).items():
        items = _as_list(properties.get(name))
        properties[name] = items + [item for item in _as_list(value) if item not in items]
    for name, value in (patch.get("unappend") or {}).items():
        if name in properties:
            gone = _as_list(value)
            properties[name] = [item for item in _as_list(properties[name]) if item not in gone]
    for name in _as_list(patch.get("unset")):
        properties.pop(str(name), None)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
